//! Wheels (PEP 427), read strictly for uploads and liberally for mirrored files.

mod entry_points;
mod layout;
mod record;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::io::{Read, Seek};

use super::archive::zip::{Archive, LEAD, Names, ZipMember};
use super::archive::{ArchiveResult, Fault, INVALID, MAX_TEXT, ReadAt, refuse, remote};
use super::filename::WheelFilename;
use super::metadata::Metadata;
use super::version;
use crate::bad;
use crate::error::Result;
use crate::names::ProjectName;

/// What an accepted wheel says about itself.
#[derive(Clone, Debug)]
pub struct WheelContents {
    pub metadata: Metadata,
    /// `METADATA` byte for byte, as PEP 658 serves it.
    pub metadata_bytes: Vec<u8>,
}

/// Reads a whole wheel: every header, every member's bytes against `RECORD`, and what the
/// `.dist-info` files say against the file name. Blocks; needs memory for names and hashes only.
///
/// # Errors
/// `Bad` with the reason, beginning as PyPI's answers do; `Internal` if the file cannot be read.
pub fn read<S: ReadAt + ?Sized>(file: &S, filename: &WheelFilename) -> Result<WheelContents> {
    read_as(file, filename, Rules { licenses: true, tags: true })
}

/// The same for a wheel that somebody publishes. Its `WHEEL` may have other tags than its name, as
/// after a repair by older tools: installers go by the name, and PyPI does not look.
///
/// # Errors
/// As [`read`].
pub fn read_published<S: ReadAt + ?Sized>(file: &S, filename: &WheelFilename) -> Result<WheelContents> {
    read_as(file, filename, Rules { licenses: true, tags: false })
}

/// The same for a copy of a wheel that has passed [`read`], with the `METADATA` of its sdist: that may
/// name licence files which older backends put elsewhere.
///
/// # Errors
/// As [`read`].
pub fn read_copy<S: ReadAt + ?Sized>(file: &S, filename: &WheelFilename) -> Result<WheelContents> {
    read_as(file, filename, Rules { licenses: false, tags: true })
}

/// What a wheel must have right besides what every one must.
#[derive(Clone, Copy)]
struct Rules {
    /// The licence files that METADATA names are there.
    licenses: bool,
    /// WHEEL has the tags of the file name.
    tags: bool,
}

fn read_as<S: ReadAt + ?Sized>(file: &S, filename: &WheelFilename, rules: Rules) -> Result<WheelContents> {
    let archive = Archive::open(file, Names::Portable).map_err(|fault| fault.answer(LEAD))?;
    let wheel = Wheel { archive, filename };
    let dist_info = layout::check(&wheel.archive.members, filename).map_err(invalid)?;
    let text = wheel.text(&format!("{dist_info}/WHEEL"))?;
    check_wheel(&text, rules.tags.then_some(filename)).map_err(invalid)?;
    if let Some(member) = wheel.archive.find(&format!("{dist_info}/entry_points.txt")) {
        entry_points::check(&wheel.bytes(member)?).map_err(invalid)?;
    }
    record::verify(&wheel.archive, &dist_info)?;
    let metadata_bytes = wheel.text(&format!("{dist_info}/METADATA"))?;
    if rules.licenses {
        Metadata::check_layout(&metadata_bytes)?;
    }
    let metadata = Metadata::parse(&metadata_bytes)?;
    check_metadata(&metadata, filename).map_err(invalid)?;
    if rules.licenses {
        wheel.check_licenses(&metadata, &dist_info).map_err(invalid)?;
    }
    Ok(WheelContents { metadata, metadata_bytes })
}

fn invalid(fault: Fault) -> crate::error::Error {
    fault.answer(INVALID)
}

struct Wheel<'a, S: ?Sized> {
    archive: Archive<'a, S>,
    filename: &'a WheelFilename,
}

impl<S: ReadAt + ?Sized> Wheel<'_, S> {
    fn bytes(&self, member: &ZipMember) -> Result<Vec<u8>> {
        self.archive.bytes(member, MAX_TEXT).map_err(|fault| fault.answer(LEAD))
    }

    /// A file that every wheel has.
    fn text(&self, name: &str) -> Result<Vec<u8>> {
        match self.archive.find(name) {
            Some(member) => self.bytes(member),
            None => Err(bad!("{INVALID}{name} not found in the wheel")),
        }
    }

    /// PEP 639: the licence files that METADATA names are there.
    fn check_licenses(&self, metadata: &Metadata, dist_info: &str) -> ArchiveResult<()> {
        if !has_license_files(&metadata.metadata_version) {
            return Ok(());
        }
        for file in &metadata.license_files {
            if self.archive.find(&format!("{dist_info}/licenses/{file}")).is_none() {
                refuse!(
                    "License-File {file} does not exist in the wheel of {} at {dist_info}/licenses/{file}",
                    self.filename.name
                );
            }
        }
        Ok(())
    }
}

/// Whether `License-File` is a promise (metadata 2.4); backends wrote it before it was one.
pub fn has_license_files(metadata_version: &str) -> bool {
    let number = metadata_version.strip_prefix("2.").and_then(|minor| minor.parse::<u32>().ok());
    number.is_some_and(|minor| minor >= 4)
}

/// The `WHEEL` file: a version we know, and exactly the file name's tags if there is one to compare.
fn check_wheel(text: &[u8], filename: Option<&WheelFilename>) -> ArchiveResult<()> {
    let Ok(text) = std::str::from_utf8(text) else { refuse!("WHEEL is not UTF-8") };
    let (mut versions, mut tags) = (Vec::new(), BTreeSet::new());
    for line in text.lines().take_while(|line| !line.trim().is_empty()) {
        let Some((key, value)) = line.split_once(':') else {
            refuse!("WHEEL has a line that is not a field: {line:?}")
        };
        match key.to_ascii_lowercase().as_str() {
            "wheel-version" => versions.push(value.trim()),
            "tag" => expand(value.trim(), &mut tags)?,
            _ => {}
        }
    }
    match versions.as_slice() {
        [one] if one.split('.').next() == Some("1") => {}
        [other] => refuse!("unknown Wheel-Version {other:?}"),
        _ => refuse!("WHEEL must have one Wheel-Version"),
    }
    let Some(filename) = filename else { return Ok(()) };
    let expected: BTreeSet<String> = filename
        .tags()
        .map(|(python, abi, platform)| format!("{python}-{abi}-{platform}").to_ascii_lowercase())
        .collect();
    if let Some(tag) = tags.symmetric_difference(&expected).next() {
        let place = if tags.contains(tag) { "in WHEEL only" } else { "in the file name only" };
        refuse!("WHEEL and the file name have different tags: {tag} is {place}");
    }
    Ok(())
}

/// Adds what a `Tag:` line stands for; compressed sets are read too.
fn expand(tag: &str, tags: &mut BTreeSet<String>) -> ArchiveResult<()> {
    let parts: Vec<&str> = tag.split('-').collect();
    let [python, abi, platform] = parts.as_slice() else { refuse!("WHEEL has the malformed tag {tag:?}") };
    for python in python.split('.') {
        for abi in abi.split('.') {
            for platform in platform.split('.') {
                tags.insert(format!("{python}-{abi}-{platform}").to_ascii_lowercase());
                if tags.len() > 10_000 {
                    refuse!("WHEEL has more than 10000 tags");
                }
            }
        }
    }
    Ok(())
}

fn check_metadata(metadata: &Metadata, filename: &WheelFilename) -> ArchiveResult<()> {
    if ProjectName::new(&metadata.name).as_ref() != Some(&filename.name) {
        refuse!("METADATA names the project {:?}, the file name {:?}", metadata.name, filename.name.as_str());
    }
    if version::parse(&metadata.version).as_ref() != Some(&filename.version) {
        refuse!("METADATA has version {:?}, the file name {}", metadata.version, filename.version_text);
    }
    Ok(())
}

/// `METADATA` of any wheel that installers can read: no rules but that there is one.
///
/// # Errors
/// `Bad` if this is no ZIP archive, or holds no such file of at most 16 MiB.
pub fn read_metadata(reader: impl Read + Seek) -> Result<Vec<u8>> {
    let unreadable = |error: &dyn std::fmt::Display| bad!("{LEAD}{error}");
    let mut archive = zip::ZipArchive::new(reader).map_err(|error| unreadable(&error))?;
    let found: Vec<usize> = (0..archive.len())
        .filter(|index| {
            let name = archive.name_for_index(*index).and_then(|name| name.ok());
            name.is_some_and(|name| remote::is_metadata(name.as_bytes()))
        })
        .collect();
    let index = match found.as_slice() {
        [index] => *index,
        [] => return Err(bad!("{INVALID}no .dist-info/METADATA")),
        _ => return Err(bad!("{INVALID}more than one .dist-info/METADATA")),
    };
    let member = archive.by_index(index).map_err(|error| unreadable(&error))?;
    let mut bytes = Vec::new();
    member.take(MAX_TEXT + 1).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
    if bytes.len() as u64 > MAX_TEXT {
        return Err(bad!("{INVALID}METADATA is larger than {} MiB", MAX_TEXT >> 20));
    }
    Ok(bytes)
}
