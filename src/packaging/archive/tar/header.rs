//! One tar header block (ustar and the GNU form of it).

use super::super::sniff::{BLOCK, field, is_tar_header, octal};
use super::super::{ArchiveResult, refuse};

/// The kinds of members there may be; all others are refused, never skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Directory,
    Symlink,
    Hardlink,
    Pax,
    Global,
    LongName,
    LongLink,
}

/// A header block whose checksum is right.
#[derive(Debug)]
pub(super) struct Header<'a> {
    block: &'a [u8; BLOCK],
    pub(super) kind: Kind,
    /// Bytes of content.
    pub(super) size: u64,
    mode: u64,
}

/// Text up to the first NUL.
fn text(field: &[u8]) -> ArchiveResult<&str> {
    let bytes = field.split(|byte| *byte == 0).next().unwrap_or_default();
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text),
        Err(_) => refuse!("member name {:?} is not UTF-8", String::from_utf8_lossy(bytes)),
    }
}

impl<'a> Header<'a> {
    pub(super) fn parse(block: &'a [u8; BLOCK]) -> ArchiveResult<Self> {
        if !is_tar_header(block) {
            refuse!("wrong checksum of a header");
        }
        match field(block, 257, 8) {
            b"ustar\x0000" => {}
            // GNU uses the place of ustar's prefix for times, and Python reads a prefix there.
            b"ustar  \0" if field(block, 345, 155).iter().all(|byte| *byte == 0) => {}
            b"ustar  \0" => refuse!("GNU header with fields in the place of a prefix"),
            _ => refuse!("a header is neither ustar nor GNU tar"),
        }
        let name = String::from_utf8_lossy(field(block, 0, 100));
        let name = name.trim_end_matches('\0');
        let kind = match field(block, 156, 1) {
            b"0" | b"\0" => Kind::File,
            b"1" => Kind::Hardlink,
            b"2" => Kind::Symlink,
            b"5" => Kind::Directory,
            b"x" => Kind::Pax,
            b"g" => Kind::Global,
            b"L" => Kind::LongName,
            b"K" => Kind::LongLink,
            b"3" | b"4" | b"6" => refuse!("{name:?} is a device or FIFO"),
            b"S" => refuse!("{name:?} is sparse"),
            other => refuse!("{name:?} has the unknown type {:?}", String::from_utf8_lossy(other)),
        };
        let Some(size) = octal(field(block, 124, 12)) else { refuse!("{name:?} has a malformed size") };
        let Some(mode) = octal(field(block, 100, 8)) else { refuse!("{name:?} has a malformed mode") };
        Ok(Self { block, kind, size, mode })
    }

    /// The name, ustar's prefix before it.
    pub(super) fn name(&self) -> ArchiveResult<String> {
        let name = text(field(self.block, 0, 100))?;
        let prefix = text(field(self.block, 345, 155))?;
        Ok(if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") })
    }

    /// The link's target, if there is one.
    pub(super) fn link(&self) -> ArchiveResult<Option<String>> {
        let target = text(field(self.block, 157, 100))?;
        Ok((!target.is_empty()).then(|| target.to_owned()))
    }

    /// Directories may be setgid: builds below a setgid directory make them so.
    pub(super) fn check_mode(&self, name: &str) -> ArchiveResult<()> {
        let setgid_file = self.mode & 0o2000 != 0 && self.kind == Kind::File;
        if self.mode & 0o4000 != 0 || setgid_file {
            refuse!("{name:?} is setuid or setgid");
        }
        Ok(())
    }
}
