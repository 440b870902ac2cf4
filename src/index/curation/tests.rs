//! Where releases and their files stand.

use super::*;

fn decided(specifier: &str, approves: bool, expires_at: Option<Micros>) -> Decided {
    Decided::from(Approval {
        id: 1,
        index: IndexName::parse("org/safe").unwrap(),
        project: ProjectName::new("demo").unwrap(),
        specifier: specifier.into(),
        approves,
        reason: "why".into(),
        made_by: "ann".into(),
        made_at: 0,
        expires_at,
    })
}

fn standing(all: Vec<Decided>, version: &str, now: Micros) -> Standing {
    Decisions { stamp: 0, all }.standing(version::parse(version).as_ref(), None, now)
}

#[test]
fn the_newest_decision_that_fits_and_holds_counts() {
    let all =
        || vec![decided("==1.5", false, None), decided("<2", true, Some(100)), decided("", false, Some(50))];
    assert_eq!(standing(all(), "1.5", 0), Standing::Refused("why".into()));
    assert_eq!(standing(all(), "1.4", 0), Standing::Approved);
    assert_eq!(standing(all(), "3.0", 0), Standing::Refused("why".into()));
    assert_eq!(standing(all(), "1.4", 100), Standing::Undecided);
    assert_eq!(standing(all(), "no version", 0), Standing::Refused("why".into()));
    assert_eq!(Decisions { stamp: 0, all: all() }.changes_at(60), Some(100));
}

#[test]
fn to_approve_a_version_is_not_to_approve_it_with_a_local_label() {
    let refused = Standing::Refused("why".into());
    for (specifier, version, approved) in [
        ("==1.0", "1.0+cpu", false),
        ("==1.0+cpu", "1.0+cpu", true),
        ("==1.0", "1.0.0", true),
        ("==1.*", "1.0+cpu", true),
        (">=1,<2", "1.0+cpu", true),
        ("", "1.0+cpu", true),
    ] {
        let is = standing(vec![decided(specifier, true, None)], version, 0);
        assert_eq!(is == Standing::Approved, approved, "{specifier} {version}");
        let is = standing(vec![decided(specifier, false, None)], version, 0);
        assert_eq!(is, refused, "{specifier} {version}");
    }
}

#[test]
fn a_file_that_came_after_its_release_was_approved_waits() {
    let made = |specifier, approves, made_at| Decided { made_at, ..decided(specifier, approves, None) };
    let stands =
        |all, uploaded| Decisions { stamp: 0, all }.standing(version::parse("1.0").as_ref(), uploaded, 0);
    let one = || vec![made("==1.0", true, 10)];
    assert_eq!(stands(one(), Some(10)), Standing::Approved);
    assert_eq!(stands(one(), Some(11)), Standing::Late(10));
    assert_eq!(stands(one(), None), Standing::Approved, "nobody says when it came");
    assert_eq!(stands(vec![made("===1.0", true, 10)], Some(11)), Standing::Late(10));
    for wide in ["<2", "==1.*", ""] {
        assert_eq!(stands(vec![made(wide, true, 10)], Some(11)), Standing::Approved, "{wide}");
        let both = vec![made("==1.0", true, 20), made(wide, true, 10)];
        assert_eq!(stands(both, Some(21)), Standing::Approved, "{wide}");
    }
    let refused = vec![made("==1.0", true, 20), made("", false, 10)];
    assert_eq!(stands(refused, Some(21)), Standing::Refused("why".into()));
    let again = vec![made("==1.0", true, 30), made("==1.0", true, 10)];
    assert_eq!(stands(again, Some(21)), Standing::Approved);
}

#[test]
fn a_specifier_that_cannot_be_read_opens_nothing_and_closes_all() {
    assert_eq!(standing(vec![decided("two", true, None)], "1.0", 0), Standing::Undecided);
    assert_eq!(standing(vec![decided("two", false, None)], "1.0", 0), Standing::Refused("why".into()));
}
