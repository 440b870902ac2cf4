//! Writes a wheel anew: one order, one time, one spelling of names, with other tags or members where asked.
//!
//! What comes out of a build is read liberally here, and what is written passes the strict gate
//! ([`wheel::read`](super::wheel::read)) if anything can: data descriptors, directories, repeated
//! members, old spellings of names, a stale `RECORD` and the like are left behind. The same
//! members and the same plan always give the same bytes.

#[cfg(test)]
mod tests;
mod text;
mod write;

pub use text::Tags;

use std::collections::BTreeMap;
use std::io::{Read, Seek, Write};

use super::archive::{self, MAX_MEMBERS, MAX_NAME_BYTES, MAX_TEXT, names};
use super::metadata::Metadata;
use super::version::{self, Version};
use crate::bad;
use crate::error::Result;
use crate::names::ProjectName;

/// What the messages begin with.
const LEAD: &str = "The wheel cannot be read: ";

/// How a wheel is to be written.
#[derive(Clone, Debug, Default)]
pub struct RetagPlan {
    /// Takes the place of the platform tags; `None`: they stay.
    pub platform: Option<Vec<String>>,
    /// Takes the place of the Python and ABI tags, each a compressed set: `py2.py3`.
    pub python_abi: Option<(String, String)>,
    /// Begins with a digit; `None`: as it was.
    pub build: Option<String>,
    /// New content for members, by name.
    pub replaced: BTreeMap<String, Vec<u8>>,
    /// Seconds since 1970 that every member gets (`SOURCE_DATE_EPOCH`); ZIP begins in 1980.
    pub timestamp: i64,
}

/// A file in a wheel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WheelMember {
    /// As the archive writes it.
    pub name: String,
    /// Bytes, unpacked.
    pub size: u64,
    pub executable: bool,
    index: usize,
}

/// A wheel as a build tool left it.
pub struct PlainWheel<R> {
    archive: zip::ZipArchive<R>,
    /// Files only, each name once, in the archive's order.
    pub members: Vec<WheelMember>,
    /// The directory's name in the archive.
    pub dist_info: String,
    pub metadata: Metadata,
    pub name: ProjectName,
    pub version: Version,
    pub build: Option<String>,
    pub tags: Tags,
}

/// Rewrites the wheel `input`, whose file is called `filename`, into `output`; returns its new name.
///
/// # Errors
/// Those of [`PlainWheel::open`] and [`PlainWheel::write`].
pub fn rewrite<R: Read + Seek, W: Write + Seek>(
    input: R,
    filename: &str,
    plan: &RetagPlan,
    output: W,
) -> Result<String> {
    let mut wheel = PlainWheel::open(input, filename)?;
    wheel.write(plan, output)?;
    Ok(wheel.filename(plan))
}

impl<R: Read + Seek> PlainWheel<R> {
    /// Reads names, `METADATA` and the tags of a wheel whose file is called `filename`.
    ///
    /// # Errors
    /// `Bad` if it is no wheel, or names no valid project and version.
    pub fn open(input: R, filename: &str) -> Result<Self> {
        let mut archive = zip::ZipArchive::new(input).map_err(|error| bad!("{LEAD}{error}"))?;
        let members = members(&mut archive)?;
        let dist_info = dist_info(&members)?;
        let text = |archive: &mut zip::ZipArchive<R>, file: &str| {
            let path = format!("{dist_info}/{file}");
            let member = members.iter().find(|member| member.name == path);
            let member = member.ok_or_else(|| bad!("{LEAD}it has no {path}"))?;
            unpack(archive, member, MAX_TEXT)
        };
        let metadata = Metadata::parse(&text(&mut archive, "METADATA")?)?;
        text(&mut archive, "WHEEL")?;
        let name = ProjectName::new(&metadata.name);
        let name = name.ok_or_else(|| bad!("{LEAD}{:?} is not a valid project name", metadata.name))?;
        let version = version::parse(&metadata.version)
            .ok_or_else(|| bad!("{LEAD}{:?} is not a valid version (PEP 440)", metadata.version))?;
        let (build, tags) = text::split_filename(filename)?;
        Ok(Self { archive, members, dist_info, metadata, name, version, build, tags })
    }

    /// Whether it is for every platform.
    pub fn is_pure(&self) -> bool {
        self.tags.platform.iter().all(|platform| platform == "any")
    }

    pub fn find(&self, name: &str) -> Option<&WheelMember> {
        self.members.iter().find(|member| member.name == name)
    }

    /// Unpacks a member.
    ///
    /// # Errors
    /// `Bad` if it is damaged, or larger than `most` bytes.
    pub fn bytes(&mut self, member: &WheelMember, most: u64) -> Result<Vec<u8>> {
        unpack(&mut self.archive, member, most)
    }

    /// The first bytes of a member, at most `count`.
    ///
    /// # Errors
    /// `Bad` if it is damaged.
    pub fn beginning(&mut self, member: &WheelMember, count: u64) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let file = self.archive.by_index(member.index).map_err(|error| unreadable(member, &error))?;
        file.take(count).read_to_end(&mut bytes).map_err(|error| unreadable(member, &error))?;
        Ok(bytes)
    }

    /// The tags with which `plan` writes it.
    pub fn tags_after(&self, plan: &RetagPlan) -> Tags {
        let mut tags = self.tags.clone();
        if let Some(platform) = &plan.platform {
            tags.platform.clone_from(platform);
        }
        if let Some((python, abi)) = &plan.python_abi {
            tags.python = python.split('.').map(str::to_owned).collect();
            tags.abi = abi.split('.').map(str::to_owned).collect();
        }
        tags
    }

    /// The name under which `plan` writes it: project and version in their one spelling (PEP 491).
    pub fn filename(&self, plan: &RetagPlan) -> String {
        let tags = self.tags_after(plan);
        let build = plan.build.as_ref().or(self.build.as_ref());
        let build = build.map(|build| format!("-{build}")).unwrap_or_default();
        let [python, abi, platform] = [tags.python, tags.abi, tags.platform].map(|tags| tags.join("."));
        format!("{}{build}-{python}-{abi}-{platform}.whl", self.release())
    }

    /// `{name}-{version}`, as file and directory names have it.
    fn release(&self) -> String {
        format!("{}-{}", self.name.escaped(), self.version)
    }
}

fn unreadable(member: &WheelMember, error: &dyn std::fmt::Display) -> crate::error::Error {
    bad!("{LEAD}member {:?}: {error}", member.name)
}

fn unpack<R: Read + Seek>(
    archive: &mut zip::ZipArchive<R>,
    member: &WheelMember,
    most: u64,
) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = archive.by_index(member.index).map_err(|error| unreadable(member, &error))?;
    file.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| unreadable(member, &error))?;
    if bytes.len() as u64 > most {
        return Err(bad!("{LEAD}member {:?} is larger than {} MiB", member.name, most >> 20));
    }
    Ok(bytes)
}

/// The files of the archive. Of several with one name the last counts, as for installers.
fn members<R: Read + Seek>(archive: &mut zip::ZipArchive<R>) -> Result<Vec<WheelMember>> {
    if archive.len() as u64 > MAX_MEMBERS {
        return Err(bad!("{LEAD}it has more than {MAX_MEMBERS} members"));
    }
    let (mut unpacked, mut packed, mut name_bytes) = (0u64, 0u64, 0);
    let mut members: Vec<WheelMember> = Vec::with_capacity(archive.len());
    for index in 0..archive.len() {
        let file = archive.by_index_raw(index).map_err(|error| bad!("{LEAD}{error}"))?;
        let name = String::from_utf8(file.name_raw().to_vec())
            .map_err(|_| bad!("{LEAD}the member name {:?} is not UTF-8", file.name()))?;
        name_bytes += name.len();
        unpacked = unpacked.saturating_add(file.size());
        packed = packed.saturating_add(file.compressed_size());
        if name_bytes > MAX_NAME_BYTES {
            return Err(bad!("{LEAD}its member names take more than {} MiB", MAX_NAME_BYTES >> 20));
        }
        archive::check_ratio(unpacked, packed).map_err(|fault| fault.answer(LEAD))?;
        if name.ends_with('/') {
            continue;
        }
        names::check(&name).map_err(|fault| fault.answer(LEAD))?;
        if file.is_symlink() {
            return Err(bad!("{LEAD}member {name:?} is a symbolic link"));
        }
        let executable = file.unix_mode().is_some_and(|mode| mode & 0o111 != 0);
        members.push(WheelMember { name, size: file.size(), executable, index });
    }
    Ok(members)
}

fn dist_info(members: &[WheelMember]) -> Result<String> {
    let tops = members.iter().filter_map(|member| member.name.split_once('/')).map(|(top, _)| top);
    let mut found: Vec<&str> = tops.filter(|top| top.ends_with(".dist-info")).collect();
    found.sort_unstable();
    found.dedup();
    match found.as_slice() {
        [one] => Ok((*one).to_owned()),
        [] => Err(bad!("{LEAD}it has no .dist-info directory")),
        _ => Err(bad!("{LEAD}it has more than one .dist-info directory: {}", found.join(", "))),
    }
}
