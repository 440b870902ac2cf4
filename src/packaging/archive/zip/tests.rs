//! The ZIP corpus: what must be refused, with its reason, and what must be accepted.

use super::super::kit::{Entry, Zip, extra};
use super::*;

/// Opens an archive and unpacks every member.
fn verdict(bytes: &[u8], rules: Names) -> Result<(), String> {
    let run = || {
        let archive = Archive::open(bytes, rules)?;
        archive.members.iter().try_for_each(|member| archive.unpack(member, |_| {}))
    };
    run().map_err(|fault: super::super::Fault| fault.answer(LEAD).to_string())
}

fn one() -> Entry {
    Entry::new("a.txt", b"hello hello hello")
}

fn two() -> Vec<Entry> {
    vec![one(), Entry::stored("d/b.txt", b"world")]
}

fn names(names: &[&str]) -> Zip {
    Zip::of(names.iter().map(|name| Entry::stored(name, b"x")).collect())
}

fn zip64(size: u64, packed: u64) -> Vec<u8> {
    extra(1, &[size.to_le_bytes(), packed.to_le_bytes()].concat())
}

fn saturated(entry: Entry) -> Entry {
    let (size, packed) = (entry.local.size, entry.local.packed);
    entry.both(|head| {
        (head.size, head.packed) = (u32::MAX, u32::MAX);
        head.extra = zip64(size.into(), packed.into());
    })
}

#[track_caller]
fn refused(zip: &Zip, reason: &str) {
    let verdict = verdict(&zip.bytes(), Names::Portable);
    let message = verdict.expect_err(reason);
    assert!(message.starts_with("ZIP archive not accepted: "), "{message}");
    assert!(message.contains(reason), "expected {reason:?}, got {message:?}");
}

#[test]
fn archives_as_real_tools_write_them_are_accepted() {
    let accepted = [
        ("two members", Zip::of(two())),
        ("no members", Zip::default()),
        ("a directory", Zip::of(vec![Entry::stored("d/", b"").mode(0o040_755), one()])),
        ("a setgid directory", Zip::of(vec![Entry::stored("d/", b"").mode(0o042_755)])),
        ("an empty deflated member", Zip::of(vec![Entry::new("e", b"")])),
        ("a comment", Zip { comment: b"made by PKZIP".to_vec(), ..Zip::of(two()) }),
        ("no mode", Zip::of(vec![one().mode(0o644)])),
        ("an executable", Zip::of(vec![one().mode(0o100_755)])),
        ("a UTF-8 name", names(&["\u{e9}\u{4e00}.txt"])),
        ("a timestamp", Zip::of(vec![one().both(|h| h.extra = extra(0x5455, &[1, 0, 0, 0, 0]))])),
        ("deflate level bits", Zip::of(vec![one().both(|head| head.flags = 0x0006)])),
        ("ZIP64 end records", Zip { zip64: Some(|_, _| {}), ..Zip::of(two()) }),
        ("ZIP64 sizes", Zip::of(vec![saturated(one())])),
        ("ZIP64 in the local header only", Zip::of(vec![Entry { local: saturated(one()).local, ..one() }])),
        ("ZIP64 repeats the sizes (Bazel)", {
            let (size, packed) = (one().local.size.into(), one().local.packed.into());
            Zip::of(vec![one().local(|head| head.extra = zip64(size, packed))])
        }),
        ("central order is not file order", {
            let mut zip = Zip::of(two());
            let length = 30 + one().local.name.len() as u32 + one().local.packed;
            zip.entries[0].offset = Some(0);
            zip.entries[1].offset = Some(length);
            let first = zip.entries[0].clone();
            zip.entries[0].skip_central = true;
            zip.entries.push(Entry { skip_local: true, ..first });
            zip
        }),
        ("a unicode path that repeats the name", {
            Zip::of(vec![one().both(|head| head.extra = extra(0x7075, b"\x01\0\0\0\0a.txt"))])
        }),
    ];
    for (what, zip) in accepted {
        assert_eq!(verdict(&zip.bytes(), Names::Portable), Ok(()), "{what}");
    }
}

#[test]
fn headers_that_disagree_are_refused() {
    let with = |entry| Zip::of(vec![entry, Entry::stored("z", b"z")]);
    refused(&with(one().local(|head| head.name = b"b.txt".to_vec())), "name");
    refused(&with(one().local(|head| head.name = b"a.txt/".to_vec())), "name");
    refused(&with(one().local(|head| head.crc ^= 1)), "CRC");
    refused(&with(one().local(|head| head.size += 1)), "sizes");
    refused(&with(one().local(|head| head.packed += 1)), "sizes");
    refused(&with(one().local(|head| head.method = 0)), "compression method");
    refused(&with(one().local(|head| head.flags = 0x0800)), "flags");
    refused(&with(one().local(|head| head.flags = 0x0008)), "flags");
    refused(&with(Entry { offset: Some(3), ..one() }), "offset 3");
    let gone = vec![Entry::stored("z", b"z"), Entry { skip_local: true, ..one() }];
    refused(&Zip::of(gone), "no local header");
    refused(&with(Entry { skip_central: true, ..one() }), "offset");
    refused(&with(one().both(|head| head.crc ^= 1)), "wrong CRC");
    refused(&with(one().both(|head| head.size += 1)), "smaller than");
    refused(&with(one().both(|head| head.size -= 1)), "larger than");
    let mut padded = one();
    padded.packed.push(0);
    refused(&with(padded.both(|head| head.packed += 1)), "after the compressed data");
    let mut cut = one();
    cut.packed.pop();
    refused(&with(cut.both(|head| head.packed -= 1)), "corrupt");
}

#[test]
fn bytes_outside_the_members_are_refused() {
    refused(&Zip { after: b"x".to_vec(), ..Zip::of(two()) }, "no end record at the end");
    refused(&Zip { after: Zip::of(two()).bytes(), ..Zip::of(two()) }, "does not end at the end record");
    refused(&Zip::of(vec![Entry { before: b"MZ".to_vec(), ..one() }]), "bytes before");
    let between = vec![one(), Entry { before: b"..".to_vec(), ..Entry::stored("z", b"z") }];
    refused(&Zip::of(between), "between");
    refused(&Zip { before_directory: b"..".to_vec(), ..Zip::of(two()) }, "and the central directory");
    refused(&Zip { before_end: b"..".to_vec(), ..Zip::of(two()) }, "does not end at the end record");
    let overlap = vec![one(), Entry { skip_local: true, offset: Some(0), ..Entry::stored("z", b"z") }];
    refused(&Zip::of(overlap), "shared by members");
}

#[test]
fn ambiguous_end_records_are_refused() {
    let mut inner = Zip::of(two()).bytes();
    let end = inner.split_off(inner.len() - 22);
    refused(&Zip { comment: end, ..Zip::of(two()) }, "more than one end record");
    refused(&Zip { comment: b"PK\x03\x04".to_vec(), ..Zip::of(two()) }, "comment contains a ZIP signature");
    refused(&Zip { end: Some(|end| end[4] = 1), ..Zip::of(two()) }, "several disks");
    refused(&Zip { end: Some(|end| end[8] = 1), ..Zip::of(two()) }, "several disks");
    let fewer: fn(&mut Vec<u8>) = |end| (end[8], end[10]) = (1, 1);
    refused(&Zip { end: Some(fewer), ..Zip::of(two()) }, "more than its 1 entries");
    let more: fn(&mut Vec<u8>) = |end| (end[8], end[10]) = (3, 3);
    refused(&Zip { end: Some(more), ..Zip::of(two()) }, "fewer entries");
    refused(&Zip { end: Some(|end| end[16] = 0), ..Zip::of(two()) }, "does not end at the end record");
    let no64: fn(&mut Vec<u8>) = |end| end[8..12].fill(0xFF);
    refused(&Zip { end: Some(no64), ..Zip::of(two()) }, "do not exist");
}

#[test]
fn ambiguous_zip64_records_are_refused() {
    let with = |change: fn(&mut Vec<u8>, &mut Vec<u8>)| Zip { zip64: Some(change), ..Zip::of(two()) };
    refused(&with(|_, locator| locator[8] = 0), "locator does not point");
    refused(&with(|_, locator| locator[16] = 2), "several disks");
    refused(&with(|record, _| record[0] = b'Q'), "no ZIP64 end record");
    refused(&with(|record, _| record[4] = 45), "extensible data");
    refused(&with(|record, _| record.push(0)), "locator does not point");
    refused(&with(|record, _| record[16] = 1), "several disks");
    refused(&with(|record, _| (record[24], record[32]) = (1, 1)), "disagree");
    refused(&with(|record, _| record[40] ^= 1), "disagree");
    let short = one().both(|head| {
        head.size = u32::MAX;
        head.extra = extra(1, &[0; 4]);
    });
    refused(&Zip::of(vec![short]), "ZIP64 extra field");
    refused(&Zip::of(vec![one().both(|head| head.extra = zip64(1, 2))]), "ZIP64 extra field");
    refused(&Zip::of(vec![one().both(|head| head.extra = extra(1, &[0; 28]))]), "ZIP64 extra field");
}

#[test]
fn data_descriptors_are_read_and_held_against_the_central_header() {
    let accepted = [
        one().piped(),
        one().piped().local(|head| head.crc = one().local.crc),
        one().piped().local(|head| *head = one().piped().central),
        Entry::stored("d/", b"").mode(0o040_755).piped(),
        Entry::new("empty", b"").piped(),
    ];
    for entry in accepted {
        let zip = Zip::of(vec![entry, Entry::stored("d/b.txt", b"world")]);
        assert_eq!(verdict(&zip.bytes(), Names::Portable), Ok(()));
    }
    let behind = |change: fn(&mut Vec<u8>)| {
        let mut entry = one().piped();
        change(&mut entry.behind);
        Zip::of(vec![entry, Entry::stored("d/b.txt", b"world")])
    };
    refused(&behind(|bytes| bytes[4] ^= 1), "data descriptor of \"a.txt\" disagrees");
    refused(&behind(|bytes| bytes[8] ^= 1), "data descriptor of \"a.txt\" disagrees");
    refused(&behind(|bytes| bytes[12] ^= 1), "data descriptor of \"a.txt\" disagrees");
    refused(&behind(|bytes| drop(bytes.drain(..4))), "no data descriptor after");
    refused(&behind(Vec::clear), "no data descriptor after");
    refused(&behind(|bytes| bytes.extend([0; 8])), "bytes before, between");
    refused(&Zip::of(vec![Entry::stored("s", b"x").piped()]), "where it ends is ambiguous");
    refused(&Zip::of(vec![one().piped().local(|head| head.crc = 1)]), "disagree on the CRC");
    refused(&Zip::of(vec![one().piped().local(|head| head.size = 1)]), "disagree on the sizes");
    refused(&Zip::of(vec![one().piped().local(|head| head.flags = 0)]), "disagree on the flags");
    // Without the flag nothing stands behind the bytes.
    let unmarked = Entry { behind: one().piped().behind, ..one() };
    refused(&Zip::of(vec![unmarked, Entry::stored("b", b"")]), "bytes before, between");
}

#[test]
fn flags_methods_comments_and_extras_beyond_the_plain_ones_are_refused() {
    let both = |change: fn(&mut super::super::kit::Head)| Zip::of(vec![one().both(change)]);
    refused(&both(|head| head.flags = 0x0001), "encrypted");
    refused(&both(|head| head.flags = 0x2000), "encrypted");
    refused(&both(|head| head.flags = 0x0020), "unknown flags");
    refused(&both(|head| head.method = 12), "compression method 12");
    refused(&both(|head| head.method = 0), "two sizes");
    refused(&both(|head| head.extra = extra(0x9901, &[0; 7])), "encrypted");
    refused(&both(|head| head.extra = [zip64(0, 0), zip64(0, 0)].concat()), "duplicate extra field 0x0001");
    let path = extra(0x7075, b"\x01\0\0\0\0a.txt");
    let twice = [path.clone(), path].concat();
    refused(&Zip::of(vec![one().both(|head| head.extra = twice.clone())]), "duplicate extra field 0x7075");
    refused(&both(|head| head.extra = extra(0x7075, b"\x01\0\0\0\0evil")), "names another file");
    refused(&both(|head| head.extra = vec![1, 2, 3]), "malformed extra field");
    refused(&both(|head| head.extra = vec![9, 9, 5, 0, 1]), "longer than its header");
    refused(&Zip::of(vec![Entry { comment: b"c".to_vec(), ..one() }]), "comment on member");
    refused(&Zip::of(vec![Entry { disk: 1, ..one() }]), "another disk");
}

#[test]
fn members_that_are_no_plain_files_are_refused() {
    refused(&Zip::of(vec![one().mode(0o120_777)]), "symbolic link");
    for kind in [0o060_000, 0o020_000, 0o010_000, 0o140_000, 0o040_000] {
        refused(&Zip::of(vec![one().mode(kind | 0o644)]), "neither a file nor a directory");
    }
    refused(&Zip::of(vec![one().mode(0o104_755)]), "setuid");
    refused(&Zip::of(vec![one().mode(0o102_755)]), "setgid");
    refused(&Zip::of(vec![Entry::stored("d/", b"").mode(0o044_755)]), "setuid");
    refused(&Zip::of(vec![Entry { external: 0x40, ..one() }]), "device");
    refused(&Zip::of(vec![Entry { external: 0x10, ..one() }]), "device, volume or directory");
    refused(&Zip::of(vec![Entry::stored("d/", b"x").mode(0)]), "has content");
}

#[test]
fn names_that_mean_something_else_elsewhere_are_refused() {
    for (name, reason) in [
        ("/a", "absolute"),
        ("../a", "segment"),
        ("a/../b", "segment"),
        ("./a", "segment"),
        ("a//b", "empty segment"),
        ("a\\b", "backslash"),
        ("C:/a", "drive letter"),
        ("a\0b", "control character"),
        ("a\x7f", "control character"),
        ("d/nul.txt", "Windows device"),
        ("ab:c", "colon"),
        ("", "no name"),
    ] {
        refused(&names(&[name]), reason);
    }
    refused(&names(&[&"n".repeat(256)]), "longer than 255");
    refused(&names(&[&("d/".repeat(100) + "x")]), "100 directories deep");
    refused(&Zip::of(vec![one().named(b"\xff\xfe")]), "not UTF-8");
    refused(&Zip::of(vec![one().named("\u{e9}".as_bytes())]), "not marked as UTF-8");
}

#[test]
fn two_members_that_would_be_one_file_are_refused() {
    for pair in
        [["a", "a"], ["d/a", "D/A"], ["caf\u{e9}", "cafe\u{301}"], ["a", "a."], ["a", "a "], ["a/", "a"]]
    {
        refused(&names(&pair).clone().without_content(), "duplicate member");
    }
    refused(&names(&["a", "A/b"]), "both a file and a directory");
}

impl Zip {
    /// Directories can have none.
    fn without_content(mut self) -> Self {
        for entry in &mut self.entries {
            *entry = Entry::stored(&String::from_utf8_lossy(&entry.local.name), b"").mode(0);
        }
        self
    }
}

#[test]
fn a_zip_that_is_a_tar_too_is_refused() {
    // The first member's name and data fill the block so that it passes as a tar header.
    let mut entry = Entry::stored("a", &[0; 700]);
    let plain = Zip::of(vec![entry.clone()]).bytes();
    let mut block: [u8; 512] = plain[..512].try_into().unwrap();
    block[148..156].copy_from_slice(b"        ");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    entry.packed[148 - 31..156 - 31].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    refused(&Zip::of(vec![entry]), "a ZIP and a tar archive at once");
}

#[test]
fn bombs_are_refused_from_their_headers() {
    let declared = one().both(|head| head.size = 80 << 20);
    refused(&Zip::of(vec![declared]), "ratio exceeds 50");
    let wide = vec![saturated(one()).both(|head| head.extra = zip64(17 << 30, 40)); 1];
    refused(&Zip::of(wide), "more than 16 GiB");
    let crowd: fn(&mut Vec<u8>, &mut Vec<u8>) = |record, _| {
        for at in [24, 32] {
            record[at..at + 8].copy_from_slice(&1_000_000u64.to_le_bytes());
        }
    };
    let end: fn(&mut Vec<u8>) = |end| end[8..12].fill(0xFF);
    refused(&Zip { zip64: Some(crowd), end: Some(end), ..Zip::of(two()) }, "more than 100000 entries");
}

#[test]
fn every_truncation_is_refused() {
    let zip = Zip { comment: b"c".to_vec(), ..Zip::of(two()) };
    for bytes in [zip.bytes(), Zip { zip64: Some(|_, _| {}), ..Zip::of(two()) }.bytes()] {
        for length in 0..bytes.len() {
            assert!(verdict(&bytes[..length], Names::Legacy).is_err(), "{length} bytes");
        }
    }
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..600)) {
        let _ = verdict(&bytes, Names::Portable);
    }

    /// Any one byte of the headers changed: refused, or of no consequence to any reader.
    #[test]
    fn no_changed_byte_makes_it_panic(at in 0usize..400, value in proptest::num::u8::ANY) {
        let mut bytes = Zip { zip64: Some(|_, _| {}), ..Zip::of(two()) }.bytes();
        let at = at % bytes.len();
        bytes[at] = value;
        let _ = verdict(&bytes, Names::Portable);
    }
}
