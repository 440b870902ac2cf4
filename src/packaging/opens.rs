//! Whether bytes open as what their file name says: all that a mirror knows of a file without a promised hash.
//!
//! Lenient where installers are lenient, as what was published once must still install; but half a
//! file, an error page or another project's file never pass.

use super::archive::remote::{RemoteRead, Step};
use super::archive::sniff::is_tar_header;
use super::archive::zip::{Archive, LEAD, Names, find_end};
use super::archive::{ArchiveResult, ReadAt, Span, check_ratio, read_exactly, refuse};
use super::filename::ListedFilename;
use super::metadata::Metadata;
use super::version;
use crate::error::Result;
use crate::names::ProjectName;
use crate::words::FileKind;
use std::io::Read;

/// Bytes of the beginning that tell HTML.
const HEAD: usize = 1024;
const BLOCK: usize = 512;
/// Bytes of an xz file's end that are looked at: tapes padded to so much.
const PADDING: u64 = 20 << 10;

/// Formats that are known by their first bytes alone.
const BEGINNINGS: [(&str, &[u8]); 6] = [
    (".exe", b"MZ"),
    (".rpm", b"\xed\xab\xee\xdb"),
    (".deb", b"!<arch>\n"),
    (".msi", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
    (".tar.Z", b"\x1f\x9d"),
    (".tar.bz2", b"BZh"),
];

/// Checks the file `filename` of `project`. Blocks.
///
/// # Errors
/// `Bad` with what is wrong with it.
pub fn check<S: ReadAt + ?Sized>(file: &S, project: &ProjectName, filename: &str) -> Result<()> {
    let checked = look(file, project, filename);
    checked.map_err(|fault| fault.answer(&format!("{filename} does not match its file type: ")))
}

fn look<S: ReadAt + ?Sized>(file: &S, project: &ProjectName, filename: &str) -> ArchiveResult<()> {
    let length = file.length()?;
    let mut head = Vec::new();
    Span::new(file, 0, HEAD as u64).read_to_end(&mut head)?;
    if head.is_empty() {
        refuse!("it is empty");
    }
    if is_markup(&head) {
        refuse!("it is an HTML page");
    }
    let ends = |ending: &str| filename.ends_with(ending);
    if ends(".whl") {
        return wheel(file, length, project, filename);
    }
    if ends(".zip") || ends(".egg") {
        return zip(file, length);
    }
    if ends(".tar.gz") || ends(".tgz") {
        return tar_in(flate2::read::GzDecoder::new(Span::new(file, 0, length)), length).map(drop);
    }
    if ends(".tar.xz") {
        return xz(file, length, &head);
    }
    if ends(".tar") {
        return match tar_in(Span::new(file, 0, length), length)? {
            true => Ok(()),
            false => refuse!("its tar archive has no end"),
        };
    }
    if ends(".json") {
        return json(file, length);
    }
    if let Some((ending, beginning)) = BEGINNINGS.iter().find(|(ending, _)| ends(ending))
        && !head.starts_with(beginning)
    {
        refuse!("it does not start like a {ending} file");
    }
    if ends(".tar.bz2") && !ends_as_bzip2(&read_exactly(file, length.saturating_sub(12), tail(length))?) {
        refuse!("its compressed data ends too early");
    }
    Ok(())
}

fn tail(length: u64) -> usize {
    usize::try_from(length.min(12)).unwrap_or(12)
}

/// HTML or XML, which no distribution is.
fn is_markup(head: &[u8]) -> bool {
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    text.trim_ascii_start().starts_with(b"<")
}

fn wheel<S: ReadAt + ?Sized>(
    file: &S,
    length: u64,
    project: &ProjectName,
    filename: &str,
) -> ArchiveResult<()> {
    let (mut plan, mut step) = RemoteRead::start(length);
    let text = loop {
        let range = match step {
            Step::Done(text) => break text,
            Step::Need(range) => range,
        };
        let wanted = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
        step = plan.advance(&read_exactly(file, range.start, wanted)?)?;
    };
    begins_as_zip(file)?;
    let Ok(metadata) = Metadata::parse(&text) else { refuse!("its METADATA is unreadable") };
    if ProjectName::new(&metadata.name).as_ref() != Some(project) {
        refuse!("its METADATA is for {:?}", metadata.name);
    }
    let listed = ListedFilename::parse(project, filename).filter(|listed| listed.kind() == FileKind::Wheel);
    let Some(named) = listed.as_ref().and_then(ListedFilename::version) else { return Ok(()) };
    match version::parse(&metadata.version) {
        // `1.0` in the name stands for `1.0+local` in some builds of old tools.
        Some(inside) if inside != *named && !metadata.version.starts_with(&format!("{named}+")) => {
            refuse!("its METADATA is for version {}", metadata.version)
        }
        _ => Ok(()),
    }
}

/// The end record, the directory where it says, and a first member.
fn zip<S: ReadAt + ?Sized>(file: &S, length: u64) -> ArchiveResult<()> {
    begins_as_zip(file)?;
    if let Ok(archive) = Archive::open(file, Names::Legacy) {
        return archive.members.iter().try_for_each(|member| archive.unpack(member, |_| {}));
    }
    // Old tools wrote what the strict reader refuses.
    let end = find_end(file, length)?;
    match read_exactly(file, end.directory, 4)?.as_slice() {
        b"PK\x01\x02" if end.count > 0 => Ok(()),
        _ => refuse!("{LEAD}no member in its directory"),
    }
}

fn begins_as_zip<S: ReadAt + ?Sized>(file: &S) -> ArchiveResult<()> {
    match read_exactly(file, 0, 4)?.as_slice() {
        b"PK\x03\x04" => Ok(()),
        _ => refuse!("it does not start like a ZIP archive"),
    }
}

/// Reads a tar archive to the end of its stream: compression proves by its checksum that it is whole.
/// Returns whether it ends with zeros, as most do.
fn tar_in(mut stream: impl Read, packed: u64) -> ArchiveResult<bool> {
    let mut block = [0; BLOCK];
    stream.read_exact(&mut block)?;
    if !is_tar_header(&block) {
        refuse!("it does not contain a tar archive");
    }
    let (mut buffer, mut unpacked) = (vec![0; 64 << 10], 0u64);
    let mut last = block.to_vec();
    loop {
        let count = stream.read(&mut buffer)?;
        let Some(piece) = buffer.get(..count).filter(|piece| !piece.is_empty()) else { break };
        unpacked += count as u64;
        check_ratio(unpacked, packed)?;
        last.extend_from_slice(piece);
        last.drain(..last.len().saturating_sub(BLOCK));
    }
    Ok(last.iter().all(|byte| *byte == 0))
}

/// Magic at both ends (the format's section 2.1), the last one before any padding (2.2).
fn xz<S: ReadAt + ?Sized>(file: &S, length: u64, head: &[u8]) -> ArchiveResult<()> {
    let last = length.min(PADDING);
    let end = read_exactly(file, length.saturating_sub(last), usize::try_from(last).unwrap_or_default())?;
    let padding = end.iter().rev().take_while(|byte| **byte == 0).count();
    let end = end.get(..end.len() - padding).unwrap_or_default();
    match head.starts_with(b"\xfd7zXZ\0") && end.ends_with(b"YZ") && padding % 4 == 0 {
        true => Ok(()),
        false => refuse!("the xz file is incomplete"),
    }
}

/// The end mark of a stream, before its checksum of 32 bits and up to 7 bits of padding.
fn ends_as_bzip2(tail: &[u8]) -> bool {
    const END: u128 = 0x1772_4538_5090;
    let bits = tail.iter().fold(0u128, |bits, byte| bits << 8 | u128::from(*byte));
    (0..8).any(|padding| bits >> (32 + padding) & 0xffff_ffff_ffff == END)
}

fn json<S: ReadAt + ?Sized>(file: &S, length: u64) -> ArchiveResult<()> {
    let reader = std::io::BufReader::new(Span::new(file, 0, length));
    match serde_json::from_reader::<_, serde::de::IgnoredAny>(reader) {
        Ok(_) => Ok(()),
        Err(error) => refuse!("it is not JSON: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn opens(bytes: &[u8], filename: &str) -> Result<()> {
        check(bytes, &ProjectName::new("six").unwrap(), filename)
    }

    fn zipped(members: &[(&str, &str)]) -> Vec<u8> {
        let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for (name, text) in members {
            archive.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            archive.write_all(text.as_bytes()).unwrap();
        }
        archive.finish().unwrap().into_inner()
    }

    fn wheel(name: &str, version: &str) -> Vec<u8> {
        let metadata = format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n");
        zipped(&[("six.py", "pass\n"), ("six-1.0.dist-info/METADATA", &metadata)])
    }

    fn tar() -> Vec<u8> {
        let mut block = vec![0; BLOCK];
        block[..3].copy_from_slice(b"six");
        block[148..156].fill(b' ');
        let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
        block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        block.extend([0; 2 * BLOCK]);
        block
    }

    fn gzipped(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn what_its_name_says_opens() {
        opens(&wheel("six", "1.0"), "six-1.0-py3-none-any.whl").unwrap();
        opens(&wheel("SIX", "1.0.0"), "six-1.0-py3-none-any.whl").unwrap();
        opens(&gzipped(&tar()), "six-1.0.tar.gz").unwrap();
        opens(&tar(), "six-1.0.tar").unwrap();
        opens(&zipped(&[("six-1.0/PKG-INFO", "Name: six\n")]), "six-1.0.zip").unwrap();
        opens(b"{\"variants\": {}}", "six-1.0-variants.json").unwrap();
        opens(b"MZ\x90\0", "six-1.0.win32.exe").unwrap();
        // The smallest stream of bzip2: nothing in it.
        opens(b"BZh9\x17\x72\x45\x38\x50\x90\0\0\0\0", "six-1.0.tar.bz2").unwrap();
    }

    #[test]
    fn a_page_is_no_file_whatever_its_name() {
        for filename in [
            "six-1.0-py3-none-any.whl",
            "six-1.0.tar.gz",
            "six-1.0.zip",
            "six-1.0.tar.bz2",
            "six-1.0.tar.xz",
            "six-1.0.tar",
            "six-1.0.egg",
            "six-1.0.win32.exe",
            "six-1.0-1.noarch.rpm",
            "six-1.0.dmg",
            "six-1.0-variants.json",
        ] {
            for page in
                ["<html>Please log in</html>", "\n <!DOCTYPE html>", "<Error><Code>x</Code></Error>", ""]
            {
                assert!(opens(page.as_bytes(), filename).is_err(), "{filename}: {page:?}");
            }
        }
    }

    #[test]
    fn a_file_that_is_cut_anywhere_does_not_open() {
        let bzip2 = b"BZh9\x17\x72\x45\x38\x50\x90\0\0\0\0".to_vec();
        for (filename, whole) in [
            ("six-1.0-py3-none-any.whl", wheel("six", "1.0")),
            ("six-1.0.tar.gz", gzipped(&tar())),
            ("six-1.0.zip", zipped(&[("six-1.0/PKG-INFO", "Name: six\n")])),
            ("six-1.0.tar.bz2", bzip2),
            ("six-1.0-variants.json", b"{\"variants\": {}}".to_vec()),
        ] {
            opens(&whole, filename).unwrap();
            for end in 0..whole.len() {
                assert!(opens(&whole[..end], filename).is_err(), "{filename} cut at {end}");
            }
        }
    }

    #[test]
    fn another_wheel_under_this_name_is_refused() {
        for (name, version) in [("flask", "1.0"), ("six", "2.0")] {
            let error = opens(&wheel(name, version), "six-1.0-py3-none-any.whl").unwrap_err();
            assert!(error.to_string().contains("METADATA is for"), "{error}");
        }
        assert!(opens(&zipped(&[("six.py", "")]), "six-1.0-py3-none-any.whl").is_err());
        assert!(opens(&gzipped(b"no tar"), "six-1.0.tar.gz").is_err());
    }
}
