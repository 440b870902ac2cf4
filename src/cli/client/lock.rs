//! Resolved URLs as a lock file (PEP 751): with names, hashes, sizes and times from the pages.

use crate::bad;
use crate::client::WheelsProxy;
use crate::error::Result;
use crate::names::ProjectName;
use crate::packaging::filename::{WheelFilename, decode_once};
use crate::packaging::page::{self, Page};
use crate::packaging::pylock::{Lock, LockedFile, LockedFolder, Package};
use crate::tools::hex;
use futures::{StreamExt, TryStreamExt};
use std::path::Path;
use url::Url;

/// Pages that are asked for at once.
const PAGES: usize = 8;

/// A lock file of resolved lines: a URL each, or something local.
///
/// # Errors
/// `Bad` for a line that is neither, or a file of which no hash is known.
pub async fn lock(proxy: &WheelsProxy, lines: &[String]) -> Result<Lock> {
    let packages = futures::stream::iter(lines).map(|line| package(proxy, line));
    let mut packages: Vec<Package> = packages.buffered(PAGES).try_collect().await?;
    packages.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
    Ok(Lock {
        lock_version: "1.0".to_owned(),
        environments: environment_of(&proxy.target).into_iter().collect(),
        created_by: "wheelwright".to_owned(),
        packages,
        ..Lock::default()
    })
}

async fn package(proxy: &WheelsProxy, line: &str) -> Result<Package> {
    let (editable, place) = match line.strip_prefix("-e ") {
        Some(place) => (true, place.trim()),
        None => (false, line),
    };
    let url = Url::parse(place).map_err(|_| bad!("{line:?} did not resolve to a URL"))?;
    if url.scheme() == "file" {
        return local(&url, editable);
    }
    let filename = url.path_segments().and_then(|mut parts| parts.next_back()).and_then(decode_once);
    let filename = filename.ok_or_else(|| bad!("{line} does not end with a file name"))?;
    let name = WheelFilename::parse(&filename)?;
    let page = proxy.server.page(&proxy.address.place(), &name.name).await?;
    let listed = page.as_ref().and_then(|page| find(page, &filename));
    let mut file = LockedFile { name: Some(filename.clone()), ..LockedFile::default() };
    if let Some(listed) = listed {
        file.upload_time = listed.uploaded.and_then(|time| time.to_string().parse().ok());
        file.size = listed.size;
        if let Some(sha256) = &listed.hashes.sha256 {
            file.hashes.insert("sha256".to_owned(), sha256.clone());
        }
    }
    if let Some(told) = fragment(&url) {
        let known = file.hashes.insert(told.0.clone(), told.1.clone());
        if known.is_some_and(|known| known != told.1) {
            return Err(bad!("the hash of {filename} changed after it was resolved: run the command again"));
        }
    }
    if file.hashes.is_empty() {
        return Err(bad!("the index has no hash of {filename}, but a lock file needs one"));
    }
    let mut plain = url.clone();
    plain.set_fragment(None);
    file.url = Some(plain.into());
    Ok(Package {
        name: name.name.to_string(),
        version: Some(name.version.to_string()),
        requires_python: listed.and_then(|listed| listed.requires_python.clone()),
        index: Some(proxy.address.public_simple()),
        wheels: vec![file],
        ..Package::default()
    })
}

fn find<'a>(page: &'a Page, filename: &str) -> Option<&'a page::File> {
    page.files.iter().find(|file| file.filename == filename)
}

/// `#sha256=00…` as algorithm and digest.
fn fragment(url: &Url) -> Option<(String, String)> {
    let mut pairs = url.fragment()?.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(name, _)| *name == "sha256").map(|(name, hex)| (name.to_owned(), hex.to_ascii_lowercase()))
}

fn local(url: &Url, editable: bool) -> Result<Package> {
    let path = url.to_file_path().map_err(|()| bad!("{url} is not a path on this machine"))?;
    let shown = path.display().to_string();
    let named = fragment_name(url).or_else(|| name_of(&path));
    let name = named.ok_or_else(|| bad!("{url} does not name its project: add #egg=NAME to the URL"))?;
    if path.is_dir() {
        let directory = Some(LockedFolder { path: shown, editable, subdirectory: None });
        return Ok(Package { name: name.to_string(), directory, ..Package::default() });
    }
    let sha256 = hex::file_sha256(&path)?;
    let hashes = [("sha256".to_owned(), sha256)].into();
    let archive = Some(LockedFile { path: Some(shown), hashes, ..LockedFile::default() });
    Ok(Package { name: name.to_string(), archive, ..Package::default() })
}

fn fragment_name(url: &Url) -> Option<ProjectName> {
    let mut pairs = url.fragment()?.split('&').filter_map(|pair| pair.split_once('='));
    let egg = pairs.find(|(name, _)| *name == "egg").map(|(_, egg)| egg.split(['=', '[']).next())?;
    ProjectName::new(egg?)
}

/// What a folder's `pyproject.toml` says, else what it or the archive is called.
fn name_of(path: &Path) -> Option<ProjectName> {
    let text = std::fs::read_to_string(path.join("pyproject.toml")).ok();
    let said = text.and_then(|text| crate::packaging::pyproject::Project::parse(&text).ok()?.name);
    let filename = path.file_name()?.to_str()?;
    said.or_else(|| crate::packaging::filename::project_of(filename)).or_else(|| ProjectName::new(filename))
}

/// The condition under which the wheels of a target are for an environment: `cp312-manylinux_2_36_x86_64`
/// says Python, system and processor, `cp312` Python alone. `None` if nothing is said.
pub(super) fn environment_of(target: &str) -> Option<String> {
    let (interpreter, platform) = target.split_once('-').unwrap_or((target, ""));
    let mut conditions = Vec::new();
    let digits = interpreter.trim_start_matches(|c: char| c.is_ascii_alphabetic());
    let digits: String = digits.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
    let version = match digits.split_once('.') {
        Some((major, rest)) => Some((major, rest.split('.').next().unwrap_or_default())),
        None => digits.split_at_checked(1),
    };
    if let Some((major, minor)) = version.filter(|(major, minor)| !major.is_empty() && !minor.is_empty()) {
        let implementation = if interpreter.starts_with("pp") { "pypy" } else { "cpython" };
        conditions.push(format!("implementation_name == '{implementation}'"));
        conditions.push(format!("python_version == '{major}.{minor}'"));
    }
    let system = match platform {
        _ if platform.starts_with("win") => Some("win32"),
        _ if platform.starts_with("macos") => Some("darwin"),
        _ if platform.contains("linux") => Some("linux"),
        _ => None,
    };
    conditions.extend(system.map(|system| format!("sys_platform == '{system}'")));
    let machines = ["x86_64", "aarch64", "i686", "armv7l", "ppc64le", "s390x", "riscv64", "arm64"];
    let machine = machines.iter().find(|machine| platform.ends_with(*machine));
    conditions.extend(machine.map(|machine| format!("platform_machine == '{machine}'")));
    (!conditions.is_empty()).then(|| conditions.join(" and "))
}
