//! One job through all its steps: fetch, unpack, environment, build, collect, repair, check, hand in.
//! A job for metadata alone ends after the backend's hook for that.

use std::collections::BTreeMap;
use std::path::Path;

use tokio::sync::watch;

use super::attempt::Made;
use super::built::Built;
use super::check::Findings;
use super::clock::Clock;
use super::log::Log;
use super::repair::Repaired;
use super::room::{Stop, ours};
use super::running::{RunningJob, WorkerMachine};
use super::{chain, check, fetch, metadata, older, prove, repair, twice};
use crate::build::job::{Job, JobOutcome, TestReport};
use crate::build::recipe::Recipe;
use crate::build::tools::tools_for;
use crate::client::WorkerClient;
use crate::error::{Error, Result};
use crate::tools::panics;
use crate::words::{Class, Evidence, Failure, Purpose, Step};

/// Takes `job` through all its steps and hands the wheel in through `link`; `steps` is told each one
/// as it begins. Ends with an outcome whatever happens, and closes the log.
pub async fn run(
    job: &Job,
    link: &WorkerClient,
    worker: &WorkerMachine,
    log: &Log,
    steps: &watch::Sender<Step>,
) -> JobOutcome {
    let mut clock = Clock::start(steps);
    // On the heap: a job's future is large, and each layer around it would hold it on its stack.
    let ended = guarded(steps, Box::pin(go(job, link, worker, log, &mut clock))).await;
    if let Err(Stop::Failed(failure)) = &ended {
        log.note(&format!("failed at step {}: {}", failure.step.name(), failure.hint));
    }
    if let Err(Stop::Needs(needs)) = &ended {
        log.note(&format!("waiting for {}", needs.join(", ")));
    }
    log.close();
    match ended {
        Ok(Brought::Metadata(text)) => JobOutcome::Metadata { text },
        Ok(Brought::Tests(report)) => JobOutcome::Tested(report),
        Ok(Brought::Wheel(wheel, mut evidence)) => {
            evidence.log_sha256 = log.sha256();
            evidence.durations = clock.durations();
            JobOutcome::Built { wheel, evidence }
        }
        Err(Stop::Failed(failure)) => JobOutcome::Failed(failure),
        Err(Stop::Needs(requirements)) => JobOutcome::Needs { requirements },
    }
}

/// What `work` comes to; a panic in it is the worker's failure, told at once and not when the lease ends.
async fn guarded<T>(
    steps: &watch::Sender<Step>,
    work: impl Future<Output = Result<T, Stop>>,
) -> Result<T, Stop> {
    let ended = panics::caught(async { Ok(work.await) }).await;
    ended.unwrap_or_else(|panic| Err(broke_off(&panic, *steps.borrow()).into()))
}

/// The failure of a worker that broke off by a mistake of its own.
pub fn broke_off(error: &Error, step: Step) -> Failure {
    let why = match error {
        Error::Internal(why) => format!("{why:#}"),
        other => other.to_string(),
    };
    Failure::new(Class::Worker, step, format!("the worker failed: {why}. Please report this"))
}

/// What a job came to.
enum Brought {
    /// The wheel's name as it was handed in, and what is known of it.
    Wheel(String, Box<Evidence>),
    Metadata(String),
    Tests(TestReport),
}

async fn go(
    job: &Job,
    link: &WorkerClient,
    worker: &WorkerMachine,
    log: &Log,
    clock: &mut Clock<'_>,
) -> Result<Brought, Stop> {
    let mut all = worker.interpreters.iter();
    let chosen = all.find_map(|each| Some((each, each.target_named(&job.target)?))).ok_or_else(|| {
        Failure::new(Class::Worker, Step::Fetch, format!("this worker has no interpreter for {}", job.target))
    })?;
    let mut running =
        RunningJob::open(job, worker, link, log, chosen).map_err(|error| ours(&error, Step::Fetch))?;
    let archive =
        fetch::source(job, link, running.room.folder.path()).await.map_err(|error| unfetched(&error))?;
    running.begin_as_learned();
    let failure = match build(&mut running, &archive, clock).await {
        Err(Stop::Failed(failure)) => failure,
        ended => return ended,
    };
    match older::system(&running, &failure).await {
        None => Err(failure.into()),
        Some(Err(why)) => Err(older::told(failure, &why).into()),
        Some(Ok(system)) => {
            let release = system.release;
            running.move_to(system);
            match build(&mut running, &archive, clock).await {
                Err(Stop::Failed(second)) => {
                    let why = format!("in {release} it failed too: {}", second.in_short());
                    Err(older::told(failure, &why).into())
                }
                ended => ended,
            }
        }
    }
}

/// Builds once, by all remedies, and does with the wheel what the job is for.
async fn build(running: &mut RunningJob<'_>, archive: &Path, clock: &mut Clock<'_>) -> Result<Brought, Stop> {
    let built = chain::build(running, archive, clock).await?;
    match running.job.purpose {
        Purpose::Metadata => {
            clock.enter(Step::Report);
            Ok(Brought::Metadata(metadata::text(&built.made.file.path).await?))
        }
        Purpose::Test => tests(running, &built, archive, clock).await,
        Purpose::Wheel => best_wheel(running, built, archive, clock).await,
    }
}

/// The wheel that was built; or the one without compiled code, if that one is no good.
async fn best_wheel(
    running: &mut RunningJob<'_>,
    mut built: Built,
    archive: &Path,
    clock: &mut Clock<'_>,
) -> Result<Brought, Stop> {
    let bare = built.bare.take();
    let ended = wheel(running, &built, archive, clock).await;
    match (ended, bare) {
        (Err(Stop::Failed(why)), Some(bare)) => {
            running.room.log.note(&format!("the wheel with compiled code is no good: {}", why.hint));
            let built = bare.take(running);
            wheel(running, &built, archive, clock).await
        }
        (ended, _) => ended,
    }
}

/// What the tests of the project come to with the wheel that was built; it goes nowhere.
async fn tests(
    running: &mut RunningJob<'_>,
    built: &Built,
    archive: &Path,
    clock: &mut Clock<'_>,
) -> Result<Brought, Stop> {
    clock.enter(Step::Repair);
    let folder = running.room.below("repaired", Step::Repair)?;
    let code = &built.unpacked.facts.machine_code;
    let repaired =
        repair::repair(&built.made.file.path, &folder, running.job, running.target, code, &*running).await?;
    clock.enter(Step::Test);
    let report = prove::report(running, &repaired, &built.unpacked, archive).await?;
    clock.enter(Step::Report);
    Ok(Brought::Tests(report))
}

/// From what the backend made to the wheel that is handed in.
async fn wheel(
    running: &mut RunningJob<'_>,
    built: &Built,
    archive: &Path,
    clock: &mut Clock<'_>,
) -> Result<Brought, Stop> {
    let (job, target, made) = (running.job, running.target, &built.made);
    clock.enter(Step::Repair);
    let folder = running.room.below("repaired", Step::Repair)?;
    let facts = &built.unpacked.facts;
    let code = &facts.machine_code;
    let repaired = repair::repair(&made.file.path, &folder, job, target, code, &*running).await?;
    clock.enter(Step::Check);
    let mut findings = check::check(&repaired, job, target, facts, &*running).await?;
    findings.done.extend(made.zig.as_ref().map(|used| format!("compiled with {used}")));
    findings.done.extend(running.older.as_ref().map(|older| format!("built in a root of {}", older.release)));
    if running.recipe.has_tests() && !target.runs_here() && running.guest().await.is_err() {
        findings.done.push("the recipe's tests did not run: this machine cannot run the wheel".to_owned());
    } else if running.recipe.has_tests() {
        clock.enter(Step::Test);
        findings.done.extend(prove::prove(running, &repaired, archive).await?);
    }
    let reproducible = twice::reproducible(running, archive, &repaired, clock).await?;
    clock.enter(Step::Report);
    running
        .room
        .link
        .hand_in(job, &repaired.filename, &repaired.path)
        .await
        .map_err(|error| not_taken(&error))?;
    let evidence =
        evidence(running, made, &repaired, findings).await.map_err(|error| ours(&error, Step::Report))?;
    Ok(Brought::Wheel(repaired.filename, Box::new(Evidence { reproducible, ..evidence })))
}

fn unfetched(error: &Error) -> Failure {
    match error {
        Error::Bad(_) | Error::Missing(_) | Error::Gone(_) => {
            Failure::new(Class::BadSource, Step::Fetch, error.to_string())
        }
        _ => ours(error, Step::Fetch),
    }
}

fn not_taken(error: &Error) -> Failure {
    match error {
        Error::Bad(reason) => Failure::new(Class::BadWheel, Step::Report, reason.clone()),
        _ => ours(error, Step::Report),
    }
}

async fn evidence(
    running: &RunningJob<'_>,
    made: &Made,
    repaired: &Repaired,
    findings: Findings,
) -> Result<Evidence> {
    let (job, target) = (running.job, running.target);
    let mut tools = repaired.tools.clone();
    let versions = tools_for(target);
    tools.insert("pip".to_owned(), versions.pip.to_owned());
    let gcc = running.older.as_ref().and_then(|older| older.root.version_of("gcc"));
    tools.extend(gcc.map(|version| ("gcc".to_owned(), version.to_owned())));
    match (versions.zig, &made.zig) {
        (None, _) => tools.extend(compiler()),
        (Some(zig), Some(_)) => drop(tools.insert("ziglang".to_owned(), zig.to_owned())),
        (Some(_), None) => {}
    }
    Ok(Evidence {
        source: job.source.origin.clone(),
        source_sha256: job.source_sha256.clone(),
        commit: job.source.commit.clone(),
        target: target.name.clone(),
        interpreter: target.version.clone(),
        recipe_sha256: job.recipe.as_ref().map(|_| running.recipe.sha256()).transpose()?,
        context: job.context.clone(),
        requirements: made.environment.packages.clone(),
        tools,
        strategy: running.strategy(),
        found: found(running)?,
        changed: running.room.changes(),
        sandbox: running.worker.sandbox.isolation().name().to_owned(),
        durations: BTreeMap::new(),
        log_sha256: String::new(),
        wheel_sha256: fetch::sha256(&repaired.path).await?,
        grafted: repaired.grafted.clone(),
        reproducible: None,
        checked: findings.done,
        doubts: findings.doubts,
    })
}

/// What remedies found, as a recipe; `None` if nothing was needed.
fn found(running: &RunningJob<'_>) -> Result<Option<serde_json::Value>> {
    let found = running.found();
    if *found == Recipe::default() { Ok(None) } else { found.to_json().map(Some) }
}

/// The system's C compiler, as its link tells: `gcc` → `gcc-12`.
fn compiler() -> Option<(String, String)> {
    let program = std::fs::canonicalize("/usr/bin/cc").ok()?;
    let name = program.file_name()?.to_str()?;
    let (family, version) = name.rsplit_once('-')?;
    let family = family.rsplit('-').next().unwrap_or(family);
    Some((family.to_owned(), version.to_owned()))
}

#[cfg(test)]
#[expect(clippy::panic, reason = "that is what is tested")]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_in_a_job_is_the_workers_failure_at_the_step_where_it_was() {
        let (steps, _seen) = watch::channel(Step::Fetch);
        let work = async {
            steps.send_replace(Step::Repair);
            tokio::task::yield_now().await;
            panic!("on {}", "purpose")
        };
        let ended: Result<(), Stop> = guarded(&steps, work).await;
        let Err(Stop::Failed(why)) = ended else { panic!("a failure") };
        assert_eq!((why.class, why.step), (Class::Worker, Step::Repair));
        assert_eq!(why.hint, "the worker failed: panic: on purpose. Please report this");
    }
}
