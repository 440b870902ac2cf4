//! The worker's loop: says what it is, claims jobs while it has free slots, gives them back when it stops.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::job;
use super::log::Log;
use super::ready;
use super::report::JobReport;
use super::running::WorkerMachine;
use crate::build::job::{Job, JobOutcome, Registered, WorkerDescription};
use crate::client::{WorkerClient, may_pass};
use crate::error::{Error, Result};
use crate::tools::panics;
use crate::words::{Purpose, Step};

/// A server that does not answer is asked again after this time at most.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// How often it is said that the server is away.
const SAY_AGAIN: Duration = Duration::from_secs(60);

/// Time to give builds back in, when the worker stops.
const GOODBYE: Duration = Duration::from_secs(5);

/// A worker at its server, under its name there.
#[derive(Clone, Debug)]
pub struct Post {
    pub link: WorkerClient,
    pub name: String,
    pub description: WorkerDescription,
}

/// Works until `stop` holds `true`. Without a `worker` it only says why it builds nothing.
///
/// # Errors
/// If the server refuses it for good: a wrong token, a name that another worker has.
pub async fn work(
    post: Post,
    worker: Option<Arc<WorkerMachine>>,
    mut stop: watch::Receiver<bool>,
) -> Result<()> {
    let registered = tokio::select! {
        registered = post.register_patiently() => registered?,
        () = stopped(&mut stop) => return Ok(()),
    };
    tracing::info!(
        worker = post.name,
        targets = post.description.targets.len(),
        slots = post.description.slots,
        "the worker is registered"
    );
    if let Some(off) = &post.description.off {
        tracing::warn!(worker = post.name, off, "the worker does not build");
    }
    let post = Arc::new(post);
    let prepare = watch::Sender::new(registered.prepare);
    let beat = Duration::from_secs(registered.beat);
    let shift = Shift { post: post.clone(), beat, prepare, at_work: watch::Sender::new(0) };
    let slots = slots(&post.description);
    // Resolvers wait for metadata, which takes a moment: builds that fill all slots do not hold them up.
    let (all, metadata) = (Lane::new(None, slots), Lane::new(Some(Purpose::Metadata), slots.div_ceil(2)));
    // A worker that cannot run tests, such as the portable one, does not ask for them.
    let tests = Lane::new(Some(Purpose::Test), 1);
    let [mut jobs, mut quick, mut tested] = [JoinSet::new(), JoinSet::new(), JoinSet::new()];
    let mut until = stop.clone();
    let ended = tokio::select! {
        ended = shift.claims(worker.clone(), &all, &mut jobs, &stop) => ended,
        ended = shift.claims(worker.clone(), &metadata, &mut quick, &stop) => ended,
        ended = shift.claims(worker.clone(), &tests, &mut tested, &stop) => ended,
        ended = shift.stay_known() => ended,
        () = shift.keep_ready(worker) => Ok(()),
        () = stopped(&mut until) => Ok(()),
    };
    // Jobs watch `stop` themselves; whatever else ended the loop ends them by being dropped.
    if ended.is_ok() {
        while jobs.join_next().await.is_some() {}
        while quick.join_next().await.is_some() {}
        while tested.join_next().await.is_some() {}
        // Else its name is free once it was not heard of for a while.
        let _ = tokio::time::timeout(GOODBYE, post.leave()).await;
    }
    ended
}

fn slots(description: &WorkerDescription) -> usize {
    usize::try_from(description.slots).unwrap_or(1).clamp(1, Semaphore::MAX_PERMITS)
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // Whoever could say stop is gone: then it is one.
    let _ = stop.wait_for(|stop| *stop).await;
}

struct Shift {
    post: Arc<Post>,
    beat: Duration,
    /// The indexes for which environments are made ahead.
    prepare: watch::Sender<Vec<String>>,
    /// How many builds are.
    at_work: watch::Sender<usize>,
}

/// Counts one build as at work while it lives.
struct AtWork(watch::Sender<usize>);

impl AtWork {
    fn new(count: &watch::Sender<usize>) -> Self {
        count.send_modify(|builds| *builds += 1);
        Self(count.clone())
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.send_modify(|builds| *builds = builds.saturating_sub(1));
    }
}

/// Slots for jobs of one kind.
struct Lane {
    only: Option<Purpose>,
    slots: Arc<Semaphore>,
}

impl Lane {
    fn new(only: Option<Purpose>, slots: usize) -> Self {
        Self { only, slots: Arc::new(Semaphore::new(slots)) }
    }
}

impl Shift {
    async fn claims(
        &self,
        worker: Option<Arc<WorkerMachine>>,
        lane: &Lane,
        jobs: &mut JoinSet<()>,
        stop: &watch::Receiver<bool>,
    ) -> Result<()> {
        let Some(worker) = worker.filter(|_| self.post.description.off.is_none()) else {
            return std::future::pending().await;
        };
        let mut pause = Duration::from_millis(200);
        let mut away = None;
        loop {
            while jobs.try_join_next().is_some() {}
            let Ok(slot) = lane.slots.clone().acquire_owned().await else { return Ok(()) };
            match panics::caught(self.post.claim(lane.only)).await {
                Ok(Some(job)) => {
                    pause = Duration::from_millis(200);
                    let (post, worker, stop) = (self.post.clone(), worker.clone(), stop.clone());
                    let (work, counted) =
                        (one(post, worker, job, self.beat, stop), AtWork::new(&self.at_work));
                    jobs.spawn(async move {
                        work.await;
                        drop((slot, counted));
                    });
                    continue;
                }
                Ok(None) => pause = Duration::from_millis(200),
                // The server forgot it, or has another database.
                Err(Error::Missing(_)) => drop(self.post.register_patiently().await?),
                Err(error @ (Error::Unauthenticated(_) | Error::Forbidden(_))) => return Err(error),
                Err(error) => {
                    if away.is_none_or(|at: Instant| at.elapsed() >= SAY_AGAIN) {
                        tracing::warn!(%error, "cannot claim builds; retrying");
                        away = Some(Instant::now());
                    }
                    sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    /// A worker whose slots are all busy claims nothing, and is there all the same.
    async fn stay_known(&self) -> Result<()> {
        loop {
            sleep(self.beat * 3).await;
            match panics::caught(self.post.register()).await {
                Err(error @ (Error::Unauthenticated(_) | Error::Forbidden(_) | Error::Conflict(_))) => {
                    return Err(error);
                }
                Err(error) => tracing::debug!(%error, "cannot update the worker's registration"),
                Ok(registered) => {
                    self.prepare.send_if_modified(|known| {
                        let is_new = *known != registered.prepare;
                        *known = registered.prepare;
                        is_new
                    });
                }
            }
        }
    }

    /// Makes environments ahead. Never ends.
    async fn keep_ready(&self, worker: Option<Arc<WorkerMachine>>) {
        if let Some(worker) = worker.filter(|_| self.post.description.off.is_none()) {
            let (contexts, at_work) = (self.prepare.subscribe(), self.at_work.subscribe());
            ready::keep_ready(&worker, &self.post.link, contexts, at_work).await;
        }
        std::future::pending().await
    }
}

/// One job from its claim to its outcome.
async fn one(
    post: Arc<Post>,
    worker: Arc<WorkerMachine>,
    job: Job,
    beat: Duration,
    mut stop: watch::Receiver<bool>,
) {
    tracing::info!(build = job.build, target = job.target, source = job.source.filename, "a build starts");
    let link = post.link.for_job(&job);
    let log = Log::new(job.limits.log);
    let (steps, seen) = watch::channel(Step::Fetch);
    let report = JobReport::new(&link, &job, &log, beat);
    let outcome = panics::caught(async {
        Ok(tokio::select! {
            outcome = job::run(&job, &link, &worker, &log, &steps) => Some(outcome),
            () = report.until_lost(seen) => {
                tracing::warn!(build = job.build, "the lease has expired; stopping the build");
                None
            }
            () = stopped(&mut stop) => {
                let given_back = tokio::time::timeout(GOODBYE, link.release(&job)).await;
                tracing::info!(build = job.build, given_back = matches!(given_back, Ok(Ok(()))), "stopping");
                None
            }
        })
    });
    let outcome = outcome.await;
    let broke_off = |error| Some(JobOutcome::Failed(job::broke_off(&error, *steps.borrow())));
    if let Some(outcome) = outcome.unwrap_or_else(broke_off) {
        match report.end(&outcome).await {
            Ok(()) => tracing::info!(build = job.build, "a build has ended"),
            Err(error) => tracing::warn!(
                build = job.build,
                %error,
                "the server refused the outcome of a build"
            ),
        }
    }
}

impl Post {
    /// Says what the worker is.
    ///
    /// # Errors
    /// `Conflict` if another worker has the name.
    pub async fn register(&self) -> Result<Registered> {
        self.link.register(&self.name, &self.description).await
    }

    async fn leave(&self) -> Result<()> {
        self.link.leave(&self.name, &self.description.instance).await
    }

    async fn claim(&self, only: Option<Purpose>) -> Result<Option<Job>> {
        self.link.claim(&self.name, &self.description.instance, only).await
    }

    async fn register_patiently(&self) -> Result<Registered> {
        let mut pause = Duration::from_millis(200);
        let mut said: Option<Instant> = None;
        loop {
            match self.register().await {
                Err(error) if may_pass(&error) => {
                    if said.is_none_or(|at| at.elapsed() >= SAY_AGAIN) {
                        tracing::warn!(%error, "cannot register the worker; retrying");
                        said = Some(Instant::now());
                    }
                    sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                done => return done,
            }
        }
    }
}
