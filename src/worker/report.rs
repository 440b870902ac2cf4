//! What a worker tells its server while a job runs, and at its end: heartbeats, log, outcome.

use std::time::Duration;

use reqwest::Method;
use serde::Serialize;
use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, sleep, timeout_at};

use super::link::{Link, json};
use super::log::Log;
use crate::build::job::{Job, Outcome, Step};
use crate::error::{Error, Result};

/// What was printed meanwhile is sent together.
const GATHER: Duration = Duration::from_millis(300);
/// Bytes of log in one request.
const PIECE: usize = 256 << 10;
/// A server that comes back within this time gets what there was to tell.
const PATIENCE: Duration = Duration::from_secs(600);

/// The report of one job.
pub struct Report<'a> {
    link: &'a Link,
    job: &'a Job,
    log: &'a Log,
    beat: Duration,
    /// Bytes of log that the server has; `None` once it takes no more.
    sent: Mutex<Option<usize>>,
}

impl<'a> Report<'a> {
    /// With a heartbeat every so often.
    pub fn new(link: &'a Link, job: &'a Job, log: &'a Log, beat: Duration) -> Self {
        Self { link, job, log, beat, sent: Mutex::new(Some(0)) }
    }

    /// Reports until the lease is lost.
    pub async fn until_lost(&self, steps: watch::Receiver<Step>) {
        tokio::select! {
            () = self.beats(steps) => {}
            () = self.logs() => {}
        }
    }

    async fn beats(&self, mut steps: watch::Receiver<Step>) {
        loop {
            let step = *steps.borrow_and_update();
            if is_lost(&self.link.beat(self.job, step).await) {
                return;
            }
            match timeout_at(Instant::now() + self.beat, steps.changed()).await {
                Ok(Ok(())) | Err(_) => {}
                // Nothing changes the step any more; the beat goes on.
                Ok(Err(_)) => sleep(self.beat).await,
            }
        }
    }

    async fn logs(&self) {
        loop {
            self.log.changed().await;
            sleep(GATHER).await;
            match self.send_log().await {
                Err(Error::Conflict(_)) => return,
                Err(error) => tracing::debug!(build = self.job.build, %error, "a piece of log was not sent"),
                Ok(()) => {}
            }
        }
    }

    /// Sends what the server has not got yet.
    async fn send_log(&self) -> Result<()> {
        let mut sent = self.sent.lock().await;
        while let Some(at) = *sent {
            let (piece, _) = self.log.piece(at, PIECE);
            if piece.is_empty() {
                break;
            }
            let end = at + piece.len();
            match self.link.log(self.job, at, piece).await {
                Ok(()) => *sent = Some(end),
                Err(error @ (Error::Bad(_) | Error::TooLarge(_))) => {
                    tracing::warn!(build = self.job.build, %error, "the server takes no more of the log");
                    *sent = None;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The rest of the log, then the outcome.
    ///
    /// # Errors
    /// `Conflict` if the lease was lost before; `Unavailable` if the server stays away.
    pub async fn end(&self, outcome: &Outcome) -> Result<()> {
        let mut patience = Patience::new();
        loop {
            if let Some(sent) = patience.judge(self.send_log().await).await {
                sent?;
                break;
            }
        }
        self.link.outcome(self.job, outcome).await
    }
}

fn is_lost(answer: &Result<()>) -> bool {
    matches!(answer, Err(Error::Conflict(_) | Error::Missing(_)))
}

/// How long something is done again while the server does not answer.
pub(super) struct Patience {
    until: Instant,
    pause: Duration,
}

impl Patience {
    pub(super) fn new() -> Self {
        Self { until: Instant::now() + PATIENCE, pause: Duration::from_millis(200) }
    }

    /// `Some` if this is how it stays; `None`, after a pause, if it is to be done again.
    pub(super) async fn judge<T>(&mut self, done: Result<T>) -> Option<Result<T>> {
        match done {
            Err(error @ (Error::Unavailable(_) | Error::BadUpstream(_) | Error::Full(_)))
                if Instant::now() < self.until =>
            {
                tracing::debug!(%error, "the server is asked again");
            }
            done => return Some(done),
        }
        sleep(self.pause).await;
        self.pause = (self.pause * 2).min(Duration::from_secs(10));
        None
    }
}

#[derive(Serialize)]
struct Beat {
    fence: i64,
    step: Step,
}

/// The reports as requests.
impl Link {
    /// The lease holds on.
    ///
    /// # Errors
    /// `Conflict` if it is lost.
    pub async fn beat(&self, job: &Job, step: Step) -> Result<()> {
        let beat = serde_json::to_vec(&Beat { fence: job.fence, step }).map_err(Error::internal)?;
        let request = self.request(Method::POST, &format!("/+builds/{}/beat", job.build))?;
        self.send(json(request, beat)).await.map(drop)
    }

    /// A piece of log that begins at this offset.
    ///
    /// # Errors
    /// `Conflict` if the lease is lost, `Bad` if the server's log ends elsewhere.
    pub async fn log(&self, job: &Job, at: usize, piece: Vec<u8>) -> Result<()> {
        let path = format!("/+builds/{}/log?fence={}&at={at}", job.build, job.fence);
        self.send(self.request(Method::POST, &path)?.body(piece)).await.map(drop)
    }

    /// How the job ended.
    ///
    /// # Errors
    /// `Conflict` if the lease is lost, `Unavailable` if the server stays away.
    pub async fn outcome(&self, job: &Job, outcome: &Outcome) -> Result<()> {
        let body = serde_json::to_vec(outcome).map_err(Error::internal)?;
        let path = format!("/+builds/{}/outcome?fence={}", job.build, job.fence);
        let mut patience = Patience::new();
        loop {
            let request = json(self.request(Method::POST, &path)?, body.clone());
            if let Some(done) = patience.judge(self.send(request).await).await {
                return done.map(drop);
            }
        }
    }

    /// Gives a job back; it runs elsewhere at once.
    ///
    /// # Errors
    /// `Conflict` if the lease is lost.
    pub async fn release(&self, job: &Job) -> Result<()> {
        let path = format!("/+builds/{}/release?fence={}", job.build, job.fence);
        self.send(self.request(Method::POST, &path)?).await.map(drop)
    }
}
