//! Webhooks: added, listed, tried and removed by those who manage their index, or the server.

use super::programs::HookPrograms;
use crate::access::Who;
use crate::config::base_url::BaseUrl;
use crate::config::secret_url::{SecretText, SecretUrl};
use crate::config::{Config, WebhookSettings};
use crate::db::events::NewEvent;
use crate::db::webhooks::{Delivery, Webhook};
use crate::db::{Db, Tx};
use crate::error::Result;
use crate::names::IndexName;
use crate::tools::time::Micros;
use crate::upstream::message::Messenger;
use crate::words::{EventKind, Moment, WebhookEvent};
use crate::{bad, forbidden, missing};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Of one index, and of the server.
const MOST: i64 = 20;

/// What a URL begins with that names a program instead: `program:NAME`.
pub(super) const PROGRAM: &str = "program:";

/// Bytes of a URL.
const LONGEST: usize = 2000;

/// Webhooks that deliver at once.
const AT_ONCE: usize = 64;

/// All webhooks, and their delivery. Cheap to clone.
#[derive(Clone)]
pub struct Webhooks(pub(super) Arc<WebhookRoom>);

pub(super) struct WebhookRoom {
    pub db: Db,
    pub messenger: Messenger,
    pub programs: HookPrograms,
    pub settings: WebhookSettings,
    /// Of this server, without a slash at its end.
    pub root: String,
    /// This process among those on one database.
    pub process: String,
    pub slots: Arc<Semaphore>,
    /// Webhooks that this process delivers for now.
    pub under_way: Mutex<HashSet<i64>>,
    /// Up to which serial this process found nothing for a webhook, beyond what its row says.
    pub seen: Mutex<HashMap<i64, i64>>,
}

/// What a new webhook is to be. Without `Debug`: it holds a secret.
pub struct NewWebhook {
    /// `None`: it hears of all indexes.
    pub index: Option<IndexName>,
    pub url: String,
    /// Empty: all.
    pub on: Vec<WebhookEvent>,
    /// `None`: one is made.
    pub secret: Option<String>,
}

/// A webhook as it is shown: without its secret, its URL masked.
#[derive(Debug, Serialize, Deserialize)]
pub struct WebhookView {
    pub id: i64,
    /// `None`: it hears of all indexes.
    pub index: Option<IndexName>,
    pub url: String,
    pub on: Vec<WebhookEvent>,
    pub created_by: String,
    pub created: Moment,
    /// All events up to this serial were dealt with.
    pub serial: i64,
    /// Failed tries of the event that is delivered now.
    pub tries: i64,
    /// Its next try, if one failed.
    pub next: Option<Moment>,
}

/// A try to deliver as it is shown.
#[derive(Debug, Serialize, Deserialize)]
pub struct DeliveryView {
    pub number: i64,
    pub delivery: String,
    pub event: WebhookEvent,
    /// Of the event; `None`: somebody tried the webhook.
    pub serial: Option<i64>,
    pub attempt: i64,
    pub at: Moment,
    pub milliseconds: i64,
    pub status: Option<i64>,
    /// `None`: it was delivered.
    pub error: Option<String>,
}

impl From<Webhook> for WebhookView {
    fn from(hook: Webhook) -> Self {
        let all = || WebhookEvent::choices().collect();
        Self {
            on: Some(hook.events).filter(|events| !events.is_empty()).unwrap_or_else(all),
            id: hook.id,
            index: hook.index,
            url: hook.url.to_string(),
            created_by: hook.created_by,
            created: Moment(hook.created_at),
            serial: hook.serial,
            tries: hook.tries,
            next: Some(Moment(hook.next_at)).filter(|_| hook.tries > 0),
        }
    }
}

impl From<Delivery> for DeliveryView {
    fn from(delivery: Delivery) -> Self {
        Self {
            delivery: delivery_id(delivery.webhook, delivery.serial, delivery.at),
            number: delivery.number,
            event: delivery.event,
            serial: delivery.serial,
            attempt: delivery.attempt,
            at: Moment(delivery.at),
            milliseconds: delivery.took / 1000,
            status: delivery.status,
            error: delivery.error,
        }
    }
}

/// The name of a delivery: the same for each try of an event, so that receivers notice what they had before.
pub(super) fn delivery_id(webhook: i64, serial: Option<i64>, at: Micros) -> String {
    match serial {
        Some(serial) => format!("{webhook}-{serial}"),
        None => format!("{webhook}-ping-{at}"),
    }
}

impl Webhooks {
    pub fn new(config: &Config, db: Db) -> Result<Self> {
        let settings = config.webhooks.clone();
        Ok(Self(Arc::new(WebhookRoom {
            db,
            messenger: Messenger::new(config, Duration::from_secs(settings.timeout.max(1)))?,
            programs: HookPrograms::new(config)?,
            settings,
            root: BaseUrl::new(config, None, None).root(),
            process: uuid::Uuid::now_v7().simple().to_string(),
            slots: Arc::new(Semaphore::new(AT_ONCE)),
            under_way: Mutex::default(),
            seen: Mutex::default(),
        })))
    }

    /// Adds a webhook: its id, and its secret if that was made here. It is not to be had again.
    ///
    /// # Errors
    /// `Bad` for a URL or a secret that will not do, `Forbidden` for a URL in the internal network, `Missing` without
    /// the index, `Conflict` if there are too many.
    pub async fn add(&self, who: &Who, new: NewWebhook) -> Result<(i64, Option<String>)> {
        let url = self.checked(who, &new.url).await?;
        let made = new.secret.is_none().then(|| BASE64_URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()));
        let secret = new.secret.or_else(|| made.clone()).unwrap_or_default();
        if !(8..=256).contains(&secret.len()) || secret.chars().any(char::is_control) {
            return Err(bad!("the secret must be one line of 8 to 256 bytes"));
        }
        let mut tx = Tx::begin(&self.0.db).await?;
        if let Some(index) = &new.index
            && tx.index_options(index).await?.is_none()
        {
            return Err(missing!("index {index} does not exist"));
        }
        let (id, now) = (tx.serial, tx.now);
        let hook = Webhook {
            id,
            index: new.index,
            url: url.clone(),
            events: new.on,
            secret,
            created_by: who.label.clone(),
            created_at: now,
            serial: id,
            tries: 0,
            gave_up: false,
            next_at: 0,
        };
        tx.create_webhook(&hook, MOST).await?;
        let detail = format!("{id} to {url}");
        let after = serde_json::json!({"url": url.to_string(), "on": hook.events}).to_string();
        let event = NewEvent::of(&who.label, EventKind::WebhookAdded).saying(&detail).after(&after);
        tx.commit(hook.index.as_ref().map_or(event, |index| event.on(index))).await?;
        Ok((id, made))
    }

    async fn checked(&self, who: &Who, text: &str) -> Result<SecretText> {
        if text.len() > LONGEST {
            return Err(bad!("the URL is longer than {LONGEST} bytes"));
        }
        if let Some(name) = text.strip_prefix(PROGRAM) {
            if !who.is_operator() {
                return Err(forbidden!("only root can add a webhook that runs a program"));
            }
            self.0.programs.told(name)?;
            return Ok(SecretText::new(text));
        }
        let url: SecretUrl = text.parse().map_err(|error| bad!("the URL is not valid: {error}"))?;
        self.0.messenger.may_send(url.expose()).await?;
        Ok(SecretText::new(url.expose().as_str()))
    }

    /// The webhooks of an index, or all of them.
    pub async fn list(&self, index: Option<&IndexName>) -> Result<Vec<WebhookView>> {
        Ok(self.0.db.webhooks(index).await?.into_iter().map(WebhookView::from).collect())
    }

    /// One of them. Within an index, the webhooks of others do not exist.
    pub(super) async fn find(&self, within: Option<&IndexName>, id: i64) -> Result<Webhook> {
        let hook = self.0.db.webhook(id).await?;
        hook.filter(|hook| within.is_none_or(|index| hook.index.as_ref() == Some(index)))
            .ok_or_else(|| missing!("webhook {id} does not exist"))
    }

    /// Removes a webhook with its log.
    pub async fn remove(&self, who: &Who, within: Option<&IndexName>, id: i64) -> Result<()> {
        let hook = self.find(within, id).await?;
        let mut tx = Tx::begin(&self.0.db).await?;
        if !tx.delete_webhook(id).await? {
            return Err(missing!("webhook {id} does not exist"));
        }
        let detail = format!("{id} to {}", hook.url);
        let before = serde_json::json!({"url": hook.url.to_string(), "on": hook.events}).to_string();
        let event = NewEvent::of(&who.label, EventKind::WebhookRemoved).saying(&detail).before(&before);
        tx.commit(hook.index.as_ref().map_or(event, |index| event.on(index))).await?;
        Ok(())
    }

    /// Its newest deliveries, the newest first.
    pub async fn deliveries(&self, within: Option<&IndexName>, id: i64) -> Result<Vec<DeliveryView>> {
        self.find(within, id).await?;
        Ok(self.0.db.webhook_deliveries(id).await?.into_iter().map(DeliveryView::from).collect())
    }
}

/// The events of `--on upload,push`, or of JSON.
pub fn event(text: &str) -> Result<WebhookEvent> {
    let known = WebhookEvent::parse(text).filter(|event| *event != WebhookEvent::Ping);
    known.ok_or_else(|| {
        let words: Vec<&str> = WebhookEvent::choices().map(WebhookEvent::name).collect();
        bad!("'{text}' is not an event of webhooks: use {}", words.join(", "))
    })
}
