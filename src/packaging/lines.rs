//! Requirements files as pip reads them: logical lines, and what each of them asks for.

use super::filename::decode_once;
use super::requirement::{Marker, Requirement};
use super::version::{self, Version};
use crate::bad;
use crate::config::secret_url::{SecretText, masked};
use crate::error::Result;
use crate::names::ProjectName;
use std::collections::BTreeSet;
use url::Url;

/// A logical line: joined where a backslash ends a line, without its comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogicalLine {
    /// Of its first physical line, from 1.
    pub number: usize,
    /// As written, blanks around it trimmed; never empty.
    pub text: String,
    pub asks: Asks,
}

/// What a line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asks {
    /// `demo[extra]==1.0 ; marker --hash=sha256:…`
    Project(Hashed),
    /// `git+https://…@v1#egg=demo==1.0`, `demo @ https://…`
    Place(DirectUrl),
    /// What is on the writer's own machine: `-e file:///app`, `./lib`, `/srv/demo.whl`.
    Local,
    /// An option of pip's: `--index-url …`, `-r other.txt`.
    Setting,
}

/// A requirement with the hashes that its line gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hashed {
    pub requirement: Requirement,
    /// sha256 in lower-case hex.
    pub sha256: BTreeSet<String>,
    /// Hashes of other kinds were given, too.
    pub others: bool,
}

/// Something at a URL of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectUrl {
    /// With its scheme (`git+https`) and fragment.
    pub url: SecretText,
    /// What `#egg=` (or `name @`) says.
    pub name: Option<ProjectName>,
    pub extras: BTreeSet<ProjectName>,
    /// What stands behind `==` in `#egg=`.
    pub version: Option<Version>,
    pub marker: Option<Marker>,
    /// What `#sha256=` says, in lower-case hex.
    pub sha256: Option<String>,
}

impl DirectUrl {
    /// Whether it is in a repository.
    pub fn is_repository(&self) -> bool {
        ["git+", "hg+", "svn+", "bzr+"].iter().any(|scheme| self.url.expose().starts_with(scheme))
    }

    /// The last segment of its path, decoded.
    pub fn filename(&self) -> Option<String> {
        let url = Url::parse(self.url.expose()).ok()?;
        decode_once(url.path_segments()?.next_back()?).filter(|name| !name.is_empty())
    }

    /// The URL without `egg` in its fragment.
    pub fn without_egg(&self) -> String {
        let text = self.url.expose();
        let Some((plain, fragment)) = text.split_once('#') else { return text.to_owned() };
        let kept: Vec<&str> = fragment.split('&').filter(|pair| !pair.starts_with("egg=")).collect();
        match kept.is_empty() {
            true => plain.to_owned(),
            false => format!("{plain}#{}", kept.join("&")),
        }
    }
}

impl Hashed {
    /// The version it is pinned to, as written: one `==` (or `===`) without a wildcard.
    pub fn pin(&self) -> Option<Version> {
        let mut clauses = self.requirement.specifiers.iter();
        let (Some(only), None) = (clauses.next(), clauses.next()) else { return None };
        let text = only.to_string();
        let pinned = text.starts_with("==") && !text.ends_with(".*");
        version::parse(text.trim_start_matches('=').trim()).filter(|_| pinned)
    }
}

/// What a client writes before a pin that is to be kept where it still fits: a comment, so that a server
/// that does not know it compiles all the same.
pub const PREFER: &str = "# prefer: ";

/// The pins that a text asks to keep, one a line.
pub fn preferred(text: &str) -> String {
    let pins = text.lines().filter_map(|line| Requirement::parse(line.strip_prefix(PREFER)?).ok());
    pins.filter(|pin| pin.url.is_none()).map(|pin| format!("{pin}\n")).collect()
}

/// Reads a requirements file.
///
/// # Errors
/// `Bad` with the line's number, and what it should look like.
pub fn read(text: &str) -> Result<Vec<LogicalLine>> {
    let mut lines = Vec::new();
    for (number, text) in logical(text) {
        let asks = asks(&text).map_err(|error| bad!("line {number}: {error}"))?;
        lines.push(LogicalLine { number, text, asks });
    }
    Ok(lines)
}

/// Joins continued lines and drops comments, as pip does.
pub(super) fn logical(text: &str) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (at, physical) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let (number, mut joined) = open.take().unwrap_or((at + 1, String::new()));
        let is_comment = physical.trim_start().starts_with('#');
        match physical.ends_with('\\') && !is_comment {
            true => {
                joined.push_str(physical.trim_matches('\\'));
                open = Some((number, joined));
            }
            false => {
                // So that it is seen as one behind what was continued.
                joined.push_str(if is_comment { " " } else { "" });
                joined.push_str(physical);
                lines.push((number, joined));
            }
        }
    }
    lines.extend(open);
    let lines = lines.into_iter().map(|(number, line)| (number, without_comment(&line).trim().to_owned()));
    lines.filter(|(_, line)| !line.is_empty()).collect()
}

/// A comment begins with a `#` at the line's begin or behind a blank: others belong to URLs.
fn without_comment(line: &str) -> &str {
    let before = |at: usize| line.get(..at).unwrap_or_default();
    let begins = |at: &usize| before(*at).chars().next_back().is_none_or(char::is_whitespace);
    let at = line.match_indices('#').map(|(at, _)| at).find(begins);
    at.map_or(line, before)
}

fn asks(text: &str) -> Result<Asks> {
    if let Some(option) = text.strip_prefix('-') {
        let local = option.starts_with('e') || option.starts_with("-editable");
        return Ok(if local { Asks::Local } else { Asks::Setting });
    }
    let (text, options) = split_options(text);
    if let Some(place) = bare(text)? {
        return Ok(place);
    }
    if is_archive(text) {
        return Ok(Asks::Local);
    }
    let requirement = match Requirement::parse(text) {
        Ok(requirement) => requirement,
        Err(_) if is_path(text) => return Ok(Asks::Local),
        Err(error) => return Err(error),
    };
    if let Some(url) = &requirement.url {
        if url.scheme() == "file" {
            return Ok(Asks::Local);
        }
        let named =
            DirectUrl { name: Some(requirement.name), extras: requirement.extras, ..place(url.as_str())? };
        return Ok(Asks::Place(DirectUrl { marker: requirement.marker, ..named }));
    }
    let (sha256, others) = hashes(options);
    Ok(Asks::Project(Hashed { requirement, sha256, others }))
}

/// What stands before the first option of the line, and the options.
pub(super) fn split_options(text: &str) -> (&str, &str) {
    let begins = |at: &usize| text.get(..*at).is_some_and(|head| head.ends_with(char::is_whitespace));
    let at = text.match_indices("--").map(|(at, _)| at).find(begins).unwrap_or(text.len());
    let (head, options) = text.split_at_checked(at).unwrap_or((text, ""));
    (head.trim_end(), options)
}

fn hashes(options: &str) -> (BTreeSet<String>, bool) {
    let given = options.split_whitespace().flat_map(|word| {
        let word = word.strip_prefix("--hash").unwrap_or(word);
        word.trim_start_matches('=').split_once(':')
    });
    let (mut sha256, mut others) = (BTreeSet::new(), false);
    for (algorithm, hex) in given {
        match super::page::sha256_hex(hex).filter(|_| algorithm.eq_ignore_ascii_case("sha256")) {
            Some(hex) => drop(sha256.insert(hex)),
            None => others = true,
        }
    }
    (sha256, others)
}

/// A line that is a URL, maybe with a marker.
fn bare(text: &str) -> Result<Option<Asks>> {
    let scheme = text.split_once(':').map(|(scheme, _)| scheme).unwrap_or_default();
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"+.-".contains(&byte);
    let is_url = !scheme.is_empty() && scheme.bytes().all(letter);
    if !is_url || !(text.contains("://") || scheme == "file") {
        return Ok(None);
    }
    if scheme.eq_ignore_ascii_case("file") {
        return Ok(Some(Asks::Local));
    }
    let (url, marker) = match text.split_once([' ', '\t']) {
        None => (text, None),
        Some((url, rest)) => match rest.trim_start().strip_prefix(';') {
            Some(marker) => (url, Some(Marker::parse(marker)?)),
            None => return Err(bad!("unexpected text {rest:?} after a URL")),
        },
    };
    Ok(Some(Asks::Place(DirectUrl { marker, ..place(url)? })))
}

fn place(text: &str) -> Result<DirectUrl> {
    let url = Url::parse(text).map_err(|error| bad!("{:?} is not a valid URL: {error}", masked(text)))?;
    let mut place = DirectUrl {
        url: SecretText::new(text),
        name: None,
        extras: BTreeSet::new(),
        version: None,
        marker: None,
        sha256: None,
    };
    for pair in url.fragment().unwrap_or_default().split('&') {
        match pair.split_once('=') {
            Some(("egg", egg)) => {
                let egg = decode_once(egg).unwrap_or_else(|| egg.to_owned());
                let (name, version) = egg.split_once("==").map_or((&*egg, None), |(n, v)| (n, Some(v)));
                let named = Requirement::parse(name).map_err(|_| {
                    bad!("{egg:?} after #egg= is not a valid project name: write #egg=NAME==VERSION")
                })?;
                (place.name, place.extras) = (Some(named.name), named.extras);
                place.version = match version {
                    None => None,
                    Some(text) => Some(version::parse(text).ok_or_else(|| {
                        bad!("{text:?} after #egg= is not a valid version: write #egg=NAME==VERSION")
                    })?),
                };
            }
            Some(("sha256", hex)) => place.sha256 = super::page::sha256_hex(hex),
            _ => {}
        }
    }
    Ok(place)
}

/// Whether a line that is no requirement is a file or a folder.
fn is_path(text: &str) -> bool {
    text.starts_with('.') || text.contains(['/', '\\'])
}

/// `demo-1.0.whl` could be a project's name; pip takes it for a file.
fn is_archive(text: &str) -> bool {
    let ends = [".whl", ".tar.gz", ".zip", ".tgz", ".tar.bz2"];
    !text.contains(['@', '=', ';']) && ends.iter().any(|end| text.ends_with(end))
}

#[cfg(test)]
mod tests;
