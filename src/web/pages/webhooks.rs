//! `…/+webhooks`: who is told of events, and how each delivery went.

use super::call::ScriptCall;
use super::{Frame, Visit, answer, index_href};
use crate::error::Result;
use crate::hooks::webhooks::{DeliveryView, WebhookView};
use crate::names::IndexName;
use crate::words::WebhookEvent;
use askama::Template;
use axum::response::Response;
use serde_json::json;

#[derive(Template)]
#[template(path = "webhooks.html")]
pub struct WebhooksPage {
    pub frame: Frame,
    /// Empty: of the server.
    pub index: String,
    /// `alice/dev/+webhooks`, from the root.
    pub href: String,
    pub hooks: Vec<WebhookLine>,
    pub events: Vec<WebhookEvent>,
    pub add: ScriptCall,
}

/// A webhook in the list.
pub struct WebhookLine {
    pub hook: WebhookView,
    pub on: String,
    pub remove: ScriptCall,
}

#[derive(Template)]
#[template(path = "deliveries.html")]
pub struct DeliveriesPage {
    pub frame: Frame,
    pub id: i64,
    pub href: String,
    pub deliveries: Vec<DeliveryView>,
    pub ping: ScriptCall,
}

fn place(index: Option<&IndexName>) -> String {
    index.map_or_else(|| "+webhooks".to_owned(), |index| format!("{}/+webhooks", index_href(index)))
}

fn frame(ctx: &Visit, index: Option<&IndexName>, last: &[&str]) -> Frame {
    let mut steps: Vec<&str> = index.map(|index| vec![index.user(), index.name()]).unwrap_or_default();
    steps.push("+webhooks");
    steps.extend(last);
    Frame::of(ctx, &steps)
}

/// Shows the webhooks of an index, or of the server.
pub fn list(ctx: &Visit, index: Option<&IndexName>, hooks: Vec<WebhookView>) -> Result<Response> {
    let href = place(index);
    let line = |hook: WebhookView| WebhookLine {
        on: hook.on.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        remove: ScriptCall::new("DELETE", format!("/{href}/{}", hook.id)),
        hook,
    };
    let page = WebhooksPage {
        frame: frame(ctx, index, &[]),
        index: index.map(ToString::to_string).unwrap_or_default(),
        hooks: hooks.into_iter().map(line).collect(),
        events: WebhookEvent::choices().collect(),
        add: ScriptCall::with("POST", format!("/{href}"), &json!({"url": "https://…", "on": ["upload"]})),
        href,
    };
    answer(ctx, &page)
}

/// Shows the newest tries of one webhook.
pub fn deliveries(
    ctx: &Visit,
    index: Option<&IndexName>,
    id: i64,
    deliveries: Vec<DeliveryView>,
) -> Result<Response> {
    let href = place(index);
    let page = DeliveriesPage {
        frame: frame(ctx, index, &[&id.to_string(), "deliveries"]),
        ping: ScriptCall::new("POST", format!("/{href}/{id}/try")),
        id,
        href,
        deliveries,
    };
    answer(ctx, &page)
}
