//! File names of sdists and wheels (PEP 427, 491, 625): strict for uploads, lenient for mirrors.

mod identity;
mod listed;
pub use identity::identity;
pub use listed::ListedFilename;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, percent_decode_str, utf8_percent_encode};

use super::version::{self, Version};
use crate::bad;
use crate::error::Result;
use crate::names::ProjectName;

/// What sdists were ever packed as; an upload is `.tar.gz` (PEP 625).
const SDIST_EXTENSIONS: [&str; 7] = [".tar.gz", ".zip", ".tgz", ".tar.bz2", ".tar.xz", ".tar.Z", ".tar"];
/// Formats of the past that old pages still list and installers skip; the list of a release's wheel
/// variants (PEP 825), which installers of the future look for.
const OTHER_EXTENSIONS: [&str; 7] = [".egg", ".exe", ".msi", ".rpm", ".deb", ".dmg", "-variants.json"];

/// The name of a file that may be uploaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DistFilename {
    Wheel(WheelFilename),
    Sdist(SdistFilename),
}

impl DistFilename {
    /// Reads an upload's file name strictly, by its extension.
    pub fn parse(filename: &str) -> Result<Self> {
        match filename.ends_with(".whl") {
            true => WheelFilename::parse(filename).map(Self::Wheel),
            false => SdistFilename::parse_strict(filename).map(Self::Sdist),
        }
    }

    pub fn name(&self) -> &ProjectName {
        match self {
            Self::Wheel(wheel) => &wheel.name,
            Self::Sdist(sdist) => &sdist.name,
        }
    }

    pub fn version(&self) -> &Version {
        match self {
            Self::Wheel(wheel) => &wheel.version,
            Self::Sdist(sdist) => &sdist.version,
        }
    }
}

/// `{name}-{version}(-{build})?-{python}-{abi}-{platform}.whl`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WheelFilename {
    pub name: ProjectName,
    pub version: Version,
    /// As the file name writes it.
    pub version_text: String,
    /// Begins with a digit.
    pub build: Option<String>,
    /// Tags as compressed sets (`py2.py3`), in the file name's order.
    pub python: Vec<String>,
    pub abi: Vec<String>,
    pub platform: Vec<String>,
}

impl WheelFilename {
    /// Reads a wheel's file name strictly.
    ///
    /// # Errors
    /// `Bad` with the reason; also for variant wheels (see [`is_variant`]), which are listed
    /// where an upstream has them but not accepted.
    pub fn parse(filename: &str) -> Result<Self> {
        let invalid = |why: &str| bad!("Invalid wheel filename {filename:?}: {why}");
        let stem = filename.strip_suffix(".whl").ok_or_else(|| invalid("it must end in .whl"))?;
        if is_variant(filename) {
            return Err(invalid("wheelwright does not support wheel variants (PEP 825) yet"));
        }
        let parts: Vec<&str> = stem.split('-').collect();
        let (name, version_text, build, python, abi, platform) = match parts[..] {
            [name, version, python, abi, platform] => (name, version, None, python, abi, platform),
            [name, version, build, python, abi, platform] => {
                (name, version, Some(build), python, abi, platform)
            }
            _ => return Err(invalid("it must have five or six parts, separated by '-'")),
        };
        if build.is_some_and(|build| !build.starts_with(|c: char| c.is_ascii_digit())) {
            return Err(invalid("the build tag must begin with a digit"));
        }
        if build.is_some_and(|build| !build.bytes().all(is_tag_byte)) {
            return Err(invalid("the build tag may contain only letters, digits, '_' and '.'"));
        }
        let name = Some(name).filter(|name| !name.contains("__")).and_then(ProjectName::new);
        let tags = |text: &str| tag_set(text).ok_or_else(|| invalid("a tag is empty or invalid"));
        Ok(Self {
            name: name.ok_or_else(|| invalid("the project name is not valid"))?,
            version: version::parse(version_text)
                .ok_or_else(|| invalid("the version is not valid (PEP 440)"))?,
            version_text: version_text.to_owned(),
            build: build.map(str::to_owned),
            python: tags(python)?,
            abi: tags(abi)?,
            platform: tags(platform)?,
        })
    }

    /// The build tag's sort key: digits as a number, then the rest; no build tag sorts first.
    pub fn build_key(&self) -> Option<(u64, &str)> {
        let build = self.build.as_deref()?;
        let digits = build.len() - build.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, rest) = build.split_at_checked(digits)?;
        Some((number.parse().unwrap_or(u64::MAX), rest))
    }

    /// Every tag the compressed sets stand for, as (`python`, `abi`, `platform`).
    pub fn tags(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.python.iter().flat_map(move |python| {
            self.abi.iter().flat_map(move |abi| {
                self.platform.iter().map(move |platform| (&**python, &**abi, &**platform))
            })
        })
    }
}

fn is_tag_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.')
}

/// `py2.py3` as its tags; `None` if one is empty or holds anything but letters, digits and `_`.
fn tag_set(text: &str) -> Option<Vec<String>> {
    let valid = |tag: &str| !tag.is_empty() && tag.bytes().all(|b| b != b'.' && is_tag_byte(b));
    text.split('.').map(|tag| valid(tag).then(|| tag.to_owned())).collect()
}

/// Whether this is the name of a variant wheel (PEP 825 draft): seven parts, or six of which the
/// third is no build tag. Installers that do not know variants skip it.
pub fn is_variant(filename: &str) -> bool {
    let Some(stem) = filename.strip_suffix(".whl") else {
        return false;
    };
    let parts: Vec<&str> = stem.split('-').collect();
    let digit = |part: &str| part.starts_with(|c: char| c.is_ascii_digit());
    let label = |part: &str| {
        let valid = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'.';
        !part.is_empty() && part.bytes().all(valid)
    };
    match parts[..] {
        [_, version, third, _, _, last] => version::parse(version).is_some() && !digit(third) && label(last),
        [_, _, build, _, _, _, last] => digit(build) && label(last),
        _ => false,
    }
}

/// `{name}-{version}.tar.gz`, or what sdists were called before PEP 625.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SdistFilename {
    pub name: ProjectName,
    pub version: Version,
    /// As the file name writes it.
    pub version_text: String,
    /// With its leading dot.
    pub extension: &'static str,
}

impl SdistFilename {
    /// Reads an sdist's name, knowing its project: the longest beginning that normalises to the
    /// project's name, then `-`, then the version.
    pub fn parse_for(project: &ProjectName, filename: &str) -> Result<Self> {
        let invalid = |why: &str| bad!("Invalid source distribution filename {filename:?}: {why}");
        let (stem, extension) =
            split_extension(filename, &SDIST_EXTENSIONS).ok_or_else(|| invalid("its extension"))?;
        let version_text = remainder(project, stem)
            .ok_or_else(|| invalid(&format!("it must begin with {:?}", project.escaped() + "-")))?;
        let version =
            version::parse(version_text).ok_or_else(|| invalid("the version is not valid (PEP 440)"))?;
        let (name, version_text) = (project.clone(), version_text.to_owned());
        Ok(Self { name, version, version_text, extension })
    }

    /// Reads an sdist's name by PEP 625, for an upload.
    ///
    /// # Errors
    /// `Bad`, with the name it should have where that can be told.
    pub fn parse_strict(filename: &str) -> Result<Self> {
        let invalid = |why: &str| bad!("Invalid source distribution filename {filename:?}: {why}");
        let parsed = candidates(filename)
            .iter()
            .find_map(|project| Self::parse_for(project, filename).ok())
            .ok_or_else(|| invalid("it must be {name}-{version}.tar.gz"))?;
        let should_be = format!("{}-{}.tar.gz", parsed.name.escaped(), parsed.version);
        if filename != should_be {
            return Err(bad!("Filename {filename:?} is invalid, should be {should_be:?}."));
        }
        Ok(parsed)
    }
}

/// Whether `filename` is one path segment without control characters.
fn is_plain(filename: &str) -> bool {
    let odd = |c: char| c.is_control() || c == '/' || c == '\\';
    !filename.is_empty() && !filename.starts_with('.') && !filename.contains(odd)
}

fn split_extension<'a>(filename: &'a str, extensions: &[&'static str]) -> Option<(&'a str, &'static str)> {
    extensions.iter().find_map(|ext| Some((filename.strip_suffix(ext)?, *ext)))
}

/// What follows the longest beginning of `stem` that normalises to `project` and ends before `-`.
fn remainder<'a>(project: &ProjectName, stem: &'a str) -> Option<&'a str> {
    let is_project = |text: &str| ProjectName::new(text).is_some_and(|name| name == *project);
    stem.rmatch_indices('-')
        .filter_map(|(at, _)| stem.split_at_checked(at))
        .find(|(before, _)| is_project(before))
        .and_then(|(_, after)| after.strip_prefix('-'))
}

/// The project a wheel belongs to, going by its file name; `None` if it is no wheel's name.
pub fn project_of(filename: &str) -> Option<ProjectName> {
    let stem = filename.strip_suffix(".whl").filter(|_| is_plain(filename))?;
    let mut parts = stem.split('-');
    let name = parts.next().and_then(ProjectName::new)?;
    (parts.count() >= 4).then_some(name)
}

/// The projects that a distribution file could belong to, likeliest first. A wheel has one; an
/// sdist's name can be split at several `-`: `my-pkg-2-1.0.tar.gz`. Splits that leave a valid
/// version come before those that do not; among these the shortest name first (`pkg-1.0-1` is
/// `pkg` 1.0.post1).
pub fn candidates(filename: &str) -> Vec<ProjectName> {
    if filename.ends_with(".whl") {
        return project_of(filename).into_iter().collect();
    }
    let stem = split_extension(filename, &SDIST_EXTENSIONS)
        .or_else(|| split_extension(filename, &OTHER_EXTENSIONS))
        .filter(|_| is_plain(filename));
    let Some((stem, _)) = stem else {
        return Vec::new();
    };
    let mut valid = Vec::new();
    let mut others = Vec::new();
    for (before, after) in stem.match_indices('-').filter_map(|(at, _)| stem.split_at_checked(at)) {
        let Some(name) = ProjectName::new(before) else {
            continue;
        };
        let version = after.strip_prefix('-').unwrap_or(after);
        match version::parse(version).is_some() {
            true => valid.push(name),
            // `1.0-py2.7` of an egg begins with a digit; a further part of a name seldom does.
            false if version.starts_with(|c: char| c.is_ascii_digit()) => others.insert(0, name),
            false => others.push(name),
        }
    }
    valid.extend(others);
    let mut seen = std::collections::HashSet::new();
    valid.retain(|name| seen.insert(name.clone()));
    valid
}

/// All but the unreserved characters of RFC 3986.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Percent-encodes one path segment: `1!2.0+a` becomes `1%212.0%2Ba`.
pub fn encode_segment(text: &str) -> String {
    segment(text).to_string()
}

/// One path segment, percent-encoded where it is written.
pub fn segment(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, SEGMENT)
}

/// Decodes the percent-escapes of one path segment, once; `+` stays `+`. `None` if the result is
/// no UTF-8 or would be no single segment (`/`, `\`, control characters).
pub fn decode_once(text: &str) -> Option<String> {
    let decoded = percent_decode_str(text).decode_utf8().ok()?;
    let odd = |c: char| c.is_control() || c == '/' || c == '\\';
    (!decoded.contains(odd)).then(|| decoded.into_owned())
}

#[cfg(test)]
mod tests;
