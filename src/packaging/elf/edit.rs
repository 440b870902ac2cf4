//! Takes this machine's traces out of a shared object, in place: search paths and the interpreter's library.

use super::super::archive::{ArchiveResult, refuse};
use super::bytes::{DT_NEEDED, DT_RPATH, DT_RUNPATH, DT_SONAME, Image, PT_INTERP, Segment};
use super::{Dynamic, Elf, Text, is_libpython};
use crate::bad;
use crate::error::Result;

/// Entries whose value is a string; the last two are `DT_AUXILIARY` and `DT_FILTER`.
const STRINGS: [u64; 6] = [DT_NEEDED, DT_SONAME, DT_RPATH, DT_RUNPATH, 0x7fff_fffd, 0x7fff_ffff];

/// What [`clean`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edit {
    /// Search paths that are gone.
    pub paths: Vec<String>,
    /// Libraries that are no longer needed: the interpreter's, and a second name of the libc.
    pub libraries: Vec<String>,
}

impl Edit {
    /// Whether the file is as it was.
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty() && self.libraries.is_empty()
    }
}

/// Removes from `file` every search path that does not begin at the file's own place (`$ORIGIN`), and
/// from what it needs, if it is a library, `libpython…` and what [`is_superfluous`] says; then reads it
/// again and compares.
///
/// # Errors
/// `Bad` if `file` cannot be read, or has such paths in a form that cannot be changed in place.
pub fn clean(file: &mut [u8]) -> Result<Edit> {
    let before = Elf::read(file)?;
    let edit = change(file).map_err(|fault| fault.answer("ELF file not changed: "))?;
    if edit.is_empty() {
        return Ok(edit);
    }
    let after = Elf::read(file)?;
    let expected = expected(&before);
    if after != expected {
        return Err(bad!(
            "ELF file not changed: it would contain {after:?} after the change, not {expected:?}"
        ));
    }
    Ok(edit)
}

fn is_own(path: &str) -> bool {
    ["$ORIGIN", "${ORIGIN}"].iter().any(|origin| {
        let rest = path.strip_prefix(origin);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

/// Whether a library that an object needs is one that it must not name: the interpreter's own, or musl
/// under the name that zig gives it, beside the one that systems with musl do.
fn is_superfluous(name: &str, needed: &[String]) -> bool {
    is_libpython(name) || name == "libc.so" && needed.iter().any(|other| other.starts_with("libc.musl-"))
}

fn expected(before: &Elf) -> Elf {
    let mut after = before.clone();
    after.rpath.retain(|path| is_own(path));
    after.runpath.retain(|path| is_own(path));
    if !before.program {
        after.needed.retain(|name| !is_superfluous(name, &before.needed));
    }
    after
}

fn change(file: &mut [u8]) -> ArchiveResult<Edit> {
    let (edit, patches) = {
        let image = Image::open(file)?;
        let segments = image.segments()?;
        match super::dynamic(&image, &segments)? {
            Some(dynamic) => plan(&image, &segments, &dynamic)?,
            None => return Ok(Edit::default()),
        }
    };
    for patch in &patches {
        let target = patch.at.checked_add(patch.bytes.len()).and_then(|end| file.get_mut(patch.at..end));
        match target {
            Some(target) => target.copy_from_slice(&patch.bytes),
            None => refuse!("a change is outside the file"),
        }
    }
    Ok(edit)
}

/// Bytes to be written at an offset of the file.
struct Patch {
    at: usize,
    bytes: Vec<u8>,
}

/// The new dynamic section, with entries taken out and the others moved up, and wiped strings.
fn plan(image: &Image, segments: &[Segment], dynamic: &Dynamic) -> ArchiveResult<(Edit, Vec<Patch>)> {
    let program = segments.iter().any(|segment| segment.kind == PT_INTERP);
    let needed = dynamic.strings_of(image, DT_NEEDED)?.into_iter().map(|text| text.text);
    let needed: Vec<String> = needed.collect();
    let mut edit = Edit::default();
    let (mut entries, mut wiped) = (Vec::new(), Vec::new());
    for (tag, value) in &dynamic.entries {
        match *tag {
            DT_NEEDED if !program => {
                let name = dynamic.string(image, *value)?;
                if is_superfluous(&name.text, &needed) {
                    edit.libraries.push(name.text);
                    continue;
                }
            }
            DT_RPATH | DT_RUNPATH => {
                let text = dynamic.string(image, *value)?;
                let Some(kept) = keep(&text.text, &mut edit)? else {
                    wiped.push(text);
                    continue;
                };
                let skipped = text.text.len() - kept;
                entries.push((*tag, value + skipped as u64));
                wiped.push(Text {
                    at: text.at,
                    text: text.text.get(..skipped).unwrap_or_default().to_owned(),
                });
                continue;
            }
            _ => {}
        }
        entries.push((*tag, *value));
    }
    let mut patches = vec![section(image, dynamic, &entries)];
    let used = used_strings(image, segments, dynamic, &entries)?;
    patches.extend(wiped.iter().filter_map(|text| wipe(text, &used)));
    Ok((edit, patches))
}

/// How many bytes at the end of a search path stay; `None`: nothing does.
fn keep(text: &str, edit: &mut Edit) -> ArchiveResult<Option<usize>> {
    let paths: Vec<&str> = text.split(':').collect();
    edit.paths.extend(paths.iter().filter(|path| !is_own(path)).map(|path| (*path).to_owned()));
    let first = paths.iter().position(|path| is_own(path));
    let Some(own) = first.and_then(|first| paths.get(first..)) else { return Ok(None) };
    if !own.iter().all(|path| is_own(path)) {
        refuse!("its search path {text:?} has a foreign directory after its own");
    }
    Ok(Some(own.iter().map(|path| path.len() + 1).sum::<usize>().saturating_sub(1)))
}

/// The dynamic section as bytes; what it is shorter by becomes `DT_NULL`.
fn section(image: &Image, dynamic: &Dynamic, entries: &[(u64, u64)]) -> Patch {
    let width = image.word();
    let empty = std::iter::repeat_n(&(0, 0), dynamic.entries.len().saturating_sub(entries.len()));
    let numbers = entries.iter().chain(empty).flat_map(|(tag, value)| [*tag, *value]);
    Patch { at: dynamic.at, bytes: numbers.flat_map(|number| image.encode(number, width)).collect() }
}

/// Where the strings begin that the dynamic section and the versions still use.
fn used_strings(
    image: &Image,
    segments: &[Segment],
    dynamic: &Dynamic,
    entries: &[(u64, u64)],
) -> ArchiveResult<Vec<usize>> {
    let mut used = Vec::new();
    for (tag, value) in entries {
        if STRINGS.contains(tag) {
            used.push(dynamic.string(image, *value)?.at);
        }
    }
    for need in super::needs(image, segments, dynamic)? {
        used.push(need.library.at);
        used.extend(need.versions.iter().map(|version| version.at));
    }
    Ok(used)
}

/// Linkers let a string begin inside of another, so only what no other string can need is wiped: up to
/// the last slash, which no symbol's name has, and only if nothing known begins in there.
fn wipe(text: &Text, used: &[usize]) -> Option<Patch> {
    let length = text.text.rfind('/')? + 1;
    let shared = used.iter().any(|at| (text.at..text.at + length).contains(at));
    (!shared).then(|| Patch { at: text.at, bytes: vec![b'X'; length] })
}
