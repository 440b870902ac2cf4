//! Shared objects (ELF): what they need from the system, read from their bytes within bounds.
//!
//! Only what the dynamic linker looks at is read: program headers, the dynamic section, its strings
//! and the needed symbol versions. Section headers may be stripped or lie, so nothing uses them.

mod bytes;
mod edit;
mod symbols;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use super::archive::{ArchiveResult, refuse};
use crate::error::Result;
pub use bytes::is_elf;
use bytes::{
    DT_NEEDED, DT_NULL, DT_RPATH, DT_RUNPATH, DT_SONAME, DT_STRSZ, DT_STRTAB, DT_VERNEED, DT_VERNEEDNUM,
    Image, PT_DYNAMIC, PT_INTERP,
};
pub use edit::{Edit, clean};
pub use symbols::python_symbols;

/// Most entries of a dynamic section; real ones have about thirty.
const MAX_DYNAMIC: usize = 4096;
/// Most bytes of a name in the dynamic section; search paths can be long.
const MAX_STRING: usize = 16 << 10;
/// Most needed versions of one file.
const MAX_VERSIONS: usize = 16 << 10;

/// What a dynamically linked ELF file says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Elf {
    pub machine: Machine,
    pub bits64: bool,
    pub big_endian: bool,
    /// Whether it names a program interpreter, as programs do and libraries do not.
    pub program: bool,
    /// Whether there is a dynamic section; object files and static programs have none.
    pub dynamic: bool,
    /// Whether a system can load or run it: object files wait for a linker.
    pub linked: bool,
    /// Libraries, in the order in which they are searched for symbols.
    pub needed: Vec<String>,
    pub soname: Option<String>,
    /// `DT_RPATH` and `DT_RUNPATH`, divided at colons.
    pub rpath: Vec<String>,
    pub runpath: Vec<String>,
    /// For each library the versions of its symbols that are needed: `libc.so.6` → `GLIBC_2.17`.
    pub versions: BTreeMap<String, BTreeSet<String>>,
}

/// `e_machine`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Machine(pub u16);

impl Machine {
    /// As platform tags write it; the class and byte order tell siblings apart.
    pub fn arch(self, bits64: bool, big_endian: bool) -> Option<&'static str> {
        Some(match (self.0, bits64, big_endian) {
            (3, false, false) => "i686",
            (62, true, false) => "x86_64",
            (183, true, false) => "aarch64",
            (40, false, false) => "armv7l",
            (21, true, false) => "ppc64le",
            (21, true, true) => "ppc64",
            (22, true, true) => "s390x",
            (243, true, false) => "riscv64",
            (258, true, false) => "loongarch64",
            _ => return None,
        })
    }
}

impl Elf {
    /// Reads `file`.
    ///
    /// # Errors
    /// `Bad` if it begins like an ELF file and is none, or one whose dynamic section points astray.
    pub fn read(file: &[u8]) -> Result<Self> {
        read(file).map_err(|fault| fault.answer("Cannot read the ELF file: "))
    }

    /// See [`Machine::arch`].
    pub fn arch(&self) -> Option<&'static str> {
        self.machine.arch(self.bits64, self.big_endian)
    }
}

/// Whether a needed library is the interpreter's own, which extensions must not name: a wheel is for
/// interpreters with and without a shared library.
pub fn is_libpython(soname: &str) -> bool {
    let Some(rest) = soname.strip_prefix("libpython") else { return false };
    let Some((major, rest)) = rest.split_once('.') else { return false };
    let Some((minor, tail)) = rest.split_once(".so") else { return false };
    let minor = minor.trim_end_matches(|c: char| c.is_ascii_lowercase());
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits(major) && digits(minor) && tail.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

/// Where a string of the dynamic section is, and what it says.
#[derive(Clone, Debug)]
struct Text {
    /// Offset in the file.
    at: usize,
    text: String,
}

/// The dynamic section, entry by entry.
struct Dynamic {
    /// Offset in the file.
    at: usize,
    entries: Vec<(u64, u64)>,
    /// File offset and length of the string table.
    strings: (usize, usize),
}

impl Dynamic {
    fn value(&self, tag: u64) -> Option<u64> {
        self.entries.iter().find(|(key, _)| *key == tag).map(|(_, value)| *value)
    }

    fn string(&self, image: &Image, offset: u64) -> ArchiveResult<Text> {
        let (start, length) = self.strings;
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        let table = image.slice(start, length).and_then(|table| table.get(offset..));
        let text = table.and_then(|rest| rest.get(..rest.len().min(MAX_STRING))).and_then(|rest| {
            let end = rest.iter().position(|byte| *byte == 0)?;
            rest.get(..end)
        });
        let Some(text) = text else { refuse!("a string is outside the string table, or is too long") };
        let Ok(text) = std::str::from_utf8(text) else { refuse!("a library's name is not UTF-8") };
        Ok(Text { at: start + offset, text: text.to_owned() })
    }

    /// The strings of all entries with that tag.
    fn strings_of(&self, image: &Image, tag: u64) -> ArchiveResult<Vec<Text>> {
        let entries = self.entries.iter().filter(|(key, _)| *key == tag);
        entries.map(|(_, value)| self.string(image, *value)).collect()
    }
}

fn read(file: &[u8]) -> ArchiveResult<Elf> {
    let image = Image::open(file)?;
    let segments = image.segments()?;
    let mut elf = Elf {
        machine: Machine(image.machine),
        bits64: image.bits64,
        big_endian: image.big_endian,
        // `ET_EXEC`, `ET_DYN`
        linked: matches!(image.number(16, 2), Some(2 | 3)),
        program: segments.iter().any(|segment| segment.kind == PT_INTERP),
        ..Elf::default()
    };
    let Some(dynamic) = dynamic(&image, &segments)? else { return Ok(elf) };
    elf.dynamic = true;
    let plain = |texts: Vec<Text>| texts.into_iter().map(|text| text.text).collect::<Vec<_>>();
    let paths = |texts: Vec<Text>| {
        texts.iter().flat_map(|text| text.text.split(':').map(str::to_owned)).collect::<Vec<_>>()
    };
    elf.needed = plain(dynamic.strings_of(&image, DT_NEEDED)?);
    elf.soname = plain(dynamic.strings_of(&image, DT_SONAME)?).into_iter().next();
    elf.rpath = paths(dynamic.strings_of(&image, DT_RPATH)?);
    elf.runpath = paths(dynamic.strings_of(&image, DT_RUNPATH)?);
    for need in needs(&image, &segments, &dynamic)? {
        let versions = elf.versions.entry(need.library.text).or_default();
        versions.extend(need.versions.into_iter().map(|version| version.text));
    }
    Ok(elf)
}

/// The dynamic section; `None` for files without one.
fn dynamic(image: &Image, segments: &[bytes::Segment]) -> ArchiveResult<Option<Dynamic>> {
    let Some(segment) = segments.iter().find(|segment| segment.kind == PT_DYNAMIC) else {
        return Ok(None);
    };
    let width = image.word();
    let mut entries = Vec::new();
    for index in 0..MAX_DYNAMIC.min(segment.file_size / (2 * width)) {
        let at = segment.offset + index * 2 * width;
        let (Some(tag), Some(value)) = (image.number(at, width), image.number(at + width, width)) else {
            refuse!("the dynamic section is outside the file");
        };
        if tag == DT_NULL {
            break;
        }
        entries.push((tag, value));
    }
    let mut dynamic = Dynamic { at: segment.offset, entries, strings: (0, 0) };
    if let Some(address) = dynamic.value(DT_STRTAB) {
        let length = usize::try_from(dynamic.value(DT_STRSZ).unwrap_or_default()).unwrap_or(usize::MAX);
        let Some(start) = image.offset(segments, address) else {
            refuse!("the string table is outside the file");
        };
        if image.slice(start, length).is_none() {
            refuse!("the string table extends beyond the file");
        }
        dynamic.strings = (start, length);
    }
    Ok(Some(dynamic))
}

/// The versions needed of one library.
struct Need {
    library: Text,
    versions: Vec<Text>,
}

fn needs(image: &Image, segments: &[bytes::Segment], dynamic: &Dynamic) -> ArchiveResult<Vec<Need>> {
    let (Some(address), Some(count)) = (dynamic.value(DT_VERNEED), dynamic.value(DT_VERNEEDNUM)) else {
        return Ok(Vec::new());
    };
    let Some(mut at) = image.offset(segments, address) else {
        refuse!("the needed versions are outside the file");
    };
    let (mut needs, mut total) = (Vec::new(), 0);
    for _ in 0..count {
        // Version, count, file, first auxiliary entry, next: the same in both classes.
        let fields = (image.number(at + 2, 2), image.number(at + 4, 4), image.number(at + 8, 4));
        let ((Some(auxiliaries), Some(file), Some(first)), Some(next)) = (fields, image.number(at + 12, 4))
        else {
            refuse!("the needed versions extend beyond the file");
        };
        let mut need = Need { library: dynamic.string(image, file)?, versions: Vec::new() };
        let mut auxiliary = step(at, first)?;
        for _ in 0..auxiliaries {
            total += 1;
            let (Some(name), Some(next)) = (image.number(auxiliary + 8, 4), image.number(auxiliary + 12, 4))
            else {
                refuse!("the needed versions extend beyond the file");
            };
            need.versions.push(dynamic.string(image, name)?);
            if next == 0 || total > MAX_VERSIONS {
                break;
            }
            auxiliary = step(auxiliary, next)?;
        }
        needs.push(need);
        if total > MAX_VERSIONS || needs.len() > MAX_DYNAMIC {
            refuse!("too many needed versions");
        }
        if next == 0 {
            break;
        }
        at = step(at, next)?;
    }
    Ok(needs)
}

/// A place further on; the file's length bounds what is read there.
fn step(at: usize, by: u64) -> ArchiveResult<usize> {
    match usize::try_from(by).ok().and_then(|by| at.checked_add(by)).filter(|at| *at < usize::MAX / 2) {
        Some(at) => Ok(at),
        None => refuse!("the needed versions lead outside the file"),
    }
}
