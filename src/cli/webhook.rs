//! `wheelwright webhook`: who is told what happens on an index or on the server.

use super::place::{CommandPlace, MadeWebhook};
use super::table;
use crate::bad;
use crate::error::Result;
use crate::hooks::webhooks::{DeliveryView, NewWebhook, WebhookView, event};
use crate::names::IndexName;
use crate::words::{Moment, WebhookEvent};
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(clap::Subcommand, Debug)]
pub enum WebhookCommand {
    /// Send events of an index, or of the server, to a URL
    #[command(allow_missing_positional = true)]
    Add {
        /// The index whose events it gets
        #[arg(value_name = "USER/INDEX", value_parser = super::index::parse, required_unless_present = "all_indexes")]
        index: Option<IndexName>,
        /// Where to send them, or program:NAME; a user and a password in it become a header
        #[arg(value_name = "URL")]
        url: String,
        /// Send the events of all indexes
        #[arg(long, conflicts_with = "index")]
        all_indexes: bool,
        /// upload, push, yank … with commas [default: all]
        #[arg(long, value_name = "EVENT", value_delimiter = ',', value_parser = event)]
        on: Vec<WebhookEvent>,
        /// A file with the secret that signs them [default: one is made and shown once]
        #[arg(long, value_name = "FILE")]
        secret_file: Option<PathBuf>,
        #[arg(long)]
        json: bool,
    },
    /// List webhooks, without their secrets
    List {
        /// Show only those of this index
        #[arg(value_name = "USER/INDEX", value_parser = super::index::parse)]
        index: Option<IndexName>,
        #[arg(long)]
        json: bool,
    },
    /// Remove a webhook with its log
    Remove {
        id: i64,
        /// Its index, if you may not run the server
        #[arg(long, value_name = "USER/INDEX", value_parser = super::index::parse)]
        index: Option<IndexName>,
        #[arg(long)]
        json: bool,
    },
    /// Show the newest deliveries of a webhook
    Log {
        id: i64,
        /// Its index, if you may not run the server
        #[arg(long, value_name = "USER/INDEX", value_parser = super::index::parse)]
        index: Option<IndexName>,
        #[arg(long)]
        json: bool,
    },
    /// Send a ping now, and show the answer
    Try {
        id: i64,
        /// Its index, if you may not run the server
        #[arg(long, value_name = "USER/INDEX", value_parser = super::index::parse)]
        index: Option<IndexName>,
        #[arg(long)]
        json: bool,
    },
}

impl WebhookCommand {
    pub async fn run(self, at: &CommandPlace) -> Result<ExitCode> {
        match self {
            Self::Add { index, url, all_indexes: _, on, secret_file, json } => {
                let secret = secret_file.map(read_secret).transpose()?;
                let MadeWebhook { id, secret: made } =
                    at.add_webhook(NewWebhook { index, url, on, secret }).await?;
                match made {
                    _ if json => table::json(&json!({"id": id, "secret": made}))?,
                    Some(secret) => {
                        table::line(&format!("webhook {id} added. wheelwright shows its secret only now:"))?;
                        table::line(&secret)?;
                    }
                    None => table::line(&format!("webhook {id} added"))?,
                }
            }
            Self::List { index, json } => list(&at.webhooks(index.as_ref()).await?, json)?,
            Self::Remove { id, index, json } => {
                at.remove_webhook(index.as_ref(), id).await?;
                table::done(&format!("webhook {id} removed"), &json!({"id": id, "removed": true}), json)?;
            }
            Self::Log { id, index, json } => log(&at.deliveries(index.as_ref(), id).await?, json)?,
            Self::Try { id, index, json } => {
                let delivery = at.try_webhook(index.as_ref(), id).await?;
                let said = match &delivery.error {
                    Some(error) => format!("webhook {id}: {error}"),
                    None => match delivery.status {
                        Some(status) => format!("webhook {id} answered {status}"),
                        None => format!("webhook {id}: the program took it"),
                    },
                };
                table::done(&said, &json!(delivery), json)?;
                if delivery.error.is_some() {
                    return Ok(ExitCode::FAILURE);
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn read_secret(path: PathBuf) -> Result<String> {
    let text =
        std::fs::read_to_string(&path).map_err(|error| bad!("cannot read {}: {error}", path.display()))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

fn list(hooks: &[WebhookView], json: bool) -> Result<()> {
    if json {
        return table::json(&hooks);
    }
    let mut rows = vec![["ID", "OF", "URL", "ON", "STATE"].map(str::to_owned).to_vec()];
    for hook in hooks {
        let of = hook.index.as_ref().map_or("server".to_owned(), ToString::to_string);
        let on: Vec<&str> = hook.on.iter().map(|event| event.name()).collect();
        let on = if on.len() == WebhookEvent::choices().count() { "all".into() } else { on.join(",") };
        let state = hook.next.map_or("ok".to_owned(), |Moment(at)| {
            format!("{} failed, next try {}", hook.tries, Moment(at).second())
        });
        rows.push(vec![hook.id.to_string(), of, hook.url.clone(), on, state]);
    }
    table::rows(&rows)
}

fn log(deliveries: &[DeliveryView], json: bool) -> Result<()> {
    if json {
        return table::json(&deliveries);
    }
    let mut rows =
        vec![["TIME", "EVENT", "DELIVERY", "TRY", "MS", "STATUS", "ERROR"].map(str::to_owned).to_vec()];
    for delivery in deliveries {
        rows.push(vec![
            delivery.at.second(),
            delivery.event.to_string(),
            delivery.delivery.clone(),
            delivery.attempt.to_string(),
            delivery.milliseconds.to_string(),
            delivery.status.map(|status| status.to_string()).unwrap_or_default(),
            delivery.error.clone().unwrap_or_default(),
        ]);
    }
    table::rows(&rows)
}
