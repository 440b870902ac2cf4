//! What the attempts came to: a wheel, and perhaps one without compiled code behind it.
//!
//! Where an optional extension module did not compile, the wheel is what pip would install, so it is kept; but the
//! log says what was wrong, and a remedy may give a better one.

use std::time::{Duration, Instant};

use super::attempt::Made;
use super::check;
use super::room::{Stop, ours};
use super::running::RunningJob;
use super::source::Unpacked;
use crate::build::failure::{Exit, classify};
use crate::build::recipe::Recipe;
use crate::words::{Class, Failure, Purpose, Step};

/// Attempts at a better one.
const MOST_ATTEMPTS: usize = 3;

/// A wheel, and the source as it was read for it.
#[derive(Debug)]
pub struct Built {
    pub made: Made,
    pub unpacked: Unpacked,
    /// What would have been taken without it.
    pub bare: Option<Box<BareWheel>>,
}

/// The first wheel that was bare, for the case that no better one is made.
#[derive(Debug)]
pub struct BareWheel {
    built: Built,
    /// What remedies had found for it.
    found: Recipe,
    /// When the job's time is over; half of what was left goes to better ones.
    deadline: Instant,
    /// Attempts from which on it is taken.
    until: usize,
}

impl BareWheel {
    /// Puts a wheel aside after so many attempts.
    ///
    /// # Errors
    /// A failure of the worker.
    pub fn keep(running: &mut RunningJob<'_>, mut built: Built, attempts: usize) -> Result<Self, Stop> {
        let aside = running.room.below("bare", Step::Collect)?.join(&built.made.file.name);
        std::fs::rename(&built.made.file.path, &aside).map_err(|error| ours(&error.into(), Step::Collect))?;
        built.made.file.path = aside;
        let deadline = running.room.deadline;
        running.room.deadline = Instant::now() + Duration::from_secs(running.room.seconds_left() / 2);
        Ok(Self { built, found: running.found().clone(), deadline, until: attempts + MOST_ATTEMPTS })
    }

    /// Whether another attempt at a better one may follow.
    pub fn leaves(&self, attempts: usize) -> bool {
        attempts < self.until
    }

    /// Takes it after all.
    pub fn take(self, running: &mut RunningJob<'_>) -> Built {
        running.room.log.note("the wheel without compiled code is taken");
        running.room.deadline = self.deadline;
        running.follow(self.found);
        self.built
    }

    /// What better wheel there is has the rest of the job's time, and this one behind it.
    pub fn step_back(self, running: &mut RunningJob<'_>, better: Built) -> Built {
        running.room.deadline = self.deadline;
        Built { bare: Some(Box::new(self)), ..better }
    }
}

/// Why a wheel has no compiled code although its source has some; `None` if it has, if a recipe wants it so,
/// or if the log does not tell.
///
/// # Errors
/// A failure of the worker.
pub async fn why_bare(
    running: &RunningJob<'_>,
    built: &Built,
    printed: &str,
) -> Result<Option<Failure>, Stop> {
    let has_code = running.job.platform_expected || built.unpacked.facts.extensions;
    if running.job.purpose != Purpose::Wheel || running.recipe.build.expect.is_some() || !has_code {
        return Ok(None);
    }
    if check::is_compiled(&built.made.file).await? {
        return Ok(None);
    }
    let failure = classify(printed, Step::Build, Exit::Code(1));
    Ok((failure.class != Class::Other).then_some(failure))
}
