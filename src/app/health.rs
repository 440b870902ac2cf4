//! Whether the parts of an installation work, for those who keep it running.

use super::App;
use super::measures::Sample;
use crate::config::secret_url::masked;
use crate::directory::IndexKind;
use crate::error::Result;
use crate::tools::time::{SECOND, now};
use crate::transfer::backup::last_backup;
use crate::unavailable;
use crate::words::{BuildState, Purpose, RequestState};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde::Serialize;
use std::time::{Duration, Instant};
use url::Url;

/// A part that does not answer for so long does not work.
const PATIENCE: Duration = Duration::from_secs(3);
/// A part that takes longer is slow.
const SLOW: Duration = Duration::from_millis(500);
/// A server of which nothing was heard for so long has stopped by accident: it writes a row each minute, and takes leave.
const SILENT: i64 = 180 * SECOND;
/// After so long, nobody waits for it.
const GONE: i64 = 3600 * SECOND;
/// A replica that is further behind than this is late.
const LATE: i64 = 300;
/// A blob that no store has.
const NO_BLOB: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// How a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PartState {
    Ok,
    /// It works; somebody should look at it.
    Warning,
    Failing,
}

/// A part of an installation, and what is to be said of it.
#[derive(Clone, Debug, Serialize)]
pub struct PartHealth {
    pub part: String,
    pub state: PartState,
    pub message: String,
    /// The page where one can look further, from the root; empty: there is none.
    #[serde(skip)]
    pub href: &'static str,
}

fn part(part: &str, state: PartState, message: impl Into<String>) -> PartHealth {
    PartHealth { part: part.to_owned(), state, message: message.into(), href: "" }
}

/// What a part says of itself, if it does so in time.
fn within<'a>(
    name: &'static str,
    part: impl Future<Output = Result<PartHealth>> + Send + 'a,
) -> BoxFuture<'a, (&'static str, Result<PartHealth>)> {
    async move {
        let told = tokio::time::timeout(PATIENCE, part).await;
        (name, told.unwrap_or_else(|_| Err(unavailable!("no answer within {} s", PATIENCE.as_secs()))))
    }
    .boxed()
}

/// As an upstream is remembered.
fn without_user(url: &Url) -> String {
    let mut url = url.clone();
    // It fails only for addresses that have no user.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.into()
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

impl App {
    /// All parts; one whose state cannot be learnt is failing, and does not hide the others.
    pub async fn health(&self) -> Vec<PartHealth> {
        let mut parts = vec![self.database().await, self.bytes().await, self.disk()];
        parts.extend(self.upstreams());
        let others = futures::future::join_all([
            within("schema", self.schema()),
            within("queue", self.build_queue()),
            within("workers", self.builders()),
            within("servers", self.nodes()),
            within("webhooks", self.told()),
            within("wheelhouses", self.houses()),
            within("requests", self.asked()),
            within("backup", self.backed_up()),
            within("quarantine", self.quarantined()),
        ]);
        for (name, found) in others.await {
            parts.push(found.unwrap_or_else(|error| part(name, PartState::Failing, error.to_string())));
        }
        if let Some(replica) = &self.replica {
            let view = replica.view();
            let state = match (view.reachable, view.lag) {
                (true, Some(lag)) if lag < LATE => PartState::Ok,
                (true, _) => PartState::Warning,
                (false, _) => PartState::Failing,
            };
            let lag =
                view.lag.map_or("it has no complete copy yet".to_owned(), |lag| format!("{lag} s behind"));
            let why = view.error.map(|error| format!(": {error}")).unwrap_or_default();
            parts.push(part("replica", state, format!("{lag}{why}")));
        }
        parts
    }

    async fn database(&self) -> PartHealth {
        let began = Instant::now();
        let engine = self.db.engine().name();
        match tokio::time::timeout(PATIENCE, self.db.engine_version()).await {
            Ok(Ok(version)) => {
                let took = began.elapsed();
                let state = if took > SLOW { PartState::Warning } else { PartState::Ok };
                part("database", state, format!("{engine} {version} answers in {} ms", took.as_millis()))
            }
            Ok(Err(error)) => part("database", PartState::Failing, format!("{engine}: {error}")),
            Err(_) => part("database", PartState::Failing, format!("{engine} does not answer")),
        }
    }

    async fn bytes(&self) -> PartHealth {
        let place = if self.config.storage.is_some() { "the bucket" } else { "the data folder" };
        let began = Instant::now();
        match tokio::time::timeout(PATIENCE, self.store.size(NO_BLOB)).await {
            Ok(Ok(_)) => {
                let took = began.elapsed();
                let state = if took > SLOW { PartState::Warning } else { PartState::Ok };
                part("storage", state, format!("{place} answers in {} ms", took.as_millis()))
            }
            Ok(Err(error)) => part("storage", PartState::Failing, format!("{place}: {error}")),
            Err(_) => part("storage", PartState::Failing, format!("{place} does not answer")),
        }
    }

    fn disk(&self) -> PartHealth {
        let gigabytes = |bytes: u64| format!("{:.1} GB", bytes as f64 / 1e9);
        match self.store.disk() {
            Err(error) => part("disk", PartState::Failing, error.to_string()),
            Ok(disk) if disk.is_low() => part(
                "disk",
                PartState::Failing,
                format!(
                    "{} free, below the reserve of {} (setting limits.reserve): uploads are refused. Free some space",
                    gigabytes(disk.free),
                    gigabytes(disk.reserve)
                ),
            ),
            Ok(disk) => {
                let near = disk.free < disk.reserve.saturating_mul(2);
                let state = if near { PartState::Warning } else { PartState::Ok };
                let message = format!("{} free, reserve {}", gigabytes(disk.free), gigabytes(disk.reserve));
                part("disk", state, message)
            }
        }
    }

    /// One part for all upstreams that answer, and one for each that fails at present.
    fn upstreams(&self) -> Vec<PartHealth> {
        let directory = self.indexes.directory();
        let mirrors = directory.indexes.values().filter_map(|index| match &index.kind {
            IndexKind::Mirror(mirror) => {
                Some((index.name.as_str(), without_user(mirror.url.as_ref()?.expose())))
            }
            IndexKind::Stage(_) => None,
        });
        let failing = self.indexes.mirrors.failing();
        let (mut parts, mut well) = (Vec::new(), 0);
        for (index, url) in mirrors {
            match failing.iter().find(|(source, _)| *source == url) {
                Some((_, error)) => {
                    parts.push(part(&format!("upstream of {index}"), PartState::Failing, error.as_str()))
                }
                None => well += 1,
            }
        }
        if well > 0 || parts.is_empty() {
            let message = match well {
                0 => "no index mirrors an upstream".to_owned(),
                _ => format!("no trouble with {}", counted(well, "upstream", "upstreams")),
            };
            parts.push(part("upstreams", PartState::Ok, message));
        }
        parts
    }

    async fn schema(&self) -> Result<PartHealth> {
        let schema = self.db.schema().await?;
        schema.permit()?;
        let (database, program) = (schema.database, schema.program);
        Ok(match schema.is_newer() {
            false => part("schema", PartState::Ok, "the database is as this version has it"),
            true => part(
                "schema",
                PartState::Warning,
                format!(
                    "a newer version has migrated the database to step {database}, this one knows {program}: replace this \
                     server, too"
                ),
            ),
        })
    }

    async fn build_queue(&self) -> Result<PartHealth> {
        let counts = self.db.build_counts(Purpose::Wheel).await?;
        let of = |wanted: &[BuildState]| -> i64 {
            counts.iter().filter(|(state, ..)| wanted.contains(state)).map(|(.., count)| count).sum()
        };
        let waiting = of(&[BuildState::Fetching, BuildState::Queued, BuildState::Blocked]);
        let running = of(&[BuildState::Running]);
        let queue = self.queue.outlook().await?;
        let state = if queue.nobody > 0 { PartState::Warning } else { PartState::Ok };
        let nobody = match queue.nobody {
            0 => String::new(),
            some => format!(", {some} of them for targets that no worker builds for"),
        };
        let message = format!("{running} running, {waiting} waiting{nobody}");
        Ok(PartHealth { href: "+builds?state=waiting", ..part("queue", state, message) })
    }

    async fn builders(&self) -> Result<PartHealth> {
        let workers = self.targets.workers().await?;
        let off: Vec<&str> = workers
            .iter()
            .filter(|worker| worker.description.off.is_some())
            .map(|worker| worker.name.as_str())
            .collect();
        let (state, message) = match (workers.len(), off.len()) {
            (0, _) => (PartState::Warning, "no worker is running: nothing is built".to_owned()),
            (all, 0) => (PartState::Ok, counted(all, "worker builds", "workers build")),
            (all, _) => {
                (PartState::Warning, format!("{} of {all} build nothing: {}", off.len(), off.join(", ")))
            }
        };
        Ok(PartHealth { href: "+workers", ..part("workers", state, message) })
    }

    async fn nodes(&self) -> Result<PartHealth> {
        let nodes = self.db.newest_measures().await?;
        let silent = nodes
            .iter()
            .filter(|node| (SILENT..GONE).contains(&(now() - node.at)) && !Sample::of(node).stopped);
        let silent: Vec<&str> = silent.map(|node| node.node.as_str()).collect();
        Ok(match silent.as_slice() {
            [] => part("servers", PartState::Ok, format!("this one is {}", self.node())),
            some => part(
                "servers",
                PartState::Warning,
                format!("nothing was heard lately of {}", some.join(", ")),
            ),
        })
    }

    async fn told(&self) -> Result<PartHealth> {
        let hooks = self.db.webhooks(None).await?;
        let gave_up = hooks.iter().filter(|hook| hook.gave_up).count();
        let retrying = hooks.iter().filter(|hook| !hook.gave_up && hook.tries > 0).count();
        Ok(match (gave_up, retrying) {
            (0, 0) => part("webhooks", PartState::Ok, counted(hooks.len(), "webhook", "webhooks")),
            (0, some) => {
                part("webhooks", PartState::Warning, format!("{some} of {} are retried", hooks.len()))
            }
            (some, _) => part(
                "webhooks",
                PartState::Failing,
                format!("{some} of {} failed for good. See their deliveries", hooks.len()),
            ),
        })
    }

    async fn houses(&self) -> Result<PartHealth> {
        let houses = self.db.wheelhouses().await?;
        let failing: Vec<&str> =
            houses.iter().filter(|house| house.tries > 0).map(|house| house.place.as_str()).collect();
        Ok(match failing.as_slice() {
            [] => part("wheelhouses", PartState::Ok, counted(houses.len(), "wheelhouse", "wheelhouses")),
            some => part(
                "wheelhouses",
                PartState::Failing,
                format!(
                    "cannot publish to {}",
                    some.iter().map(|place| masked(place)).collect::<Vec<_>>().join(", ")
                ),
            ),
        })
    }

    async fn asked(&self) -> Result<PartHealth> {
        let open = self.requests.list(None, Some(RequestState::Open), |_| true).await?.len();
        let state = if open > 0 { PartState::Warning } else { PartState::Ok };
        let message = format!("{} for a decision", counted(open, "request waits", "requests wait"));
        Ok(PartHealth { href: "+requests", ..part("requests", state, message) })
    }

    async fn backed_up(&self) -> Result<PartHealth> {
        let last = last_backup(&self.db).await?;
        Ok(match last {
            None => part("backup", PartState::Warning, "no backup was made yet"),
            Some(at) => {
                let hours = (now() - at) / (3600 * SECOND);
                let state = if hours > 48 { PartState::Warning } else { PartState::Ok };
                part(
                    "backup",
                    state,
                    format!("the last one is {} old", counted(hours.max(0) as usize, "hour", "hours")),
                )
            }
        })
    }

    async fn quarantined(&self) -> Result<PartHealth> {
        let placed = self.db.quarantines().await?.len();
        let message = format!("{} in force", counted(placed, "quarantine", "quarantines"));
        Ok(PartHealth { href: "+quarantine", ..part("quarantine", PartState::Ok, message) })
    }
}
