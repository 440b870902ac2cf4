//! `I/+settings`: the options of an index as a form, what a change would hide, and the end of the index.

use super::act::suggestions::Suggestions;
use super::call::ScriptCall;
use super::{Frame, Visit, answer, index_href};
use crate::directory::options::{IndexOption, described};
use crate::error::Result;
use crate::index::admin;
use askama::Template;
use axum::response::Response;
use serde_json::{Value, json};

/// The page.
#[derive(Template)]
#[template(path = "settings.html")]
pub struct SettingsPage {
    pub frame: Frame,
    pub name: String,
    pub href: String,
    pub kind: &'static str,
    pub groups: Vec<SettingGroup>,
    pub suggestions: Suggestions,
    pub change: ScriptCall,
    pub delete: ScriptCall,
    /// Who owns it: where its deletion leads.
    pub owner: String,
    pub volatile: bool,
}

/// Options under one heading.
pub struct SettingGroup {
    pub title: &'static str,
    pub settings: Vec<SettingField>,
}

/// An option with what is set.
pub struct SettingField {
    pub option: &'static IndexOption,
    /// A list: one a line.
    pub value: String,
    pub always: bool,
}

/// Shows the page; whoever comes here may change what it shows.
pub fn show(ctx: &Visit) -> Result<Response> {
    let index = ctx.index()?;
    let kind = index.kind.name();
    let values = admin::options_for(&ctx.directory, &ctx.who, index);
    let mut groups: Vec<SettingGroup> = Vec::new();
    for option in described(kind) {
        let value = values.get(option.name).map(written).unwrap_or_default();
        let setting = SettingField { option, value, always: option.is_always(kind) };
        match groups.iter_mut().find(|group| group.title == option.group) {
            Some(group) => group.settings.push(setting),
            None => groups.push(SettingGroup { title: option.group, settings: vec![setting] }),
        }
    }
    let href = index_href(&index.name);
    let path = format!("/{href}");
    let page = SettingsPage {
        frame: Frame::of(ctx, &[index.name.user(), index.name.name(), "+settings"]),
        name: index.name.to_string(),
        kind,
        groups,
        suggestions: Suggestions::new(ctx),
        change: ScriptCall::with("PATCH", path.clone(), &json!({"title": "…"})),
        delete: ScriptCall::new("DELETE", path),
        owner: crate::packaging::filename::encode_segment(index.name.user()),
        volatile: index.volatile,
        href,
    };
    answer(ctx, &page)
}

/// A value as its field has it.
fn written(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(written).collect::<Vec<_>>().join("\n"),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
