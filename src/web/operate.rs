//! `/+health`, `/+status`, `/metrics`: for whoever keeps the server running.

use super::respond;
use super::router::Ctx;
use crate::config::units::masked;
use crate::db::Engine;
use crate::error::{Error, Result};
use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, header};
use serde_json::{Value, json};
use std::fmt::Write;
use std::sync::atomic::Ordering::Relaxed;

/// 200 while the database answers, else 503.
pub async fn health(ctx: Ctx) -> Result<Response> {
    match ctx.app.db.serial().await {
        Ok(serial) => respond::json(&json!({"status": "ok", "serial": serial})),
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "the database does not answer");
            Err(Error::Unavailable("the database does not answer: see the server's log".into()))
        }
    }
}

/// What other servers have and this one has not: 404, without asking for a credential first.
pub async fn absent(ctx: Ctx) -> Result<Response> {
    Err(crate::missing!("this server has no {}", ctx.uri.path()))
}

/// devpi's status. Paths and addresses are for root.
pub async fn report(ctx: &Ctx<()>) -> Result<Value> {
    let serial = ctx.app.db.serial().await?;
    let last = ctx.app.db.events_after(serial.saturating_sub(1), 1).await?;
    let at = last.first().map(|event| event.at.div_euclid(1_000_000));
    let directory = &ctx.directory;
    let config = &ctx.app.config;
    let mut result = json!({
        "versioninfo": {"devpi-server": "6.20.3", "wheelwright": env!("CARGO_PKG_VERSION")},
        "role": "MASTER", "polling_replicas": {}, "serial": serial, "event-serial": directory.serial,
        "last-commit-timestamp": at, "outside-url": config.public_url,
        "users": directory.users.len(), "offline": config.offline, "metrics": Value::Array(counters(ctx)),
    });
    let engine = match ctx.app.db.engine() {
        Engine::Sqlite => "sqlite",
        Engine::Postgres => "postgres",
    };
    if ctx.who.is_root()
        && let Some(result) = result.as_object_mut()
    {
        result.insert("serverdir".into(), config.data.display().to_string().into());
        result.insert("listen".into(), config.listen.clone().into());
        result.insert("database-engine".into(), engine.into());
        result.insert("database".into(), masked(&config.database_url()).into());
        result.insert("indexes".into(), directory.indexes.len().into());
    }
    Ok(result)
}

/// devpi's form of metrics: name, kind, value.
fn counters(ctx: &Ctx<()>) -> Vec<Value> {
    let requests: u64 = ctx.router.rows().iter().flat_map(|row| &row.requests).map(|n| n.load(Relaxed)).sum();
    vec![json!(["wheelwright_requests", "counter", requests])]
}

/// Prometheus' text format, rendered from the counts that the router keeps.
pub async fn metrics(ctx: Ctx) -> Result<Response> {
    let mut text = String::with_capacity(16 << 10);
    requests(&ctx, &mut text);
    let directory = &ctx.directory;
    for (name, kind, about, value) in [
        ("wheelwright_users", "gauge", "Accounts.", directory.users.len() as u64),
        ("wheelwright_indexes", "gauge", "Indexes.", directory.indexes.len() as u64),
        (
            "wheelwright_directory_serial",
            "gauge",
            "Newest change of users and indexes.",
            directory.serial.unsigned_abs(),
        ),
    ] {
        // Writing to a String cannot fail.
        let _ = write!(text, "# HELP {name} {about}\n# TYPE {name} {kind}\n{name} {value}\n");
    }
    let mut response = Response::new(Body::from(text));
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    Ok(response)
}

fn requests(ctx: &Ctx, text: &mut String) {
    let name = "wheelwright_requests_total";
    let _ = write!(text, "# HELP {name} Answers by route and class of status.\n# TYPE {name} counter\n");
    for row in ctx.router.rows() {
        let (method, path) = (row.route.methods.join(","), row.route.path);
        for (class, count) in row.requests.iter().enumerate() {
            let count = count.load(Relaxed);
            if count > 0 {
                let _ = writeln!(
                    text,
                    "{name}{{method=\"{method}\",route=\"{path}\",status=\"{class}xx\"}} {count}"
                );
            }
        }
    }
    let name = "wheelwright_request_seconds";
    let _ = write!(text, "# HELP {name} Time until the answer's head.\n# TYPE {name} summary\n");
    for row in ctx.router.rows() {
        let count: u64 = row.requests.iter().map(|count| count.load(Relaxed)).sum();
        if count == 0 {
            continue;
        }
        let (method, path) = (row.route.methods.join(","), row.route.path);
        let micros = row.time.load(Relaxed);
        let seconds = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
        let _ = writeln!(text, "{name}_sum{{method=\"{method}\",route=\"{path}\"}} {seconds}");
        let _ = writeln!(text, "{name}_count{{method=\"{method}\",route=\"{path}\"}} {count}");
    }
}
