//! One header of the central directory.

use std::io::Read;

use super::super::{ArchiveResult, Fields, refuse};
use super::extra;
use super::member::{Method, ZipMember};

/// Deflate's two level bits, "a data descriptor follows" and "names are UTF-8"; no other flag is
/// harmless.
const FLAGS: u16 = 0x080e;
/// Sizes and CRC stand behind the bytes too: whoever writes to a pipe knows them no earlier.
pub(super) const DESCRIPTOR: u16 = 0x0008;
const UTF8: u16 = 0x0800;
const FIXED: usize = 46;

/// A central header as written, its ZIP64 values put in.
#[derive(Debug)]
pub(crate) struct Central {
    pub(crate) flags: u16,
    pub(crate) method: u16,
    pub(crate) crc: u32,
    pub(crate) packed: u64,
    pub(crate) size: u64,
    pub(crate) name: Vec<u8>,
    /// Of the local header.
    pub(crate) header: u64,
    extra: Vec<u8>,
    comment: u16,
    disk: u16,
    external: u32,
    zip64_fits: bool,
}

impl Central {
    /// Reads the next header.
    pub(crate) fn read(reader: &mut impl Read) -> ArchiveResult<Self> {
        let mut fixed = Vec::with_capacity(FIXED);
        reader.take(FIXED as u64).read_to_end(&mut fixed)?;
        let Some((mut central, name, extra)) = Self::parse(&fixed) else {
            refuse!("the central directory has fewer entries than the end record says")
        };
        let comment = u64::from(central.comment);
        reader.take(name.into()).read_to_end(&mut central.name)?;
        reader.take(extra.into()).read_to_end(&mut central.extra)?;
        let skipped = std::io::copy(&mut reader.take(comment), &mut std::io::sink())?;
        if central.name.len() != usize::from(name)
            || central.extra.len() != usize::from(extra)
            || skipped != comment
        {
            refuse!("truncated central directory");
        }
        central.zip64_fits = extra::resolve(
            extra::zip64_of(&central.extra),
            &mut [&mut central.size, &mut central.packed, &mut central.header],
        );
        Ok(central)
    }

    fn parse(fixed: &[u8]) -> Option<(Self, u16, u16)> {
        let mut fields = Fields(fixed.strip_prefix(b"PK\x01\x02")?);
        // Versions made by and needed.
        fields.bytes(4)?;
        let (flags, method) = (fields.u16()?, fields.u16()?);
        // Time and date.
        fields.bytes(4)?;
        let (crc, packed, size) = (fields.u32()?, fields.u32()?, fields.u32()?);
        let (name, extra, comment) = (fields.u16()?, fields.u16()?, fields.u16()?);
        let disk = fields.u16()?;
        // Internal attributes.
        fields.bytes(2)?;
        let (external, header) = (fields.u32()?, fields.u32()?);
        let central = Self {
            flags,
            method,
            crc,
            packed: packed.into(),
            size: size.into(),
            name: Vec::new(),
            header: header.into(),
            extra: Vec::new(),
            comment,
            disk,
            external,
            zip64_fits: false,
        };
        Some((central, name, extra))
    }

    /// The strict reading of this header.
    pub(super) fn check(self) -> ArchiveResult<ZipMember> {
        let name = self.check_name()?;
        check_flags(self.flags, &name)?;
        if self.comment != 0 {
            refuse!("comment on member {name:?}");
        }
        if self.disk != 0 {
            refuse!("member {name:?} is on another disk");
        }
        extra::check(&self.extra, &self.name)?;
        if !self.zip64_fits {
            refuse!("the ZIP64 extra field of {name:?} has the wrong length");
        }
        let method = self.check_method(&name)?;
        let directory = name.ends_with('/');
        if directory && self.size != 0 {
            refuse!("directory {name:?} has content");
        }
        check_attributes(self.external, directory, &name)?;
        let plain = name.strip_suffix('/').unwrap_or(&name);
        Ok(ZipMember {
            name: plain.into(),
            directory,
            method,
            flags: self.flags,
            crc: self.crc,
            packed: self.packed,
            size: self.size,
            header: self.header,
            data: 0,
        })
    }

    fn check_name(&self) -> ArchiveResult<String> {
        let Ok(name) = String::from_utf8(self.name.clone()) else {
            refuse!("member name {:?} is not UTF-8", String::from_utf8_lossy(&self.name))
        };
        if !name.is_ascii() && self.flags & UTF8 == 0 {
            refuse!("member name {name:?} is not marked as UTF-8 and reads differently elsewhere");
        }
        Ok(name)
    }

    fn check_method(&self, name: &str) -> ArchiveResult<Method> {
        match self.method {
            // Who reads from front to back cannot tell where such bytes end.
            0 if self.flags & DESCRIPTOR != 0 && self.size != 0 => {
                refuse!("stored member {name:?} has a data descriptor: where it ends is ambiguous")
            }
            0 if self.packed != self.size => refuse!("stored member {name:?} has two sizes"),
            0 => Ok(Method::Stored),
            8 => Ok(Method::Deflated),
            other => refuse!("compression method {other} of {name:?} is not allowed"),
        }
    }
}

fn check_flags(flags: u16, name: &str) -> ArchiveResult<()> {
    if flags & 0x2041 != 0 {
        refuse!("member {name:?} is encrypted");
    }
    if flags & !FLAGS != 0 {
        refuse!("member {name:?} has unknown flags {flags:#06x}");
    }
    Ok(())
}

/// Unix modes are in the upper half whatever system the header names; DOS bits in the lower.
fn check_attributes(external: u32, directory: bool, name: &str) -> ArchiveResult<()> {
    let mode = external >> 16;
    match (mode & 0o170_000, directory) {
        (0, _) | (0o100_000, false) | (0o040_000, true) => {}
        (0o120_000, _) => refuse!("member {name:?} is a symbolic link"),
        _ => refuse!("member {name:?} is neither a file nor a directory"),
    }
    // Builds in a directory with the setgid bit pass that on to directories.
    if mode & 0o4000 != 0 || (mode & 0o2000 != 0 && !directory) {
        refuse!("member {name:?} is setuid or setgid");
    }
    // Volume label, device; a directory whose name is that of a file.
    if external & 0x48 != 0 || (external & 0x10 != 0 && !directory) {
        refuse!("member {name:?} is marked as a device, volume or directory");
    }
    Ok(())
}
