//! One build: ordered, watched until it ends, its wheel fetched.

use super::house;
use super::outcome::{Failed, Got};
use super::report::WheelOutcome;
use super::work::Work;
use crate::bad;
use crate::build::order::BuildOrder;
use crate::cli::watch::Watcher;
use crate::error::Result;
use crate::words::BuildState;

impl Work {
    /// Orders one build, watches it and fetches its wheel.
    pub(super) async fn built(&self, label: &str, order: BuildOrder) -> Result<Got, Failed> {
        let line = self.progress.begin(label, "build");
        let ordered = self.server.order(&order).await?;
        let build = ordered.into_iter().next().ok_or_else(|| bad!("the server did not start a build"))?;
        let id = build.id;
        // Nothing is tried: the queue remembers.
        let before = build.ended.filter(|_| build.state == BuildState::Failed);
        self.open.lock().insert(id);
        let build = Watcher { server: &self.server, progress: &self.progress }.watch(build, &line).await?;
        self.open.lock().remove(&id);
        let seconds = line.seconds();
        let Some(made) = &build.wheel else {
            let failure = build.failure.clone();
            let class = failure.as_ref().map_or(build.state.name(), |failure| failure.class.name());
            let mut message =
                failure.is_none().then(|| "the build failed, and the server gave no reason".to_owned());
            match before {
                Some(when) => {
                    line.end(&format!("failed before: {class}"));
                    message = Some(format!(
                        "  it failed before (build {id}, {when}): use --rebuild to build again"
                    ));
                }
                None => line.end(&format!("failed after {seconds:.1} s: {class}")),
            }
            let log = self.kept_log(id).await;
            return Err(Failed { build: Some(id), failure, message, version: None, log, seconds });
        };
        let (filename, sha256) = (made.filename.as_str(), made.sha256.as_str());
        let path = self.scratch.unused();
        self.server.download_exactly(&self.server.wheel_url(id, filename)?, sha256, &path).await?;
        let wheel = house::read(&path, filename)?;
        line.end(&format!("built in {seconds:.1} s"));
        // What other askers want is their affair.
        let ours =
            build.indexes.iter().filter(|index| Some(index.index.as_str()) == self.for_index.as_deref());
        let (mut outcome, mut message) = (WheelOutcome::Built, None);
        for index in ours.filter(|index| index.published.is_none()) {
            if let Some(why) = &index.refused {
                let told = format!("{filename} was built, but {} refused it: {why}", index.index);
                self.progress.say(&told);
                (outcome, message) = (WheelOutcome::Unpublished, Some(told));
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
    pub(super) async fn kept_log(&self, id: i64) -> Option<String> {
        let url = self.server.build_url(id);
        let Some(folder) = &self.logs else { return Some(url) };
        let path = folder.join(format!("build-{id}.log"));
        let log = self.server.log(id).await.ok()?.bytes().await.ok()?;
        tokio::fs::create_dir_all(folder).await.ok()?;
        tokio::fs::write(&path, log).await.ok()?;
        Some(path.display().to_string())
    }
}
