//! An attempt that failed, and what the next one may do otherwise.

use crate::build::recipe::Recipe;
use crate::packaging::requirement::Requirement;
use crate::words::Failure;
use crate::worker::running::RunningJob;
use crate::worker::source::Unpacked;

/// An attempt that failed.
pub struct Trouble<'a> {
    pub running: &'a RunningJob<'a>,
    /// What the source says; its folder is as the attempt left it.
    pub unpacked: &'a Unpacked,
    pub failure: &'a Failure,
    /// The build requirements that it asked for at last.
    pub asked: &'a [Requirement],
    /// What the attempt printed.
    pub printed: &'a str,
}

/// What the next attempt does otherwise.
#[derive(Clone, Debug, PartialEq)]
pub struct Remedy {
    /// All that was found up to now, beside the job's recipe.
    pub found: Recipe,
    /// What it mends is what failed, and no guess.
    pub certain: bool,
}

impl Trouble<'_> {
    /// A remedy that mends what failed.
    pub(super) fn certain(&self, change: impl FnOnce(&mut Recipe)) -> Remedy {
        Remedy { certain: true, ..self.guess(change) }
    }

    /// A remedy that may help.
    pub(super) fn guess(&self, change: impl FnOnce(&mut Recipe)) -> Remedy {
        let mut found = self.running.found().clone();
        change(&mut found);
        Remedy { found, certain: false }
    }
}

/// Adds what is not there yet.
pub(super) fn add(all: &mut Vec<String>, more: impl IntoIterator<Item = String>) {
    for each in more {
        if !all.contains(&each) {
            all.push(each);
        }
    }
}
