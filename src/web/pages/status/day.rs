//! The last day of one server as plots: what it wrote each minute, ten minutes at each place.

use super::super::plot::{self, Plot, Series};
use crate::app::measures::Sample;
use crate::db::measures::Measure;
use crate::tools::time::{Micros, SECOND};
use crate::words::{BuildState, Moment};

/// A day.
pub const LENGTH: i64 = 86_400 * SECOND;
const PLACES: usize = 144;
const PLACE: i64 = LENGTH / PLACES as i64;

/// What was measured within the time of one place, added up.
#[derive(Clone, Default)]
struct Sum {
    count: u64,
    all: Sample,
    lag: Option<i64>,
}

impl Sum {
    fn add(&mut self, one: &Sample) {
        let all = &mut self.all;
        self.count += 1;
        for (sum, value) in [
            (&mut all.requests, one.requests),
            (&mut all.failed, one.failed),
            (&mut all.request_micros, one.request_micros),
            (&mut all.page_hits, one.page_hits),
            (&mut all.page_misses, one.page_misses),
            (&mut all.file_hits, one.file_hits),
            (&mut all.file_misses, one.file_misses),
            (&mut all.upstream_ok, one.upstream_ok),
            (&mut all.upstream_failed, one.upstream_failed),
            (&mut all.waiting, one.waiting),
            (&mut all.running, one.running),
            (&mut all.disk_free, one.disk_free),
            (&mut all.memory, one.memory),
        ] {
            *sum = sum.saturating_add(value);
        }
        self.lag = self.lag.max(one.lag);
    }
}

/// The plots of one server for the day before `now`.
pub fn plots(measures: &[Measure], node: &str, now: Micros) -> Vec<Plot> {
    let begin = now - LENGTH;
    let mut sums = vec![Sum::default(); PLACES];
    for measure in measures.iter().filter(|measure| measure.node == node) {
        let place = (measure.at - begin).div_euclid(PLACE);
        let sum = usize::try_from(place).ok().and_then(|place| sums.get_mut(place));
        // What a newer version wrote and this one cannot read is left out.
        if let (Some(sum), Ok(sample)) = (sum, serde_json::from_str::<Sample>(&measure.sample))
            && !sample.stopped
        {
            sum.add(&sample);
        }
    }
    let draw = |title: &str, top: Option<f64>, shown: fn(f64) -> String, series: Vec<Series>| {
        let ends = (Moment(begin).minute(), Moment(now).minute());
        Plot::lines(title, ends, &series, top, shown)
    };
    let line = |class, label: &str, value: &dyn Fn(&Sum) -> Option<f64>| {
        let measured = |sum: &Sum| (sum.count > 0).then(|| value(sum)).flatten();
        Series { class, label: label.to_owned(), values: sums.iter().map(measured).collect() }
    };
    let mut plots = vec![
        draw(
            "Requests in a minute",
            None,
            plot::number,
            vec![
                line("a", "all", &|sum| mean(sum, sum.all.requests)),
                line("bad", "failed", &|sum| mean(sum, sum.all.failed)),
            ],
        ),
        draw(
            "Time until an answer begins",
            None,
            plot::duration,
            vec![line("a", "on average", &|sum| {
                share(sum.all.request_micros, sum.all.requests).map(|micros| micros / 1e6)
            })],
        ),
        draw(
            "Found in a cache",
            Some(1.0),
            plot::percent,
            vec![
                line("a", "pages", &|sum| share(sum.all.page_hits, sum.all.page_hits + sum.all.page_misses)),
                line("b", "files", &|sum| share(sum.all.file_hits, sum.all.file_hits + sum.all.file_misses)),
            ],
        ),
        draw(
            "Requests to upstreams in a minute",
            None,
            plot::number,
            vec![
                line("a", "answered", &|sum| mean(sum, sum.all.upstream_ok)),
                line("bad", "failed", &|sum| mean(sum, sum.all.upstream_failed)),
            ],
        ),
        draw(
            "Builds",
            None,
            plot::number,
            vec![
                line("a", "waiting", &|sum| mean(sum, sum.all.waiting)),
                line("b", BuildState::Running.name(), &|sum| mean(sum, sum.all.running)),
            ],
        ),
        draw(
            "Free on the disk",
            None,
            plot::bytes,
            vec![line("a", "free", &|sum| mean(sum, sum.all.disk_free))],
        ),
        draw("Memory", None, plot::bytes, vec![line("a", "in use", &|sum| mean(sum, sum.all.memory))]),
    ];
    if sums.iter().any(|sum| sum.lag.is_some()) {
        let lag = line("a", "behind the primary", &|sum| sum.lag.map(|lag| lag as f64));
        plots.push(draw("Lag", None, plot::duration, vec![lag]));
    }
    plots
}

/// Of one sample.
fn mean(sum: &Sum, value: u64) -> Option<f64> {
    share(value, sum.count)
}

fn share(part: u64, all: u64) -> Option<f64> {
    (all > 0).then(|| part as f64 / all as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measure(node: &str, at: Micros, requests: u64, page_hits: u64) -> Measure {
        let sample = Sample { requests, page_hits, page_misses: 1, ..Sample::default() };
        Measure { node: node.into(), at, sample: serde_json::to_string(&sample).unwrap() }
    }

    #[test]
    fn each_place_has_the_mean_of_its_minutes_and_of_one_server_alone() {
        let now = 2 * LENGTH;
        let at = |minutes: i64| now - minutes * 60 * SECOND;
        let mut measures: Vec<Measure> =
            (1..=5).map(|minute| measure("a", at(minute), 10 * minute as u64, 3)).collect();
        measures.push(measure("b", at(3), 5000, 0));
        measures.push(measure("a", at(3000), 5000, 0));
        measures.push(Measure { sample: "from a newer version".into(), ..measure("a", at(700), 1, 1) });
        let plots = plots(&measures, "a", now);
        assert_eq!(plots[0].label, "Requests in a minute, at most 30, last 30 all, 0 failed");
        assert_eq!(plots[2].label, "Found in a cache, at most 75 %, last 75 % pages");
        assert_eq!(plots.len(), 7, "no lag where nothing is copied");
        assert!(super::plots(&measures, "c", now).iter().all(|plot| plot.empty));
    }
}
