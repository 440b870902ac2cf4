//! Sdists that must be refused, with the reason, and some that must be accepted.

use super::super::archive::kit::{Entry, Zip, tar_file, tar_gz, tar_link};
use super::*;

const PKG_INFO: &str = "Metadata-Version: 2.1\nName: Demo.Pkg\nVersion: 1.0\n\nA demo.\n";

fn open(bytes: &[u8], extension: &str, links: bool) -> Result<SdistContents> {
    let project = ProjectName::new("demo-pkg").unwrap();
    let filename = SdistFilename::parse_for(&project, &format!("demo_pkg-1.0{extension}"))?;
    read(bytes, &filename, links)
}

fn pkg_info() -> Vec<u8> {
    tar_file("demo_pkg-1.0/PKG-INFO", PKG_INFO.as_bytes())
}

#[track_caller]
fn refused(members: &[Vec<u8>], reason: &str) {
    let message = open(&tar_gz(members), ".tar.gz", false).map(|_| ()).expect_err(reason).to_string();
    assert!(message.contains(reason), "expected {reason:?}, got {message:?}");
}

#[test]
fn an_sdist_gives_its_metadata_byte_for_byte() {
    let nested = tar_file("demo_pkg-1.0/src/demo_pkg.egg-info/PKG-INFO", b"Name: other\n");
    let contents = open(&tar_gz(&[nested, pkg_info()]), ".tar.gz", false).unwrap();
    assert_eq!(contents.metadata_bytes, PKG_INFO.as_bytes());
    assert_eq!(contents.metadata.version, "1.0");
}

#[test]
fn a_legacy_zip_sdist_is_read_too() {
    let zip = |name: &str| {
        let entries = vec![Entry::new(name, PKG_INFO.as_bytes()), Entry::new("demo.pkg-1.0/aux.py", b"")];
        open(&Zip::of(entries).bytes(), ".zip", false)
    };
    assert_eq!(zip("demo.pkg-1.0/PKG-INFO").unwrap().metadata.name, "Demo.Pkg");
    let refused = zip("other-1.0/PKG-INFO").map(|_| ()).unwrap_err().to_string();
    assert!(refused.contains("outside the top directory"), "{refused}");
}

#[test]
fn the_top_directory_must_be_the_only_one_and_the_release() {
    refused(&[pkg_info(), tar_file("other/x", b"")], "outside the top directory");
    refused(&[tar_file("demo_pkg-1.1/PKG-INFO", PKG_INFO.as_bytes())], "is not demo_pkg-1.0");
    refused(&[tar_file("demo-1.0/PKG-INFO", PKG_INFO.as_bytes())], "is not demo_pkg-1.0");
    refused(&[tar_file("PKG-INFO", PKG_INFO.as_bytes())], "where the top directory should be");
    refused(&[], "PKG-INFO not found");
}

#[test]
fn pkg_info_must_be_there_once_and_of_this_release() {
    refused(&[tar_file("demo_pkg-1.0/setup.py", b"")], "PKG-INFO not found");
    refused(&[pkg_info(), tar_file("demo_pkg-1.0/pkg-info", b"")], "second PKG-INFO");
    refused(&[pkg_info(), pkg_info()], "duplicate member");
    let with = |text: String| [tar_file("demo_pkg-1.0/PKG-INFO", text.as_bytes())];
    refused(&with(PKG_INFO.replace("Demo.Pkg", "evil")), "PKG-INFO names the project \"evil\"");
    refused(&with(PKG_INFO.replace("Version: 1.0", "Version: 2.0")), "PKG-INFO has version \"2.0\"");
    let licensed = PKG_INFO.replace("2.1", "2.4").replace("\n\n", "\nLicense-File: COPYING\n\n");
    refused(&with(licensed), "License-File COPYING does not exist");
}

#[test]
fn links_are_accepted_only_where_allowed() {
    let bytes = tar_gz(&[pkg_info(), tar_link(b'2', "demo_pkg-1.0/README", "PKG-INFO")]);
    assert!(open(&bytes, ".tar.gz", true).is_ok());
    let message = open(&bytes, ".tar.gz", false).map(|_| ()).unwrap_err().to_string();
    assert!(message.starts_with("tar archive not accepted: "), "{message}");
    let posing = tar_gz(&[tar_link(b'2', "demo_pkg-1.0/PKG-INFO", "x")]);
    let message = open(&posing, ".tar.gz", true).map(|_| ()).unwrap_err().to_string();
    assert!(message.contains("must be a plain file"), "{message}");
    let outside = tar_gz(&[pkg_info(), tar_link(b'2', "other/l", "x")]);
    let message = open(&outside, ".tar.gz", true).map(|_| ()).unwrap_err().to_string();
    assert!(message.contains("outside the top directory"), "{message}");
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..600)) {
        let _ = open(&bytes, ".tar.gz", true);
        let _ = open(&bytes, ".zip", true);
    }
}
