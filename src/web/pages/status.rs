//! `/+status` for people: to those who keep the server running, whether its parts work and how its last day was; to
//! all others the facts that scripts get as JSON.

mod day;

use super::facts::{Fact, FactItem, FactList};
use super::plot::{self, Plot};
use super::{Frame, Visit, answer, words};
use crate::app::health::{PartHealth, PartState};
use crate::app::measures::Sample;
use crate::counters::{self, Counter};
use crate::error::Result;
use crate::tools::time::{SECOND, now};
use crate::web::http::slow_requests::SlowRequest;
use crate::words::Moment;
use askama::Template;
use axum::response::Response;
use serde::Serialize;
use serde_json::Value;

/// The page for everybody.
#[derive(Template)]
#[template(path = "status.html")]
pub struct StatusPage {
    pub frame: Frame,
    pub facts: Vec<Fact>,
}

/// The page for those who keep the server running.
#[derive(Template)]
#[template(path = "operator.html")]
pub struct OperatorPage {
    pub frame: Frame,
    /// What the worst part is.
    pub mood: &'static str,
    pub said: String,
    pub parts: Vec<PartLine>,
    pub nodes: Vec<NodeLine>,
    pub caches: Vec<CacheLine>,
    pub slow: Vec<SlowLine>,
    /// Of this server, or of the one that was asked for.
    pub node: String,
    pub plots: Vec<Plot>,
    pub facts: Vec<Fact>,
}

/// A part with the colour of its state.
pub struct PartLine {
    pub mood: &'static str,
    pub word: &'static str,
    pub part: PartHealth,
}

/// A server as it said last that it is.
#[derive(Clone, Debug, Serialize)]
pub struct NodeState {
    pub name: String,
    pub at: Moment,
    pub sample: Sample,
}

/// The same in words.
pub struct NodeLine {
    pub node: NodeState,
    pub chosen: bool,
    pub up: String,
    pub memory: String,
    pub disk: String,
}

/// How often a cache had what was asked for, since this process began.
pub struct CacheLine {
    pub name: &'static str,
    pub hits: String,
    pub asked: String,
}

/// A request that took long.
pub struct SlowLine {
    pub request: SlowRequest,
    pub took: String,
}

/// Shows `status`, the JSON of `/+status`, to a person.
pub fn show(ctx: &Visit, status: &Value) -> Result<Response> {
    answer(ctx, &StatusPage { frame: Frame::of(ctx, &["+status"]), facts: facts(status) })
}

/// Shows it to somebody who keeps the server running.
pub async fn operate(
    ctx: &Visit,
    status: &Value,
    (health, nodes, slow): (Vec<PartHealth>, Vec<NodeState>, Vec<SlowRequest>),
) -> Result<Response> {
    let node = ctx.query("server").filter(|name| !name.is_empty()).unwrap_or_else(|| ctx.app.node());
    let measures = ctx.app.db.measures(now() - day::LENGTH).await?;
    let trouble = health.iter().filter(|part| part.state != PartState::Ok).count();
    let worst = health.iter().map(|part| part.state).max().unwrap_or(PartState::Ok);
    let mut facts = facts(status);
    facts.retain(|fact| !["health", "servers", "slow-requests", "metrics"].contains(&&*fact.label));
    let page = OperatorPage {
        frame: Frame::of(ctx, &["+status"]),
        mood: mood(worst),
        said: match trouble {
            0 => "All parts work.".to_owned(),
            1 => "One part needs attention.".to_owned(),
            some => format!("{some} parts need attention."),
        },
        parts: parts(health),
        nodes: nodes.into_iter().map(|state| node_line(state, &node)).collect(),
        caches: vec![
            cache("Project pages", &counters::PAGE_HITS, &counters::PAGE_MISSES),
            cache("Files", &counters::FILE_HITS, &counters::FILE_MISSES),
        ],
        slow: slow.into_iter().map(slow_line).collect(),
        plots: day::plots(&measures, &node, now()),
        node,
        facts,
    };
    answer(ctx, &page)
}

/// What needs attention comes first.
fn parts(mut health: Vec<PartHealth>) -> Vec<PartLine> {
    health.sort_by_key(|part| std::cmp::Reverse(part.state));
    let line = |part: PartHealth| PartLine { mood: mood(part.state), word: word(part.state), part };
    health.into_iter().map(line).collect()
}

fn mood(state: PartState) -> &'static str {
    match state {
        PartState::Ok => "good",
        PartState::Warning => "warn",
        PartState::Failing => "bad",
    }
}

fn word(state: PartState) -> &'static str {
    match state {
        PartState::Ok => "works",
        PartState::Warning => "look at it",
        PartState::Failing => "fails",
    }
}

fn node_line(node: NodeState, shown: &str) -> NodeLine {
    let up = node.at.0.div_euclid(SECOND) - i64::try_from(node.sample.started).unwrap_or_default();
    NodeLine {
        chosen: node.name == shown,
        up: words::seconds(up.max(0) as f64),
        memory: words::size(node.sample.memory),
        disk: words::size(node.sample.disk_free),
        node,
    }
}

fn cache(name: &'static str, hits: &Counter, misses: &Counter) -> CacheLine {
    let (hits, asked) = (hits.get(), hits.get() + misses.get());
    let share = (asked > 0).then(|| plot::percent(hits as f64 / asked as f64));
    CacheLine {
        name,
        hits: share.unwrap_or_else(|| "not asked yet".to_owned()),
        asked: words::count(usize::try_from(asked).unwrap_or(usize::MAX)),
    }
}

fn slow_line(request: SlowRequest) -> SlowLine {
    SlowLine { took: words::seconds(request.ms as f64 / 1000.0), request }
}

/// An object's fields as labelled items; objects below it as `field value`.
fn facts(status: &Value) -> Vec<Fact> {
    let mut facts = FactList::default();
    for (key, value) in status.as_object().into_iter().flatten() {
        facts.add(&key.replace('_', " "), items(value));
    }
    facts.0
}

fn items(value: &Value) -> Vec<FactItem> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(values) => values.iter().map(|value| FactItem::text(text(value))).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| FactItem::text(format!("{}: {}", key.replace('_', " "), text(value))))
            .collect(),
        value => vec![FactItem::text(text(value))],
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_status_is_flat_text() {
        let shown =
            facts(&serde_json::json!({"serial": 7, "cache": {"page_bytes": 5}, "none": null, "list": ["a"]}));
        let told: Vec<(String, String)> =
            shown.into_iter().map(|fact| (fact.label, fact.items[0].text.clone())).collect();
        assert!(told.contains(&("cache".into(), "page bytes: 5".into())), "{told:?}");
        assert_eq!(told.len(), 3);
    }
}
