//! Numbers and segments of an ELF file, in either class and byte order; nothing outside of it is read.

use super::super::archive::{ArchiveResult, refuse};

pub(super) const PT_LOAD: u64 = 1;
pub(super) const PT_DYNAMIC: u64 = 2;
pub(super) const PT_INTERP: u64 = 3;
pub(super) const DT_NULL: u64 = 0;
pub(super) const DT_NEEDED: u64 = 1;
pub(super) const DT_STRTAB: u64 = 5;
pub(super) const DT_STRSZ: u64 = 10;
pub(super) const DT_SONAME: u64 = 14;
pub(super) const DT_RPATH: u64 = 15;
pub(super) const DT_RUNPATH: u64 = 29;
pub(super) const DT_VERNEED: u64 = 0x6fff_fffe;
pub(super) const DT_VERNEEDNUM: u64 = 0x6fff_ffff;

/// Most program headers that are looked at; real files have about ten.
const MAX_SEGMENTS: u64 = 1024;

/// An ELF file's bytes and what its first ones say.
pub(super) struct Image<'a> {
    pub(super) file: &'a [u8],
    pub(super) machine: u16,
    pub(super) bits64: bool,
    pub(super) big_endian: bool,
}

/// Whether these first bytes are those of an ELF file.
pub fn is_elf(beginning: &[u8]) -> bool {
    beginning.starts_with(b"\x7fELF")
}

/// A program header.
pub(super) struct Segment {
    pub(super) kind: u64,
    pub(super) offset: usize,
    pub(super) address: u64,
    pub(super) file_size: usize,
}

impl<'a> Image<'a> {
    pub(super) fn open(file: &'a [u8]) -> ArchiveResult<Self> {
        let (Some(class), Some(order)) = (file.get(4), file.get(5)) else { refuse!("it is too short") };
        if !is_elf(file) {
            refuse!("it does not start with the ELF signature");
        }
        let bits64 = match class {
            1 => false,
            2 => true,
            other => refuse!("unknown class {other}"),
        };
        let big_endian = match order {
            1 => false,
            2 => true,
            other => refuse!("unknown byte order {other}"),
        };
        let mut image = Self { file, machine: 0, bits64, big_endian };
        let Some(machine) = image.number(18, 2).and_then(|number| u16::try_from(number).ok()) else {
            refuse!("it is too short")
        };
        image.machine = machine;
        Ok(image)
    }

    /// Bytes of an address.
    pub(super) fn word(&self) -> usize {
        if self.bits64 { 8 } else { 4 }
    }

    pub(super) fn slice(&self, at: usize, length: usize) -> Option<&'a [u8]> {
        self.file.get(at..at.checked_add(length)?)
    }

    /// A number of `width` (at most 8) bytes.
    pub(super) fn number(&self, at: usize, width: usize) -> Option<u64> {
        let fold = |sum: u64, byte: &u8| (sum << 8) | u64::from(*byte);
        let bytes = self.slice(at, width)?.iter();
        Some(if self.big_endian { bytes.fold(0, fold) } else { bytes.rev().fold(0, fold) })
    }

    /// `value` as the bytes that this file has for a number of `width` bytes.
    pub(super) fn encode(&self, value: u64, width: usize) -> Vec<u8> {
        let bytes = value.to_be_bytes();
        let mut bytes = bytes.get(bytes.len().saturating_sub(width)..).unwrap_or_default().to_vec();
        if !self.big_endian {
            bytes.reverse();
        }
        bytes
    }

    pub(super) fn segments(&self) -> ArchiveResult<Vec<Segment>> {
        let places = if self.bits64 { (32, 54, 56) } else { (28, 42, 44) };
        let (Some(table), Some(size), Some(count)) =
            (self.number(places.0, self.word()), self.number(places.1, 2), self.number(places.2, 2))
        else {
            refuse!("it is too short");
        };
        if count > MAX_SEGMENTS {
            refuse!("it has {count} program headers");
        }
        (0..count).map(|index| self.segment(table.saturating_add(index * size))).collect()
    }

    fn segment(&self, at: u64) -> ArchiveResult<Segment> {
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        let places = if self.bits64 { [0, 8, 16, 32] } else { [0, 4, 8, 16] };
        let widths = [4, self.word(), self.word(), self.word()];
        let mut fields = places.iter().zip(widths).map(|(place, width)| {
            let number = at.checked_add(*place).and_then(|at| self.number(at, width));
            number.and_then(|number| usize::try_from(number).ok())
        });
        let mut next = || fields.next().flatten();
        let (Some(kind), Some(offset), Some(address), Some(file_size)) = (next(), next(), next(), next())
        else {
            refuse!("a program header is outside the file");
        };
        if offset.checked_add(file_size).is_none() {
            refuse!("a segment extends beyond the file");
        }
        Ok(Segment { kind: kind as u64, offset, address: address as u64, file_size })
    }

    /// Where in the file the byte is that is loaded at `address`.
    pub(super) fn offset(&self, segments: &[Segment], address: u64) -> Option<usize> {
        let loaded = segments.iter().filter(|segment| segment.kind == PT_LOAD);
        loaded
            .filter_map(|segment| {
                let inside = usize::try_from(address.checked_sub(segment.address)?).ok()?;
                (inside < segment.file_size).then(|| segment.offset.checked_add(inside))?
            })
            .next()
    }
}
