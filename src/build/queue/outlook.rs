//! When builds that wait are likely to begin, and how long those that run are likely to take: a guess from earlier
//! builds and the workers of now, made for all of them at once and kept for a moment.

mod line;
mod slots;

use super::Queue;
use super::forecast::{BuildOutlook, QueueOutlook};
use super::watching::median;
use crate::db::builds::{TimedBuild, UnfinishedBuild};
use crate::error::Result;
use crate::names::ProjectName;
use crate::tools::time::{Micros, now};
use crate::words::{BuildState, Purpose};
use line::in_line;
use slots::Slots;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Builds that are looked at; those behind them have no guess.
const MOST: u32 = 2000;
/// Earlier builds of any project that tell how long one takes of a project that has none.
const OF_CLASS: i64 = 60;
/// A guess is kept for so long, however many ask.
const FRESH: Duration = Duration::from_secs(2);

impl Queue {
    /// What is likely to become of the builds that run or wait for a worker, as of a moment ago.
    pub async fn outlook(&self) -> Result<Arc<QueueOutlook>> {
        let mut last = self.0.outlook.lock().await;
        if let Some((at, outlook)) = last.as_ref().filter(|(at, _)| at.elapsed() < FRESH) {
            let _ = at;
            return Ok(outlook.clone());
        }
        let outlook = Arc::new(self.look_out().await?);
        *last = Some((Instant::now(), outlook.clone()));
        Ok(outlook)
    }

    async fn look_out(&self) -> Result<QueueOutlook> {
        let db = &self.0.db;
        let unfinished = db.unfinished_builds(MOST).await?;
        if unfinished.is_empty() {
            return Ok(QueueOutlook::default());
        }
        let mut times = Times::new(db.times_of_unfinished().await?);
        for build in &unfinished {
            let class = class_of(build);
            if times.of(build).is_none() && !times.classes.contains_key(&class) {
                let (purpose, compiled) = class;
                let median = median(db.times_of_class(compiled, purpose, OF_CLASS).await?);
                times.classes.insert(class, median);
            }
        }
        let mut slots = Slots::default();
        for worker in self.0.targets.workers().await? {
            slots.add(&worker);
        }
        let (running, waiting): (Vec<_>, Vec<_>) =
            unfinished.into_iter().partition(|build| build.state == BuildState::Running);
        let all = usize::try_from(db.count_queued().await?).unwrap_or(waiting.len());
        let mut outlook = QueueOutlook { waiting: all.max(waiting.len()), ..QueueOutlook::default() };
        let now = now();
        for build in &running {
            let takes = times.of(build);
            let ends_in = takes.map(|takes| takes.saturating_sub(since(build.started_at, now)));
            slots.occupy(build.worker.as_deref().unwrap_or_default(), ends_in);
            outlook.builds.insert(build.id, BuildOutlook { ends_in, takes, ..BuildOutlook::default() });
        }
        let needed = db.needed_builds(MOST).await?;
        for (at, build) in in_line(waiting, &needed, db.last_turns().await?).into_iter().enumerate() {
            let takes = times.of(&build);
            let taken = slots.take(&build.target, takes);
            let starts_in = taken.flatten();
            let ends_in = starts_in.zip(takes).map(|(start, takes)| start + takes);
            let position = Some(at + 1);
            let seen = BuildOutlook { position, starts_in, ends_in, takes, nobody: taken.is_none() };
            outlook.nobody += usize::from(seen.nobody);
            outlook.builds.insert(build.id, seen);
        }
        Ok(outlook)
    }
}

fn since(began: Option<Micros>, now: Micros) -> Duration {
    let micros = began.map_or(0, |began| now.saturating_sub(began));
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}

/// Builds that take about as long as each other where nothing else is known.
type BuildClass = (Purpose, Option<bool>);

fn class_of(build: &UnfinishedBuild) -> BuildClass {
    (build.purpose, Some(build.compiled).filter(|_| build.purpose == Purpose::Wheel))
}

/// Medians of how long earlier builds took.
struct Times {
    of_target: HashMap<(ProjectName, Purpose, String), Option<Duration>>,
    of_project: HashMap<(ProjectName, Purpose), Option<Duration>>,
    classes: HashMap<BuildClass, Option<Duration>>,
}

impl Times {
    fn new(timed: Vec<TimedBuild>) -> Self {
        let mut of_target: HashMap<_, Vec<Micros>> = HashMap::new();
        let mut of_project: HashMap<_, Vec<Micros>> = HashMap::new();
        for TimedBuild { project, target, purpose, took } in timed {
            of_project.entry((project.clone(), purpose)).or_default().push(took);
            of_target.entry((project, purpose, target)).or_default().push(took);
        }
        Self {
            of_target: of_target.into_iter().map(|(key, times)| (key, median(times))).collect(),
            of_project: of_project.into_iter().map(|(key, times)| (key, median(times))).collect(),
            classes: HashMap::new(),
        }
    }

    /// Of the same project for the same target, else for any, else of other projects of its class.
    fn of(&self, build: &UnfinishedBuild) -> Option<Duration> {
        let own = build.project.as_ref().and_then(|project| {
            let key = (project.clone(), build.purpose, build.target.clone());
            let for_target = self.of_target.get(&key).copied().flatten();
            for_target.or_else(|| self.of_project.get(&(key.0, key.1)).copied().flatten())
        });
        own.or_else(|| self.classes.get(&class_of(build)).copied().flatten())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000_000;

    fn timed(project: &str, target: &str, minutes: i64) -> TimedBuild {
        let (project, target) = (project.parse().unwrap(), target.to_owned());
        TimedBuild { project, target, purpose: Purpose::Wheel, took: minutes * MINUTE }
    }

    fn build(project: &str, target: &str) -> UnfinishedBuild {
        UnfinishedBuild {
            id: 1,
            state: BuildState::Queued,
            purpose: Purpose::Wheel,
            project: project.parse().ok(),
            target: target.into(),
            compiled: true,
            priority: 1,
            asker: String::new(),
            worker: None,
            started_at: None,
        }
    }

    #[test]
    fn the_nearest_earlier_builds_tell_how_long_one_takes() {
        let mut times = Times::new(vec![timed("a", "x", 1), timed("a", "x", 3), timed("a", "y", 9)]);
        times.classes.insert((Purpose::Wheel, Some(true)), Some(Duration::from_secs(7)));
        let minutes = |minutes: u64| Some(Duration::from_secs(60 * minutes));
        assert_eq!(times.of(&build("a", "y")), minutes(9), "the same target");
        assert_eq!(times.of(&build("a", "z")), minutes(3), "the same project");
        assert_eq!(times.of(&build("b", "x")), Some(Duration::from_secs(7)), "others of its class");
        assert_eq!(times.of(&UnfinishedBuild { compiled: false, ..build("b", "x") }), None, "unknown");
    }
}
