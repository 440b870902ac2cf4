//! Webhooks: who is told what, how far each one is, and its newest deliveries.

use super::rows::{flag, row};
use super::{Db, Tx};
use crate::config::secret_url::SecretText;
use crate::error::{Error, Result};
use crate::names::IndexName;
use crate::tools::time::Micros;
use crate::words::WebhookEvent;
use sqlx::Row;
use sqlx::any::AnyRow;

/// A row of `webhook`; see the migration for what the columns mean. Without `Debug`: it holds a secret.
#[derive(Clone)]
pub struct Webhook {
    pub id: i64,
    pub index: Option<IndexName>,
    pub url: SecretText,
    /// Empty: all.
    pub events: Vec<WebhookEvent>,
    pub secret: String,
    pub created_by: String,
    pub created_at: Micros,
    pub serial: i64,
    pub tries: i64,
    pub gave_up: bool,
    pub next_at: Micros,
}

row!(Webhook of webhook {
    id, index = index_name, url by address, events by chosen, secret, created_by, created_at, serial, tries,
    gave_up by flag, next_at,
});

fn address(row: &AnyRow, column: &str) -> sqlx::Result<SecretText> {
    Ok(SecretText::new(row.try_get::<&str, _>(column)?))
}

/// Words that this version does not know never happen in it.
fn chosen(row: &AnyRow, column: &str) -> sqlx::Result<Vec<WebhookEvent>> {
    let text = row.try_get::<Option<String>, _>(column)?.unwrap_or_default();
    Ok(text.split(',').filter_map(WebhookEvent::parse).collect())
}

/// One try to deliver an event, and how it ended.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub webhook: i64,
    /// Counts the tries of this webhook; given by the database.
    pub number: i64,
    /// Of the event; `None`: somebody tried the webhook.
    pub serial: Option<i64>,
    pub event: WebhookEvent,
    /// Of this event, from 1.
    pub attempt: i64,
    pub at: Micros,
    /// Microseconds.
    pub took: i64,
    /// Of the answer, if there was one.
    pub status: Option<i64>,
    /// `None`: it was delivered.
    pub error: Option<String>,
}

row!(Delivery of webhook_delivery { webhook, number, serial, event, attempt, at, took, status, error });

/// Where a webhook stands after a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WebhookProgress {
    pub serial: i64,
    pub tries: i64,
    pub gave_up: bool,
    pub next_at: Micros,
}

/// Deliveries that are kept of each webhook.
const KEPT: i64 = 100;

impl Db {
    /// The webhooks of one index, or all of them.
    pub async fn webhooks(&self, index: Option<&IndexName>) -> Result<Vec<Webhook>> {
        let rows = Webhook::select("WHERE $1 = '' OR index_name = $1 ORDER BY id");
        Ok(rows.bind(index.map_or("", IndexName::as_str)).fetch_all(&self.pool).await?)
    }

    pub async fn webhook(&self, id: i64) -> Result<Option<Webhook>> {
        Ok(Webhook::select("WHERE id = $1").bind(id).fetch_optional(&self.pool).await?)
    }

    /// Those that may send something now and that nobody holds; who waits longest is first.
    pub async fn due_webhooks(&self, now: Micros) -> Result<Vec<Webhook>> {
        let rows = Webhook::select("WHERE next_at <= $1 AND lease_until <= $1 ORDER BY next_at, id");
        Ok(rows.bind(now).fetch_all(&self.pool).await?)
    }

    /// Takes or renews the right to deliver; the row as it is then. `None`: another process has it, or the
    /// webhook is gone.
    pub async fn lease_webhook(
        &self,
        id: i64,
        by: &str,
        (now, until): (Micros, Micros),
    ) -> Result<Option<Webhook>> {
        let lease = sqlx::query(
            "UPDATE webhook SET lease_by = $2, lease_until = $4 WHERE id = $1 AND (lease_by = $2 OR lease_until <= $3)",
        );
        let lease = lease.bind(id).bind(by).bind(now).bind(until).execute(&self.writer).await?;
        match lease.rows_affected() {
            0 => Ok(None),
            _ => self.webhook(id).await,
        }
    }

    /// Ends the lease, so that the next process need not wait.
    pub async fn release_webhook(&self, id: i64, by: &str) -> Result<()> {
        let release =
            sqlx::query("UPDATE webhook SET lease_by = '', lease_until = 0 WHERE id = $1 AND lease_by = $2");
        release.bind(id).bind(by).execute(&self.writer).await?;
        Ok(())
    }

    /// The serial up to which every webhook has dealt with events; `None`: there are no webhooks.
    pub async fn slowest_webhook(&self) -> Result<Option<i64>> {
        Ok(sqlx::query_scalar("SELECT min(serial) FROM webhook").fetch_one(&self.pool).await?)
    }

    /// Notes that nothing up to this serial is for the webhook, or that it was dealt with.
    pub async fn pass_webhook(&self, id: i64, serial: i64) -> Result<()> {
        let pass = sqlx::query(
            "UPDATE webhook SET serial = $2 WHERE id = $1 AND serial < $2 AND tries = 0 AND lease_by = ''",
        );
        pass.bind(id).bind(serial).execute(&self.writer).await?;
        Ok(())
    }

    /// Keeps a try in the log, and where the webhook stands then. `false`: the lease was lost.
    pub async fn webhook_tried(&self, by: &str, delivery: &Delivery, then: WebhookProgress) -> Result<bool> {
        let mut tx = self.quiet().await?;
        let number = sqlx::query_scalar(
            "UPDATE webhook SET serial = $3, tries = $4, gave_up = $5, next_at = $6, \
             deliveries = deliveries + 1 WHERE id = $1 AND lease_by = $2 RETURNING deliveries",
        );
        let number: Option<i64> = number
            .bind(delivery.webhook)
            .bind(by)
            .bind(then.serial)
            .bind(then.tries)
            .bind(i64::from(then.gave_up))
            .bind(then.next_at)
            .fetch_optional(&mut *tx)
            .await?;
        let Some(number) = number else { return Ok(false) };
        keep(&mut tx, number, delivery).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Keeps a try that no event asked for.
    pub async fn webhook_pinged(&self, delivery: &Delivery) -> Result<()> {
        let mut tx = self.quiet().await?;
        let number = sqlx::query_scalar(
            "UPDATE webhook SET deliveries = deliveries + 1 WHERE id = $1 RETURNING deliveries",
        );
        let number: Option<i64> = number.bind(delivery.webhook).fetch_optional(&mut *tx).await?;
        if let Some(number) = number {
            keep(&mut tx, number, delivery).await?;
            tx.commit().await?;
        }
        Ok(())
    }

    /// The newest deliveries of a webhook, the newest first.
    pub async fn webhook_deliveries(&self, id: i64) -> Result<Vec<Delivery>> {
        let rows = Delivery::select("WHERE webhook = $1 ORDER BY number DESC");
        Ok(rows.bind(id).fetch_all(&self.pool).await?)
    }
}

async fn keep(tx: &mut sqlx::AnyConnection, number: i64, delivery: &Delivery) -> Result<()> {
    sqlx::query(
        "INSERT INTO webhook_delivery (webhook, number, serial, event, attempt, at, took, status, error) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(delivery.webhook)
    .bind(number)
    .bind(delivery.serial)
    .bind(delivery.event)
    .bind(delivery.attempt)
    .bind(delivery.at)
    .bind(delivery.took)
    .bind(delivery.status)
    .bind(&delivery.error)
    .execute(&mut *tx)
    .await?;
    let old = sqlx::query("DELETE FROM webhook_delivery WHERE webhook = $1 AND number <= $2");
    old.bind(delivery.webhook).bind(number - KEPT).execute(tx).await?;
    Ok(())
}

impl Tx {
    /// Adds a webhook whose id is this transaction's serial, unless there are `most` of its place.
    pub async fn create_webhook(&mut self, new: &Webhook, most: i64) -> Result<()> {
        let place = new.index.as_ref().map_or("", IndexName::as_str);
        let count = sqlx::query_scalar("SELECT count(*) FROM webhook WHERE COALESCE(index_name, '') = $1");
        let count: i64 = count.bind(place).fetch_one(&mut *self.tx).await?;
        if count >= most {
            return Err(Error::Conflict(format!("there are {count} webhooks already: remove one of them")));
        }
        let events: Vec<&str> = new.events.iter().map(|event| event.name()).collect();
        sqlx::query(
            "INSERT INTO webhook (id, index_name, url, events, secret, created_by, created_at, serial, tries, \
             gave_up, next_at, deliveries, lease_by, lease_until) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $1, 0, 0, 0, 0, '', 0)",
        )
        .bind(self.serial)
        .bind(&new.index)
        .bind(new.url.expose())
        .bind(Some(events.join(",")).filter(|text| !text.is_empty()))
        .bind(&new.secret)
        .bind(&new.created_by)
        .bind(self.now)
        .execute(&mut *self.tx)
        .await?;
        Ok(())
    }

    /// Removes a webhook with its log; `false` if it is gone.
    pub async fn delete_webhook(&mut self, id: i64) -> Result<bool> {
        let deleted = sqlx::query("DELETE FROM webhook WHERE id = $1").bind(id);
        Ok(deleted.execute(&mut *self.tx).await?.rows_affected() > 0)
    }
}
