//! What a worker tells its server while a job runs, and at its end: heartbeats, log, outcome.

use std::time::Duration;

use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, sleep, timeout_at};

use super::log::Log;
use crate::build::job::{Job, JobOutcome};
use crate::client::{WorkerClient, retried};
use crate::error::{Error, Result};
use crate::words::Step;

/// What was printed meanwhile is sent together.
const GATHER: Duration = Duration::from_millis(300);
/// Bytes of log in one request.
const PIECE: usize = 256 << 10;

/// The report of one job.
pub struct JobReport<'a> {
    link: &'a WorkerClient,
    job: &'a Job,
    log: &'a Log,
    beat: Duration,
    /// Bytes of log that the server has; `None` once it takes no more.
    sent: Mutex<Option<usize>>,
}

impl<'a> JobReport<'a> {
    /// With a heartbeat every so often.
    pub fn new(link: &'a WorkerClient, job: &'a Job, log: &'a Log, beat: Duration) -> Self {
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
                Err(error) => tracing::debug!(
                    build = self.job.build,
                    %error,
                    "cannot send a piece of the log"
                ),
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
                    tracing::warn!(build = self.job.build, %error, "the server accepts no more of the log");
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
    pub async fn end(&self, outcome: &JobOutcome) -> Result<()> {
        retried(|| self.send_log()).await?;
        self.link.outcome(self.job, outcome).await
    }
}

fn is_lost(answer: &Result<()>) -> bool {
    matches!(answer, Err(Error::Conflict(_) | Error::Missing(_)))
}
