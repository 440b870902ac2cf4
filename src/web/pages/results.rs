//! The results of tests that stand beside the files of a release.

use super::Visit;
use crate::db::attachments::Attachment;
use crate::db::files::StoredFile;
use crate::error::Result;
use crate::index::beside;
use crate::names::ProjectName;
use crate::packaging::version;
use crate::words::{AttachmentKind, Moment};
use std::collections::HashMap;

/// Results that a page shows; JSON has all.
const MOST_SHOWN: usize = 50;

/// One result.
pub struct ResultLine {
    /// The file that was tested.
    pub filename: String,
    pub verdict: &'static str,
    /// For the style sheet.
    pub mood: &'static str,
    pub who: String,
    pub at: Moment,
    /// From the root: the JSON as it was sent.
    pub href: String,
}

/// The results of a release on exactly this index, the newest first.
pub async fn of_release(ctx: &Visit, project: &ProjectName, asked: &str) -> Result<Vec<ResultLine>> {
    let index = ctx.index()?;
    let known = ctx.app.db.attachments(&index.name, project).await?;
    let is_result = |known: &&Attachment| {
        known.kind == AttachmentKind::TestResult && version::same(&known.version, asked)
    };
    let results: Vec<&Attachment> = known.iter().filter(is_result).collect();
    if results.is_empty() {
        return Ok(Vec::new());
    }
    let files = ctx.app.db.project_files(&index.name, project).await?;
    let files: HashMap<&str, &StoredFile> = files.iter().map(|file| (file.filename.as_str(), file)).collect();
    let line = |result: &Attachment| {
        let filename = result.about.clone().unwrap_or_default();
        ResultLine {
            href: beside::href(result, files.get(filename.as_str()).copied(), ""),
            filename,
            verdict: match result.passed {
                Some(true) => "passed",
                Some(false) => "failed",
                None => "not told",
            },
            mood: match result.passed {
                Some(true) => "good",
                Some(false) => "bad",
                None => "",
            },
            who: result.uploader.clone().unwrap_or_else(|| "anonymous".to_owned()),
            at: Moment(result.uploaded_at),
        }
    };
    Ok(results.into_iter().rev().take(MOST_SHOWN).map(line).collect())
}
