//! Advisories in OSV's own format: which versions of which projects of PyPI are vulnerable.
//!
//! <https://ossf.github.io/osv-schema/>. What is about other ecosystems is left out, and so are ranges of git commits.

use super::version::{self, Version};
use crate::bad;
use crate::error::Result;
use crate::names::ProjectName;
use crate::words::Severity;
use cvss::Cvss;
use serde::Deserialize;
use std::str::FromStr;

/// Bytes of the largest advisory.
pub const LARGEST_ADVISORY: usize = 8 << 20;

/// Bytes of the longest text that is kept of one.
const LONGEST_TEXT: usize = 500;

/// The ecosystem that is read.
const PYPI: &str = "PyPI";

/// One advisory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advisory {
    /// `PYSEC-2024-1`, `GHSA-…`, `MAL-…`
    pub id: String,
    /// What others call it: `CVE-2024-1`.
    pub aliases: Vec<String>,
    /// One line; may be empty.
    pub summary: String,
    /// `None`: nobody said.
    pub severity: Option<Severity>,
    /// It was taken back: nothing is affected any more.
    pub withdrawn: bool,
    pub affected: Vec<AffectedProject>,
}

/// What an advisory says of one project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AffectedProject {
    pub project: ProjectName,
    versions: Box<[Version]>,
    ranges: Box<[Box<[Boundary]>]>,
}

/// A version at which it changes whether later ones are vulnerable. Of a range, they are in order.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Boundary {
    /// `None`: before all others.
    at: Option<Version>,
    kind: BoundaryKind,
}

/// In the order in which those of one version count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum BoundaryKind {
    Fixed,
    Limit,
    Introduced,
    LastAffected,
}

#[derive(Deserialize)]
struct WrittenAdvisory {
    id: String,
    /// Required by the format: what lacks it is something else.
    modified: String,
    withdrawn: Option<String>,
    #[serde(default)]
    aliases: Option<Vec<String>>,
    summary: Option<String>,
    details: Option<String>,
    #[serde(default)]
    severity: Option<Vec<WrittenSeverity>>,
    #[serde(default)]
    affected: Option<Vec<WrittenAffected>>,
    database_specific: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct WrittenSeverity {
    score: String,
}

#[derive(Deserialize)]
struct WrittenAffected {
    package: Option<WrittenPackage>,
    #[serde(default)]
    severity: Option<Vec<WrittenSeverity>>,
    #[serde(default)]
    ranges: Option<Vec<WrittenRange>>,
    #[serde(default)]
    versions: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct WrittenPackage {
    ecosystem: String,
    name: String,
}

#[derive(Deserialize)]
struct WrittenRange {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    events: Vec<WrittenEvent>,
}

#[derive(Deserialize)]
struct WrittenEvent {
    introduced: Option<String>,
    fixed: Option<String>,
    last_affected: Option<String>,
    limit: Option<String>,
}

impl Advisory {
    /// Reads one advisory.
    ///
    /// # Errors
    /// `Bad` if it is not one in OSV's format.
    pub fn parse(text: &str) -> Result<Self> {
        if text.len() > LARGEST_ADVISORY {
            return Err(bad!("it is larger than {LARGEST_ADVISORY} bytes"));
        }
        let written: WrittenAdvisory = serde_json::from_str(text)
            .map_err(|error| bad!("it is not an advisory in OSV's format: {error}"))?;
        if written.id.is_empty() || written.modified.is_empty() {
            return Err(bad!("it is not an advisory in OSV's format: id or modified is empty"));
        }
        let severity = severity(&written);
        let affected = written.affected.unwrap_or_default();
        let affected = affected.into_iter().filter_map(AffectedProject::read).collect();
        let summary = written.summary.filter(|text| !text.is_empty()).or(written.details);
        let summary = summary.as_deref().unwrap_or_default().lines().next().unwrap_or_default();
        Ok(Self {
            id: written.id.chars().take(LONGEST_TEXT).collect(),
            aliases: written.aliases.unwrap_or_default(),
            summary: summary.chars().take(LONGEST_TEXT).collect(),
            severity,
            withdrawn: written.withdrawn.is_some(),
            affected,
        })
    }

    /// Whether a release is vulnerable.
    pub fn affects(&self, project: &ProjectName, version: &Version) -> bool {
        !self.withdrawn && self.of(project).any(|affected| affected.has(version))
    }

    /// The versions above this one that mend it, lowest first.
    pub fn fixed_in(&self, project: &ProjectName, version: &Version) -> Vec<&Version> {
        let boundaries = self.of(project).flat_map(|affected| affected.ranges.iter().flatten());
        let fixes = boundaries.filter(|boundary| boundary.kind == BoundaryKind::Fixed);
        let mut fixes: Vec<&Version> =
            fixes.filter_map(|boundary| boundary.at.as_ref()).filter(|fix| *fix > version).collect();
        fixes.sort_unstable();
        fixes.dedup();
        fixes
    }

    /// The ranges of versions of a project that are vulnerable: `>=1.0, <1.4`.
    pub fn ranges(&self, project: &ProjectName) -> Vec<String> {
        let ranges = self.of(project).flat_map(|affected| &affected.ranges);
        ranges.filter_map(|range| in_words(range)).collect()
    }

    fn of<'a, 'p>(
        &'a self,
        project: &'p ProjectName,
    ) -> impl Iterator<Item = &'a AffectedProject> + use<'a, 'p> {
        self.affected.iter().filter(move |affected| affected.project == *project)
    }
}

impl AffectedProject {
    /// `None` if it is not about a project of PyPI.
    fn read(written: WrittenAffected) -> Option<Self> {
        let package = written.package.filter(|package| package.ecosystem == PYPI)?;
        let project = ProjectName::new(&package.name)?;
        let versions = written.versions.unwrap_or_default();
        let versions = versions.iter().filter_map(|text| version::parse(text)).collect();
        let ranges = written.ranges.unwrap_or_default();
        let ranges = ranges.iter().filter(|range| range.kind != "GIT").map(boundaries).collect();
        Some(Self { project, versions, ranges })
    }

    fn has(&self, version: &Version) -> bool {
        let public = version.clone().without_local();
        let same = |known: &Version| known == version || *known == public;
        self.versions.iter().any(same) || self.ranges.iter().any(|range| within(range, &public))
    }
}

/// As specifiers; several parts of a range are divided by `or`.
fn in_words(range: &[Boundary]) -> Option<String> {
    let mut parts: Vec<String> = Vec::new();
    let mut begin: Option<String> = None;
    for Boundary { at, kind } in range {
        let version = at.as_ref().map(ToString::to_string);
        let end = match kind {
            BoundaryKind::Introduced => {
                begin = begin.or(Some(version.map_or_else(String::new, |version| format!(">={version}"))));
                continue;
            }
            BoundaryKind::LastAffected => "<=",
            BoundaryKind::Fixed | BoundaryKind::Limit => "<",
        };
        let (Some(from), Some(version)) = (begin.take(), version) else { continue };
        let divider = if from.is_empty() { "" } else { ", " };
        parts.push(format!("{from}{divider}{end}{version}"));
    }
    parts.extend(begin.map(|from| if from.is_empty() { "all versions".to_owned() } else { from }));
    (!parts.is_empty()).then(|| parts.join(" or "))
}

/// The last boundary that was passed decides.
fn within(range: &[Boundary], version: &Version) -> bool {
    let mut inside = false;
    for Boundary { at, kind } in range {
        let passed = match (at, kind) {
            (None, _) => true,
            (Some(at), BoundaryKind::LastAffected) => version > at,
            (Some(at), _) => version >= at,
        };
        if passed {
            inside = *kind == BoundaryKind::Introduced;
        }
    }
    inside
}

fn boundaries(range: &WrittenRange) -> Box<[Boundary]> {
    let read = |event: &WrittenEvent| {
        let (text, kind) = match event {
            WrittenEvent { introduced: Some(text), .. } => (text, BoundaryKind::Introduced),
            WrittenEvent { fixed: Some(text), .. } => (text, BoundaryKind::Fixed),
            WrittenEvent { last_affected: Some(text), .. } => (text, BoundaryKind::LastAffected),
            WrittenEvent { limit: Some(text), .. } if text != "*" => (text, BoundaryKind::Limit),
            _ => return None,
        };
        match (text.as_str(), kind) {
            ("0", BoundaryKind::Introduced) => Some(Boundary { at: None, kind }),
            _ => Some(Boundary { at: Some(version::parse(text)?), kind }),
        }
    };
    let mut boundaries: Vec<Boundary> = range.events.iter().filter_map(read).collect();
    boundaries.sort_by(|a, b| (&a.at, a.kind).cmp(&(&b.at, b.kind)));
    boundaries.into()
}

/// The worst of what is said of it: by a word of the database, or by CVSS vectors. Malicious code is as bad as can be.
fn severity(written: &WrittenAdvisory) -> Option<Severity> {
    if written.id.starts_with("MAL-") {
        return Some(Severity::Critical);
    }
    let word = written.database_specific.as_ref().and_then(|more| more.get("severity")?.as_str());
    let word = word.and_then(|word| match word.to_ascii_lowercase().as_str() {
        "moderate" => Some(Severity::Medium),
        word => Severity::parse(word),
    });
    let nested = written.affected.iter().flatten().filter_map(|affected| affected.severity.as_ref());
    let vectors = written.severity.iter().chain(nested).flatten();
    word.or_else(|| vectors.filter_map(|vector| of_vector(&vector.score)).max())
}

fn of_vector(text: &str) -> Option<Severity> {
    match Cvss::from_str(text).ok()?.severity() {
        // A score of 0 is somebody's word: it is not unknown.
        cvss::Severity::None | cvss::Severity::Low => Some(Severity::Low),
        cvss::Severity::Medium => Some(Severity::Medium),
        cvss::Severity::High => Some(Severity::High),
        cvss::Severity::Critical => Some(Severity::Critical),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ADVISORY: &str = r#"{"id": "PYSEC-2024-1", "modified": "2024-05-01T00:00:00Z", "aliases": ["CVE-2024-1"],
        "summary": "It breaks", "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
        "affected": [
            {"package": {"ecosystem": "PyPI", "name": "Demo_X"}, "versions": ["0.9-1", "no version"],
             "ranges": [{"type": "GIT", "events": [{"introduced": "0"}]},
                        {"type": "ECOSYSTEM", "events": [{"fixed": "2.5"}, {"introduced": "2.0"}, {"introduced": "1.0"}, {"fixed": "1.2"}]}]},
            {"package": {"ecosystem": "npm", "name": "demo-x"}, "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}]}]}]}"#;

    fn affects(advisory: &Advisory, version: &str) -> bool {
        advisory.affects(&"demo-x".parse().unwrap(), &version::parse(version).unwrap())
    }

    #[test]
    fn ranges_and_versions_say_what_is_vulnerable() {
        let advisory = Advisory::parse(ADVISORY).unwrap();
        for version in ["0.9.post1", "1.0", "1.1.9", "2.0", "2.5rc1", "1.1+local"] {
            assert!(affects(&advisory, version), "{version}");
        }
        for version in ["0.9", "1.2", "1.9", "2.5", "3", "1.2+local"] {
            assert!(!affects(&advisory, version), "{version}");
        }
        let fixed = advisory.fixed_in(&"demo-x".parse().unwrap(), &version::parse("1.1").unwrap());
        assert_eq!(fixed.iter().map(ToString::to_string).collect::<Vec<_>>(), ["1.2", "2.5"]);
        assert_eq!((advisory.severity, advisory.summary.as_str()), (Some(Severity::Critical), "It breaks"));
    }

    #[test]
    fn the_last_affected_version_is_affected_and_a_withdrawn_advisory_affects_nothing() {
        let events = |events: &str| {
            let text = format!(
                r#"{{"id": "X", "modified": "now", "database_specific": {{"severity": "MODERATE"}}, "affected": [
                {{"package": {{"ecosystem": "PyPI", "name": "demo-x"}}, "ranges": [{{"type": "ECOSYSTEM", "events": [{events}]}}]}}]}}"#
            );
            Advisory::parse(&text).unwrap()
        };
        let advisory = events(r#"{"introduced": "0"}, {"last_affected": "1.0"}"#);
        assert!(affects(&advisory, "1.0") && affects(&advisory, "0.1.dev0") && !affects(&advisory, "1.0.1"));
        assert_eq!(advisory.severity, Some(Severity::Medium));
        assert!(affects(&events(r#"{"introduced": "0"}, {"limit": "*"}"#), "99"));
        assert!(!affects(&events(r#"{"introduced": "0"}, {"limit": "2"}"#), "99"));
        let withdrawn =
            ADVISORY.replace("\"aliases\"", "\"withdrawn\": \"2024-06-01T00:00:00Z\", \"aliases\"");
        assert!(!affects(&Advisory::parse(&withdrawn).unwrap(), "1.0"));
    }

    #[test]
    fn ranges_are_told_as_specifiers() {
        let of = |events: &str| {
            let text = format!(
                r#"{{"id": "X", "modified": "now", "affected": [{{"package": {{"ecosystem": "PyPI", "name": "demo-x"}},
                "ranges": [{{"type": "ECOSYSTEM", "events": [{events}]}}]}}]}}"#
            );
            Advisory::parse(&text).unwrap().ranges(&ProjectName::new("demo-x").unwrap())
        };
        assert_eq!(of(r#"{"introduced": "0"}, {"fixed": "1.4"}"#), ["<1.4"]);
        assert_eq!(of(r#"{"introduced": "1.0"}, {"last_affected": "1.4"}"#), [">=1.0, <=1.4"]);
        let twice = r#"{"introduced": "0"}, {"fixed": "1.4"}, {"introduced": "2.0"}"#;
        assert_eq!(of(twice), ["<1.4 or >=2.0"]);
        assert_eq!(of(r#"{"introduced": "0"}"#), ["all versions"]);
    }

    #[test]
    fn what_is_no_advisory_is_refused() {
        for text in [
            "",
            "{}",
            "[]",
            r#"{"id": "X"}"#,
            r#"{"id": "", "modified": "now"}"#,
            "<html>",
            r#"{"packages": []}"#,
        ] {
            let error = Advisory::parse(text).unwrap_err().to_string();
            assert!(error.contains("OSV"), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn reading_never_panics(at in 0..ADVISORY.len(), by in "\\PC{0,3}") {
            if ADVISORY.is_char_boundary(at) {
                let text = format!("{}{by}{}", &ADVISORY[..at], &ADVISORY[at..]);
                if let Ok(advisory) = Advisory::parse(&text) {
                    let _ = affects(&advisory, "1.0");
                }
            }
        }
    }
}
