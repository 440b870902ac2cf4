//! Watches of repositories, and webhooks.

use super::{CommandPlace, below};
use crate::access::Who;
use crate::build::watch::{NewWatch, Since, TagView, WatchView};
use crate::client::ServerClient;
use crate::error::{Error, Result};
use crate::hooks::webhooks::{DeliveryView, NewWebhook, WebhookView};
use crate::names::IndexName;
use crate::timed_out;
use crate::words::WebhookEvent;
use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::time::Duration;

/// A watch with its tags.
#[derive(Serialize, Deserialize)]
pub struct WatchWithTags {
    #[serde(flatten)]
    pub watch: WatchView,
    pub found: Vec<TagView>,
}

/// A watch that was made.
#[derive(Serialize, Deserialize)]
pub struct MadeWatch {
    pub id: i64,
    /// It signs the webhooks of the repository.
    pub secret: String,
    pub watch: WatchWithTags,
}

/// A webhook that was made.
#[derive(Serialize, Deserialize)]
pub struct MadeWebhook {
    pub id: i64,
    /// `None`: it was given.
    #[serde(default)]
    pub secret: Option<String>,
}

/// How long a look of a server at a repository is waited for.
const LOOK: Duration = Duration::from_secs(120);

impl CommandPlace {
    pub async fn add_watch(&self, new: NewWatch) -> Result<MadeWatch> {
        match self {
            Self::Here(app) => {
                let watch = app.watches.add(&Who::command_line(), new).await?;
                let (id, secret) = (watch.id, watch.secret.clone());
                let found = app.watches.tags(id).await?;
                Ok(MadeWatch { id, secret, watch: WatchWithTags { found, watch: watch.into() } })
            }
            Self::There(server) => {
                let from = match &new.since {
                    Since::Now => None,
                    Since::All => Some("all".to_owned()),
                    Since::Version(version) => Some(version.to_string()),
                };
                let body = json!({
                    "index": new.index, "url": new.url, "tags": new.pattern, "targets": new.targets,
                    "every": new.every.map(|seconds| format!("{seconds}s")), "from": from,
                });
                Ok(server.call(Method::POST, "+watches", &body).await?.result)
            }
        }
    }

    /// Watches of one index, or of all.
    pub async fn watches(&self, index: Option<&IndexName>) -> Result<Vec<WatchView>> {
        match self {
            Self::Here(app) => Ok(app.watches.list(index).await?.into_iter().map(WatchView::from).collect()),
            Self::There(server) => {
                let mut all: Vec<WatchView> = server.get("+watches").await?;
                all.retain(|watch| index.is_none_or(|index| watch.index == *index));
                Ok(all)
            }
        }
    }

    pub async fn watch(&self, id: i64) -> Result<WatchWithTags> {
        match self {
            Self::Here(app) => {
                let watch = app.watches.get(id).await?.into();
                Ok(WatchWithTags { watch, found: app.watches.tags(id).await? })
            }
            Self::There(server) => server.get(&format!("+watches/{id}")).await,
        }
    }

    pub async fn remove_watch(&self, id: i64) -> Result<()> {
        match self {
            Self::Here(app) => app.watches.remove(&Who::command_line(), &app.watches.get(id).await?).await,
            Self::There(server) => {
                server.tell(Method::DELETE, &format!("+watches/{id}"), &json!({})).await.map(drop)
            }
        }
    }

    /// Looks at the repository now; the watch afterwards, and why the look failed.
    pub async fn look(&self, id: i64) -> Result<(WatchWithTags, Option<Error>)> {
        match self {
            Self::Here(app) => {
                let watch = app.watches.get(id).await?;
                app.watches.look_now(&watch).await?;
                let failed = app.watches.look(&watch).await.err();
                Ok((self.watch(id).await?, failed))
            }
            Self::There(server) => looked_at_there(server, id).await,
        }
    }

    pub async fn add_webhook(&self, new: NewWebhook) -> Result<MadeWebhook> {
        match self {
            Self::Here(app) => {
                let (id, secret) = app.webhooks.add(&Who::command_line(), new).await?;
                Ok(MadeWebhook { id, secret })
            }
            Self::There(server) => {
                let on: Vec<&str> = new.on.iter().copied().map(WebhookEvent::name).collect();
                let body = json!({ "url": new.url, "on": on, "secret": new.secret });
                Ok(server.call(Method::POST, &webhooks(new.index.as_ref()), &body).await?.result)
            }
        }
    }

    /// Webhooks of one index, or all.
    pub async fn webhooks(&self, index: Option<&IndexName>) -> Result<Vec<WebhookView>> {
        match self {
            Self::Here(app) => app.webhooks.list(index).await,
            Self::There(server) => server.get(&webhooks(index)).await,
        }
    }

    /// Removes a webhook, of the index if one is named.
    pub async fn remove_webhook(&self, index: Option<&IndexName>, id: i64) -> Result<()> {
        match self {
            Self::Here(app) => app.webhooks.remove(&Who::command_line(), index, id).await,
            Self::There(server) => {
                server.tell(Method::DELETE, &format!("{}/{id}", webhooks(index)), &json!({})).await.map(drop)
            }
        }
    }

    pub async fn deliveries(&self, index: Option<&IndexName>, id: i64) -> Result<Vec<DeliveryView>> {
        match self {
            Self::Here(app) => app.webhooks.deliveries(index, id).await,
            Self::There(server) => server.get(&format!("{}/{id}/deliveries", webhooks(index))).await,
        }
    }

    /// Sends a ping now.
    pub async fn try_webhook(&self, index: Option<&IndexName>, id: i64) -> Result<DeliveryView> {
        match self {
            Self::Here(app) => {
                Ok(app.webhooks.try_now(&Who::command_line(), index, id).await.map(DeliveryView::from)?)
            }
            Self::There(server) => {
                let path = format!("{}/{id}/try", webhooks(index));
                Ok(server.call(Method::POST, &path, &json!({})).await?.result)
            }
        }
    }
}

fn webhooks(index: Option<&IndexName>) -> String {
    below(index, "+webhooks")
}

/// The server looks by itself, soon; what it found is there when its next look is a later one.
async fn looked_at_there(server: &ServerClient, id: i64) -> Result<(WatchWithTags, Option<Error>)> {
    let path = format!("+watches/{id}");
    let before: WatchWithTags = server.get(&path).await?;
    server.tell(Method::POST, &format!("{path}/look"), &json!({})).await?;
    let until = tokio::time::Instant::now() + LOOK;
    while tokio::time::Instant::now() < until {
        let now: WatchWithTags = server.get(&path).await?;
        let looked =
            now.watch.last_look > before.watch.last_look || now.watch.failures > before.watch.failures;
        if looked {
            let failed = now.watch.error.clone().map(Error::BadUpstream);
            return Ok((now, failed));
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    Err(timed_out!("the server did not look within {} s: see wheelwright watch show {id}", LOOK.as_secs()))
}
