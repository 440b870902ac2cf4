//! Deliveries: each webhook has a task of its own, which sends what happened since, in order, and tries again later.
//!
//! How far a webhook is stands in its row, so that a restart loses nothing. Of several processes on one database, the
//! one with the lease in that row delivers. A try whose end nobody noted is made again: at least once.

use super::document::{EventDocument, signature};
use super::webhooks::{PROGRAM, WebhookRoom, Webhooks, delivery_id};
use crate::access::Who;
use crate::config::secret_url::SecretUrl;
use crate::counters;
use crate::db::events::Event;
use crate::db::files::StoredFile;
use crate::db::webhooks::{Delivery, Webhook, WebhookProgress};
use crate::error::{Error, Result};
use crate::names::IndexName;
use crate::tools::failing::Failing;
use crate::tools::panics;
use crate::tools::time::{Micros, SECOND, now, seconds};
use crate::words::WebhookEvent;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use std::sync::{Arc, Weak};
use std::time::Duration;

/// How often events are looked for.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Events read at once.
const EVENTS: u32 = 500;

/// The row of a webhook is written when so many events were none of its.
const BEHIND: i64 = 2000;

/// Seconds that a lease outlasts the longest try.
const LEEWAY: u64 = 15;

/// The longest pause between two tries, in seconds.
const LONGEST_PAUSE: u64 = 6 * 3600;

/// While a webhook delivers nothing, an event of this age is tried once and given up: what came meanwhile must not
/// wait for it.
const STALE: i64 = 8 * 3600 * SECOND;

/// Bytes of an error that are kept.
const LONGEST_ERROR: usize = 500;

impl Webhooks {
    /// Delivers until `self` and all its clones are gone. Offline, events wait.
    pub fn tend(&self) {
        if !self.0.messenger.is_offline() {
            tokio::spawn(keep_delivering(Arc::downgrade(&self.0)));
        }
    }

    /// Sends a ping now, whatever else is to be delivered; tells how it went and keeps that in the log.
    pub async fn try_now(&self, who: &Who, within: Option<&IndexName>, id: i64) -> Result<Delivery> {
        let hook = self.find(within, id).await?;
        let at = now();
        let name = delivery_id(id, None, at);
        let document = EventDocument::ping((id, &name), &who.label, hook.index.as_ref(), &self.0.root, at);
        let sent = self.0.send(&hook, &document).await;
        let delivery = sent.delivery(&hook, None, (WebhookEvent::Ping, 1), at);
        self.0.db.webhook_pinged(&delivery).await?;
        Ok(delivery)
    }
}

async fn keep_delivering(room: Weak<WebhookRoom>) {
    let mut failing = Failing::default();
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let Some(room) = room.upgrade() else { return };
        failing.note(&panics::caught(room.look()).await, "cannot read webhooks");
    }
}

/// How a request went.
struct Sent(Result<Option<StatusCode>>);

impl Sent {
    fn delivery(
        self,
        hook: &Webhook,
        serial: Option<i64>,
        (event, attempt): (WebhookEvent, i64),
        at: Micros,
    ) -> Delivery {
        let (status, error) = match self.0 {
            // A program has no status.
            Ok(None) => (None, None),
            Ok(Some(status)) if status.is_success() => (Some(status), None),
            Ok(Some(status)) if status.is_redirection() => {
                (Some(status), Some(format!("answered {}: redirects are not followed", status.as_u16())))
            }
            Ok(Some(status)) => (Some(status), Some(format!("answered {}", status.as_u16()))),
            Err(error) => (None, Some(error.to_string().chars().take(LONGEST_ERROR).collect())),
        };
        let status = status.map(|status| i64::from(status.as_u16()));
        Delivery {
            webhook: hook.id,
            number: 0,
            serial,
            event,
            attempt,
            at,
            took: (now() - at).max(0),
            status,
            error,
        }
    }
}

impl WebhookRoom {
    /// Starts a task for each webhook that may have something to deliver.
    async fn look(self: &Arc<Self>) -> Result<()> {
        let due = self.db.due_webhooks(now()).await?;
        if due.is_empty() {
            return Ok(());
        }
        let newest = self.db.serial().await?;
        for hook in due {
            if self.reached(&hook) >= newest || self.under_way.lock().contains(&hook.id) {
                continue;
            }
            let Ok(slot) = self.slots.clone().try_acquire_owned() else { return Ok(()) };
            self.under_way.lock().insert(hook.id);
            let room = self.clone();
            tokio::spawn(async move {
                if let Err(error) = panics::caught(room.catch_up(&hook)).await {
                    tracing::warn!(
                        webhook = hook.id,
                        error = format!("{error:#}"),
                        "cannot deliver; retrying"
                    );
                }
                room.under_way.lock().remove(&hook.id);
                drop(slot);
            });
        }
        Ok(())
    }

    /// Up to which serial there is nothing to do.
    fn reached(&self, hook: &Webhook) -> i64 {
        self.seen.lock().get(&hook.id).copied().unwrap_or(0).max(hook.serial)
    }

    /// Delivers all that happened since, until a try fails.
    async fn catch_up(&self, hook: &Webhook) -> Result<()> {
        let mut reached = self.reached(hook);
        let mut leased = false;
        let mut result = Ok(true);
        while let Ok(true) = result {
            let events = self.db.events_after(reached, EVENTS).await?;
            if events.is_empty() {
                break;
            }
            for event in &events {
                if let Some(what) = wanted(hook, event) {
                    leased = true;
                    result = self.deliver(hook.id, event, what).await;
                    if !matches!(result, Ok(true)) {
                        break;
                    }
                }
                reached = event.serial;
            }
            self.seen.lock().insert(hook.id, reached);
        }
        if leased {
            self.db.release_webhook(hook.id, &self.process).await?;
        }
        if reached - hook.serial > BEHIND && matches!(result, Ok(true)) {
            self.db.pass_webhook(hook.id, reached).await?;
        }
        result.map(drop)
    }

    /// Makes one try. Whether to go on with the next event: it was delivered, by us or another process, or given up.
    async fn deliver(&self, id: i64, event: &Event, what: WebhookEvent) -> Result<bool> {
        let at = now();
        let until = at.saturating_add(seconds(self.settings.timeout.saturating_add(LEEWAY)));
        let Some(hook) = self.db.lease_webhook(id, &self.process, (at, until)).await? else {
            return Ok(false);
        };
        if hook.serial >= event.serial {
            return Ok(true);
        }
        if hook.next_at > at {
            return Ok(false);
        }
        let file = self.file_of(event).await?;
        let name = delivery_id(id, Some(event.serial), at);
        let document = EventDocument::of((id, &name), (event, what), file.as_ref(), &self.root, at);
        let sent = self.send(&hook, &document).await;
        let delivery = sent.delivery(&hook, Some(event.serial), (what, hook.tries + 1), at);
        match delivery.error {
            None => counters::WEBHOOKS_DELIVERED.one(),
            Some(_) => counters::WEBHOOKS_FAILED.one(),
        }
        if let Some(error) = &delivery.error {
            tracing::info!(webhook = id, serial = event.serial, error, "a webhook was not delivered");
        }
        let then = self.after(&hook, event, delivery.error.is_none());
        Ok(self.db.webhook_tried(&self.process, &delivery, then).await? && then.serial == event.serial)
    }

    /// Where a webhook stands after a try.
    fn after(&self, hook: &Webhook, event: &Event, delivered: bool) -> WebhookProgress {
        let (at, tries) = (now(), hook.tries.saturating_add(1));
        let most = i64::try_from(self.settings.tries).unwrap_or(i64::MAX);
        let is_stale = hook.gave_up && at.saturating_sub(event.at) > STALE;
        if delivered || tries >= most || is_stale {
            return WebhookProgress { serial: event.serial, tries: 0, gave_up: !delivered, next_at: at };
        }
        let next_at = at.saturating_add(seconds(pause(self.settings.pause, tries)));
        WebhookProgress { serial: hook.serial, tries, gave_up: hook.gave_up, next_at }
    }

    /// The file that an event names, if it still stands there.
    async fn file_of(&self, event: &Event) -> Result<Option<StoredFile>> {
        let index = event.context.as_ref().and_then(|context| context.only());
        let (Some(index), Some(project), Some(detail)) = (index, &event.project, &event.detail) else {
            return Ok(None);
        };
        // `demo-1.0-py3-none-any.whl by build 7`
        let filename = detail.split(' ').next().unwrap_or_default();
        let file = self.db.file(index, filename).await?;
        Ok(file.filter(|file| file.project == *project && file.deleted_at.is_none()))
    }

    async fn send(&self, hook: &Webhook, document: &EventDocument<'_>) -> Sent {
        Sent(self.post(hook, document).await)
    }

    async fn post(&self, hook: &Webhook, document: &EventDocument<'_>) -> Result<Option<StatusCode>> {
        let body = serde_json::to_vec(document).map_err(Error::internal)?;
        if let Some(name) = hook.url.expose().strip_prefix(PROGRAM) {
            return self.programs.tell(name, &body).await.map(|()| None);
        }
        let url: SecretUrl = hook.url.expose().parse().map_err(Error::internal)?;
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert("x-wheelwright-event", HeaderValue::from_static(document.event.name()));
        for (name, value) in [
            ("x-wheelwright-delivery", document.delivery),
            ("x-hub-signature-256", &signature(&hook.secret, &body)),
        ] {
            headers.insert(name, HeaderValue::from_str(value).map_err(Error::internal)?);
        }
        self.messenger.post(&url, headers, body).await.map(Some)
    }
}

/// What a webhook calls an event that it wants to hear of. An event of several indexes is none of each: whoever
/// manages one of them may not read the others.
fn wanted(hook: &Webhook, event: &Event) -> Option<WebhookEvent> {
    let what = WebhookEvent::of(event.what)?;
    let of_place = match (&hook.index, &event.context) {
        (None, _) => true,
        (Some(index), Some(context)) => context.only() == Some(index),
        (Some(_), None) => false,
    };
    (of_place && (hook.events.is_empty() || hook.events.contains(&what))).then_some(what)
}

/// Seconds before the next try, after so many that failed.
fn pause(first: u64, tries: i64) -> u64 {
    let exponent = u32::try_from(tries.saturating_sub(1)).unwrap_or(u32::MAX);
    first.saturating_mul(4u64.saturating_pow(exponent)).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_tries_take_some_hours() {
        let pauses: Vec<u64> = (1..8).map(|tries| pause(5, tries)).collect();
        assert_eq!(pauses, [5, 20, 80, 320, 1280, 5120, 20480]);
        assert_eq!((pause(5, 100), pause(0, 3)), (LONGEST_PAUSE, 0));
    }
}
