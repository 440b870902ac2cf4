//! `/+builds/statistics`: how much is built, how well, and why not, as plots and as a table of the same numbers.

use super::builds::told;
use super::plot::{self, Plot, PlotKey, Series, Stack};
use super::{Frame, Visit, answer};
use crate::build::statistics::{BuildSpan, BuildStatistics};
use crate::error::Result;
use crate::words::{Class, StatisticsPeriod};
use askama::Template;
use axum::response::Response;
use std::cmp::Reverse;

/// Causes that have a colour of their own; the others share one.
const CAUSES: usize = 4;
const COLOURS: [&str; CAUSES] = ["a", "b", "c", "d"];

/// The page.
#[derive(Template)]
#[template(path = "statistics.html")]
pub struct StatisticsPage {
    pub frame: Frame,
    pub periods: Vec<PeriodTab>,
    pub plots: Vec<Plot>,
    pub spans: Vec<SpanLine>,
    pub causes: Vec<CauseLine>,
    pub total: SpanLine,
    pub empty: bool,
}

/// A choice of how long a span is.
pub struct PeriodTab {
    pub label: &'static str,
    pub name: &'static str,
    pub chosen: bool,
}

/// A row of the table.
pub struct SpanLine {
    pub span: BuildSpan,
    pub success: String,
    pub took: String,
    pub causes: String,
}

/// Why builds failed, and how many.
pub struct CauseLine {
    pub class: String,
    pub count: i64,
}

impl From<BuildSpan> for SpanLine {
    fn from(span: BuildSpan) -> Self {
        let causes = causes(&span).into_iter().map(|cause| format!("{} {}", cause.count, cause.class));
        Self {
            success: span.success().map(plot::percent).unwrap_or_default(),
            took: told(span.seconds),
            causes: causes.collect::<Vec<_>>().join(", "),
            span,
        }
    }
}

/// The most frequent first.
fn causes(span: &BuildSpan) -> Vec<CauseLine> {
    let mut causes: Vec<CauseLine> =
        span.causes.iter().map(|(class, count)| CauseLine { class: class.clone(), count: *count }).collect();
    causes.sort_by_key(|cause| Reverse(cause.count));
    causes
}

/// Shows these numbers.
pub fn show(ctx: &Visit, statistics: BuildStatistics) -> Result<Response> {
    let tab = |period: &StatisticsPeriod| PeriodTab {
        label: match period {
            StatisticsPeriod::Day => "By day",
            StatisticsPeriod::Week => "By week",
            StatisticsPeriod::Month => "By month",
        },
        name: period.name(),
        chosen: *period == statistics.period,
    };
    let page = StatisticsPage {
        frame: Frame::of(ctx, &["+builds", "statistics"]),
        periods: StatisticsPeriod::ALL.iter().map(tab).collect(),
        plots: plots(&statistics),
        causes: causes(&statistics.total),
        empty: statistics.total.built + statistics.total.failed + statistics.total.cancelled == 0,
        total: statistics.total.into(),
        spans: statistics.spans.into_iter().rev().map(SpanLine::from).collect(),
    };
    answer(ctx, &page)
}

fn plots(statistics: &BuildStatistics) -> Vec<Plot> {
    let spans = &statistics.spans;
    let ends = || {
        let from = |span: Option<&BuildSpan>| span.map(|span| span.from.clone()).unwrap_or_default();
        (from(spans.first()), from(spans.last()))
    };
    let key = |class: &'static str, label: &str| PlotKey { class, label: label.to_owned() };
    let ended = |span: &BuildSpan| Stack {
        place: span.from.clone(),
        values: [span.built, span.failed, span.cancelled].map(|count| count as f64).to_vec(),
    };
    let keys = vec![key("good", "built"), key("bad", "failed"), key("", Class::Cancelled.name())];
    let throughput =
        Plot::columns("Builds that ended", keys, &spans.iter().map(ended).collect::<Vec<_>>(), plot::number);
    let success = Series {
        class: "good",
        label: "of those that ended".into(),
        values: spans.iter().map(BuildSpan::success).collect(),
    };
    let success = Plot::lines("Success rate", ends(), &[success], Some(1.0), plot::percent);
    let took = Series {
        class: "a",
        label: "on average".into(),
        values: spans.iter().map(|span| span.seconds).collect(),
    };
    let took = Plot::lines("Time of a build", ends(), &[took], None, plot::duration);
    vec![throughput, success, why(statistics), took]
}

/// The most frequent causes over time, each with its colour.
fn why(statistics: &BuildStatistics) -> Plot {
    let named: Vec<String> =
        causes(&statistics.total).into_iter().map(|cause| cause.class).take(CAUSES).collect();
    let stack = |span: &BuildSpan| {
        let count = |class: &String| span.causes.get(class).copied().unwrap_or_default();
        let known: i64 = named.iter().map(count).sum();
        let values = named.iter().map(count).chain([span.failed - known]).map(|count| count as f64);
        Stack { place: span.from.clone(), values: values.collect() }
    };
    let mut keys: Vec<PlotKey> =
        named.iter().zip(COLOURS).map(|(label, class)| PlotKey { class, label: label.clone() }).collect();
    keys.push(PlotKey { class: "", label: "others".into() });
    Plot::columns(
        "Causes of failure",
        keys,
        &statistics.spans.iter().map(stack).collect::<Vec<_>>(),
        plot::number,
    )
}
