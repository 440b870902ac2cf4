//! Requirements against the reference table, one canonical spelling, and hostile ones.

use super::*;
use proptest::prelude::*;

fn canonical(text: &str) -> String {
    Requirement::parse(text).unwrap().to_string()
}

#[test]
fn what_is_a_requirement_agrees_with_the_reference_table() {
    let table = include_str!("../vectors/requirements.tsv");
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        let (text, expected) = line.split_once('\t').unwrap();
        let read = Requirement::parse(text).map_or_else(
            |_| "-".to_owned(),
            |read| {
                let extras: Vec<_> = read.extras.iter().map(ProjectName::as_str).collect();
                let marker = read.marker.as_ref().map(ToString::to_string).unwrap_or_default();
                let clauses = read.specifiers.len().to_string();
                [read.name.as_str(), &extras.join(","), &clauses, &marker].join("\t")
            },
        );
        assert_eq!(read, expected, "{text:?}");
    }
}

#[test]
fn spellings_of_one_requirement_become_one_text() {
    let text = "demo-pkg[b,c-d]<2,>=1.0; python_version > \"3.8\" and (os_name == \"x\" or extra == \"y\")";
    for spelling in [
        "Demo_Pkg [c.d , B] >=1.0, <2 ; python_version>'3.8' and (os.name == 'x' or extra=='y')",
        "demo.pkg[b,c_d] (<2,>=1.0);(python_version > '3.8') and ((os_name=='x') or (extra == 'y'))",
    ] {
        assert_eq!(canonical(spelling), text);
    }
    assert_eq!(canonical("A@https://files.example/a-1.zip"), "a @ https://files.example/a-1.zip");
    assert_eq!(canonical(text), text);
}

#[test]
fn hostile_requirements_are_refused_in_one_line() {
    let deep = format!("a; {}", "(".repeat(2000));
    let long = format!("a; {}", "os_name == 'x' or ".repeat(2000));
    for text in ["", "a- >1", "a-\u{113c2}", "a[b-]", "a[b", "a b", "-a", "a>=x", "a;", &deep, &long] {
        let error = Requirement::parse(text).unwrap_err().to_string();
        assert!(!error.contains('\n'), "{error}");
    }
    // Fine by the grammar, if without meaning.
    assert_eq!(canonical("a; 'x' ~= os_name"), "a; \"x\" ~= os_name");
}

#[test]
fn a_marker_stands_alone_too() {
    let marker = Marker::parse(" python_version == '2.7' or (os.name=='x') ").unwrap();
    assert_eq!(marker.to_string(), "python_version == \"2.7\" or os_name == \"x\"");
    assert!(Marker::parse("python_version == '2.7' junk").is_err());
    assert!(Marker::parse("python_versio == '2.7'").is_err());
    assert!(Marker::parse("").is_err());
}

proptest! {
    #[test]
    fn no_text_of_the_dictionary_panics_and_what_is_read_can_be_evaluated(text in words::text()) {
        let environment = std::collections::BTreeMap::from([("python_version".to_owned(), "3.12".to_owned())]);
        let extras = BTreeSet::from([ProjectName::new("x").unwrap()]);
        for text in words::all().into_iter().chain([text]) {
            let _ = (Marker::parse(&text).is_ok(), Pattern::parse(&text).is_ok());
            if let Ok(read) = Requirement::parse(&text) {
                let _ = (read.applies(&environment, &extras), read.for_extras(&extras));
                prop_assert_eq!(Requirement::parse(&read.to_string()).unwrap().to_string(), read.to_string());
            }
        }
    }

    #[test]
    fn reading_never_panics_and_writing_is_read_back(
        any in "\\PC*",
        close in "[a-c](\\[[a-c,._ -]{0,6}\\])?[ @(<>=!~0-9.*,)-]{0,8}(;[a-z_ ()'\"<>=.0-9$\\{\\}-]{0,30})?",
        marker in "a;( |\\(|\\)|and |or |not |in |extra|python_version|os_name|'[0-9a-z.-]{0,5}'|==|<|>=|!=|~=|=){1,10}",
    ) {
        for text in [any, close, marker] {
            if let Ok(read) = Requirement::parse(&text) {
                prop_assert_eq!(Requirement::parse(&read.to_string()).unwrap().to_string(), read.to_string());
            }
        }
    }
}
