//! Environments that builds are likely to ask for are made before they do, while no build is at work.
//!
//! They are what a source gets that does not say what builds it, and what most others say: setuptools, alone and
//! with wheel. Each is looked at again before its day is over, so that a new setuptools is there before a build.

use super::environment::EnvironmentRequest;
use super::interpreters::Interpreter;
use super::log::Log;
use super::room::{Room, Stop};
use super::running::WorkerMachine;
use crate::build::job::JobLimits;
use crate::client::WorkerClient;
use crate::error::Result;
use crate::tools::scratch::ScratchFolder;
use crate::words::Step;
use std::cmp::Reverse;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How often everything is looked at; mostly there is nothing to do.
const AGAIN: Duration = Duration::from_secs(3600);
/// For one environment.
const PATIENCE: Duration = Duration::from_secs(900);
/// What one environment may print.
const LOG: u64 = 256 << 10;
/// What sources ask for.
const USUAL: [&[&str]; 2] = [&["setuptools"], &["setuptools", "wheel"]];

/// Makes them for the indexes that the server names, while no build is `at_work`. Never ends.
pub async fn keep_ready(
    worker: &WorkerMachine,
    link: &WorkerClient,
    mut contexts: watch::Receiver<Vec<String>>,
    mut at_work: watch::Receiver<usize>,
) {
    loop {
        let named = contexts.borrow_and_update().clone();
        let begun = Instant::now();
        for (context, interpreter, requirements) in usual(worker, &named) {
            if at_work.wait_for(|builds| *builds == 0).await.is_err() {
                return;
            }
            if let Err(why) = make(worker, link, context, interpreter, requirements).await {
                tracing::debug!(context, target = interpreter.target.name, ?why, "no environment ahead");
            }
        }
        tracing::debug!(seconds = begun.elapsed().as_secs(), "environments are ready");
        tokio::select! {
            () = tokio::time::sleep(AGAIN) => {}
            Ok(()) = contexts.changed() => {}
        }
    }
}

/// What is to be made: of each kind those for the newest interpreters first.
fn usual<'a>(
    worker: &'a WorkerMachine,
    contexts: &'a [String],
) -> Vec<(&'a str, &'a Interpreter, &'static [&'static str])> {
    let mut interpreters: Vec<&Interpreter> = worker.interpreters.iter().collect();
    let common = |each: &&Interpreter| (each.target.implementation == "cp", !each.target.abi.ends_with('t'));
    interpreters.sort_by_key(|each| Reverse((common(each), each.target.python())));
    let mut all = Vec::new();
    for requirements in USUAL {
        for context in contexts {
            all.extend(interpreters.iter().map(|each| (context.as_str(), *each, requirements)));
        }
    }
    all
}

async fn make(
    worker: &WorkerMachine,
    link: &WorkerClient,
    context: &str,
    interpreter: &Interpreter,
    requirements: &[&str],
) -> Result<(), Stop> {
    let ours = |error| super::room::ours(&error, Step::Environment);
    let name = format!("ahead-{}", uuid::Uuid::now_v7().simple());
    let room = Room {
        link,
        log: &Log::new(LOG),
        folder: ScratchFolder::make(worker.folder.join("jobs").join(name)).map_err(ours)?,
        sandbox: &worker.sandbox,
        context,
        limits: JobLimits::default(),
        deadline: Instant::now() + PATIENCE,
        changes: parking_lot::Mutex::default(),
    };
    let requirements: Vec<String> = requirements.iter().map(|each| (*each).to_owned()).collect();
    let request = EnvironmentRequest::new(interpreter, context, Step::Environment);
    let request = request.with(&requirements).map_err(ours)?;
    worker.environments.get_ahead(&room, &request).await.map(drop)
}
