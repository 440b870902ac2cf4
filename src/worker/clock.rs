//! Where a job is, told to whoever watches, and how long each step took.

use crate::words::Step;
use std::collections::BTreeMap;
use std::time::Instant;

use tokio::sync::watch;

/// The steps of one job.
#[derive(Debug)]
pub struct Clock<'a> {
    steps: &'a watch::Sender<Step>,
    step: Step,
    since: Instant,
    durations: BTreeMap<String, f64>,
}

impl<'a> Clock<'a> {
    /// Begins with [`Step::Fetch`].
    pub fn start(steps: &'a watch::Sender<Step>) -> Self {
        steps.send_replace(Step::Fetch);
        Self { steps, step: Step::Fetch, since: Instant::now(), durations: BTreeMap::new() }
    }

    /// Ends the step that runs and begins another; one that comes again adds up.
    pub fn enter(&mut self, step: Step) {
        let now = Instant::now();
        let spent = now.saturating_duration_since(self.since).as_secs_f64();
        *self.durations.entry(self.step.name().to_owned()).or_default() += spent;
        (self.step, self.since) = (step, now);
        self.steps.send_replace(step);
    }

    /// Seconds by step, the one that runs among them.
    pub fn durations(&mut self) -> BTreeMap<String, f64> {
        self.enter(self.step);
        self.durations.clone()
    }
}
