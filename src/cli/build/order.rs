//! One build: ordered, watched until it ends, its wheel fetched.

use super::house;
use super::outcome::{Failed, Got};
use super::report::WheelOutcome;
use super::work::Work;
use crate::bad;
use crate::build::order::BuildOrder;
use crate::build::view::BuildView;
use crate::cli::follow::{BuildFollower, lasted};
use crate::error::Result;
use crate::words::BuildState;

impl Work {
    /// Orders one build, watches it and fetches its wheel.
    pub(super) async fn built(&self, label: &str, order: BuildOrder) -> Result<Got, Failed> {
        let line = self.progress.begin(label, "build");
        let mut build = self.ordered(&order).await?;
        // What was not named is not built anew, but what failed is tried again.
        if self.rebuild && !order.rebuild && build.state == BuildState::Failed {
            build = self.ordered(&BuildOrder { rebuild: true, ..order }).await?;
        }
        let id = build.id;
        // Nothing is done: the queue remembers.
        let before = build.ended.filter(|_| build.state.has_ended());
        self.open.lock().insert(id);
        let build =
            BuildFollower { server: &self.server, progress: &self.progress }.watch(build, &line).await?;
        self.open.lock().remove(&id);
        let seconds = line.seconds();
        let lasted = lasted(&build, seconds);
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
                None => line.end(&format!("failed {lasted}: {class}")),
            }
            let logs = self.failed_logs(&build).await;
            let ran = build.ran;
            return Err(Failed { build: Some(id), failure, message, logs, seconds, ran, version: None });
        };
        let (filename, sha256) = (made.filename.as_str(), made.sha256.as_str());
        let path = self.scratch.unused();
        self.server.download_exactly(&self.server.wheel_url(id, filename)?, sha256, &path).await?;
        let wheel = house::read(&path, filename)?;
        match before {
            Some(when) => line.end(&format!("was built before (build {id}, {when})")),
            None => line.end(&format!("built {lasted}")),
        }
        for why in build.evidence.iter().flat_map(|evidence| &evidence.doubts) {
            self.warn(&format!("{filename} is doubtful: {why}"));
        }
        let (outcome, message) = self.published(&build, filename);
        let got = Got::new(wheel, outcome, Some(path));
        Ok(Got { build: Some(id), seconds, ran: build.ran, message, ..got })
    }

    async fn ordered(&self, order: &BuildOrder) -> Result<BuildView> {
        let ordered = self.server.order(order).await?;
        ordered.into_iter().next().ok_or_else(|| bad!("the server did not start a build"))
    }

    /// Whether the index that was to get the wheel took it. What other askers want is their affair.
    fn published(&self, build: &BuildView, filename: &str) -> (WheelOutcome, Option<String>) {
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
            let url = self.server.build_url(build.id);
            self.warn(&format!("{filename} is not in {} yet: see {url}", index.index));
        }
        (outcome, message)
    }
}
