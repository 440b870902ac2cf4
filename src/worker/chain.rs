//! The chain of strategies: plain or by recipe, then older build requirements if the failure asks for them.

use std::fmt;

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, civil::Date};

use super::attempt::{self, Attempt, Made};
use super::clock::Clock;
use super::room::{Room, Stop};
use super::running::RunningJob;
use super::source::Unpacked;
use crate::build::failure::constraints_for;
use crate::packaging::requirement::Requirement;
use crate::words::{Class, Failure};

/// More than this never helped.
const MOST_ATTEMPTS: usize = 5;

/// How a wheel is tried for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Strategy {
    /// A recipe applies; it does to every attempt then.
    pub recipe: bool,
    /// Build constraints beside the recipe's.
    pub constraints: Vec<String>,
    /// Build requirements as of this date, `2019-05-01`.
    pub at: Option<String>,
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = Vec::new();
        if self.recipe {
            words.push("recipe".to_owned());
        }
        if !self.constraints.is_empty() {
            words.push(format!("constraints: {}", self.constraints.join(" ")));
        }
        words.extend(self.at.as_ref().map(|at| format!("as of {at}")));
        f.write_str(if words.is_empty() { "plain" } else { "" })?;
        f.write_str(&words.join(", "))
    }
}

/// Tries until there is a wheel, or nothing is left that may help.
///
/// # Errors
/// What is needed first, or the failure that says most.
pub async fn build(
    running: &RunningJob<'_>,
    mut unpacked: Unpacked,
    clock: &mut Clock<'_>,
) -> Result<Made, Stop> {
    let mut strategy = Strategy { recipe: running.job.recipe.is_some(), ..Strategy::default() };
    let mut told: Option<Failure> = None;
    for attempt in 1..=MOST_ATTEMPTS {
        if attempt > 1 {
            running.room.log.note(&format!("retrying, {strategy}"));
            unpacked = unpacked.again(&running.room, clock).await?;
        }
        let constraints = parsed(&strategy.constraints);
        let what = Attempt { unpacked: &unpacked, constraints: &constraints, at: strategy.at.as_deref() };
        let failure = match attempt::run(running, &what, clock).await {
            Ok(made) => return Ok(Made { strategy: strategy.to_string(), ..made }),
            Err(Stop::Needs(needs)) if strategy.at.is_none() => return Err(Stop::Needs(needs)),
            Err(Stop::Needs(_)) => break,
            Err(Stop::Failed(failure)) => failure,
        };
        running.room.log.note(&format!("attempt {attempt} ({strategy}) failed: {}", failure.hint));
        let class = failure.class;
        // That older requirements cannot be had says nothing about the source.
        if told.is_none() || class != Class::BuildRequirement {
            told = Some(failure);
        }
        match next(running, &unpacked, &strategy, class).await {
            Some(other) => strategy = other,
            None => break,
        }
    }
    Err(told.map_or(Stop::Needs(Vec::new()), Stop::Failed))
}

/// Constraints are written here or in the remedies, so none is unreadable.
fn parsed(constraints: &[String]) -> Vec<Requirement> {
    constraints.iter().filter_map(|text| Requirement::parse(text).ok()).collect()
}

/// What may help after a failure; `None`: nothing that was not tried.
async fn next(
    running: &RunningJob<'_>,
    unpacked: &Unpacked,
    last: &Strategy,
    class: Class,
) -> Option<Strategy> {
    let mut strategy = last.clone();
    for constraint in constraints_for(class, &running.interpreter.target).unwrap_or_default() {
        if !strategy.constraints.contains(&constraint) {
            strategy.constraints.push(constraint);
        }
    }
    if strategy != *last {
        return Some(strategy);
    }
    if last.at.is_some()
        || !(class.is_worth_as_of() || class == Class::BuildRequirement && !last.constraints.is_empty())
    {
        return None;
    }
    let at = date_of(unpacked.published, running.interpreter.target.python())?;
    has_upload_times(&running.room, unpacked).await.then(|| Strategy {
        recipe: last.recipe,
        constraints: Vec::new(),
        at: Some(at.to_string()),
    })
}

/// The day to look at the index from, for a source of that time (seconds since 1970): two weeks
/// later, but not before there were tools for the interpreter. `None` if that is about now.
fn date_of(published: u64, python: (u32, u32)) -> Option<Date> {
    let day = |seconds| Some(Timestamp::from_second(seconds).ok()?.to_zoned(TimeZone::UTC).date());
    let source = day(i64::try_from(published).ok()?)?.checked_add(14.days()).ok()?;
    let tools = released(python)?.checked_add(4.months()).ok()?;
    let at = source.max(tools);
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    (at.checked_add(30.days()).ok()? < today).then_some(at)
}

/// The day of the first release of each Python.
fn released(python: (u32, u32)) -> Option<Date> {
    let (year, month, day) = match python {
        (2, _) => (2010, 7, 3),
        (3, ..=6) => (2016, 12, 23),
        (3, 7) => (2018, 6, 27),
        (3, 8) => (2019, 10, 14),
        (3, 9) => (2020, 10, 5),
        (3, 10) => (2021, 10, 4),
        (3, 11) => (2022, 10, 24),
        (3, 12) => (2023, 10, 2),
        (3, 13) => (2024, 10, 7),
        (3, 14) => (2025, 10, 7),
        _ => return None,
    };
    Date::new(year, month, day).ok()
}

/// Whether the index knows when its files appeared, going by what this source requires.
async fn has_upload_times(room: &Room<'_>, unpacked: &Unpacked) -> bool {
    let Some(first) = unpacked.said.system.requires.first() else { return false };
    match room.link.page(room.context, None, &first.name).await {
        Ok(page) => page.files.iter().any(|file| file.uploaded.is_some()),
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strategy_says_what_was_done() {
        let mut strategy = Strategy::default();
        assert_eq!(strategy.to_string(), "plain");
        strategy.constraints.push("setuptools<58".to_owned());
        assert_eq!(strategy.to_string(), "constraints: setuptools<58");
        let strategy = Strategy { recipe: true, constraints: Vec::new(), at: Some("2019-05-01".to_owned()) };
        assert_eq!(strategy.to_string(), "recipe, as of 2019-05-01");
    }

    #[test]
    fn an_old_source_is_built_with_its_time_but_not_before_there_were_tools() {
        // 2014-06-16
        let docopt = 1_402_876_800;
        assert_eq!(date_of(docopt, (2, 7)).map(|at| at.to_string()).as_deref(), Some("2014-06-30"));
        assert_eq!(date_of(docopt, (3, 9)).map(|at| at.to_string()).as_deref(), Some("2021-02-05"));
        let now = u64::try_from(Timestamp::now().as_second()).unwrap();
        assert_eq!(date_of(now, (3, 9)), None, "that is the present");
    }
}
