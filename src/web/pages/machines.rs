//! `/+targets` and `/+workers`: what is built for, and who builds.

use super::{Frame, Visit, answer};
use crate::build::target::Target;
use crate::build::view::WorkerView;
use crate::error::Result;
use crate::words::Isolation;
use askama::Template;
use axum::response::Response;
use std::collections::BTreeSet;

#[derive(Template)]
#[template(path = "targets.html")]
pub struct TargetsPage {
    pub frame: Frame,
    pub targets: Vec<TargetLine>,
    /// Platforms of cross targets.
    pub cross: String,
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
    let (cross, own): (Vec<Target>, Vec<Target>) = targets.into_iter().partition(Target::is_cross);
    let systems: BTreeSet<&str> = cross.iter().map(|target| target.halves().1).collect();
    let cross = systems.into_iter().collect::<Vec<_>>().join(", ");
    let targets = own.into_iter().map(line).collect();
    answer(ctx, &TargetsPage { frame: Frame::of(ctx, &["+targets"]), targets, cross })
}

/// Shows the workers that were heard of lately.
pub fn workers(ctx: &Visit, workers: Vec<WorkerView>) -> Result<Response> {
    answer(ctx, &WorkersPage { frame: Frame::of(ctx, &["+workers"]), workers })
}
