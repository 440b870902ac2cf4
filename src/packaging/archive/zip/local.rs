//! Local headers: each must repeat its central header, and begin where the member before it ends.

use super::super::{ArchiveResult, Fields, ReadAt, read_exactly, refuse};
use super::central::DESCRIPTOR;
use super::extra;
use super::member::ZipMember;

const FIXED: usize = 30;

/// Checks all local headers and notes where each member's bytes begin. `members` are in the order
/// of their offsets; `end` is where the central directory begins.
pub(super) fn check_all<S: ReadAt + ?Sized>(
    source: &S,
    members: &mut [ZipMember],
    end: u64,
) -> ArchiveResult<()> {
    let mut at = 0;
    for member in members {
        if member.header != at {
            refuse!(
                "bytes before, between or shared by members: {:?} is at offset {}, expected {at}",
                member.name,
                member.header
            );
        }
        let zip64 = check(source, member)?;
        at = member.data.saturating_add(member.packed);
        if member.flags & DESCRIPTOR != 0 {
            at = check_descriptor(source, member, at, zip64)?;
        }
        if at > end {
            refuse!("member {:?} reaches into the central directory", member.name);
        }
    }
    if at != end {
        refuse!("bytes between the last member and the central directory");
    }
    Ok(())
}

/// Compares one local header and notes the offset behind it; whether it has a ZIP64 field.
fn check<S: ReadAt + ?Sized>(source: &S, member: &mut ZipMember) -> ArchiveResult<bool> {
    let fixed = read_exactly(source, member.header, FIXED)?;
    let Some(local) = Local::parse(&fixed) else { refuse!("no local header for member {:?}", member.name) };
    let (name_length, extra_length) = (usize::from(local.name), usize::from(local.extra));
    let rest = read_exactly(source, member.header + FIXED as u64, name_length + extra_length)?;
    let (name, extra) = rest.split_at_checked(name_length).unwrap_or_default();
    let slash = if member.directory { "/" } else { "" };
    if name.strip_prefix(member.name.as_bytes()) != Some(slash.as_bytes()) {
        refuse!("local and central header disagree on the name of {:?}", member.name);
    }
    let differs = |what| refuse!("local and central header disagree on the {what} of {:?}", member.name);
    if local.flags != member.flags {
        return differs("flags");
    }
    if local.method != member.method.code() {
        return differs("compression method");
    }
    // With a data descriptor the header may leave them open: zero, and nothing else.
    let open = member.flags & DESCRIPTOR != 0;
    if local.crc != member.crc && !(open && local.crc == 0) {
        return differs("CRC");
    }
    let zip64 = extra::check(extra, name)?;
    let (mut size, mut packed) = (u64::from(local.size), u64::from(local.packed));
    if !extra::resolve(zip64, &mut [&mut size, &mut packed]) {
        refuse!("the ZIP64 extra field of {:?} has the wrong length", member.name);
    }
    if (size, packed) != (member.size, member.packed) && !(open && (size, packed) == (0, 0)) {
        return differs("sizes");
    }
    let is_zip64 = zip64.is_some();
    member.data = member.header + (FIXED + name_length + extra_length) as u64;
    Ok(is_zip64)
}

/// Compares the data descriptor at `at`; returns the offset behind it. Its signature is optional by
/// the standard; without it two readers could disagree on where it begins.
fn check_descriptor<S: ReadAt + ?Sized>(
    source: &S,
    member: &ZipMember,
    at: u64,
    zip64: bool,
) -> ArchiveResult<u64> {
    let length = if zip64 { 24 } else { 16 };
    let bytes = read_exactly(source, at, length)?;
    let parsed = || {
        let mut fields = Fields(bytes.strip_prefix(b"PK\x07\x08")?);
        let crc = fields.u32()?;
        let mut size = || if zip64 { fields.u64() } else { fields.u32().map(u64::from) };
        Some((crc, size()?, size()?))
    };
    match parsed() {
        Some(told) if told == (member.crc, member.packed, member.size) => Ok(at + length as u64),
        Some(_) => refuse!("the data descriptor of {:?} disagrees with its central header", member.name),
        None => refuse!("no data descriptor after member {:?}", member.name),
    }
}

struct Local {
    flags: u16,
    method: u16,
    crc: u32,
    packed: u32,
    size: u32,
    name: u16,
    extra: u16,
}

impl Local {
    fn parse(fixed: &[u8]) -> Option<Self> {
        let mut fields = Fields(fixed.strip_prefix(b"PK\x03\x04")?);
        // Version needed.
        fields.bytes(2)?;
        let (flags, method) = (fields.u16()?, fields.u16()?);
        // Time and date.
        fields.bytes(4)?;
        Some(Self {
            flags,
            method,
            crc: fields.u32()?,
            packed: fields.u32()?,
            size: fields.u32()?,
            name: fields.u16()?,
            extra: fields.u16()?,
        })
    }
}
