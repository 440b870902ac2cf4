//! A build on its server, watched until it ends.

use super::progress::{Progress, ProgressLine, last_line};
use crate::build::view::BuildView;
use crate::client::{ServerClient, may_pass};
use crate::error::Result;
use crate::words::Step;
use std::time::{Duration, Instant};

/// How often a build is looked at.
const LOOK: Duration = Duration::from_millis(300);
/// How long a build that has ended may take to stand on the pages of its indexes.
const PUBLICATION: Duration = Duration::from_secs(5);

/// A server that does not answer for so long is given up on.
const AWAY: Duration = Duration::from_secs(60);

/// Seconds of waiting that are told of: looking at a build costs a moment, too.
const NOTABLE: f64 = 2.0;

/// How long a build ran, and how long it was waited for besides, of the seconds seen from here.
pub fn lasted(build: &BuildView, seen: f64) -> String {
    let Some(ran) = build.ran else { return format!("after {seen:.1} s of waiting") };
    match seen - ran {
        waited if waited >= NOTABLE => format!("in {ran:.1} s, after {waited:.1} s of waiting"),
        _ => format!("in {ran:.1} s"),
    }
}

/// Looks at builds while they run.
#[derive(Clone, Copy)]
pub struct BuildFollower<'a> {
    pub server: &'a ServerClient,
    pub progress: &'a Progress,
}

impl BuildFollower<'_> {
    /// Until the build has ended.
    pub async fn watch(self, build: BuildView, line: &ProgressLine) -> Result<BuildView> {
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
    async fn until_ended(self, mut build: BuildView, line: &ProgressLine) -> Result<BuildView> {
        let (mut away_since, mut ended_since) = (None, None);
        loop {
            if build.state.has_ended() {
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
                    line.doing(newer.step.map_or(newer.state.name(), Step::name));
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
    async fn follow_log(self, id: i64, line: &ProgressLine) -> std::convert::Infallible {
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
