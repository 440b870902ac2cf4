//! What forms say, and where they disagree with files.

use super::*;
use crate::packaging::metadata::Metadata;
use crate::packaging::requirement::words;
use proptest::prelude::*;

fn form(fields: &[(&str, &str)]) -> Form {
    let mut form = Form::default();
    for (name, value) in fields {
        form.push(name, (*value).to_owned());
    }
    form
}

fn reason(result: Result<()>) -> String {
    result.expect_err("a refusal").to_string()
}

fn metadata() -> Metadata {
    Metadata {
        metadata_version: "2.4".into(),
        name: "My.Demo".into(),
        version: "1.0".into(),
        requires_dist: vec!["x[b,a] (>=1,<2) ; python_version < \"4\"".into(), "y".into()],
        requires_python: Some(">=3.8, <4".into()),
        provides_extra: vec!["Fast_er".into()],
        ..Metadata::default()
    }
}

const AGREEING: [(&str, &str); 7] = [
    ("metadata_version", "2.4"),
    ("name", "my-demo"),
    ("version", "1.0.0"),
    ("requires_dist", "y"),
    ("requires_dist", "x[a,b]<2,>=1; python_version<'4'"),
    ("requires_python", "<4,>=3.8"),
    ("provides_extras", "fast-er"),
];

#[test]
fn the_same_said_otherwise_is_agreement() {
    form(&AGREEING).agrees_with(&metadata()).unwrap();
}

#[test]
fn every_field_that_installers_act_on_must_agree() {
    let cases = [
        ("name", "other", "Name"),
        ("version", "1.1", "Version"),
        ("requires_dist", "evil", "Requires-Dist"),
        ("requires_dist", "", "Requires-Dist"),
        ("requires_python", ">=3.9", "Requires-Python"),
        ("requires_python", "", "Requires-Python"),
        ("provides_extras", "slower", "Provides-Extra"),
        ("provides_extras", "", "Provides-Extra"),
    ];
    for (field, value, named) in cases {
        let changed: Vec<_> =
            AGREEING.iter().map(|(key, old)| (*key, if *key == field { value } else { *old })).collect();
        let reason = reason(form(&changed).agrees_with(&metadata()));
        assert!(reason.starts_with(&format!("The form and the file disagree on {named}")), "{reason}");
    }
}

#[test]
fn a_form_that_says_nothing_of_what_is_needed_contradicts_nothing() {
    for version in ["1.1", "2.1", "2.4"] {
        let silent = form(&[("metadata_version", version), ("name", "my_demo"), ("version", "1.0")]);
        silent.agrees_with(&metadata()).unwrap();
    }
    form(&[("name", "my_demo"), ("version", "1.0")]).agrees_with(&metadata()).unwrap();
}

#[test]
fn what_is_empty_or_unknown_is_absent() {
    let form = form(&[("summary", ""), ("author", "UNKNOWN"), ("keywords", " "), ("classifiers", "a")]);
    assert_eq!((form.get("summary"), form.get("author"), form.get("keywords")), (None, None, None));
    assert_eq!(form.all("classifiers"), ["a"]);
}

#[test]
fn digests_are_compared_without_case_and_must_be_well_formed() {
    let digests = SpooledDigests {
        sha256: "ab".repeat(32),
        md5: "cd".repeat(16),
        blake2_256: "ef".repeat(32),
        size: 1,
    };
    let check = |field: &str, value: &str| form(&[(field, value)]).check_digests(&digests);
    check("sha256_digest", &"AB".repeat(32)).unwrap();
    check("md5_digest", &"cd".repeat(16)).unwrap();
    check("blake2_256_digest", &"ef".repeat(32)).unwrap();
    for field in ["sha256_digest", "blake2_256_digest"] {
        for malformed in ["../../..", "<script>", "ab", &"zz".repeat(32)] {
            assert!(reason(check(field, malformed)).ends_with("64 hexadecimal digits."));
        }
        assert!(reason(check(field, &"00".repeat(32))).starts_with("The digest supplied does not match"));
    }
}

#[test]
fn a_status_that_ends_a_project_refuses_with_its_reason() {
    let project = ProjectName::new("demo").unwrap();
    let refused =
        |status, reason: Option<&str>| refuse_status(Some((status, reason.map(str::to_owned))), &project);
    refused(ProjectStatus::Active, None).unwrap();
    refused(ProjectStatus::Deprecated, Some("use other")).unwrap();
    assert_eq!(
        reason(refused(ProjectStatus::Archived, Some("moved"))),
        "Project 'demo' is archived (moved) and does not accept new files."
    );
    assert!(matches!(refused(ProjectStatus::Quarantined, None), Err(Error::Forbidden(_))));
}

proptest! {
    #[test]
    fn whatever_form_and_file_say_the_answer_is_yes_or_no(
        said in prop::collection::vec(words::text(), 1..4),
        python in words::text(),
        any in "\\PC*",
    ) {
        let mut sent = Form::default();
        let mut file = Metadata { requires_python: Some(python.clone()), ..metadata() };
        for text in said.iter().chain([&any]) {
            for field in ["name", "version", "requires_dist", "requires_python", "provides_extra", "metadata_version"] {
                sent.push(field, text.clone());
            }
        }
        file.requires_dist = said;
        let _ = (sent.agrees_with(&file), sent.identity(), file.validate_upload(), sent.metadata().validate_upload());
    }
}
