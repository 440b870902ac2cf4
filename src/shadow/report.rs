//! What a shadow tells: as JSON, and in lines.

use super::subject::Timed;
use crate::words::Moment;
use serde::Serialize;
use std::collections::BTreeMap;

/// Everything that was counted and compared until now.
#[derive(Debug, Serialize)]
pub struct ShadowReport {
    /// Without credentials.
    pub primary: String,
    pub server: String,
    pub since: Moment,
    pub until: Moment,
    pub requests: u64,
    pub equal: u64,
    pub different: u64,
    /// Requests of which no more than the status was compared, and why.
    pub status_alone: BTreeMap<&'static str, u64>,
    /// Requests that only the old server got, and why.
    pub skipped: BTreeMap<&'static str, u64>,
    /// Who failed to answer, how often, and why the last time.
    pub failed: Vec<NoAnswer>,
    pub times: Vec<TimesOfKind>,
    pub differences: Vec<DifferenceLine>,
    /// Differences beyond the first thousand, by index and project.
    pub more_differences: BTreeMap<String, u64>,
}

#[derive(Debug, Serialize)]
pub struct NoAnswer {
    pub who: &'static str,
    pub count: u64,
    pub last: String,
}

#[derive(Debug, Serialize)]
pub struct TimesOfKind {
    pub kind: Timed,
    pub requests: u64,
    pub old: Percentiles,
    pub new: Percentiles,
    /// How many of them the new server answered before the old one.
    pub new_first: u64,
}

/// Milliseconds until the head of an answer.
#[derive(Debug, Serialize)]
pub struct Percentiles {
    pub p50: f64,
    pub p95: f64,
}

#[derive(Debug, Serialize)]
pub struct DifferenceLine {
    pub count: u64,
    /// The index and the project.
    pub about: String,
    pub method: String,
    pub path: String,
    pub what: String,
    pub old: String,
    pub new: String,
    pub first: Moment,
    pub last: Moment,
}

impl ShadowReport {
    /// One line for each thing to know.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!(
            "{} requests: {} answers equal, {} different, {} compared by status alone, {} not compared",
            self.requests,
            self.equal,
            self.different,
            self.status_alone.values().sum::<u64>(),
            self.skipped.values().sum::<u64>(),
        )];
        lines.extend(self.status_alone.iter().map(|(why, count)| format!("by status alone: {count} {why}")));
        lines.extend(self.skipped.iter().map(|(why, count)| format!("not compared: {count} {why}")));
        for NoAnswer { who, count, last } in &self.failed {
            lines.push(format!("no answer from the {who} server: {count} times, the last time: {last}"));
        }
        for TimesOfKind { kind, requests, old, new, new_first } in &self.times {
            lines.push(format!(
                "{}: {requests} answers, old {:.1} ms (95 %: {:.1} ms), new {:.1} ms (95 %: {:.1} ms), new first \
                 {new_first} times",
                kind.name(),
                old.p50,
                old.p95,
                new.p50,
                new.p95
            ));
        }
        lines.extend(self.differences.iter().map(DifferenceLine::text));
        lines.extend(self.more_differences.iter().map(|(about, count)| format!("{about}: {count} more")));
        lines
    }
}

impl DifferenceLine {
    fn text(&self) -> String {
        let Self { count, method, path, what, old, new, .. } = self;
        format!("{count} × {method} {path}: {what}: old {old}, new {new}")
    }
}
