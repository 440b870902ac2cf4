//! Wheel tags (PEP 425, 600, 656): which an interpreter accepts, best first, and how a file ranks.

use super::filename::WheelFilename;
use std::collections::HashMap;

mod platforms;
pub use platforms::{Libc, Platform};

/// What decides an interpreter's tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterpreterTags<'a> {
    /// `cp`, `pp`, or the implementation's whole name, as in tags.
    pub implementation: &'a str,
    pub major: u32,
    pub minor: u32,
    /// `cp312`, `cp313td`, `cp27mu`, `pypy310_pp73`
    pub abi: &'a str,
}

/// All tags that the interpreter accepts on the platform, best first, as PyPA's `packaging` orders
/// them.
pub fn accepted(interpreter: &InterpreterTags, platform: &Platform) -> Vec<String> {
    let platforms = platform.tags();
    let mut tags = Vec::with_capacity(1024);
    let own = format!("{}{}{}", interpreter.implementation, interpreter.major, interpreter.minor);
    if interpreter.implementation == "cp" {
        cpython(interpreter, &own, &platforms, &mut tags);
        compatible(interpreter, Some(&own), &platforms, &mut tags);
    } else {
        for abi in [interpreter.abi, "none"] {
            extend(&mut tags, &own, abi, &platforms);
        }
        let any = Some("pp3").filter(|_| interpreter.implementation == "pp");
        compatible(interpreter, any, &platforms, &mut tags);
    }
    tags
}

fn extend(tags: &mut Vec<String>, python: &str, abi: &str, platforms: &[String]) {
    tags.extend(platforms.iter().map(|platform| format!("{python}-{abi}-{platform}")));
}

fn cpython(of: &InterpreterTags, own: &str, platforms: &[String], tags: &mut Vec<String>) {
    let flags = of.abi.strip_prefix(own).unwrap_or_default();
    extend(tags, own, of.abi, platforms);
    if (of.major, of.minor) >= (3, 8) && flags.contains('d') {
        // A debug build loads normal extension modules as well.
        extend(tags, own, &format!("{own}{}", flags.replace('d', "")), platforms);
    }
    // PEP 384, and PEP 803 for free-threaded builds: neither loads the other's modules.
    let stable = match (of.major, of.minor) {
        (3, 2..) if flags.contains('t') => Some("abi3t"),
        (3, 2..) => Some("abi3"),
        _ => None,
    };
    if let Some(stable) = stable {
        extend(tags, own, stable, platforms);
    }
    extend(tags, own, "none", platforms);
    if let Some(stable) = stable {
        for minor in (2..of.minor).rev() {
            extend(tags, &format!("cp{}{minor}", of.major), stable, platforms);
        }
    }
}

/// What any implementation of this Python version accepts.
fn compatible(of: &InterpreterTags, any: Option<&str>, platforms: &[String], tags: &mut Vec<String>) {
    let older = (0..of.minor).rev().map(|minor| format!("py{}{minor}", of.major));
    let range: Vec<String> =
        [format!("py{}{}", of.major, of.minor), format!("py{}", of.major)].into_iter().chain(older).collect();
    for python in &range {
        extend(tags, python, "none", platforms);
    }
    let any = any.into_iter().chain(range.iter().map(String::as_str));
    tags.extend(any.map(|python| format!("{python}-none-any")));
}

/// The place of the file's best tag among `accepted`, 0 the best; `None`: it does not install.
pub fn rank(accepted: &[String], file: &WheelFilename) -> Option<usize> {
    let tags: Vec<String> = of_file(file).collect();
    accepted.iter().position(|one| tags.contains(one))
}

/// Each single tag of a file's compressed sets; comparison is without regard to case.
pub fn of_file(file: &WheelFilename) -> impl Iterator<Item = String> {
    file.tags().map(|(python, abi, platform)| format!("{python}-{abi}-{platform}").to_ascii_lowercase())
}

/// A list of accepted tags prepared for many files.
#[derive(Clone, Debug)]
pub struct Ranks {
    places: HashMap<String, usize>,
}

impl Ranks {
    pub fn new(accepted: &[String]) -> Self {
        let mut places = HashMap::with_capacity(accepted.len());
        for (place, tag) in accepted.iter().enumerate() {
            places.entry(tag.clone()).or_insert(place);
        }
        Self { places }
    }

    /// Like [`rank`].
    pub fn rank(&self, file: &WheelFilename) -> Option<usize> {
        of_file(file).filter_map(|tag| self.places.get(&tag).copied()).min()
    }
}

/// Tags written as few compressed sets, in the same order: a thousand become a handful.
pub fn compress(tags: &[String]) -> Vec<String> {
    let mut groups: Vec<(Vec<&str>, &str, Vec<&str>)> = Vec::new();
    for tag in tags {
        let mut parts = tag.splitn(3, '-');
        let (Some(python), Some(abi), Some(platform)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        match groups.last_mut() {
            Some((pythons, last, platforms)) if **pythons == [python] && *last == abi => {
                platforms.push(platform)
            }
            _ => groups.push((vec![python], abi, vec![platform])),
        }
    }
    let mut joined: Vec<(Vec<&str>, &str, Vec<&str>)> = Vec::new();
    for (pythons, abi, platforms) in groups {
        match joined.last_mut() {
            Some((before, last, same)) if *last == abi && *same == platforms => before.extend(pythons),
            _ => joined.push((pythons, abi, platforms)),
        }
    }
    let write = |(pythons, abi, platforms): (Vec<&str>, &str, Vec<&str>)| {
        format!("{}-{abi}-{}", pythons.join("."), platforms.join("."))
    };
    joined.into_iter().map(write).collect()
}

/// More is no list of tags: a worker's description comes over the network.
const MOST_TAGS: usize = 20_000;

/// The tags of compressed sets, in their order. `None` if one is misspelt or they are too many.
pub fn expand(sets: &[String]) -> Option<Vec<String>> {
    let mut tags = Vec::new();
    for set in sets {
        let parts: Vec<Vec<&str>> = set.split('-').map(|part| part.split('.').collect()).collect();
        let [pythons, abis, platforms] = &parts[..] else { return None };
        let count = pythons.len().checked_mul(abis.len())?.checked_mul(platforms.len())?;
        if tags.len() + count > MOST_TAGS {
            return None;
        }
        for (python, abi) in pythons.iter().flat_map(|python| abis.iter().map(move |abi| (python, abi))) {
            tags.extend(platforms.iter().map(|platform| format!("{python}-{abi}-{platform}")));
        }
    }
    Some(tags)
}

#[cfg(test)]
mod tests;
