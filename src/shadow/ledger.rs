//! What was compared so far: counts, times, and each difference once.

use super::compare::{Compared, Difference};
use super::report::{DifferenceLine, NoAnswer, Percentiles, ShadowReport, TimesOfKind};
use super::subject::{Timed, shape};
use crate::tools::time::{Micros, now};
use crate::words::Moment;
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// Different lines that are kept; more are counted by index and project.
const LINES: usize = 1000;
/// Indexes and projects that are counted beyond these.
const SHAPES: usize = 1000;
/// The newest times of each kind.
const TIMES: usize = 10_000;

/// Written by all comparisons, read for the report.
pub struct Ledger {
    since: Micros,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    requests: u64,
    equal: u64,
    different: u64,
    status_alone: BTreeMap<&'static str, u64>,
    skipped: BTreeMap<&'static str, u64>,
    failed: BTreeMap<&'static str, (u64, String)>,
    times: BTreeMap<Timed, Times>,
    lines: HashMap<(String, String, Difference), Line>,
    more: BTreeMap<String, u64>,
}

#[derive(Default)]
struct Times {
    requests: u64,
    new_first: u64,
    /// Microseconds of the old and the new server, as a ring.
    newest: Vec<(u64, u64)>,
}

struct Line {
    count: u64,
    first: Micros,
    last: Micros,
}

impl Default for Ledger {
    fn default() -> Self {
        Self { since: now(), inner: Mutex::default() }
    }
}

impl Ledger {
    /// A request came.
    pub fn request(&self) {
        self.inner.lock().requests += 1;
    }

    /// It went to the old server alone.
    pub fn skip(&self, why: &'static str) {
        *self.inner.lock().skipped.entry(why).or_default() += 1;
    }

    /// One side did not answer.
    pub fn fail(&self, who: &'static str, why: String) {
        let mut inner = self.inner.lock();
        let (count, last) = inner.failed.entry(who).or_default();
        *count += 1;
        *last = why;
    }

    /// Both answered, after these times.
    pub fn timed(&self, kind: Timed, old: Duration, new: Duration) {
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let mut inner = self.inner.lock();
        let times = inner.times.entry(kind).or_default();
        let pair = (micros(old), micros(new));
        let at = usize::try_from(times.requests).unwrap_or(0) % TIMES;
        match times.newest.get_mut(at) {
            Some(oldest) => *oldest = pair,
            None => times.newest.push(pair),
        }
        times.requests += 1;
        times.new_first += u64::from(new < old);
    }

    /// Notes what came of a comparison; gives the differences that were never seen before.
    pub fn note(&self, method: &str, path: &str, compared: Compared) -> Vec<Difference> {
        let mut inner = self.inner.lock();
        let differences = match compared {
            Compared::Equal => {
                inner.equal += 1;
                return Vec::new();
            }
            Compared::StatusAlone(why) => {
                *inner.status_alone.entry(why).or_default() += 1;
                return Vec::new();
            }
            Compared::Different(differences) => differences,
        };
        inner.different += 1;
        let (at, mut unseen) = (now(), Vec::new());
        for difference in differences {
            let key = (method.to_owned(), path.to_owned(), difference.clone());
            let has_room = inner.lines.len() < LINES;
            if let Some(line) = inner.lines.get_mut(&key) {
                (line.count, line.last) = (line.count + 1, at);
            } else if has_room {
                inner.lines.insert(key, Line { count: 1, first: at, last: at });
                unseen.push(difference);
            } else {
                let about = shape(path);
                let known = inner.more.len() < SHAPES || inner.more.contains_key(&about);
                let about = if known { about } else { "others".to_owned() };
                *inner.more.entry(about).or_default() += 1;
            }
        }
        unseen
    }

    /// What is known until now.
    pub fn report(&self, primary: &str, server: &str) -> ShadowReport {
        let inner = self.inner.lock();
        let mut differences: Vec<DifferenceLine> = inner.lines.iter().map(line).collect();
        differences.sort_by(|one, other| {
            (&one.about, &one.path, &one.what).cmp(&(&other.about, &other.path, &other.what))
        });
        let failed = inner.failed.iter();
        ShadowReport {
            primary: primary.to_owned(),
            server: server.to_owned(),
            since: Moment(self.since),
            until: Moment(now()),
            requests: inner.requests,
            equal: inner.equal,
            different: inner.different,
            status_alone: inner.status_alone.clone(),
            skipped: inner.skipped.clone(),
            failed: failed
                .map(|(who, (count, last))| NoAnswer { who, count: *count, last: last.clone() })
                .collect(),
            times: inner.times.iter().map(|(kind, times)| times.of_kind(*kind)).collect(),
            differences,
            more_differences: inner.more.clone(),
        }
    }
}

fn line(((method, path, difference), line): (&(String, String, Difference), &Line)) -> DifferenceLine {
    let Difference { what, old, new } = difference.clone();
    DifferenceLine {
        count: line.count,
        about: shape(path),
        method: method.clone(),
        path: path.clone(),
        what,
        old,
        new,
        first: Moment(line.first),
        last: Moment(line.last),
    }
}

impl Times {
    fn of_kind(&self, kind: Timed) -> TimesOfKind {
        let side = |choose: fn(&(u64, u64)) -> u64| {
            let mut times: Vec<u64> = self.newest.iter().map(choose).collect();
            times.sort_unstable();
            let at = |percent: usize| {
                let place = (times.len() * percent).div_ceil(100).max(1) - 1;
                let micros = times.get(place).copied().unwrap_or_default();
                // Thousandths of a millisecond are what there is to see.
                micros as f64 / 1000.0
            };
            Percentiles { p50: at(50), p95: at(95) }
        };
        TimesOfKind {
            kind,
            requests: self.requests,
            old: side(|pair| pair.0),
            new: side(|pair| pair.1),
            new_first: self.new_first,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn difference(what: &str) -> Difference {
        Difference { what: what.into(), old: "a".into(), new: "b".into() }
    }

    #[test]
    fn equal_differences_are_one_line_with_a_count() {
        let ledger = Ledger::default();
        let both = || Compared::Different(vec![difference("yanked of x"), difference("sha256 of x")]);
        assert_eq!(ledger.note("GET", "/alice/dev/+simple/demo/", both()).len(), 2);
        assert_eq!(ledger.note("GET", "/alice/dev/+simple/demo/", both()), []);
        ledger.note("GET", "/alice/dev/+simple/demo/", Compared::Equal);
        let report = ledger.report("http://old", "http://new");
        assert_eq!((report.equal, report.different, report.differences.len()), (1, 2, 2));
        let lines = report.lines();
        assert!(
            lines.contains(&"2 × GET /alice/dev/+simple/demo/: sha256 of x: old a, new b".to_owned()),
            "{lines:#?}"
        );
    }

    #[test]
    fn a_million_differences_do_not_fill_the_memory() {
        let ledger = Ledger::default();
        for number in 0..5000 {
            let path = format!("/alice/dev{number}/+simple/demo/");
            ledger.note("GET", &path, Compared::Different(vec![difference("status")]));
        }
        let report = ledger.report("", "");
        assert_eq!((report.differences.len(), report.more_differences.len()), (LINES, SHAPES + 1));
        assert_eq!(report.more_differences.values().sum::<u64>(), 4000);
    }

    #[test]
    fn times_are_told_as_what_half_and_nearly_all_requests_took() {
        let ledger = Ledger::default();
        for millis in 1..=100 {
            ledger.timed(Timed::Page, Duration::from_millis(millis), Duration::from_millis(50));
        }
        let report = ledger.report("", "");
        let page = &report.times[0];
        assert_eq!((page.old.p50, page.old.p95, page.new.p95), (50.0, 95.0, 50.0));
        assert_eq!((page.requests, page.new_first), (100, 50));
    }
}
