//! The report of an import, for people.

use crate::cli::table::line;
use crate::error::Result;
use crate::transfer::{Tally, TransferReport};
use indicatif::HumanBytes;

pub fn print(report: &TransferReport) -> Result<()> {
    for note in &report.notes {
        line(&format!("note: {}: {}", note.what, note.why))?;
    }
    for fault in &report.refused {
        line(&format!("refused: {}: {}", fault.what, fault.why))?;
    }
    let added = if report.dry_run { "would be imported" } else { "imported" };
    line(&format!("{added}: {}", told(&report.added)))?;
    if report.present != Tally::default() {
        line(&format!("already here: {}", told(&report.present)))?;
    }
    match report.refused.len() {
        0 => Ok(()),
        count => line(&format!("refused: {count}")),
    }
}

/// `2 users, 5 files, 17.00 KiB`
fn told(tally: &Tally) -> String {
    let counts = [
        (tally.users, "user", "users"),
        (tally.indexes, "index", "indexes"),
        (tally.releases, "release", "releases"),
        (tally.files, "file", "files"),
        (tally.documentation, "documentation zip", "documentation zips"),
        (tally.test_results, "test result", "test results"),
    ];
    let counts = counts.into_iter().filter(|(count, ..)| *count > 0);
    let mut parts: Vec<String> =
        counts.map(|(count, one, many)| format!("{count} {}", if count == 1 { one } else { many })).collect();
    if tally.bytes > 0 {
        parts.push(HumanBytes(tally.bytes).to_string());
    }
    if parts.is_empty() { "nothing".to_owned() } else { parts.join(", ") }
}
