//! Cases of manifests.

use super::*;
use crate::names::ProjectName;
use crate::packaging::bundle::file::{BundledKind, Carried};
use proptest::prelude::*;

pub fn file(filename: &str, version: &str) -> BundledFile {
    BundledFile {
        kind: if filename.ends_with(".whl") { BundledKind::Wheel } else { BundledKind::Sdist },
        project: ProjectName::new("demo"),
        version: Some(version.to_owned()),
        filename: filename.to_owned(),
        size: 3,
        sha256: "0".repeat(64),
        from: Carried::Mirror,
        requires_python: None,
        yanked: None,
        evidence: None,
    }
}

fn manifest(files: Vec<BundledFile>) -> BundleManifest {
    BundleManifest {
        format: FORMAT,
        created: Timestamp::UNIX_EPOCH,
        origin: BundleOrigin { installation: "i".into(), index: "alice/prod".into(), serial: 7 },
        targets: vec!["cp312".into()],
        requirements: vec!["demo".into()],
        policy: BTreeMap::new(),
        base: None,
        files,
        held: Vec::new(),
        refused: Vec::new(),
    }
}

#[test]
fn a_manifest_is_read_as_it_was_written() {
    let sdist = file("demo-1.0.tar.gz", "1.0");
    let whole = manifest(vec![file("demo-1.0-py3-none-any.whl", "1.0"), sdist.clone()]);
    let whole = BundleManifest { base: Some(DeltaBase::Bundle("1".repeat(64))), ..whole };
    let bytes = whole.to_bytes().unwrap();
    assert_eq!(BundleManifest::parse(&bytes).unwrap(), whole);
    assert_eq!(whole.size(), 6);
    assert_eq!(sdist.entry().path, format!("files/{}/demo-1.0.tar.gz", "0".repeat(64)));
}

#[test]
fn what_is_odd_in_a_manifest_is_named() {
    let wheel = || file("demo-1.0-py3-none-any.whl", "1.0");
    for (change, expected) in [
        (BundledFile { filename: "../demo-1.0-py3-none-any.whl".into(), ..wheel() }, "not a valid file name"),
        (BundledFile { sha256: "A".repeat(64), ..wheel() }, "invalid sha256"),
        (BundledFile { size: u64::MAX, ..wheel() }, "too large"),
        (BundledFile { version: Some("1".into()), ..wheel() }, "does not say"),
        (BundledFile { version: None, ..wheel() }, "does not say"),
        (BundledFile { kind: BundledKind::Sdist, ..wheel() }, "does not say"),
        (BundledFile { project: ProjectName::new("other"), ..wheel() }, "does not say"),
        (BundledFile { yanked: Some("x\ny".into()), ..wheel() }, "reason of its yank"),
    ] {
        let bytes = serde_json::to_vec(&manifest(vec![change])).unwrap();
        let error = BundleManifest::parse(&bytes).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let twice = manifest(vec![wheel(), wheel()]);
    assert!(twice.to_bytes().unwrap_err().to_string().contains("twice"));
    let unsorted = manifest(vec![file("demo-1.0.tar.gz", "1.0"), wheel()]);
    assert!(unsorted.to_bytes().unwrap_err().to_string().contains("not in order"));
    let newer = br#"{"format": 2, "whatever": []}"#;
    assert!(BundleManifest::parse(newer).unwrap_err().to_string().contains("use a newer one"));
    let more = serde_json::to_string(&manifest(vec![])).unwrap().replacen('{', "{\"more\": 1,", 1);
    assert!(BundleManifest::parse(more.as_bytes()).unwrap_err().to_string().contains("more"));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = BundleManifest::parse(&bytes);
    }

    #[test]
    fn any_damage_of_a_manifest_is_read_or_refused(at in 0..400usize, byte in any::<u8>()) {
        let mut bytes = manifest(vec![file("demo-1.0-py3-none-any.whl", "1.0")]).to_bytes().unwrap();
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Ok(read) = BundleManifest::parse(&bytes) {
            prop_assert!(read.to_bytes().is_ok());
        }
    }
}
