//! `/+health`, `/+status`, `/metrics`: for whoever keeps the server running.

use super::http::{Ctx, respond};
use super::router::Router;
use crate::app::App;
use crate::config::secret_url::masked;
use crate::counters;
use crate::db::builds::{BUILD_BOUNDS, BuildTimes};
use crate::db::wheelhouses::WheelhouseRow;
use crate::directory::Directory;
use crate::error::{Error, Result};
use crate::replica::ReplicaView;
use crate::tools::time::SECOND;
use crate::transfer::backup::last_backup;
use crate::words::{BuildState, Purpose};
use crate::{bad, unavailable};
use axum::response::Response;
use http::{StatusCode, header};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use url::{Position, Url};

/// 200 while the database answers, has a schema that this program can use, and the server is not told to stop; else 503.
pub async fn health(ctx: Ctx) -> Result<Response> {
    if ctx.app.is_stopping.load(Relaxed) {
        return Err(unavailable!("no longer: the server is stopping, send requests to another one"));
    }
    let asked: Result<_> = async { Ok((ctx.app.db.serial().await?, ctx.app.db.schema().await?)) }.await;
    match asked {
        Ok((serial, schema)) => {
            schema.permit()?;
            let mut told = json!({"status": "ok", "serial": serial});
            if schema.is_newer() {
                told["schema"] = json!({"database": schema.database, "program": schema.program});
            }
            respond::json(&told)
        }
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "the database does not answer");
            Err(unavailable!("the database does not answer: try again, or see the server's log"))
        }
    }
}

/// What other servers have and this one has not: 404, without asking for a credential first.
pub async fn absent(ctx: Ctx) -> Result<Response> {
    Err(crate::missing!("this server has no {}", ctx.uri.path()))
}

/// devpi's status. Paths and addresses are for those who operate it.
pub async fn report(ctx: &Ctx<()>, router: &Router) -> Result<Value> {
    let serial = ctx.app.db.serial().await?;
    let last = ctx.app.db.events_after(serial.saturating_sub(1), 1).await?;
    let at = last.first().map(|event| event.at.div_euclid(SECOND));
    let directory = &ctx.directory;
    let config = &ctx.app.config;
    let operates = ctx.operates();
    let mut result = json!({
        "versioninfo": {"devpi-server": "6.20.3", "wheelwright": env!("CARGO_PKG_VERSION")},
        "role": if ctx.app.replica.is_some() { "REPLICA" } else { "MASTER" },
        "polling_replicas": if operates { ctx.app.replicas.shown() } else { json!({}) },
        "serial": serial, "event-serial": directory.serial,
        "last-commit-timestamp": at, "outside-url": config.public_url,
        "users": directory.users.len(), "offline": config.offline, "metrics": Value::Array(counters(router)),
    });
    if let (Some(replica), Some(result)) = (&ctx.app.replica, result.as_object_mut()) {
        let mut view = replica.view();
        // It may name hosts of the inner network.
        view.error = view.error.filter(|_| operates);
        let view = serde_json::to_value(view).map_err(Error::internal)?;
        result
            .extend(view.as_object().into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())));
    }
    if operates && let Some(result) = result.as_object_mut() {
        if let Ok(disk) = ctx.app.store.disk() {
            let shown = json!({"free": disk.free, "reserve": disk.reserve, "low": disk.is_low()});
            result.insert("disk".into(), shown);
        }
        result.insert("serverdir".into(), config.data.display().to_string().into());
        result.insert("listen".into(), config.listen.clone().into());
        result.insert("database-engine".into(), ctx.app.db.engine().name().into());
        result.insert("database".into(), masked(&config.database_url()).into());
        result.insert("indexes".into(), directory.indexes.len().into());
        let workers = ctx.app.targets.workers().await?;
        let off = workers
            .iter()
            .filter_map(|known| Some((known.name.clone(), json!(known.description.off.as_ref()?))));
        let houses = ctx.app.wheelhouses.views().await?;
        result.insert("wheelhouses".into(), serde_json::to_value(houses).map_err(Error::internal)?);
        result.insert("workers".into(), workers.len().into());
        result.insert("workers-off".into(), Value::Object(off.collect()));
    }
    Ok(result)
}

/// devpi's form of metrics: name, kind, value.
fn counters(router: &Router) -> Vec<Value> {
    let requests: u64 = router.rows().iter().flat_map(|row| &row.requests).map(|n| n.load(Relaxed)).sum();
    let mut metrics = vec![json!(["wheelwright_requests", "counter", requests])];
    for (name, counter) in [
        ("wheelwright_page_cache_hits", &counters::PAGE_HITS),
        ("wheelwright_page_cache_misses", &counters::PAGE_MISSES),
        ("wheelwright_upstream_failures", &counters::UPSTREAM_FAILED),
        ("wheelwright_downloads", &counters::DOWNLOADS),
        ("wheelwright_verification_failures", &counters::VERIFICATION_FAILURES),
        ("wheelwright_uploads", &counters::UPLOADS_ACCEPTED),
        ("wheelwright_panics", &counters::PANICS),
    ] {
        metrics.push(json!([name, "counter", counter.get()]));
    }
    metrics
}

/// `GET /+authcheck`: whether a proxy in front may let a request through, whose URL stands in `X-Original-URI` and
/// whose credential came along, as nginx' `auth_request` asks it: 200, 401 or 403.
pub async fn authcheck(ctx: Ctx, router: Arc<Router>) -> Result<Response> {
    let ctx = ctx.without_body();
    let url = ctx.headers.get("x-original-uri").and_then(|value| value.to_str().ok());
    let url =
        url.ok_or_else(|| bad!("the header X-Original-URI is missing: it must hold the URL to check"))?;
    let path = Url::parse(url).map_or_else(|_| url.to_owned(), |url| url[Position::BeforePath..].to_owned());
    let devpi = ctx.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    let devpi = devpi.is_some_and(|agent| agent.contains("devpi-client"));
    match router.would_admit(&ctx, &path).await {
        Ok(()) => respond::devpi(StatusCode::OK, "", Value::Null, Some("allowed")),
        // Its client takes a 401 for the end of its session.
        Err(Error::Unauthenticated(why)) if devpi => Err(Error::Forbidden(why)),
        Err(Error::Missing(why)) => Err(Error::Forbidden(why)),
        Err(other) => Err(other),
    }
}

const LAST_BACKUP_METRIC: &str = "wheelwright_last_backup_seconds";

/// Prometheus' text format 0.0.4.
pub async fn metrics(ctx: Ctx, router: Arc<Router>) -> Result<Response> {
    let mut text = String::with_capacity(32 << 10);
    requests(&router, &mut text);
    let mut last = "";
    for told in counters::ALL {
        if told.name != last {
            head(&mut text, told.name, "counter", told.about);
            last = told.name;
        }
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}{} {}", told.name, told.labels, told.counter.get());
    }
    for (name, about, value) in gauges(&ctx.app, &ctx.directory).await {
        head(&mut text, name, "gauge", about);
        let _ = writeln!(text, "{name} {value}");
    }
    if let Some(replica) = &ctx.app.replica {
        copied(&replica.view(), &mut text);
    }
    wheelhouses(&ctx.app, &mut text).await;
    head(&mut text, LAST_BACKUP_METRIC, "gauge", "When the last backup was made, in seconds since 1970.");
    if let Ok(Some(at)) = last_backup(&ctx.app.db).await {
        let _ = writeln!(text, "{LAST_BACKUP_METRIC} {}", at.div_euclid(SECOND));
    }
    builds(&ctx.app, &mut text).await;
    head(&mut text, "wheelwright_build_info", "gauge", "The version of wheelwright.");
    let _ = writeln!(text, "wheelwright_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION"));
    Ok(respond::body("text/plain; version=0.0.4; charset=utf-8", "private, no-cache", text))
}

async fn gauges(app: &App, directory: &Directory) -> [(&'static str, &'static str, u64); 10] {
    let limits = &app.config.limits;
    let (free, reserve) = app.store.disk().map_or((0, 0), |disk| (disk.free, disk.reserve));
    [
        ("wheelwright_disk_free_bytes", "Free space on the disk of the data folder.", free),
        ("wheelwright_disk_reserve_bytes", "Setting limits.reserve: what is to stay free.", reserve),
        ("wheelwright_users", "Accounts.", directory.users.len() as u64),
        ("wheelwright_indexes", "Indexes.", directory.indexes.len() as u64),
        (
            "wheelwright_directory_serial",
            "The latest change of users and indexes.",
            directory.serial.unsigned_abs(),
        ),
        ("wheelwright_page_cache_bytes", "Prepared pages in memory.", app.indexes.views.held()),
        ("wheelwright_page_cache_limit_bytes", "Setting limits.page_cache.", limits.page_cache),
        ("wheelwright_file_cache_bytes", "Weight of the files in memory or mapped.", app.store.held().await),
        ("wheelwright_file_cache_limit_bytes", "Setting limits.file_cache.", limits.file_cache),
        (
            "process_start_time_seconds",
            "When this process began, in seconds since 1970.",
            counters::started(),
        ),
    ]
}

/// How far a replica is.
fn copied(view: &ReplicaView, text: &mut String) {
    let numbers = [
        (
            "wheelwright_replica_serial",
            "The serial of the primary up to which this replica has everything.",
            Some(view.serial),
        ),
        (
            "wheelwright_replica_primary_serial",
            "The newest serial of the primary that this replica knows of.",
            Some(view.newest),
        ),
        ("wheelwright_replica_reaches_primary", "Whether the primary answers.", Some(view.reachable.into())),
        (
            "wheelwright_replica_lag_seconds",
            "Seconds since this replica had everything that the primary has.",
            view.lag,
        ),
    ];
    for (name, about, value) in numbers {
        if let Some(value) = value {
            head(text, name, "gauge", about);
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{name} {value}");
        }
    }
}

/// How it is with each wheelhouse; nothing while the database does not tell.
async fn wheelhouses(app: &App, text: &mut String) {
    let Ok(houses) = app.db.wheelhouses().await else { return };
    type Column = fn(&WheelhouseRow) -> Option<i64>;
    let columns: [(&str, &str, Column); 4] = [
        (
            "wheelwright_wheelhouse_published_seconds",
            "When something was written to a wheelhouse last, in seconds since 1970.",
            |row| Some(row.published_at?.div_euclid(SECOND)),
        ),
        (
            "wheelwright_wheelhouse_checked_seconds",
            "When a wheelhouse was last known to be what its index has.",
            |row| Some(row.checked_at?.div_euclid(SECOND)),
        ),
        ("wheelwright_wheelhouse_links_until_seconds", "When the first signed link ends.", |row| {
            Some(row.links_until?.div_euclid(SECOND))
        }),
        ("wheelwright_wheelhouse_failing", "Tries to publish that failed, one after the other.", |row| {
            Some(row.tries)
        }),
    ];
    for (name, about, column) in columns {
        let known: Vec<_> = houses.iter().filter_map(|row| Some((&row.place, column(row)?))).collect();
        head(text, name, "gauge", about);
        for (place, value) in known {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{name}{{place={place:?}}} {value}");
        }
    }
}

/// The queue, what came out, and how long it took; nothing while the database does not tell.
async fn builds(app: &App, text: &mut String) {
    let (Ok(counts), Ok(times)) = (app.db.build_counts(Purpose::Wheel).await, app.db.build_times().await)
    else {
        return;
    };
    let mut by_state: BTreeMap<&str, i64> = BuildState::ALL.iter().map(|state| (state.name(), 0)).collect();
    for (state, _, count) in &counts {
        *by_state.entry(state.name()).or_default() += count;
    }
    head(
        text,
        "wheelwright_builds",
        "gauge",
        "Builds by state. Waiting builds are fetching, queued or blocked.",
    );
    for (state, count) in by_state {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "wheelwright_builds{{state=\"{state}\"}} {count}");
    }
    head(text, "wheelwright_builds_failed", "gauge", "Failed builds by class.");
    for (class, count) in counts.iter().filter_map(|(_, class, count)| Some((class.as_ref()?, count))) {
        let _ = writeln!(text, "wheelwright_builds_failed{{class=\"{class}\"}} {count}");
    }
    head(
        text,
        "wheelwright_build_seconds",
        "histogram",
        "Seconds from the start of a build to its end, by outcome.",
    );
    for BuildTimes { state, count, micros, at_most } in times {
        let name = "wheelwright_build_seconds";
        for (bound, count) in BUILD_BOUNDS.iter().zip(at_most) {
            let _ = writeln!(text, "{name}_bucket{{outcome=\"{state}\",le=\"{bound}\"}} {count}");
        }
        let _ = writeln!(text, "{name}_bucket{{outcome=\"{state}\",le=\"+Inf\"}} {count}");
        let seconds = micros as f64 / 1e6;
        let _ = writeln!(text, "{name}_sum{{outcome=\"{state}\"}} {seconds}");
        let _ = writeln!(text, "{name}_count{{outcome=\"{state}\"}} {count}");
    }
}

fn head(text: &mut String, name: &str, kind: &str, about: &str) {
    let _ = write!(text, "# HELP {name} {about}\n# TYPE {name} {kind}\n");
}

fn requests(router: &Router, text: &mut String) {
    let name = "wheelwright_requests_total";
    head(text, name, "counter", "Responses by route and class of status.");
    for row in router.rows() {
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
    head(text, name, "histogram", "Seconds until the head of the response.");
    for row in router.rows() {
        let (method, path) = (row.route.methods.join(","), row.route.path);
        row.time.write(text, name, &format!("method=\"{method}\",route=\"{path}\""));
    }
}
