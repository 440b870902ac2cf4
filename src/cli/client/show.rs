//! The builds that an answer waits for, shown while it is waited for.

use crate::build::view::BuildView;
use crate::cli::follow::{BuildFollower, lasted};
use crate::cli::progress::{Progress, plain};
use crate::client::{WheelsProxy, builds_in};
use crate::error::{Error, Result};
use crate::names::ProjectName;
use crate::packaging::filename::decode_once;
use crate::packaging::reqfile;
use crate::packaging::version::Version;
use crate::words::{BuildState, Failure};
use futures::StreamExt;
use parking_lot::Mutex;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Pages that are asked for at once.
const PAGES: usize = 8;
/// How often it is asked whether a build has begun.
const LOOK: Duration = Duration::from_millis(700);
/// How long the last state of builds is waited for when the answer is there.
const LAST_LOOK: Duration = Duration::from_secs(2);
/// Lines of a log that are shown where a build failed.
const TAIL: usize = 12;

/// A build that was waited for.
#[derive(Clone, Debug, Serialize)]
pub struct WatchedBuild {
    pub id: i64,
    pub project: String,
    pub version: String,
    pub target: String,
    pub state: BuildState,
    /// As seen from here, with what it waited.
    pub seconds: f64,
    /// Seconds of its run.
    pub ran: Option<f64>,
    pub failure: Option<Failure>,
}

/// A wheel that a page lists and that is not there yet.
struct Promised {
    project: ProjectName,
    version: String,
    target: String,
}

/// Shows what happens on a server.
pub struct Shown<'a> {
    pub proxy: &'a WheelsProxy,
    pub progress: &'a Progress,
    seen: Mutex<Vec<WatchedBuild>>,
    is_done: AtomicBool,
}

impl<'a> Shown<'a> {
    pub fn new(proxy: &'a WheelsProxy, progress: &'a Progress) -> Self {
        Self { proxy, progress, seen: Mutex::default(), is_done: AtomicBool::new(false) }
    }

    /// A URL for each pinned line, once all wheels are there; what is built is shown meanwhile.
    ///
    /// # Errors
    /// `Bad` with all that failed; the ends of their logs are shown.
    pub async fn resolve(&self, pinned: &[String]) -> Result<Vec<String>> {
        if pinned.is_empty() {
            return Ok(Vec::new());
        }
        Ok(reqfile::pins(&self.resolve_file(&(pinned.join("\n") + "\n")).await?))
    }

    /// The same for a file as it is, and with the answer as it is.
    ///
    /// # Errors
    /// The same.
    pub async fn resolve_file(&self, text: &str) -> Result<String> {
        let answer = self.during(&reqfile::pins(text), self.proxy.resolve(text)).await;
        if let Err(error) = &answer {
            self.tails(&error.to_string()).await;
        }
        answer
    }

    /// Waits for an answer that these pinned lines are resolved for, and shows their builds meanwhile.
    async fn during<T>(&self, pinned: &[String], answer: impl Future<Output = T>) -> T {
        let watching = self.watch(pinned);
        tokio::pin!(watching, answer);
        let answer = tokio::select! {
            answer = &mut answer => answer,
            () = &mut watching => return answer.await,
        };
        self.is_done.store(true, Ordering::Relaxed);
        // How they ended: what takes longer is left to the answer.
        let _ = tokio::time::timeout(LAST_LOOK, watching).await;
        answer
    }

    /// The builds that were seen.
    pub fn into_seen(self) -> Vec<WatchedBuild> {
        let mut seen = self.seen.into_inner();
        seen.sort_by_key(|build| build.id);
        seen
    }

    async fn watch(&self, pinned: &[String]) {
        let pins: BTreeSet<(ProjectName, Version)> =
            pinned.iter().filter_map(|text| reqfile::pin(text)).collect();
        let promised = futures::stream::iter(pins).map(|(project, version)| self.promised(project, version));
        let promised: Vec<Option<Promised>> = promised.buffer_unordered(PAGES).collect().await;
        let following = promised.into_iter().flatten().map(|promised| self.follow(promised));
        futures::future::join_all(following).await;
    }

    /// What of a pinned version is yet to be built.
    async fn promised(&self, project: ProjectName, version: Version) -> Option<Promised> {
        let page = self.proxy.server.page(&self.proxy.address.place(), &project).await.ok()??;
        page.files.iter().find_map(|file| {
            let (_, place) = file.link().split_once("/+w/").filter(|_| file.hashes.is_empty())?;
            let target = decode_once(place.split_once('/')?.0)?;
            let canonical = file.filename.canonical_version()?;
            (file.filename.version() == Some(&version)).then(|| Promised {
                project: project.clone(),
                version: canonical.to_owned(),
                target,
            })
        })
    }

    async fn follow(&self, promised: Promised) {
        let Some(build) = self.begun(&promised).await else { return };
        let label = format!("{} {} {}", promised.project, promised.version, promised.target);
        if build.state.has_ended() {
            return self.note(&promised, &build, 0.0);
        }
        let line = self.progress.begin(&label, "build");
        let watcher = BuildFollower { server: &self.proxy.server, progress: self.progress };
        let Ok(build) = watcher.watch(build, &line).await else { return };
        let seconds = line.seconds();
        self.note(&promised, &build, seconds);
        match &build.failure {
            Some(failure) => line.end(&format!("failed {}: {}", lasted(&build, seconds), failure.class)),
            None => line.end(&format!("{} {}", build.state, lasted(&build, seconds))),
        }
    }

    /// The build of a promise, once it was asked for.
    async fn begun(&self, promised: &Promised) -> Option<BuildView> {
        let (project, version, target) = (promised.project.as_str(), &promised.version, &promised.target);
        loop {
            match self.proxy.server.build_of(project, version, target).await {
                Ok(Some(build)) => return Some(build),
                // Who may not look waits without.
                Err(Error::Unauthenticated(_) | Error::Forbidden(_) | Error::Missing(_)) => return None,
                Ok(None) | Err(_) => {}
            }
            if self.is_done.load(Ordering::Relaxed) {
                return None;
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    fn note(&self, promised: &Promised, build: &BuildView, seconds: f64) {
        let watched = WatchedBuild {
            id: build.id,
            project: promised.project.to_string(),
            version: promised.version.clone(),
            target: promised.target.clone(),
            state: build.state,
            seconds,
            ran: build.ran,
            failure: build.failure.clone(),
        };
        self.seen.lock().push(watched);
    }

    /// Shows the end of the logs that a refusal points to.
    async fn tails(&self, refusal: &str) {
        for id in builds_in(refusal) {
            let Ok(log) = self.proxy.server.log(id).await else { continue };
            let Ok(text) = log.text().await else { continue };
            let lines: Vec<String> = text.lines().map(plain).filter(|line| !line.is_empty()).collect();
            let shown = lines.get(lines.len().saturating_sub(TAIL)..).unwrap_or_default();
            if !shown.is_empty() {
                self.progress.say(&format!("the log of build {id} ends with:"));
                shown.iter().for_each(|line| self.progress.say(&format!("  {line}")));
            }
        }
    }
}

/// The failed builds that a refusal points to: what of, class, hint.
pub async fn failed_builds(proxy: &WheelsProxy, refusal: &str) -> Vec<Value> {
    let mut told = Vec::new();
    for id in builds_in(refusal) {
        let Ok(build) = proxy.server.build(id).await else { continue };
        let Some(failure) = &build.failure else { continue };
        told.push(json!({
            "id": id, "project": build.project, "version": build.version, "target": build.target,
            "state": build.state, "class": failure.class, "hint": failure.hint, "line": failure.line,
        }));
    }
    told
}
