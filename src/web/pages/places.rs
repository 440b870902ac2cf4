//! Where the pages of a project are, from the root.

use super::{Frame, Visit, index_href};
use crate::names::{IndexName, ProjectName};
use crate::packaging::filename::encode_segment;

/// From the root to a release's page.
pub fn release(index: &IndexName, project: &ProjectName, version: &str) -> String {
    format!("{}/{project}/{}", index_href(index), encode_segment(version))
}

/// From the root: the comparison of two versions.
pub fn compare(index: &IndexName, project: &ProjectName, from: &str, to: &str) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("from", from)
        .append_pair("to", to)
        .finish();
    format!("{}/+compare/{project}?{query}", index_href(index))
}

/// From the root: the page with all of them.
pub fn required_by(index: &IndexName, project: &ProjectName) -> String {
    format!("{}/+required-by/{project}", index_href(index))
}

/// The frame of `I/{word}/{project}`, which the way leads to by the project's own page.
pub fn frame(ctx: &Visit, index: &IndexName, project: &ProjectName, word: &str) -> Frame {
    let mut frame = Frame::of(ctx, &[index.user(), index.name(), project.as_str(), word]);
    if let Some(last) = frame.crumbs.last_mut() {
        last.href = format!("{}/{word}/{project}", index_href(index));
    }
    frame
}
