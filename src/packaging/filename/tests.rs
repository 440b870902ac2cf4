//! File names against the reference tables, and the tolerance that mirrors need.

use super::*;
use crate::words::FileKind;
use proptest::prelude::*;

fn name(text: &str) -> ProjectName {
    ProjectName::new(text).unwrap()
}

/// (kind, canonical version) of a file on a project's page.
fn seen(project: &str, filename: &str) -> Option<(FileKind, Option<String>)> {
    let listed = ListedFilename::parse(&name(project), filename)?;
    Some((listed.kind(), listed.canonical_version().map(str::to_owned)))
}

fn rows(table: &str) -> impl Iterator<Item = Vec<&str>> {
    table.lines().filter(|line| !line.starts_with('#')).map(|line| line.split('\t').collect())
}

#[test]
fn wheel_names_agree_with_the_reference_table() {
    for row in rows(include_str!("../vectors/wheels.tsv")) {
        let parsed = WheelFilename::parse(row[0]).ok().map(|wheel| {
            let mut tags: Vec<_> =
                wheel.tags().map(|(python, abi, platform)| [python, abi, platform].join("-")).collect();
            tags.sort();
            let build = wheel.build.clone().unwrap_or_default();
            [wheel.name.to_string(), wheel.version.to_string(), build, tags.join(" ")].join("\t")
        });
        assert_eq!(parsed.as_deref().unwrap_or("-"), row[1..].join("\t"), "{}", row[0]);
    }
}

#[test]
fn sdist_names_agree_with_the_reference_table() {
    for row in rows(include_str!("../vectors/sdists.tsv")).filter(|row| row[1] != "-") {
        let sdist = SdistFilename::parse_for(&name(row[1]), row[0]).unwrap();
        assert_eq!(sdist.version.to_string(), row[2], "{}", row[0]);
    }
    for filename in ["my_pkg-x.tar.gz", "my_pkg.tar.gz", "my_pkg-.tar.gz"] {
        assert!(SdistFilename::parse_for(&name("my-pkg"), filename).is_err(), "{filename}");
    }
}

#[test]
fn an_uploaded_sdist_must_have_the_name_of_pep_625_and_is_told_it() {
    let sdist = SdistFilename::parse_strict("my_pkg-1.0.0.tar.gz").unwrap();
    assert_eq!((sdist.name.as_str(), sdist.version_text.as_str()), ("my-pkg", "1.0.0"));
    for (given, should_be) in [
        ("a-b-1.0.tar.gz", "a_b-1.0.tar.gz"),
        ("My.Pkg-1.0.tar.gz", "my_pkg-1.0.tar.gz"),
        ("my_pkg-1.0-1.tar.gz", "my_pkg-1.0.post1.tar.gz"),
        ("my_pkg-1.0.zip", "my_pkg-1.0.tar.gz"),
    ] {
        let error = SdistFilename::parse_strict(given).unwrap_err().to_string();
        assert_eq!(error, format!("Filename {given:?} is invalid, should be {should_be:?}."));
    }
    assert!(SdistFilename::parse_strict("nothing.tar.gz").is_err());
}

#[test]
fn a_variant_wheel_is_known_listed_and_not_accepted() {
    for filename in [
        "my_pkg-1.0-py3-none-any-x86_v3.whl",
        "my_pkg-1.0-1-py3-none-any-x86_v3.whl",
        "my_pkg-1.0-abc-py3-none-any.whl",
    ] {
        assert!(is_variant(filename), "{filename}");
        assert!(WheelFilename::parse(filename).is_err());
        assert_eq!(seen("my-pkg", filename), Some((FileKind::Wheel, Some("1.0".into()))));
    }
    for filename in ["a-1-py2..py3-none-any.whl", "a-1-py3--any.whl"] {
        assert!(WheelFilename::parse(filename).is_err(), "{filename}: a tag is not one");
    }
    for filename in ["my_pkg-1.0-1-py3-none-any.whl", "my-pkg-1.0-py3-none-any.whl", "x.whl", "x"] {
        assert!(!is_variant(filename), "{filename}");
    }
}

#[test]
fn a_file_of_another_project_is_not_described() {
    for filename in [
        "other-1.0-py3-none-any.whl",
        "my_pkg_extra-1.0-py3-none-any.whl",
        "my-1.0.tar.gz",
        "other-1.0.tar.gz",
        "my_pkgs-1.0.tar.gz",
        "my_pkg.tar.gz",
    ] {
        assert_eq!(seen("my-pkg", filename), None, "{filename}");
    }
    assert_eq!(seen("my", "my-pkg-1.0-py3-none-any.whl"), Some((FileKind::Wheel, None)));
}

#[test]
fn what_is_no_plain_distribution_file_is_not_described() {
    for filename in [
        "",
        ".",
        "my_pkg-1.0.tar.gz.asc",
        "my_pkg-1.0-py3-none-any.whl.metadata",
        "index.html",
        "../my_pkg-1.0.tar.gz",
        "my_pkg-1.0\n.tar.gz",
        "my_pkg-1.0/x.tar.gz",
        "my_pkg-1\\0.zip",
        ".my_pkg-1.0.tar.gz",
    ] {
        assert_eq!(seen("my-pkg", filename), None, "{filename:?}");
    }
}

#[test]
fn old_names_are_listed_with_the_version_they_have() {
    let version = |text: &str| Some(text.to_owned());
    for (filename, kind, expected) in [
        ("My-Pkg-1.0.tar.gz", FileKind::Sdist, version("1.0")),
        ("my.pkg-1.0.zip", FileKind::Sdist, version("1.0")),
        ("my-pkg-1.0-1.tar.bz2", FileKind::Sdist, version("1.0.post1")),
        ("my-pkg-unknown.tgz", FileKind::Sdist, None),
        ("my_pkg-1.0.linux-x86_64.tar.gz", FileKind::Sdist, None),
        ("my_pkg-01.0-py3-none-any.whl", FileKind::Wheel, version("1.0")),
        ("my-pkg-1.0-py3-none-any.whl", FileKind::Wheel, None),
        ("my_pkg-1.0-py2.7.egg", FileKind::Other, version("1.0")),
        ("my_pkg-1.0.win32-py2.7.exe", FileKind::Other, version("1.0")),
        ("my-pkg-1.0-1.noarch.rpm", FileKind::Other, version("1.0")),
        ("my_pkg-1.0-variants.json", FileKind::Other, version("1.0")),
    ] {
        assert_eq!(seen("my-pkg", filename), Some((kind, expected)), "{filename}");
    }
}

#[test]
fn an_sdist_could_belong_to_several_projects() {
    let names =
        |filename: &str| -> Vec<String> { candidates(filename).iter().map(ToString::to_string).collect() };
    assert_eq!(names("my-pkg-1.0.tar.gz"), ["my-pkg", "my"]);
    assert_eq!(names("pkg-1.0-1.tar.gz"), ["pkg", "pkg-1-0"]);
    assert_eq!(names("my-pkg-2-1.0.tar.gz").first().map(String::as_str), Some("my-pkg-2"));
    assert_eq!(names("my_pkg-1.0-py3-none-any.whl"), ["my-pkg"]);
    assert_eq!(names("my_pkg-1.0-py2.7.egg").first().map(String::as_str), Some("my-pkg"));
    assert_eq!(names("readme.txt"), Vec::<String>::new());
    assert_eq!(project_of("my_pkg-1.0-py3-none-any.whl"), Some(name("my-pkg")));
    assert_eq!(project_of("my_pkg-1.0.tar.gz"), None);
}

#[test]
fn a_build_tag_sorts_by_its_number_first() {
    let key = |build: &str| {
        let filename = format!("a-1-{build}py3-none-any.whl");
        let wheel = WheelFilename::parse(&filename).unwrap();
        wheel.build_key().map(|(number, rest)| (number, rest.to_owned()))
    };
    assert!(key("") < key("1-") && key("1-") < key("1ww-"));
    assert!(key("2-") < key("10-"));
    assert!(key("99999999999999999999999-").is_some());
}

#[test]
fn all_but_unreserved_characters_are_percent_encoded() {
    assert_eq!(encode_segment("a_b-1!2.0+l~x.whl"), "a_b-1%212.0%2Bl~x.whl");
    assert_eq!(encode_segment("ä /?#%"), "%C3%A4%20%2F%3F%23%25");
}

#[test]
fn a_segment_is_decoded_once_and_plus_is_no_blank() {
    assert_eq!(decode_once("a%2Bb+c%2bd").as_deref(), Some("a+b+c+d"));
    assert_eq!(decode_once("a%252Bb").as_deref(), Some("a%2Bb"));
    for text in ["a%2Fb", "a%5Cb", "a%00b", "%FF", "a/b"] {
        assert_eq!(decode_once(text), None, "{text}");
    }
}

proptest! {
    #[test]
    fn reading_a_file_name_never_panics(
        any in "\\PC*", close in "[a-zA-Z0-9._!+-]{0,30}(\\.whl|\\.tar\\.gz|\\.egg|\\.zip)",
    ) {
        for text in [&any, &close] {
            let _ = (DistFilename::parse(text).is_ok(), is_variant(text), project_of(text), decode_once(text));
            for project in candidates(text) {
                prop_assert!(ListedFilename::parse(&project, text).is_some(), "{} of {}", text, project);
            }
        }
    }

    #[test]
    fn encoding_then_decoding_gives_the_same(text in "[^\\p{Cc}/\\\\]*") {
        prop_assert_eq!(decode_once(&encode_segment(&text)), Some(text));
    }
}
