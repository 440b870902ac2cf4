//! Cases of whole archives.

use super::*;
use crate::names::ProjectName;
use crate::packaging::bundle::entry::END;
use crate::packaging::bundle::file::{BundledKind, Carried};
use crate::tools::hex;
use proptest::prelude::*;

fn file(content: &[u8]) -> BundledFile {
    BundledFile {
        kind: BundledKind::Sdist,
        project: ProjectName::new("demo"),
        version: Some("1".into()),
        filename: "demo-1.0.tar.gz".into(),
        size: content.len() as u64,
        sha256: hex::sha256(content),
        from: Carried::Mirror,
        requires_python: None,
        yanked: None,
        evidence: None,
    }
}

fn member(entry: &BundleEntry, content: &[u8]) -> Vec<u8> {
    [&entry.header().unwrap()[..], content, &vec![0; padding(entry.size)]].concat()
}

fn named(path: &str, content: &[u8]) -> Vec<u8> {
    member(&BundleEntry { path: path.into(), size: content.len() as u64 }, content)
}

fn archive(content: &[u8]) -> Vec<u8> {
    [
        named("manifest.json", b"{}"),
        named("signatures/00.minisig", b"signed"),
        member(&file(content).entry(), content),
        vec![0; END],
    ]
    .concat()
}

/// All that a reader finds.
fn read(bytes: &[u8], content: &[u8]) -> Result<Vec<u8>> {
    let mut reader = BundleReader::open(bytes)?;
    assert!(reader.manifest().len() <= bytes.len() && reader.signatures().len() <= 1);
    reader.begin(&file(content))?;
    let mut all = Vec::new();
    loop {
        let piece = reader.piece()?;
        if piece.is_empty() {
            break;
        }
        all.extend(piece);
    }
    reader.end()?;
    Ok(all)
}

#[test]
fn an_archive_is_read_in_its_order_and_ends_where_it_ends() {
    let content = b"some bytes";
    let whole = archive(content);
    assert_eq!(read(&whole, content).unwrap(), content);
    let names: Vec<String> = tar::Archive::new(&whole[..])
        .entries()
        .unwrap()
        .map(|entry| entry.unwrap().path().unwrap().display().to_string())
        .collect();
    assert_eq!(names[..2], ["manifest.json", "signatures/00.minisig"]);
    assert_eq!(names[2], format!("files/{}/demo-1.0.tar.gz", hex::sha256(content)));
    for (bytes, expected) in [
        (b"PK".repeat(300), "not a bundle"),
        (named("other.json", b"{}"), "not a bundle"),
        (whole[..whole.len() - 1].to_vec(), "truncated"),
        (whole[..700].to_vec(), "truncated"),
        ([&whole[..], b"x"].concat(), "behind its end"),
        ([&whole[..whole.len() - END], &named("more", b"x"), &[0; END]].concat(), "does not list"),
    ] {
        let error = read(&bytes, content).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let error = read(&archive(b"other bytes"), content).unwrap_err().to_string();
    assert!(error.contains("in the place of demo-1.0.tar.gz"), "{error}");
    let twice = [named("manifest.json", b"{}"), named("signatures/00.minisig", b"x").repeat(2)].concat();
    let mut many = named("manifest.json", b"{}");
    (0..=MOST_SIGNATURES).for_each(|at| many.extend(named(&format!("signatures/{at:02}.minisig"), b"x")));
    for (bytes, expected) in [(twice, "not where it should be"), (many, "more or longer")] {
        let error = BundleReader::open(&bytes[..]).map(drop).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

proptest! {
    #[test]
    fn a_shorter_archive_is_always_noticed(cut in 1..2000usize) {
        let whole = archive(b"some bytes");
        let kept = whole.len().saturating_sub(cut);
        prop_assert!(read(&whole[..kept], b"some bytes").is_err());
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let _ = read(&bytes, b"some bytes");
    }
}
