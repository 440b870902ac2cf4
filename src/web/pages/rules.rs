//! `I/+rules`: the rules of a curated index, and what they would have decided while one types.

use super::call::ScriptCall;
use super::{Frame, Visit, answer, index_href};
use crate::error::Result;
use askama::Template;
use axum::response::Response;

#[derive(Template)]
#[template(path = "rules.html")]
pub struct RulesPage {
    pub frame: Frame,
    pub index: String,
    pub href: String,
    pub text: String,
    pub change: ScriptCall,
}

/// Shows the rules; whoever comes here may change them.
pub fn show(ctx: &Visit, text: String) -> Result<Response> {
    let index = &ctx.index()?.name;
    let href = index_href(index);
    let change =
        ScriptCall { body: Some("…".to_owned()), ..ScriptCall::new("PUT", format!("/{href}/+rules")) };
    let frame = Frame::of(ctx, &[index.user(), index.name(), "+rules"]);
    answer(ctx, &RulesPage { frame, index: index.to_string(), href, text, change })
}
