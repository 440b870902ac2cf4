//! Where things are in a wheel: one `.dist-info`, at most one `.data`, and nothing that poses as either.

use super::super::archive::zip::ZipMember;
use super::super::archive::{ArchiveResult, refuse};
use super::super::filename::WheelFilename;
use super::super::version;
use crate::names::ProjectName;

/// The installation schemes of `.data/` (PEP 427).
const SCHEMES: [&str; 5] = ["purelib", "platlib", "headers", "scripts", "data"];

/// Checks all names; returns the `.dist-info` directory.
pub(super) fn check(members: &[ZipMember], filename: &WheelFilename) -> ArchiveResult<String> {
    let mut found: Option<&str> = None;
    for member in members {
        let (top, rest) = member.name.split_once('/').unwrap_or((&member.name, ""));
        if ends_with(top, ".dist-info") {
            if found.is_some_and(|other| other != top) {
                refuse!("more than one .dist-info directory");
            }
            found = Some(top);
        }
        // Installers take every top directory of that ending for one.
        if ends_with(top, ".data") && (member.directory || !rest.is_empty()) {
            check_prefix(top, ".data", filename)?;
            check_data(rest, member)?;
        }
    }
    let Some(dist_info) = found else { refuse!("no .dist-info directory") };
    check_prefix(dist_info, ".dist-info", filename)?;
    Ok(dist_info.to_owned())
}

fn ends_with(name: &str, ending: &str) -> bool {
    let tail = name.len().checked_sub(ending.len()).and_then(|at| name.get(at..));
    tail.is_some_and(|tail| tail.eq_ignore_ascii_case(ending))
}

/// The directory must be named for the file name's project and version.
fn check_prefix(directory: &str, ending: &str, filename: &WheelFilename) -> ArchiveResult<()> {
    let release = directory.strip_suffix(ending).and_then(|stem| stem.rsplit_once('-'));
    let same = release.is_some_and(|(name, version)| {
        ProjectName::new(name).as_ref() == Some(&filename.name)
            && version::parse(version).as_ref() == Some(&filename.version)
    });
    if !same {
        refuse!("{directory} does not belong to {}-{}", filename.name, filename.version_text);
    }
    Ok(())
}

/// Checks the part of a name after `{release}.data/`.
fn check_data(rest: &str, member: &ZipMember) -> ArchiveResult<()> {
    let (scheme, path) = rest.split_once('/').unwrap_or((rest, ""));
    if rest.is_empty() {
        return Ok(());
    }
    if !SCHEMES.contains(&scheme) || (path.is_empty() && !member.directory) {
        refuse!("{:?} is in no known scheme of .data ({})", member.name, SCHEMES.join(", "));
    }
    let first = path.split('/').next().unwrap_or_default();
    if matches!(scheme, "purelib" | "platlib") && ends_with(first, ".dist-info") {
        refuse!("{:?} would write into an installed .dist-info", member.name);
    }
    if scheme == "scripts" && is_interpreter(first) {
        refuse!("{:?} would replace the interpreter", member.name);
    }
    Ok(())
}

/// Whether a script of that name would shadow an environment's interpreter, on any system.
pub(super) fn is_interpreter(script: &str) -> bool {
    let lower = script.to_ascii_lowercase();
    let stem = lower.strip_suffix(".exe").unwrap_or(&lower);
    ["pythonw", "python", "pypyw", "pypy", "graalpy"]
        .iter()
        .filter_map(|name| stem.strip_prefix(name))
        .any(|rest| rest.trim_end_matches('t').bytes().all(|b| b.is_ascii_digit() || b == b'.'))
}
