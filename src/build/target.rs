//! What wheels are built for: one interpreter on one platform.

use crate::error::Result;
use crate::missing;
use crate::packaging::choose::Chooser;
use crate::packaging::filename::WheelFilename;
use crate::packaging::tags::{self, Libc, Platform};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One interpreter (implementation, version, ABI) on one platform (ordered platform tags).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// `cp312-manylinux_2_36_x86_64`, `cp27mu-…`, `cp313t-…`, `pp310-win_amd64`
    pub name: String,
    /// `cp` or `pp`, as in wheel tags.
    pub implementation: String,
    /// `3.12.1`
    pub version: String,
    /// `cp312`, `cp313t`, `cp27mu`, `pypy310_pp73`
    pub abi: String,
    /// All wheel tags it can install, best first: `cp312-cp312-manylinux_2_36_x86_64`. In JSON as
    /// compressed sets, since they are a thousand.
    #[serde(with = "compressed")]
    pub tags: Vec<String>,
    /// The values of PEP 508 environment markers.
    pub markers: BTreeMap<String, String>,
    /// `debian 12`, where known.
    pub distribution: String,
    /// The target of the interpreter that builds for this one, where that is another: a cross target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub built_on: Option<String>,
}

mod compressed {
    use crate::packaging::tags;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    pub fn serialize<S: Serializer>(all: &[String], to: S) -> Result<S::Ok, S::Error> {
        tags::compress(all).serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
        let sets = Vec::<String>::deserialize(from)?;
        tags::expand(&sets).ok_or_else(|| D::Error::custom("the tags are invalid, or too many"))
    }
}

impl Target {
    /// Its best tag that tells of the libc, which wheels have that are promised to it.
    pub fn telling_tag(&self) -> &str {
        let telling =
            |tag: &&String| tag.splitn(3, '-').nth(2).is_some_and(|platform| !platform.starts_with("linux_"));
        self.tags.iter().find(telling).or(self.tags.first()).map_or("py3-none-any", String::as_str)
    }

    /// Whether its extension modules are compiled on another system than its own.
    pub fn is_cross(&self) -> bool {
        self.built_on.is_some()
    }

    /// What its wheels run on; `None` where its name does not tell.
    pub fn linux(&self) -> Option<Platform> {
        Platform::of_linux_tag(self.halves().1)
    }

    /// Whether this machine loads its extension modules: with a newer glibc on the same processor.
    pub fn runs_here(&self) -> bool {
        !self.is_cross()
            || matches!(self.linux(), Some(Platform::Linux { arch, libc: Libc::Glibc(..) })
                if arch == std::env::consts::ARCH)
    }

    /// The interpreter's half of a target's name: `cp312`, `cp313t`, `cp27mu`, `cp36`, `pp310`.
    pub fn interpreter_name(implementation: &str, major: u32, minor: u32, abi: &str) -> String {
        let plain = format!("{implementation}{major}{minor}");
        match abi.strip_prefix(&plain) {
            // 2.7 exists in two kinds that need wheels of their own; later an `m` says nothing.
            Some(flags) if major == 2 => format!("{plain}{flags}"),
            Some(flags) => format!("{plain}{}", flags.replace('m', "")),
            None => plain,
        }
    }

    /// Major and minor version.
    pub fn python(&self) -> (u32, u32) {
        let mut numbers = self.version.split('.').map(|part| part.parse().unwrap_or(0));
        (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
    }

    /// The order for people: 3.6 comes before 3.10.
    pub fn order(&self) -> (&str, (u32, u32), &str) {
        (&self.implementation, self.python(), &self.name)
    }

    /// The name's halves: `cp312` and `manylinux_2_36_x86_64`.
    pub fn halves(&self) -> (&str, &str) {
        self.name.split_once('-').unwrap_or((&self.name, ""))
    }

    /// Whether this is (one of) what somebody asked for: a whole name, or `cp312`, `3.12`, `cp313t`,
    /// `3.13t`, each with or without a platform: `-linux`, `-linux_x86_64`, `-musllinux`, `-win_amd64`.
    pub fn matches(&self, asked: &str) -> bool {
        if asked.eq_ignore_ascii_case(&self.name) {
            return true;
        }
        let asked = asked.to_ascii_lowercase();
        let (interpreter, platform) = match asked.split_once('-') {
            Some((interpreter, platform)) => (interpreter, Some(platform)),
            None => (asked.as_str(), None),
        };
        self.is_interpreter(interpreter) && platform.is_none_or(|platform| self.is_on(platform))
    }

    fn is_interpreter(&self, asked: &str) -> bool {
        let (own, _) = self.halves();
        let (major, minor) = self.python();
        let flags = own.strip_prefix(&format!("{}{major}{minor}", self.implementation)).unwrap_or_default();
        if asked == own || asked == self.abi {
            return true;
        }
        // Free-threaded and debug builds are meant only where they are named.
        let (plain, named) = match asked.strip_suffix(['t', 'd']) {
            Some(plain) => (plain, &asked[plain.len()..]),
            None => (asked, ""),
        };
        let special = flags.trim_matches(['m', 'u']);
        named == special
            && (plain == format!("{}{major}{minor}", self.implementation)
                || self.implementation == "cp" && self.is_version(plain))
    }

    /// `3.12`, `312`, `python3.12`, `3.12.4`
    fn is_version(&self, asked: &str) -> bool {
        let (major, minor) = self.python();
        let asked = asked.strip_prefix("python").unwrap_or(asked);
        asked == format!("{major}.{minor}") || asked == format!("{major}{minor}") || asked == self.version
    }

    fn is_on(&self, asked: &str) -> bool {
        let (_, own) = self.halves();
        let (system, arch) = split(own);
        let (asked_system, asked_arch) = split(asked);
        let same_system = match asked_system {
            "linux" => matches!(system.split('_').next(), Some("linux" | "manylinux" | "musllinux")),
            "macos" | "macosx" => system.starts_with("macosx"),
            "windows" | "win" => system.starts_with("win"),
            "" => true,
            other => system == other || system.split('_').next() == Some(other),
        };
        own == asked || same_system && (asked_arch.is_empty() || arch == asked_arch)
    }

    /// Whether it installs this wheel, and how well: 0 is its best tag. Not a wheel's name: `None`.
    pub fn accepts(&self, filename: &str) -> Option<usize> {
        tags::rank(&self.tags, &WheelFilename::parse(filename).ok()?)
    }

    /// What chooses files for it.
    pub fn chooser(&self) -> Chooser {
        Chooser::new(&self.tags, &self.version)
    }
}

/// Processors, as they end a platform tag; the name alone may hold `_`.
const ARCHITECTURES: [&str; 15] = [
    "x86_64",
    "aarch64",
    "i686",
    "armv7l",
    "armv8l",
    "ppc64le",
    "ppc64",
    "s390x",
    "riscv64",
    "loongarch64",
    "arm64",
    "universal2",
    "amd64",
    "win32",
    "i386",
];

/// `manylinux_2_36_x86_64` as `manylinux_2_36` and `x86_64`; `linux` has no second half.
fn split(platform: &str) -> (&str, &str) {
    let arch = ARCHITECTURES.iter().find(|arch| platform.ends_with(**arch));
    let system = arch.map_or(platform, |arch| platform.strip_suffix(*arch).unwrap_or(platform));
    (system.trim_end_matches('_'), arch.copied().unwrap_or_default())
}

/// The targets among `offered` that somebody asked for, in the order offered. Cross targets are meant
/// only by what fits no other.
///
/// # Errors
/// `Missing` with all that exists, if there is none.
pub fn find<'a>(asked: &str, offered: &'a [Target]) -> Result<Vec<&'a Target>> {
    let mut found: Vec<&Target> = offered.iter().filter(|target| target.matches(asked)).collect();
    if found.iter().any(|target| !target.is_cross()) {
        found.retain(|target| !target.is_cross());
    }
    if !found.is_empty() {
        return Ok(found);
    }
    let names: Vec<&str> = offered.iter().map(|target| target.name.as_str()).collect();
    Err(match names.is_empty() {
        true => missing!(
            "target {asked} does not exist: no worker offers a target. Start a worker on a machine with that \
             interpreter"
        ),
        false => missing!("target {asked} does not exist: use one of {}", names.join(", ")),
    })
}

#[cfg(test)]
mod tests;
