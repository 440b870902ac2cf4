//! The chain of attempts: plain or by recipe, then with remedies for what failed, as long as there are new ones.

use std::cmp::Reverse;
use std::path::Path;
use std::time::{Duration, Instant};

use super::attempt;
use super::built::{BareWheel, Built, why_bare};
use super::clock::Clock;
use super::log::last;
use super::remedy::{self, Remedy, Trouble};
use super::room::Stop;
use super::running::RunningJob;
use super::source::Unpacked;
use crate::build::recipe::Recipe;
use crate::packaging::requirement::Requirement;
use crate::words::{Class, Failure, Step};

/// Attempts at one wheel: each remedy is one.
const MOST_ATTEMPTS: usize = 16;

/// So many of them are left for tools of the source's time, however many guesses there are.
const KEPT_FOR_OLDER: usize = 3;

/// Bytes of what one attempt printed that are read for remedies.
const PRINTED: usize = 1 << 20;

/// Tries until there is a wheel, or nothing is left that may help. The running job keeps what was found.
///
/// # Errors
/// What is needed first, or the failure that says most.
pub async fn build(
    running: &mut RunningJob<'_>,
    archive: &Path,
    clock: &mut Clock<'_>,
) -> Result<Built, Stop> {
    let mut failed: Vec<Failed> = Vec::new();
    let mut read: Option<Unpacked> = None;
    let mut is_sure = true;
    let mut bare: Option<BareWheel> = None;
    while failed.len() < MOST_ATTEMPTS && bare.as_ref().is_none_or(|bare| bare.leaves(failed.len())) {
        let (begun, mark) = (Instant::now(), running.room.log.written());
        if !failed.is_empty() {
            running.room.log.note(&format!("attempt {}: {}", failed.len() + 1, running.strategy()));
        }
        let stop = match attempt(running, archive, &mut read, clock).await {
            Ok(built) => match why_bare(running, &built, &printed(running, mark)).await? {
                None => return Ok(better(running, bare, built)),
                Some(why) => {
                    running.room.log.note("the wheel has no compiled code, although the source has some");
                    if bare.is_none() {
                        bare = Some(BareWheel::keep(running, built, failed.len())?);
                    }
                    Stop::Failed(why)
                }
            },
            Err(stop) => stop,
        };
        let failure = match stop {
            Stop::Failed(failure) => failure,
            Stop::Needs(needs) => match unmet(running, &needs) {
                Some(failure) => failure,
                // Of what was added by a guess nothing is built.
                None if !failed.is_empty() => no_wheel(&needs),
                None => return Err(Stop::Needs(needs)),
            },
        };
        let (number, strategy) = (failed.len() + 1, running.strategy());
        running.room.log.note(&format!("attempt {number} ({strategy}) failed: {}", failure.hint));
        let printed = printed(running, mark);
        let (found, asked) = (running.found().clone(), running.asked());
        failed.push(Failed { found, failure, asked, printed, is_sure });
        let Some(unpacked) = &read else { break };
        let Some(Remedy { found, certain }) = remedy(running, unpacked, &failed).await else { break };
        if running.room.seconds_left() < begun.elapsed().max(Duration::from_secs(5)).as_secs() {
            running.room.log.note("no time is left for another attempt");
            break;
        }
        is_sure &= certain;
        running.follow(found);
    }
    match bare {
        Some(bare) => Ok(bare.take(running)),
        None => Err(told(failed).map_or(Stop::Needs(Vec::new()), Stop::Failed)),
    }
}

/// The end of what was printed since.
fn printed(running: &RunningJob<'_>, mark: u64) -> String {
    last(&running.room.log.since(mark), PRINTED).to_owned()
}

/// A wheel with all its code, in place of one without.
fn better(running: &mut RunningJob<'_>, bare: Option<BareWheel>, built: Built) -> Built {
    match bare {
        Some(bare) => bare.step_back(running, built),
        None => built,
    }
}

/// An attempt that failed.
struct Failed {
    /// What it did beside the recipe.
    found: Recipe,
    failure: Failure,
    asked: Vec<Requirement>,
    /// The end of what it printed.
    printed: String,
    /// Nothing in it is a guess.
    is_sure: bool,
}

/// What is certain to mend the last failure; or else what may mend any, the first ones first.
async fn remedy(running: &mut RunningJob<'_>, unpacked: &Unpacked, failed: &[Failed]) -> Option<Remedy> {
    let tried: Vec<Recipe> = failed.iter().map(|each| each.found.clone()).collect();
    let latest = failed.last()?;
    if is_final(&latest.failure) {
        return None;
    }
    running.follow(latest.found.clone());
    if let Some(remedy) = remedy::certain(&trouble(running, unpacked, latest), &tried).await {
        return Some(remedy);
    }
    if failed.len() + KEPT_FOR_OLDER < MOST_ATTEMPTS {
        for each in failed {
            running.follow(each.found.clone());
            if let Some(remedy) = remedy::guess(&trouble(running, unpacked, each), &tried).await {
                return Some(remedy);
            }
        }
    }
    for each in by_what_is_there(failed) {
        running.follow(each.found.clone());
        if let Some(remedy) = remedy::older(&trouble(running, unpacked, each), &tried).await {
            return Some(remedy);
        }
    }
    None
}

/// The attempts that found most of what the source lacks first: what is missing is missing in any time.
fn by_what_is_there(failed: &[Failed]) -> Vec<&Failed> {
    let mut ordered: Vec<&Failed> = failed.iter().collect();
    ordered.sort_by_key(|each| Reverse(each.found.build.requires.len() + each.found.packages.len()));
    ordered
}

fn trouble<'a>(running: &'a RunningJob<'a>, unpacked: &'a Unpacked, failed: &'a Failed) -> Trouble<'a> {
    let Failed { failure, asked, printed, .. } = failed;
    Trouble { running, unpacked, failure, asked, printed }
}

/// The failure that is told: the last one that no guess was part of. That other requirements cannot be had
/// says nothing about the source.
fn told(failed: Vec<Failed>) -> Option<Failure> {
    let is_of_a_remedy =
        |failure: &Failure| failure.step == Step::Environment || failure.class == Class::Worker;
    let sure = |(at, each): &(usize, &Failed)| *at == 0 || each.is_sure && !is_of_a_remedy(&each.failure);
    let at = failed.iter().enumerate().filter(sure).map(|(at, _)| at).next_back()?;
    let first = failed
        .first()
        .map(|each| each.failure.in_short())
        .filter(|_| failed.len() >= MOST_ATTEMPTS && at > 0);
    let mut told = failed.into_iter().nth(at).map(|each| each.failure)?;
    if let Some(first) = first {
        let hint = &told.hint;
        told.hint = format!(
            "{hint}\n{MOST_ATTEMPTS} attempts were made, which is the limit. The first failed: {first}"
        );
    }
    Some(told)
}

/// The first of these requirements whose own build failed.
fn unmet(running: &RunningJob<'_>, needs: &[String]) -> Option<Failure> {
    let unmet = running.job.unmet.iter().find(|unmet| needs.contains(&unmet.requirement))?;
    Some(Failure::new(Class::BuildRequirement, Step::Environment, unmet.why.clone()))
}

async fn attempt(
    running: &RunningJob<'_>,
    archive: &Path,
    read: &mut Option<Unpacked>,
    clock: &mut Clock<'_>,
) -> Result<Built, Stop> {
    let unpacked = Unpacked::new(running, archive, clock).await?;
    unpacked.is_for(&running.interpreter.target)?;
    let unpacked = read.insert(unpacked);
    let made = attempt::run(running, unpacked, clock).await?;
    Ok(Built { made, unpacked: unpacked.clone(), bare: None })
}

/// What nothing helps against that is done to the source or around it.
pub(super) fn is_final(failure: &Failure) -> bool {
    matches!(
        failure.class,
        Class::Worker
            | Class::BadSource
            | Class::Timeout
            | Class::Memory
            | Class::Disk
            | Class::LogSize
            | Class::Processes
            | Class::MetadataHook
            | Class::Refused
    )
}

fn no_wheel(needs: &[String]) -> Failure {
    Failure::new(Class::BuildRequirement, Step::Environment, format!("no wheel of {}", needs.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_tools_are_tried_with_all_that_is_known_to_be_missing() {
        let failed = |requires: &[&str], packages: &[&str]| {
            let mut found = Recipe::default();
            found.build.requires = requires.iter().map(ToString::to_string).collect();
            found.packages = packages.iter().map(ToString::to_string).collect();
            let failure = Failure::new(Class::Other, Step::Build, "");
            Failed { found, failure, asked: Vec::new(), printed: String::new(), is_sure: true }
        };
        let all = [failed(&[], &[]), failed(&["numpy"], &["libpq-dev"]), failed(&["numpy"], &[])];
        let order: Vec<_> = by_what_is_there(&all)
            .iter()
            .map(|each| each.found.build.requires.len() + each.found.packages.len())
            .collect();
        assert_eq!(order, [2, 1, 0]);
    }

    #[test]
    fn what_is_told_is_the_last_failure_that_no_guess_was_part_of() {
        let failed = |class, step, is_sure| Failed {
            found: Recipe::default(),
            failure: Failure::new(class, step, ""),
            asked: Vec::new(),
            printed: String::new(),
            is_sure,
        };
        let told = |failed| told(failed).map(|failure| failure.class);
        let header = || failed(Class::MissingHeader, Step::Build, true);
        let unavailable = || failed(Class::BuildRequirement, Step::Environment, true);
        let api = || failed(Class::RemovedApi, Step::Build, true);
        let guessed = || failed(Class::Cython3, Step::Build, false);
        assert_eq!(told(vec![header(), unavailable()]), Some(Class::MissingHeader));
        assert_eq!(told(vec![header(), api(), guessed()]), Some(Class::RemovedApi));
        assert_eq!(told(vec![unavailable(), guessed()]), Some(Class::BuildRequirement));
        assert_eq!(told(Vec::new()), None);
    }

    #[test]
    fn when_no_attempt_is_left_the_first_failure_is_told_too() {
        let failed = |number: usize| Failed {
            found: Recipe::default(),
            failure: Failure {
                line: Some(format!("no h{number}.h")),
                ..Failure::new(Class::MissingHeader, Step::Build, "add it")
            },
            asked: Vec::new(),
            printed: String::new(),
            is_sure: true,
        };
        let told = |count: usize| {
            super::told((0..count).map(failed).collect()).map(|told| told.hint).unwrap_or_default()
        };
        assert_eq!(told(MOST_ATTEMPTS - 1), "add it");
        assert!(
            told(MOST_ATTEMPTS).ends_with("The first failed: missing-header: no h0.h"),
            "{}",
            told(MOST_ATTEMPTS)
        );
    }
}
