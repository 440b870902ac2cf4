//! `/+targets` and `/+workers`: what is built for, and who builds.

use super::{Frame, Visit, answer};
use crate::build::target::Target;
use crate::build::view::WorkerView;
use crate::error::Result;
use crate::words::Isolation;
use askama::Template;
use axum::response::Response;

#[derive(Template)]
#[template(path = "targets.html")]
pub struct TargetsPage {
    pub frame: Frame,
    pub targets: Vec<TargetLine>,
}

pub struct TargetLine {
    pub target: Target,
    /// Names of those who build for it.
    pub workers: String,
}

#[derive(Template)]
#[template(path = "workers.html")]
pub struct WorkersPage {
    pub frame: Frame,
    pub workers: Vec<WorkerView>,
}

/// Shows what workers build for at present.
pub fn targets(ctx: &Visit, targets: Vec<Target>, workers: Vec<WorkerView>) -> Result<Response> {
    let line = |target: Target| {
        let serving = workers.iter().filter(|worker| worker.off.is_none());
        let serving = serving.filter(|worker| worker.targets.contains(&target.name));
        let serving: Vec<&str> = serving.map(|worker| worker.name.as_str()).collect();
        TargetLine { workers: serving.join(", "), target }
    };
    let targets = targets.into_iter().map(line).collect();
    answer(ctx, &TargetsPage { frame: Frame::of(ctx, &["+targets"]), targets })
}

/// Shows the workers that were heard of lately.
pub fn workers(ctx: &Visit, workers: Vec<WorkerView>) -> Result<Response> {
    answer(ctx, &WorkersPage { frame: Frame::of(ctx, &["+workers"]), workers })
}
