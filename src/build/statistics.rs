//! How much is built, how well, and why not, over days, weeks or months: from sums that stay when builds are deleted.

use crate::db::Db;
use crate::db::builds::BuildDay;
use crate::error::Result;
use crate::words::{BuildState, Class, StatisticsPeriod};
use jiff::ToSpan;
use jiff::civil::Date;
use serde::Serialize;
use std::collections::BTreeMap;

const EPOCH: Date = Date::constant(1970, 1, 1);

/// The builds of wheels of a time.
#[derive(Clone, Debug, Serialize)]
pub struct BuildStatistics {
    pub period: StatisticsPeriod,
    /// The oldest first; those without builds too.
    pub spans: Vec<BuildSpan>,
    /// All of these together.
    pub total: BuildSpan,
}

/// What ended in one span of time.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct BuildSpan {
    /// Its first day: `2026-05-03`.
    pub from: String,
    pub built: i64,
    /// Without those that somebody cancelled.
    pub failed: i64,
    pub cancelled: i64,
    /// Seconds that one ran on average; none ran: nothing.
    pub seconds: Option<f64>,
    /// Why those failed.
    pub causes: BTreeMap<String, i64>,
    #[serde(skip)]
    ran: i64,
    #[serde(skip)]
    micros: i64,
}

impl BuildSpan {
    /// The share of those that went well, from 0 to 1; `None`: none ended.
    pub fn success(&self) -> Option<f64> {
        let ended = self.built + self.failed;
        (ended > 0).then(|| self.built as f64 / ended as f64)
    }

    fn add(&mut self, day: &BuildDay) {
        match (day.outcome, day.class) {
            (BuildState::Built, _) => self.built += day.count,
            // How long they took says when somebody lost patience.
            (_, Some(Class::Cancelled)) => {
                self.cancelled += day.count;
                return;
            }
            (_, class) => {
                self.failed += day.count;
                let class = class.unwrap_or(Class::Other);
                *self.causes.entry(class.name().to_owned()).or_default() += day.count;
            }
        }
        self.ran += day.ran;
        self.micros += day.micros;
        self.seconds = (self.ran > 0).then(|| self.micros as f64 / 1e6 / self.ran as f64);
    }
}

impl BuildStatistics {
    /// The newest spans up to `today` (days since 1970, UTC).
    pub async fn read(db: &Db, period: StatisticsPeriod, today: i64) -> Result<Self> {
        let begins = begins(period, date(today));
        let since = begins.first().map_or(today, |first| number(*first));
        Ok(Self::of(period, &begins, &db.build_days(since).await?))
    }

    fn of(period: StatisticsPeriod, begins: &[Date], days: &[BuildDay]) -> Self {
        let span = |from: &Date| BuildSpan { from: from.to_string(), ..BuildSpan::default() };
        let mut spans: Vec<BuildSpan> = begins.iter().map(span).collect();
        let mut total = begins.first().map(span).unwrap_or_default();
        for day in days {
            let after = begins.partition_point(|begin| number(*begin) <= day.day);
            if let Some(span) = after.checked_sub(1).and_then(|at| spans.get_mut(at)) {
                span.add(day);
                total.add(day);
            }
        }
        Self { period, spans, total }
    }
}

/// The first days of the newest spans, the oldest first.
fn begins(period: StatisticsPeriod, today: Date) -> Vec<Date> {
    let (last, count, step) = match period {
        StatisticsPeriod::Day => (today, 30, 1.day()),
        StatisticsPeriod::Week => {
            (today.saturating_sub(i64::from(today.weekday().to_monday_zero_offset()).days()), 26, 1.week())
        }
        StatisticsPeriod::Month => (today.first_of_month(), 24, 1.month()),
    };
    let mut begins: Vec<Date> = (0..count).map(|back| last.saturating_sub(step * back)).collect();
    begins.reverse();
    begins
}

fn date(day: i64) -> Date {
    EPOCH.checked_add(day.clamp(0, 1_000_000).days()).unwrap_or(EPOCH)
}

fn number(date: Date) -> i64 {
    date.duration_since(EPOCH).as_hours() / 24
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(date: &str, outcome: BuildState, class: Option<Class>, count: i64, seconds: i64) -> BuildDay {
        let day = number(date.parse().unwrap());
        BuildDay { day, outcome, class, count, ran: count, micros: seconds * 1_000_000 }
    }

    #[test]
    fn spans_are_days_weeks_that_begin_on_monday_and_months() {
        let today: Date = "2026-11-25".parse().unwrap();
        assert_eq!((date(0), number(EPOCH), date(number(today))), (EPOCH, 0, today));
        let ends = |period| {
            let begins = begins(period, today);
            (begins[0].to_string(), begins.last().unwrap().to_string(), begins.len())
        };
        assert_eq!(ends(StatisticsPeriod::Day), ("2026-10-27".into(), "2026-11-25".into(), 30));
        assert_eq!(ends(StatisticsPeriod::Week), ("2026-06-01".into(), "2026-11-23".into(), 26));
        assert_eq!(ends(StatisticsPeriod::Month), ("2024-12-01".into(), "2026-11-01".into(), 24));
    }

    #[test]
    fn what_ended_counts_in_its_span_and_what_was_cancelled_is_no_failure() {
        let begins = begins(StatisticsPeriod::Week, "2026-11-25".parse().unwrap());
        let days = [
            day("2026-11-22", BuildState::Built, None, 1, 10),
            day("2026-11-23", BuildState::Built, None, 3, 30),
            day("2026-11-25", BuildState::Failed, Some(Class::Compiler), 1, 50),
            day("2026-11-25", BuildState::Failed, Some(Class::Cancelled), 2, 60),
            day("2020-01-01", BuildState::Built, None, 99, 0),
        ];
        let told = BuildStatistics::of(StatisticsPeriod::Week, &begins, &days);
        let last = told.spans.last().unwrap();
        assert_eq!((last.built, last.failed, last.cancelled), (3, 1, 2));
        assert_eq!(last.causes, BTreeMap::from([("compiler".to_owned(), 1)]));
        assert_eq!((last.success(), last.seconds), (Some(0.75), Some(20.0)));
        assert_eq!(told.spans[24].built, 1);
        assert_eq!((told.total.built, told.spans[0].success()), (4, None));
    }
}
