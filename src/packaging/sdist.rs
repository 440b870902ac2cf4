//! Source distributions (PEP 517, 625), read strictly for uploads: `.tar.gz`, and legacy `.zip`.

#[cfg(test)]
mod tests;

use super::archive::zip::{self, Archive, Names};
use super::archive::{ArchiveResult, INVALID, MAX_TEXT, ReadAt, names, refuse, tar};
use super::filename::SdistFilename;
use super::metadata::Metadata;
use super::version;
use super::wheel::has_license_files;
use crate::bad;
use crate::error::{Error, Result};
use crate::names::ProjectName;

/// What an accepted sdist says about itself.
#[derive(Clone, Debug)]
pub struct SdistContents {
    pub metadata: Metadata,
    /// `PKG-INFO` byte for byte.
    pub metadata_bytes: Vec<u8>,
    /// `pyproject.toml`, if there is one of a usual size.
    pub pyproject: Option<Vec<u8>>,
    /// It is small, and there is nothing in it for a compiler: its wheel takes hardly longer than its metadata.
    pub is_light: bool,
}

/// Bytes and files of a light sdist.
const LIGHT: (u64, usize) = (8 << 20, 2000);
/// What compilers and generators read.
const COMPILED: [&str; 18] = [
    ".c", ".cc", ".cpp", ".cxx", ".pyx", ".rs", ".go", ".f", ".f90", ".f95", ".for", ".cu", ".m", ".mm",
    ".i", ".swg", ".asm", ".s",
];

/// Bytes of a `pyproject.toml` that is kept.
const LARGEST_PYPROJECT: u64 = 1 << 20;

/// A member that is kept.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    PkgInfo,
    Pyproject,
}

/// What was kept.
#[derive(Default)]
struct Kept {
    pkg_info: Option<Vec<u8>>,
    pyproject: Option<Vec<u8>>,
}

impl Kept {
    fn add(&mut self, what: Wanted, bytes: Vec<u8>) {
        match what {
            Wanted::PkgInfo => self.pkg_info = Some(bytes),
            Wanted::Pyproject => self.pyproject = Some(bytes),
        }
    }
}

/// Reads a whole sdist: every header, its single top directory and `PKG-INFO` in it. Blocks;
/// needs memory for names only.
///
/// `allow_links` accepts symbolic and hard links that stay within the archive; without it only
/// files and directories are accepted.
///
/// # Errors
/// `Bad` with the reason, beginning as PyPI's answers do; `Internal` if the file cannot be read.
pub fn read<S: ReadAt + ?Sized>(
    file: &S,
    filename: &SdistFilename,
    allow_links: bool,
) -> Result<SdistContents> {
    let mut layout = Layout::default();
    let kept = match filename.extension {
        ".tar.gz" | ".tgz" => read_tar(file, allow_links, &mut layout)?,
        ".zip" => read_zip(file, &mut layout)?,
        other => return Err(bad!("{INVALID}an sdist is a .tar.gz file, not {other}")),
    };
    let metadata_bytes = kept.pkg_info.ok_or_else(no_pkg_info)?;
    layout.check_top(filename).map_err(|fault| fault.answer(INVALID))?;
    Metadata::check_layout(&metadata_bytes)?;
    let metadata = Metadata::parse(&metadata_bytes)?;
    check_metadata(&metadata, filename).map_err(|fault| fault.answer(INVALID))?;
    layout.check_licenses(&metadata).map_err(|fault| fault.answer(INVALID))?;
    let is_light = layout.is_light();
    Ok(SdistContents { metadata, metadata_bytes, pyproject: kept.pyproject, is_light })
}

fn read_tar<S: ReadAt + ?Sized>(file: &S, allow_links: bool, layout: &mut Layout) -> Result<Kept> {
    let mut wanted = Vec::new();
    let found = tar::walk(file, allow_links, |member| {
        let what = layout.add(&member.name, member.directory, member.size)?;
        wanted.extend(what);
        Ok(what.map(|_| MAX_TEXT))
    });
    let mut kept = Kept::default();
    for (what, (_, bytes)) in wanted.into_iter().zip(found.map_err(|fault| fault.answer(tar::LEAD))?) {
        kept.add(what, bytes);
    }
    Ok(kept)
}

fn read_zip<S: ReadAt + ?Sized>(file: &S, layout: &mut Layout) -> Result<Kept> {
    let refused = |fault: super::archive::Fault| fault.answer(zip::LEAD);
    let archive = Archive::open(file, Names::Legacy).map_err(refused)?;
    let mut kept = Kept::default();
    for member in &archive.members {
        match layout.add(&member.name, member.directory, member.size).map_err(refused)? {
            Some(what) => kept.add(what, archive.bytes(member, MAX_TEXT).map_err(refused)?),
            None => archive.unpack(member, |_| {}).map_err(refused)?,
        }
    }
    Ok(kept)
}

fn no_pkg_info() -> Error {
    bad!("{INVALID}PKG-INFO not found in the sdist's top directory")
}

/// What the names of an sdist's members tell.
#[derive(Default)]
struct Layout {
    top: Option<String>,
    pkg_info: bool,
    files: names::SeenNames,
    /// Of all members.
    bytes: u64,
    members: usize,
    is_compiled: bool,
}

impl Layout {
    /// Notes a member, and tells whether it is one to keep.
    fn add(&mut self, name: &str, directory: bool, size: u64) -> ArchiveResult<Option<Wanted>> {
        let (top, rest) = name.split_once('/').unwrap_or((name, ""));
        self.bytes = self.bytes.saturating_add(size);
        self.members += 1;
        self.is_compiled |= COMPILED.iter().any(|ending| rest.ends_with(ending));
        match &self.top {
            Some(other) if other != top => {
                refuse!("{name:?} is outside the top directory {other:?}")
            }
            Some(_) => {}
            None => self.top = Some(top.to_owned()),
        }
        if rest.is_empty() && !directory {
            refuse!("{name:?} is a file where the top directory should be");
        }
        if !directory {
            self.files.insert(rest);
        }
        if !names::fold(rest).eq_ignore_ascii_case("pkg-info") {
            let fits = rest == "pyproject.toml" && !directory && size <= LARGEST_PYPROJECT;
            return Ok(fits.then_some(Wanted::Pyproject));
        }
        if directory || rest != "PKG-INFO" || std::mem::replace(&mut self.pkg_info, true) {
            refuse!("{name:?} is a second PKG-INFO, or another spelling of it");
        }
        Ok(Some(Wanted::PkgInfo))
    }

    fn is_light(&self) -> bool {
        !self.is_compiled && self.bytes <= LIGHT.0 && self.members <= LIGHT.1
    }

    /// The top directory is `{name}-{version}`, in any spelling of both.
    fn check_top(&self, filename: &SdistFilename) -> ArchiveResult<()> {
        let top = self.top.as_deref().unwrap_or_default();
        let as_file = format!("{top}{}", filename.extension);
        match SdistFilename::parse_for(&filename.name, &as_file) {
            Ok(parsed) if parsed.version == filename.version => Ok(()),
            _ => refuse!(
                "the top directory {top:?} is not {}-{}",
                filename.name.escaped(),
                filename.version_text
            ),
        }
    }

    /// PEP 639: the licence files that PKG-INFO names are there.
    fn check_licenses(&self, metadata: &Metadata) -> ArchiveResult<()> {
        if !has_license_files(&metadata.metadata_version) {
            return Ok(());
        }
        for file in &metadata.license_files {
            if !self.files.contains(file) {
                refuse!("License-File {file} does not exist in the sdist");
            }
        }
        Ok(())
    }
}

fn check_metadata(metadata: &Metadata, filename: &SdistFilename) -> ArchiveResult<()> {
    if ProjectName::new(&metadata.name).as_ref() != Some(&filename.name) {
        refuse!("PKG-INFO names the project {:?}, the file name {:?}", metadata.name, filename.name.as_str());
    }
    if version::parse(&metadata.version).as_ref() != Some(&filename.version) {
        refuse!("PKG-INFO has version {:?}, the file name {}", metadata.version, filename.version_text);
    }
    Ok(())
}
