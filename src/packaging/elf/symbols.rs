//! The symbols that an ELF file needs from others, as its dynamic symbol table lists them.

use std::collections::BTreeSet;

use super::bytes::{Image, Segment};
use super::{Dynamic, dynamic};
use crate::error::Result;
use crate::packaging::archive::{ArchiveResult, refuse};

const DT_HASH: u64 = 4;
const DT_SYMTAB: u64 = 6;
const DT_GNU_HASH: u64 = 0x6fff_fef5;
/// Most symbols that are looked at.
const MOST: u64 = 1 << 20;
/// Names of Python that one file needs, and bytes of one: CPython has some 2,000 of less than 80.
const MOST_NAMES: usize = 10_000;
const LONGEST: usize = 200;

/// The symbols of Python's C API that `file` needs: they begin with `Py` or `_Py`.
///
/// # Errors
/// `Bad` if it is no ELF file, or its tables point astray.
pub fn python_symbols(file: &[u8]) -> Result<BTreeSet<String>> {
    needed(file).map_err(|fault| fault.answer("Cannot read the ELF file: "))
}

fn needed(file: &[u8]) -> ArchiveResult<BTreeSet<String>> {
    let image = Image::open(file)?;
    let segments = image.segments()?;
    let mut found = BTreeSet::new();
    let Some(dynamic) = dynamic(&image, &segments)? else { return Ok(found) };
    let Some(table) = dynamic.value(DT_SYMTAB).and_then(|at| image.offset(&segments, at)) else {
        return Ok(found);
    };
    let (size, section) = if image.bits64 { (24, 6) } else { (16, 14) };
    for index in 1..count(&image, &segments, &dynamic).min(MOST) {
        let at = usize::try_from(index).ok().and_then(|index| table.checked_add(index * size));
        let fields = at.and_then(|at| Some((image.number(at, 4)?, image.number(at + section, 2)?)));
        let Some((name, section)) = fields else { refuse!("the symbols extend beyond the file") };
        if section != 0 || !is_pythons(&image, &dynamic, name) {
            continue;
        }
        let text = dynamic.string(&image, name)?.text;
        if text.len() > LONGEST || found.len() >= MOST_NAMES {
            refuse!("it needs more symbols of Python than there are");
        }
        found.insert(text);
    }
    Ok(found)
}

/// Told by the first bytes, lest the long names of others are read.
fn is_pythons(image: &Image<'_>, dynamic: &Dynamic, name: u64) -> bool {
    let at = usize::try_from(name).ok().and_then(|name| dynamic.strings.0.checked_add(name));
    let beginning = at.and_then(|at| image.slice(at, 3)).unwrap_or_default();
    beginning.starts_with(b"Py") || beginning == b"_Py"
}

/// How many symbols there are: all, or those before the first that others can find here.
fn count(image: &Image<'_>, segments: &[Segment], dynamic: &Dynamic) -> u64 {
    // The second number of either table.
    let second = |tag| {
        let at = dynamic.value(tag).and_then(|at| image.offset(segments, at))?;
        image.number(at.checked_add(4)?, 4)
    };
    second(DT_GNU_HASH).or_else(|| second(DT_HASH)).unwrap_or_default()
}
