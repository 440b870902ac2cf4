//! What stands beside the files of a release: its documentation, and results of tests.

mod documentation;
mod results;

pub use documentation::{DocFile, Documentation, check_documentation};
pub use results::passed;

use crate::db::attachments::Attachment;
use crate::db::files::StoredFile;
use crate::names::ProjectName;
use crate::packaging::page::FilePlace;
use crate::words::AttachmentKind;

/// The name of the zip that documents a release.
pub fn documentation_name(project: &ProjectName, version: &str) -> String {
    format!("{project}-{version}.doc.zip")
}

/// The URL of an attachment; `root` leads to the server's root: empty, or ends in `/`.
pub fn href(attachment: &Attachment, tested: Option<&StoredFile>, root: &str) -> String {
    let place = FilePlace::Hosted(attachment.index.clone());
    place.href(&attachment.name, Some(path_hash(attachment, tested)), root).to_string()
}

/// Where an attachment has its URL: the hash that its path begins with. A result stands beside the file
/// that was tested.
pub fn path_hash<'a>(attachment: &'a Attachment, tested: Option<&'a StoredFile>) -> &'a str {
    match attachment.kind {
        AttachmentKind::Documentation => &attachment.sha256,
        AttachmentKind::TestResult => tested.map_or(&attachment.sha256, |file| &file.sha256),
    }
}
