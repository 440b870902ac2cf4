//! Pages for installers: which files and which projects they list.

use super::differences::Differences;
use crate::names::{NameList, ProjectName};
use crate::packaging::page::{CoreMetadata, File, Hashes, Page};
use crate::packaging::{html, json};
use std::collections::BTreeMap;
use url::Url;

/// Names of a list that are shown.
const SHOWN: usize = 10;

/// A body, and whether it is JSON.
type Body<'a> = (&'a [u8], bool);

/// Compares the files of a project's page by name. Their order and their URLs' spelling mean nothing.
pub fn files(project: &ProjectName, url: &Url, old: Body<'_>, new: Body<'_>, found: &mut Differences) {
    let read = |(bytes, is_json): Body<'_>| match is_json {
        true => json::parse(bytes, url, project).map_err(|error| error.to_string()),
        false => Ok(html::parse(bytes, url, project)),
    };
    match (read(old), read(new)) {
        (Ok(old), Ok(new)) => pages(&old, &new, found),
        (Err(_), Err(_)) => {}
        (old, new) => {
            let told = |side: Result<Page, String>| side.map_or_else(|why| why, |_| "readable".to_owned());
            found.add("the page", told(old), told(new));
        }
    }
}

fn pages(old: &Page, new: &Page, found: &mut Differences) {
    let by_name = |page: &Page| -> BTreeMap<String, File> {
        page.files.iter().rev().map(|file| (file.filename.to_string(), file.clone())).collect()
    };
    let (old, mut new) = (by_name(old), by_name(new));
    for (name, was) in &old {
        match new.remove(name) {
            Some(is) => file(name, was, &is, found),
            None => found.add(format!("file {name}"), told_hash(&was.hashes), "absent"),
        }
    }
    for (name, is) in &new {
        found.add(format!("file {name}"), "absent", told_hash(&is.hashes));
    }
}

fn file(name: &str, old: &File, new: &File, found: &mut Differences) {
    if !same_hash(&old.hashes, &new.hashes) {
        found.add(format!("sha256 of {name}"), told_hash(&old.hashes), told_hash(&new.hashes));
    }
    let [was, is] = [old, new].map(|file| file.requires_python.as_deref().unwrap_or_default());
    let bare = |text: &str| text.split_whitespace().collect::<String>();
    if bare(was) != bare(is) {
        found.add(format!("requires-python of {name}"), was, is);
    }
    let [was, is] = [old, new].map(|file| match file.yanked.why() {
        None => "no".to_owned(),
        Some(reason) => format!("yes {reason}").trim().to_owned(),
    });
    if was != is {
        found.add(format!("yanked of {name}"), was, is);
    }
    if old.core_metadata != CoreMetadata::No && new.core_metadata == CoreMetadata::No {
        found.add(format!("metadata of {name}"), "served", "not served");
    }
}

/// Every hash that both know is equal, and the new page has one if the old one did.
fn same_hash(old: &Hashes, new: &Hashes) -> bool {
    let other = |(name, hex): &(String, String)| new.others.iter().all(|(own, is)| own != name || is == hex);
    match (&old.sha256, &new.sha256) {
        (Some(was), Some(is)) => was == is,
        (Some(_), None) => false,
        (None, _) => (old.is_empty() || !new.is_empty()) && old.others.iter().all(other),
    }
}

fn told_hash(hashes: &Hashes) -> String {
    match (&hashes.sha256, hashes.others.first()) {
        (Some(sha256), _) => format!("sha256={sha256}"),
        (None, Some((name, hex))) => format!("{name}={hex}"),
        (None, None) => "no hash".to_owned(),
    }
}

/// Compares two lists of projects as sets.
pub fn projects(url: &Url, old: Body<'_>, new: Body<'_>, found: &mut Differences) {
    let read = |(bytes, is_json): Body<'_>| match is_json {
        true => json::parse_names(bytes).map_err(|error| error.to_string()),
        false => Ok(html::parse_names(bytes, url)),
    };
    match (read(old), read(new)) {
        (Ok(old), Ok(new)) => {
            let (gone, come) = (without(&old, &new), without(&new, &old));
            if !gone.is_empty() || !come.is_empty() {
                found.add("projects that the other side does not list", told_names(&gone), told_names(&come));
            }
        }
        (Err(_), Err(_)) => {}
        (old, new) => {
            let told =
                |side: Result<NameList, String>| side.map_or_else(|why| why, |_| "readable".to_owned());
            found.add("the list of projects", told(old), told(new));
        }
    }
}

fn without<'a>(list: &'a NameList, other: &NameList) -> Vec<&'a str> {
    let known: std::collections::HashSet<&str> = other.iter().collect();
    list.iter().filter(|name| !known.contains(name)).collect()
}

fn told_names(names: &[&str]) -> String {
    let shown = names.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    match names.len() {
        0 => "none".to_owned(),
        count if count > SHOWN => format!("{shown} and {} more", count - SHOWN),
        _ => shown,
    }
}
