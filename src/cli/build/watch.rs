//! One build: ordered, watched until it ends, its wheel fetched.

use super::house;
use super::progress::{Line, Progress, last_line};
use super::report::{Outcome, class_name};
use super::work::{Failed, Got, Work, locked};
use crate::bad;
use crate::client::{BuildOrder, RemoteBuild, ServerClient, may_pass};
use crate::error::Result;
use std::time::{Duration, Instant};

/// How often a build is looked at.
const LOOK: Duration = Duration::from_millis(300);
/// How long a build that has ended may take to stand on the pages of its indexes.
const PUBLICATION: Duration = Duration::from_secs(5);

/// A server that does not answer for so long is given up on.
const AWAY: Duration = Duration::from_secs(60);

/// Looks at builds while they run.
#[derive(Clone, Copy)]
pub struct Watcher<'a> {
    pub server: &'a ServerClient,
    pub progress: &'a Progress,
}

impl Work {
    fn watcher(&self) -> Watcher<'_> {
        Watcher { server: &self.server, progress: &self.progress }
    }

    /// Orders one build, watches it and fetches its wheel.
    pub(super) async fn built(&self, label: &str, order: BuildOrder) -> Result<Got, Failed> {
        let line = self.progress.begin(label, "build");
        let ordered = self.server.order(&order).await?;
        let build = ordered.into_iter().next().ok_or_else(|| bad!("the server started no build"))?;
        let id = build.id;
        // Nothing is tried: the queue remembers.
        let before = build.ended.clone().filter(|_| build.state == "failed");
        locked(&self.open).insert(id);
        let build = self.watcher().watch(build, &line).await?;
        locked(&self.open).remove(&id);
        let seconds = line.seconds();
        let Some((filename, sha256)) = build.wheel().filter(|_| build.state == "built") else {
            let failure = build.failure.clone();
            let class = failure.as_ref().map(class_name).unwrap_or_else(|| build.state.clone());
            let mut message = failure.is_none().then(|| "the build failed without a reason".to_owned());
            match before {
                Some(when) => {
                    line.end(&format!("failed before: {class}"));
                    message = Some(format!("  it failed before (build {id}, {when}): --rebuild tries again"));
                }
                None => line.end(&format!("failed after {seconds:.1} s: {class}")),
            }
            let log = self.kept_log(id).await;
            return Err(Failed { build: Some(id), failure, message, version: None, log, seconds });
        };
        let path = self.scratch.file();
        self.server.download_exactly(&self.server.wheel_url(id, filename)?, sha256, &path).await?;
        let wheel = house::read(&path, filename)?;
        line.end(&format!("built in {seconds:.1} s"));
        // What other askers want is their affair.
        let ours = build.indexes.iter().filter(|index| Some(&index.index) == self.for_index.as_ref());
        let (mut outcome, mut message) = (Outcome::Built, None);
        for index in ours.filter(|index| index.published.is_none()) {
            if let Some(why) = &index.refused {
                let told = format!("{filename} was built, and {} did not take it: {why}", index.index);
                self.progress.say(&told);
                (outcome, message) = (Outcome::Unpublished, Some(told));
                continue;
            }
            self.warn(&format!(
                "{filename} is not in {} yet: see {}",
                index.index,
                self.server.build_url(id)
            ));
        }
        Ok(Got { wheel, outcome, path: Some(path), build: Some(id), seconds, message })
    }

    /// Where the log of an ended build is to be read after this command.
    async fn kept_log(&self, id: i64) -> Option<String> {
        let url = self.server.build_url(id);
        let Some(folder) = &self.logs else { return Some(url) };
        let path = folder.join(format!("build-{id}.log"));
        let log = self.server.log(id).await.ok()?.bytes().await.ok()?;
        tokio::fs::create_dir_all(folder).await.ok()?;
        tokio::fs::write(&path, log).await.ok()?;
        Some(path.display().to_string())
    }
}

impl Watcher<'_> {
    /// Until the build has ended.
    pub async fn watch(self, build: RemoteBuild, line: &Line) -> Result<RemoteBuild> {
        let id = build.id;
        let watching = self.until_ended(build, line);
        if !self.progress.is_live() {
            return watching.await;
        }
        // The log is a comfort: watching goes on without it.
        tokio::select! {
            result = watching => result,
            never = self.follow_log(id, line) => match never {},
        }
    }

    /// A server that is away for a moment is asked again.
    async fn until_ended(self, mut build: RemoteBuild, line: &Line) -> Result<RemoteBuild> {
        let (mut away_since, mut ended_since) = (None, None);
        loop {
            if build.has_ended() {
                // It is published right after it was built.
                let since: &mut Instant = ended_since.get_or_insert_with(Instant::now);
                if !build.awaits_publication() || since.elapsed() > PUBLICATION {
                    return Ok(build);
                }
            }
            tokio::time::sleep(LOOK).await;
            match self.server.build(build.id).await {
                Ok(newer) => {
                    away_since = None;
                    let now = newer.step.clone().unwrap_or_else(|| newer.state.clone());
                    line.doing(&now);
                    build = newer;
                }
                Err(error) if may_pass(&error) => {
                    let since: &mut Instant = away_since.get_or_insert_with(Instant::now);
                    if since.elapsed() > AWAY {
                        return Err(error);
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Shows the last line of a growing log; never ends.
    async fn follow_log(self, id: i64, line: &Line) -> std::convert::Infallible {
        if let Ok(mut log) = self.server.log(id).await {
            while let Ok(Some(chunk)) = log.chunk().await {
                if let Some(last) = last_line(&String::from_utf8_lossy(&chunk), 100) {
                    line.said(&last);
                }
            }
        }
        std::future::pending().await
    }
}
