//! `I/+learned/` and `I/+learned/{project}/`: what builds found, and that as a recipe.

use super::{Frame, Visit, answer, index_href, terminal};
use crate::build::learned::{LearnedRange, LearnedView};
use crate::error::Result;
use crate::names::{IndexName, ProjectName};
use askama::Template;
use axum::response::Response;

/// Lines that the page shows; JSON has all.
const MOST_SHOWN: usize = 500;

#[derive(Template)]
#[template(path = "learned.html")]
pub struct LearnedPage {
    pub frame: Frame,
    pub index: String,
    pub index_href: String,
    /// Of a page about one project.
    pub project: String,
    pub lines: Vec<LearnedLine>,
    /// Lines that are not shown.
    pub more: usize,
    pub recipe: Option<String>,
}

pub struct LearnedLine {
    pub learned: LearnedRange,
    /// Of the project's findings, from the root.
    pub href: String,
    /// Without what would steer a terminal: a worker said it.
    pub strategy: String,
}

/// Shows what builds of an index found, of one project or of all.
pub fn show(
    ctx: &Visit,
    index: &IndexName,
    project: Option<&ProjectName>,
    view: LearnedView,
) -> Result<Response> {
    let mut segments = vec![index.user(), index.name(), "+learned"];
    segments.extend(project.map(ProjectName::as_str));
    let count = view.learned.len();
    let line = |learned: LearnedRange| LearnedLine {
        href: format!("{}/+learned/{}/", index_href(index), learned.project),
        strategy: terminal::plain(learned.strategy.as_bytes()),
        learned,
    };
    let page = LearnedPage {
        frame: Frame::of(ctx, &segments),
        index: index.to_string(),
        index_href: index_href(index),
        project: project.map(ToString::to_string).unwrap_or_default(),
        lines: view.learned.into_iter().take(MOST_SHOWN).map(line).collect(),
        more: count.saturating_sub(MOST_SHOWN),
        recipe: view.recipe,
    };
    answer(ctx, &page)
}
