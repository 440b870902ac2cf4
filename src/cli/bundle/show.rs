//! Bundles and what becomes of them, for people and as JSON.

use crate::cli::progress::plain;
use crate::cli::table;
use crate::error::Result;
use crate::packaging::bundle::{BundleManifest, RefusedRequest};
use crate::transfer::bundle::BundleDiff;
use crate::words::Moment;
use indicatif::HumanBytes;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Files that are listed one by one.
const LISTED: usize = 200;

/// `3 files`
pub fn counted(count: usize) -> String {
    format!("{count} {}", if count == 1 { "file" } else { "files" })
}

/// What `create` made.
pub fn created(manifest: &BundleManifest, identity: &str, paths: &[PathBuf]) -> (String, Value) {
    let shown: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    let mut said = format!(
        "{}: {}, {} for {}",
        shown.join(", "),
        counted(manifest.files.len()),
        HumanBytes(manifest.size()),
        manifest.targets.join(", ")
    );
    if manifest.base.is_some() {
        said.push_str(&format!("; its base has {} more", manifest.held.len()));
    }
    for refused in &manifest.refused {
        said.push_str(&format!("\nrefused: {}", refusal(refused)));
    }
    let names: Vec<&str> = manifest.files.iter().map(|file| file.filename.as_str()).collect();
    let value = json!({
        "ok": true, "bundle": identity, "paths": shown, "targets": manifest.targets, "files": names,
        "bytes": manifest.size(), "held": manifest.held.len(), "refused": manifest.refused,
    });
    (said, value)
}

/// `demo>=2 for cp312-…: why`, on one line.
fn refusal(refused: &RefusedRequest) -> String {
    let target = if refused.target.is_empty() { String::new() } else { format!(" for {}", refused.target) };
    let why = plain(refused.why.lines().next().unwrap_or_default());
    format!("{}{target}: {why}", refused.requirement)
}

/// What is in a bundle.
pub fn contents(
    manifest: &BundleManifest,
    identity: &str,
    signers: &[String],
    is_verified: bool,
) -> Result<()> {
    let origin = &manifest.origin;
    let created = Moment(manifest.created.as_microsecond()).second();
    table::line(&format!("bundle {identity}"))?;
    table::line(&format!("of {} at serial {}, made {created}", plain(&origin.index), origin.serial))?;
    let signed = if signers.is_empty() { "nobody".to_owned() } else { format!("key {}", signers.join(", ")) };
    let verified = if is_verified { "verified" } else { "not verified: wheelwright bundle verify does that" };
    table::line(&format!("signed by {signed} ({verified})"))?;
    table::line(&format!("for {}", plain(&manifest.targets.join(", "))))?;
    if let Some(base) = &manifest.base {
        table::line(&format!("builds upon {base}, which has {} more", counted(manifest.held.len())))?;
    }
    let mut rows = vec![["FILE", "BYTES", "FROM", "BUILT"].map(str::to_owned).to_vec()];
    for file in &manifest.files {
        let from = serde_json::to_value(file.from).unwrap_or_default();
        let built = file.evidence.as_ref().map(|evidence| format!("from {}", plain(&evidence.source)));
        rows.push(vec![
            file.filename.clone(),
            file.size.to_string(),
            table::plain(&from),
            built.unwrap_or_default(),
        ]);
    }
    table::rows(&rows)?;
    for refused in &manifest.refused {
        table::line(&format!("refused: {}", refusal(refused)))?;
    }
    table::line(&format!("{}, {}", counted(manifest.files.len()), HumanBytes(manifest.size())))
}

/// What an import would change.
pub fn diff(diff: &BundleDiff) -> Result<()> {
    let made = diff.created.second();
    table::line(&format!(
        "bundle {} of {}, made {made}, signed by {}",
        diff.bundle,
        plain(&diff.from),
        diff.signers.join(", ")
    ))?;
    for file in diff.new.iter().take(LISTED) {
        table::line(&format!("+ {}  {}", file.filename, HumanBytes(file.size)))?;
    }
    if let Some(more) = diff.new.len().checked_sub(LISTED).filter(|more| *more > 0) {
        table::line(&format!("+ {more} more"))?;
    }
    for fault in &diff.refused {
        table::line(&format!("refused: {}: {}", fault.what, plain(&fault.why)))?;
    }
    for refused in &diff.unanswered {
        table::line(&format!("not in the bundle: {}", refusal(refused)))?;
    }
    if !diff.others.is_empty() {
        let names: Vec<&str> = diff.others.iter().map(|file| file.filename.as_str()).collect();
        table::line(&format!("not for an index, --others DIR saves them: {}", names.join(", ")))?;
    }
    table::line(&format!("{}: {} new, {} already there", diff.index, counted(diff.new.len()), diff.present))
}
