//! `/+audit`: who changed what, when and from where.

use super::{Frame, Visit, answer};
use crate::access::audit::AuditView;
use crate::error::Result;
use crate::words::EventKind;
use askama::Template;
use axum::response::Response;
use serde_json::Value;

/// Entries of one page, and of one answer.
pub const PAGE: u32 = 100;

/// An entry of a list to choose from.
pub struct Choice {
    pub name: &'static str,
    pub chosen: bool,
}

#[derive(Template)]
#[template(path = "audit.html")]
pub struct AuditPage {
    pub frame: Frame,
    pub kinds: Vec<Choice>,
    pub index: String,
    pub project: String,
    pub who: String,
    pub filtered: bool,
    pub entries: Vec<AuditLine>,
    /// The query of the next page; empty on the last.
    pub next: String,
}

/// An entry in the list.
pub struct AuditLine {
    pub entry: AuditView,
    /// JSON; empty if there is none.
    pub before: String,
    pub after: String,
}

impl From<AuditView> for AuditLine {
    fn from(entry: AuditView) -> Self {
        let text = |value: &Option<Value>| value.as_ref().map(Value::to_string).unwrap_or_default();
        Self { before: text(&entry.before), after: text(&entry.after), entry }
    }
}

/// Shows entries, which fit the query.
pub fn show(ctx: &Visit, entries: Vec<AuditView>) -> Result<Response> {
    let asked = |name: &str| ctx.query(name).unwrap_or_default();
    let what = asked("what");
    let next = entries.last().filter(|_| entries.len() >= PAGE as usize).map(|last| next(ctx, last.serial));
    let page = AuditPage {
        frame: Frame::of(ctx, &["+audit"]),
        kinds: EventKind::ALL
            .iter()
            .filter(|kind| **kind != EventKind::Other)
            .map(|kind| Choice { name: kind.name(), chosen: kind.name() == what })
            .collect(),
        index: asked("index"),
        project: asked("project"),
        who: asked("who"),
        filtered: ctx.uri.query().is_some_and(|query| !query.is_empty()),
        entries: entries.into_iter().map(AuditLine::from).collect(),
        next: next.unwrap_or_default(),
    };
    answer(ctx, &page)
}

/// The same query about what is older.
fn next(ctx: &Visit, last: i64) -> String {
    let mut query = url::form_urlencoded::Serializer::for_suffix(String::from("?"), 1);
    for name in ["index", "project", "who", "what"] {
        if let Some(value) = ctx.query(name).filter(|value| !value.is_empty()) {
            query.append_pair(name, &value);
        }
    }
    query.append_pair("before", &last.to_string()).finish()
}
