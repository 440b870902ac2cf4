//! `/+targets` and `/+workers`: what is built for, and who builds.

use super::{Frame, Visit, answer, words};
use crate::build::target::Target;
use crate::build::targets::Worker;
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
    pub name: String,
    pub version: String,
    pub abi: String,
    pub distribution: String,
    /// The tag that it likes best.
    pub tag: String,
    pub workers: String,
}

#[derive(Template)]
#[template(path = "workers.html")]
pub struct WorkersPage {
    pub frame: Frame,
    pub workers: Vec<WorkerLine>,
}

pub struct WorkerLine {
    pub name: String,
    pub owner: String,
    pub version: String,
    pub slots: u32,
    pub isolation: &'static str,
    /// Wheels are built with the worker's own rights.
    pub unsafe_: bool,
    /// Why it builds nothing; empty if it does.
    pub off: String,
    pub targets: Vec<String>,
    pub time: String,
    pub seen: String,
}

/// Shows what workers build for at present.
pub fn targets(ctx: &Visit, targets: &[Target], workers: &[Worker]) -> Result<Response> {
    let line = |target: &Target| {
        let serving = workers.iter().filter(|worker| worker.description.off.is_none());
        let serving =
            serving.filter(|worker| worker.description.targets.iter().any(|t| t.name == target.name));
        let serving: Vec<&str> = serving.map(|worker| worker.name.as_str()).collect();
        TargetLine {
            name: target.name.clone(),
            version: target.version.clone(),
            abi: target.abi.clone(),
            distribution: target.distribution.clone(),
            tag: target.tags.first().cloned().unwrap_or_default(),
            workers: serving.join(", "),
        }
    };
    let targets = targets.iter().map(line).collect();
    answer(ctx, &TargetsPage { frame: Frame::of(ctx, &["+targets"]), targets })
}

/// Shows the workers that were heard of lately.
pub fn workers(ctx: &Visit, workers: &[Worker]) -> Result<Response> {
    let line = |worker: &Worker| {
        let known = &worker.description;
        let time = words::time(worker.seen_at);
        WorkerLine {
            name: worker.name.clone(),
            owner: worker.owner.clone(),
            version: known.version.clone(),
            slots: known.slots,
            isolation: known.isolation.name(),
            unsafe_: known.isolation == Isolation::None,
            off: known.off.clone().unwrap_or_default(),
            targets: known.targets.iter().map(|target| target.name.clone()).collect(),
            seen: time.get(..19).unwrap_or_default().replace('T', " "),
            time,
        }
    };
    let workers = workers.iter().map(line).collect();
    answer(ctx, &WorkersPage { frame: Frame::of(ctx, &["+workers"]), workers })
}
