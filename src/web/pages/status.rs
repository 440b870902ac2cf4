//! `/+status` for people: the same facts that scripts get as JSON.

use super::facts::{Fact, FactItem, FactList};
use super::{Frame, Visit, answer};
use crate::error::Result;
use askama::Template;
use axum::response::Response;
use serde_json::Value;

/// The page.
#[derive(Template)]
#[template(path = "status.html")]
pub struct StatusPage {
    pub frame: Frame,
    pub facts: Vec<Fact>,
}

/// Shows `status`, the JSON of `/+status`, to a person.
pub fn show(ctx: &Visit, status: &Value) -> Result<Response> {
    answer(ctx, &StatusPage { frame: Frame::of(ctx, &["+status"]), facts: facts(status) })
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
