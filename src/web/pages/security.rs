//! How far a release can be trusted: known vulnerabilities, and who attests its files.

use super::Visit;
use crate::directory::IndexKind;
use crate::error::Result;
use crate::index::mirror::Key;
use crate::names::ProjectName;
use crate::packaging::page::{File, FilePlace};
use crate::packaging::provenance::{self, AttestationView};
use crate::packaging::version::Version;
use crate::words::Severity;
use serde::Serialize;
use std::time::Duration;

/// How long a page waits for what an upstream attests.
const PATIENCE: Duration = Duration::from_secs(2);

/// A known vulnerability of a release.
#[derive(Clone, Debug, Serialize)]
pub struct AdvisoryLine {
    pub id: String,
    pub aliases: Vec<String>,
    pub summary: String,
    pub severity: Option<Severity>,
    /// Of versions that are vulnerable: `>=1.0, <1.4`.
    pub ranges: Vec<String>,
    /// Later versions that are not, the lowest first.
    pub fixed_in: Vec<String>,
}

impl AdvisoryLine {
    /// The class of its severity, for the style sheet.
    pub fn mood(&self) -> &'static str {
        match self.severity {
            Some(Severity::Low | Severity::Medium) => "warn",
            Some(Severity::High | Severity::Critical) | None => "bad",
        }
    }
}

/// The vulnerabilities that the administrator's advisories know of a release.
pub fn advisories(ctx: &Visit, project: &ProjectName, version: Option<&Version>) -> Vec<AdvisoryLine> {
    let Some(version) = version else { return Vec::new() };
    let known = ctx.app.advisories.of(project, version);
    let line = |advisory: &crate::packaging::osv::Advisory| AdvisoryLine {
        id: advisory.id.clone(),
        aliases: advisory.aliases.clone(),
        summary: advisory.summary.clone(),
        severity: advisory.severity,
        ranges: advisory.ranges(project),
        fixed_in: advisory.fixed_in(project, version).into_iter().map(ToString::to_string).collect(),
    };
    known.iter().map(|advisory| line(advisory)).collect()
}

/// What is attested of a release.
#[derive(Clone, Debug, Serialize)]
pub struct Attested {
    /// Files with a provenance, of how many.
    pub files: usize,
    pub of: usize,
    /// Of this one the attestations are told.
    pub filename: String,
    pub attestations: Vec<AttestationView>,
    /// This server compared each statement with the file's name and hash when it was uploaded here.
    pub statement_checked: bool,
    /// Nobody here verifies signatures.
    pub signature_verified: bool,
}

/// Who attests the files; `None` if none has a provenance. What an upstream does not tell in time is left out.
pub async fn attested(ctx: &Visit, project: &ProjectName, files: &[&File]) -> Option<Attested> {
    let with: Vec<&&File> = files.iter().filter(|file| file.provenance_href("").is_some()).collect();
    let first = *with.first()?;
    let read = tokio::time::timeout(PATIENCE, object(ctx, project, first)).await;
    let attestations = match read {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => {
            tracing::debug!(%error, filename = first.filename.as_str(), "cannot read a provenance for a page");
            Vec::new()
        }
        Err(_) => Vec::new(),
    };
    let owner = first.owner().and_then(|name| ctx.directory.indexes.get(name));
    Some(Attested {
        files: with.len(),
        of: files.len(),
        filename: first.filename.to_string(),
        attestations,
        statement_checked: owner.is_some_and(|index| matches!(index.kind, IndexKind::Stage(_))),
        signature_verified: false,
    })
}

async fn object(ctx: &Visit, project: &ProjectName, file: &File) -> Result<Vec<AttestationView>> {
    let Some(index) = file.owner().and_then(|name| ctx.directory.indexes.get(name)) else {
        return Ok(Vec::new());
    };
    if let IndexKind::Stage(_) = index.kind {
        let sent = ctx.app.db.attestations(&index.name, &file.filename).await?.unwrap_or_default();
        let sent: serde_json::Value = serde_json::from_str(&sent).unwrap_or_default();
        let object = serde_json::json!({"attestation_bundles": [{"attestations": sent}]});
        return Ok(provenance::read(object.to_string().as_bytes()));
    }
    let key = match (&file.place, &file.hashes.sha256) {
        (FilePlace::Mirrored(_, key), _) => Key::Url(key),
        (FilePlace::Hosted(_), Some(sha256)) => match sha256.get(..16) {
            Some(head) => Key::Hash(head),
            None => return Ok(Vec::new()),
        },
        _ => return Ok(Vec::new()),
    };
    let mirrors = &ctx.app.indexes.mirrors;
    let located = mirrors.locate(index, &file.filename, key).await?;
    match located.filter(|located| located.project == *project) {
        Some(located) => Ok(provenance::read(&mirrors.provenance(index, &located).await?)),
        None => Ok(Vec::new()),
    }
}
