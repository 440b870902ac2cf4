//! The tar corpus: what must be refused, with its reason, and what must be accepted.

use super::super::kit::{gzip, pax, tar_file, tar_gz, tar_link, tar_member};
use super::super::{Fault, kit};
use super::*;

fn verdict(bytes: &[u8], links: bool) -> Result<Vec<String>, String> {
    let mut seen = Vec::new();
    let walked = walk(bytes, links, |member| {
        seen.push(member.name.clone());
        Ok(None)
    });
    walked.map(|_| seen).map_err(|fault: Fault| fault.answer(LEAD).to_string())
}

#[track_caller]
fn refused(members: &[Vec<u8>], reason: &str) {
    refused_bytes(&tar_gz(members), true, reason);
}

#[track_caller]
fn refused_bytes(bytes: &[u8], links: bool, reason: &str) {
    let message = verdict(bytes, links).expect_err(reason);
    assert!(message.starts_with("tar archive not accepted: "), "{message}");
    assert!(message.contains(reason), "expected {reason:?}, got {message:?}");
}

fn file() -> Vec<u8> {
    tar_file("p/a", b"content")
}

fn directory(name: &str, mode: &[u8; 8]) -> Vec<u8> {
    tar_member(b'5', name, b"", |block| block[100..108].copy_from_slice(mode))
}

#[test]
fn archives_as_real_tools_write_them_are_accepted() {
    let gnu = |block: &mut [u8; 512]| block[257..265].copy_from_slice(b"ustar  \0");
    let long = format!("p/{}", "n".repeat(120));
    let long_nul = format!("{long}\0");
    let prefix = |block: &mut [u8; 512]| block[345..348].copy_from_slice(b"p/q");
    type Case<'a> = (&'a str, Vec<Vec<u8>>, Vec<&'a str>);
    let accepted: [Case; 8] = [
        ("a file in a directory", vec![directory("p/", b"0000755\0"), file()], vec!["p", "p/a"]),
        ("setgid and sticky directories", vec![directory("p", b"0003755\0")], vec!["p"]),
        ("PAX times", vec![pax(b'x', &[("mtime", "1.5"), ("uid", "7")]), file()], vec!["p/a"]),
        ("a PAX path", vec![pax(b'x', &[("path", &long)]), file()], vec![&long]),
        (
            "a GNU long name",
            vec![tar_member(b'L', "././@LongLink", long_nul.as_bytes(), gnu), file()],
            vec![&long],
        ),
        ("a ustar prefix", vec![tar_member(b'0', "a", b"", prefix)], vec!["p/q/a"]),
        ("a commit", vec![pax(b'g', &[("comment", "0123456789abcdef")]), file()], vec!["p/a"]),
        ("an equal PAX size", vec![pax(b'x', &[("size", "7")]), file()], vec!["p/a"]),
    ];
    for (what, members, names) in accepted {
        assert_eq!(verdict(&tar_gz(&members), false).as_deref(), Ok(&*names_of(&names)), "{what}");
    }
}

fn names_of(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn extended_headers_that_disagree_or_are_malformed_are_refused() {
    refused(&[pax(b'x', &[("size", "1024")]), file()], "disagree on the size");
    refused(&[pax(b'x', &[("size", "0")]), file()], "disagree on the size");
    refused(&[pax(b'x', &[("size", "-7")]), file()], "size is not a number");
    refused(&[pax(b'x', &[("path", "p/b"), ("path", "p/c")]), file()], "given twice");
    refused(&[pax(b'x', &[("path", "")]), file()], "path is empty");
    refused(&[pax(b'x', &[("mtime", "yesterday")]), file()], "mtime is not a number");
    refused(&[pax(b'x', &[("hdrcharset", "BINARY")]), file()], "character set");
    refused(&[pax(b'x', &[("path", "p/b")]), pax(b'x', &[("path", "p/c")]), file()], "two extended headers");
    refused(&[pax(b'x', &[("path", "p/b")])], "followed by no member");
    refused(&[pax(b'g', &[("path", "p/b")]), file()], "global PAX header");
    refused(&[file(), pax(b'g', &[("comment", "late-comment")])], "global PAX header");
    for content in ["", "x", "0 a=b\n", "6 a=b\n9", "99 a=b\n", "7 a=bcd", "6 abcd\n", "+6 a=b\n", " 6 a=b\n"]
    {
        refused(&[tar_member(b'x', "h", content.as_bytes(), |_| {}), file()], "malformed PAX header");
    }
    for content in [&b""[..], b"\0", b"a\0b\0"] {
        refused(&[tar_member(b'L', "l", content, |_| {}), file()], "malformed GNU long name");
    }
    refused(
        &[tar_member(b'L', "l", b"p/b\0", |_| {}), pax(b'x', &[("path", "p/c")]), file()],
        "two extended",
    );
    refused(&[tar_member(b'L', "l", &[b'n'; 70_000], |_| {}), file()], "larger than 64 KiB");
}

#[test]
fn members_that_are_no_files_or_directories_are_refused() {
    for kind in *b"346" {
        refused(&[tar_member(kind, "p/a", b"", |_| {})], "device or FIFO");
    }
    refused(&[tar_member(b'S', "p/a", b"", |_| {})], "sparse");
    refused(&[pax(b'x', &[("GNU.sparse.major", "1")]), file()], "sparse");
    refused(&[pax(b'x', &[("SCHILY.realsize", "99")]), file()], "sparse");
    for kind in *b"7VMDNAXZ" {
        refused(&[tar_member(kind, "p/a", b"", |_| {})], "unknown type");
    }
    refused(&[directory("p", b"0004755\0")], "setuid");
    refused(&[tar_member(b'0', "p/a", b"", |block| block[100..108].copy_from_slice(b"0002644\0"))], "setgid");
    refused(&[tar_member(b'5', "p", b"content", |_| {})], "has content but is not a file");
    for kind in *b"12" {
        let bytes = tar_gz(&[file(), tar_link(kind, "p/b", "a")]);
        refused_bytes(&bytes, false, "is a link");
    }
}

#[test]
fn headers_that_readers_take_differently_are_refused() {
    let with = |change: fn(&mut [u8; 512])| [tar_member(b'0', "p/a", b"", change)];
    refused(&with(|block| block[257..265].fill(0)), "neither ustar nor GNU");
    let gnu_prefix: fn(&mut [u8; 512]) = |block| {
        block[257..265].copy_from_slice(b"ustar  \0");
        block[345] = b'q';
    };
    refused(&with(gnu_prefix), "in the place of a prefix");
    refused(&with(|block| block[124] = 0x80), "malformed size");
    refused(&with(|block| block[124..136].copy_from_slice(b"-0000000001\0")), "malformed size");
    refused(&with(|block| block[124..136].copy_from_slice(b"00000000008\0")), "malformed size");
    refused(&with(|block| block[124..136].fill(0)), "malformed size");
    refused(&with(|block| block[100] = b'x'), "malformed mode");
    refused(&with(|block| block[157] = b'x'), "has a link target but is not a link");
    refused(&with(|block| block[2] = 0xFF), "not UTF-8");
    refused(&with(|block| block[3] = b'/'), "empty segment");
    let mut wrong = file();
    wrong[148] = b'7';
    refused(&[wrong], "wrong checksum");
}

#[test]
fn names_that_leave_the_root_or_come_twice_are_refused() {
    for (name, reason) in [
        ("/p/a", "absolute"),
        ("../a", "segment"),
        ("p/../a", "segment"),
        ("./p/a", "segment"),
        ("p\\a", "back"),
    ] {
        refused(&[tar_file(name, b"")], reason);
    }
    refused(&[tar_member(b'0', "a", b"", |block| block[345..347].copy_from_slice(b".."))], "segment");
    refused(&[file(), file()], "duplicate member");
    refused(&[directory("p", b"0000755\0"), directory("p/", b"0000755\0")], "duplicate member");
    refused(&[tar_file("p/a/b", b""), file()], "duplicate member");
    refused(&[file(), tar_file("p/a/b", b"")], "both a file");
}

#[test]
fn links_that_stay_in_the_tree_are_accepted_where_allowed() {
    let members = [
        file(),
        tar_link(b'2', "p/d/b", "../a"),
        tar_link(b'1', "p/c", "p/a"),
        tar_link(b'2', "p/dangling", "nowhere"),
        tar_member(b'K', "././@LongLink", b"../a\0", |_| {}),
        tar_link(b'2', "p/d/e", "../"),
    ];
    assert_eq!(verdict(&tar_gz(&members), true).map(|names| names.len()), Ok(5));
}

#[test]
fn links_out_of_the_tree_and_files_through_links_are_refused() {
    for target in ["/etc/passwd", "../../etc", "../..", "..", "d/../../..", "C:\\x", "\\x"] {
        refused(&[tar_link(b'2', "p/l", target)], "points out of the archive");
    }
    refused(&[tar_link(b'2', "p/l", "")], "no target");
    refused(&[pax(b'x', &[("linkpath", "/etc")]), tar_link(b'2', "p/l", "a")], "points out");
    refused(&[tar_link(b'1', "p/l", "/etc/passwd")], "does not point to a file before it");
    refused(&[tar_link(b'1', "p/l", "p/a"), file()], "does not point to a file before it");
    refused(&[tar_link(b'2', "p/s", "a"), tar_link(b'1', "p/l", "p/s")], "does not point to a file before");
    refused(&[tar_link(b'2', "p/l", "d"), tar_file("p/l/x", b"")], "both a file or link");
    refused(&[tar_file("p/l/x", b""), tar_link(b'2', "p/l", "d")], "duplicate member");
    let through = [tar_link(b'2', "p/d/s", "../e/f"), tar_link(b'2', "p/d/t", "s/../../x")];
    refused(&through, "points through another link");
}

#[test]
fn a_gzip_file_is_one_member_and_nothing_else() {
    let good = tar_gz(&[file()]);
    let tar = |tail: &[u8]| gzip(&[&file()[..], tail].concat());
    refused_bytes(&[&good[..], &good].concat(), false, "bytes after the gzip data");
    refused_bytes(&[&good[..], b"\0"].concat(), false, "bytes after the gzip data");
    refused_bytes(&tar(&[0; 512]), false, "no end");
    refused_bytes(&tar(b""), false, "no end");
    refused_bytes(&tar(&[&[0; 512][..], &[1; 512]].concat()), false, "one zero block");
    refused_bytes(&tar(&[&[0; 1024][..], &file()].concat()), false, "bytes after the end");
    refused_bytes(b"PK\x03\x04 no gzip", false, "not a gzip file");
    refused_bytes(&[0x1f, 0x8b, 8, 0xe0, 0, 0, 0, 0, 0, 0], false, "unknown gzip method or flags");
    let polyglot = [&good[..], &kit::Zip::default().bytes()].concat();
    refused_bytes(&polyglot, false, "at once");
}

#[test]
fn bombs_are_refused_while_they_unpack() {
    let zeros = tar_file("p/zeros", &vec![0; 80 << 20]);
    refused(&[zeros], "ratio exceeds 50");
}

#[test]
fn every_truncation_is_refused() {
    let bytes = tar_gz(&[pax(b'x', &[("mtime", "1.5")]), file(), tar_file("p/b", b"more")]);
    for length in 0..bytes.len() {
        assert!(verdict(&bytes[..length], false).is_err(), "{length} bytes");
    }
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..2000)) {
        let _ = verdict(&bytes, true);
        let _ = verdict(&gzip(&bytes), true);
    }

    #[test]
    fn no_header_makes_it_panic(block in proptest::collection::vec(proptest::num::u8::ANY, 512)) {
        let member = tar_member(b'x', "p/a", &block, |header| header[200..].copy_from_slice(&block[200..]));
        let _ = verdict(&tar_gz(&[member]), true);
    }
}
