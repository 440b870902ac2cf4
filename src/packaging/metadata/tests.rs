//! Metadata as writers of many years wrote it, and what an upload is told.

use super::*;
use proptest::prelude::*;

fn read(text: &str) -> Metadata {
    Metadata::parse(text.as_bytes()).unwrap()
}

fn valid() -> Metadata {
    read("Metadata-Version: 2.4\nName: demo\nVersion: 1.0+local\n")
}

#[test]
fn every_field_is_read() {
    let metadata = read(
        "Metadata-Version: 2.5\r\nName: Demo_Pkg\r\nVersion: 1.0\r\nSummary: one\r\n  two\r\n\
         Keywords: a,b\nHome-page: h\nDownload-URL: d\nAuthor: A\nAuthor-email: a@x\nMaintainer: M\n\
         Maintainer-email: m@x\nLicense-Expression: MIT\nLicense-File: LICENSE\nLicense-File: N\n\
         classifier: C1\nClassifier: C2\nPlatform: UNKNOWN\nSupported-Platform: s\n\
         Requires-Dist: x>=1; extra == 'y'\nRequires-Python: >=3.8\nRequires-External: e\n\
         Project-URL: Docs , https://x.example/,a\nProvides-Extra: y\nProvides-Dist: p\n\
         Obsoletes-Dist: o\nDynamic: Requires-Dist\nImport-Name: demo\nImport-Namespace: ns\n\
         Requires: r\nProvides: q\nObsoletes: z\nDescription-Content-Type: text/markdown\n\
         Unknown-Field: kept out\n\n# Title\n\nText: not a header\n",
    );
    assert_eq!(metadata.name, "Demo_Pkg");
    assert_eq!(metadata.summary.as_deref(), Some("one two"));
    assert_eq!(metadata.license_files, ["LICENSE", "N"]);
    assert_eq!(metadata.classifiers, ["C1", "C2"]);
    assert!(metadata.platforms.is_empty());
    assert_eq!(metadata.dynamic, ["requires-dist"]);
    assert_eq!(metadata.import_names, ["demo"]);
    let urls: Vec<_> = metadata.labelled_urls().collect();
    assert_eq!(urls, [("Docs", "https://x.example/,a")]);
    assert_eq!(metadata.description.as_deref(), Some("# Title\n\nText: not a header\n"));
    let value = serde_json::to_value(&metadata).unwrap();
    assert_eq!(value.as_object().unwrap().len(), 30, "only Platform and License are absent");
    assert_eq!(serde_json::from_value::<Metadata>(value).unwrap(), metadata);
}

#[test]
fn a_folded_description_is_unfolded() {
    for fold in ["       |", "        "] {
        let text = format!("Name: a\nVersion: 1\nDescription: Title\n{fold}\n{fold}  code\n{fold}end\n");
        assert_eq!(read(&text).description.as_deref(), Some("Title\n\n  code\nend"));
    }
}

#[test]
fn a_license_keeps_its_lines() {
    let text = "Name: a\nVersion: 1\nLicense: MIT\n        Copyright\n        All rights\n";
    assert_eq!(read(text).license.as_deref(), Some("MIT\nCopyright\nAll rights"));
}

#[test]
fn text_that_is_no_utf_8_is_read_as_latin_1() {
    let metadata = Metadata::parse(b"Name: a\nVersion: 1\nAuthor: J\xf6rg\n").unwrap();
    assert_eq!(metadata.author.as_deref(), Some("J\u{f6}rg"));
}

#[test]
fn without_a_name_or_version_there_is_no_metadata() {
    for text in ["", "\n", "Name: a\n", "Version: 1\n", "Name: UNKNOWN\nVersion: 1\n", "<html>"] {
        let error = Metadata::parse(text.as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with("the core metadata has no "), "{text:?}: {error}");
    }
}

#[test]
fn an_upload_with_a_local_version_is_valid() {
    valid().validate_upload().unwrap();
    let mut metadata = valid();
    metadata.requires_python = Some(">=3.8,!=3.9.*".into());
    metadata.requires_dist = vec!["a (>=1.0)".into(), "b[c]~=2.0; python_version < '3.9'".into()];
    metadata.requires_dist.push("d @ https://x.example/d-1.zip".into());
    metadata.validate_upload().unwrap();
}

#[test]
fn each_wrong_field_is_named_with_its_value() {
    type Change = fn(&mut Metadata);
    let cases: [(&str, Change); 13] = [
        ("'2.7' is an invalid value for Metadata-Version.", |m| m.metadata_version = "2.7".into()),
        ("'' is an invalid value for Metadata-Version.", |m| m.metadata_version.clear()),
        ("'-a' is an invalid value for Name.", |m| m.name = "-a".into()),
        ("'x.y' is an invalid value for Version.", |m| m.version = "x.y".into()),
        ("'>=x' is an invalid value for Requires-Python.", |m| {
            m.requires_python = Some(">=x".into());
        }),
        ("'a>=' is an invalid value for Requires-Dist.", |m| m.requires_dist = vec!["a>=".into()]),
        ("'a b' is an invalid value for Requires-Dist.", |m| m.requires_dist = vec!["a b".into()]),
        ("'text/x' is an invalid value for Description-Content-Type.", |m| {
            m.description_content_type = Some("text/x".into());
        }),
        ("'-x' is an invalid value for Provides-Extra.", |m| m.provides_extra = vec!["-x".into()]),
        ("'name' is an invalid value for Dynamic.", |m| m.dynamic = vec!["name".into()]),
        ("'../L' is an invalid value for License-File.", |m| m.license_files = vec!["../L".into()]),
        ("'MIT' is an invalid value for License.", |m| {
            (m.license, m.license_expression) = (Some("MIT".into()), Some("MIT".into()));
        }),
        ("...' is an invalid value for Summary.", |m| m.summary = Some("x".repeat(513))),
    ];
    for (expected, change) in cases {
        let mut metadata = valid();
        change(&mut metadata);
        let error = metadata.validate_upload().unwrap_err().to_string();
        assert!(error.contains(&format!("{expected} Error: ")), "{error}");
        assert!(error.ends_with("specifications/core-metadata for more information."), "{error}");
        assert!(!error.contains('\n'), "{error}");
    }
}

proptest! {
    #[test]
    fn reading_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "\\PC*") {
        let _ = Metadata::parse(&bytes);
        let _ = Metadata::parse(text.as_bytes());
    }

    #[test]
    fn checking_never_panics(
        python in "[<>=!~ ,.*0-9a-z]{0,20}", requirement in "[a-z0-9\\[\\]()<>=!~ ,.*;@'\"$\\{\\}:/-]{0,40}", any in "\\PC*",
    ) {
        for text in [&requirement, &any] {
            let mut metadata = valid();
            metadata.requires_python = Some(python.clone());
            let _ = metadata.validate_upload();
            metadata.requires_python = None;
            metadata.requires_dist = vec![text.clone()];
            let _ = metadata.validate_upload();
        }
    }
}
