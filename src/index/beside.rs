//! What stands beside the files of a release: its documentation, and results of tests.

mod documentation;
mod results;

pub use documentation::{DocFile, Documentation, check_documentation};
pub use results::passed;

use crate::db::attachments::Attachment;
use crate::db::files::StoredFile;
use crate::words::AttachmentKind;

/// Where an attachment has its URL: the hash that its path begins with. A result stands beside the file
/// that was tested.
pub fn path_hash<'a>(attachment: &'a Attachment, tested: Option<&'a StoredFile>) -> &'a str {
    match attachment.kind {
        AttachmentKind::Documentation => &attachment.sha256,
        AttachmentKind::TestResult => tested.map_or(&attachment.sha256, |file| &file.sha256),
    }
}
