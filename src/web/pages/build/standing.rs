//! Where a build stands: its state, its steps, and in a sentence what is likely to come.

use super::super::builds::mood;
use super::super::words;
use crate::build::view::{BuildView, OutlookView};
use crate::words::{BuildState, Step};
use serde::Serialize;

/// Where a build stands; those who follow it are told the same.
#[derive(Serialize)]
pub struct BuildStanding {
    pub state: BuildState,
    pub mood: &'static str,
    pub steps: Vec<StepLine>,
    /// The same in a sentence, with what is likely to come.
    pub said: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outlook: Option<OutlookView>,
}

/// A step, and how far it came: `done`, `now`, `failed` or `open`.
#[derive(Serialize)]
pub struct StepLine {
    pub name: &'static str,
    pub came: &'static str,
    pub took: String,
}

/// Where a build stands.
pub fn standing(view: &BuildView) -> BuildStanding {
    BuildStanding {
        state: view.state,
        mood: mood(view.state),
        steps: steps(view),
        said: said(view),
        outlook: view.outlook,
    }
}

/// Where a build stands that has not ended, and what is likely to come.
fn said(view: &BuildView) -> String {
    let outlook = view.outlook.unwrap_or_default();
    let takes = outlook.takes.map(|takes| format!(" A build like this takes {}.", words::about(takes)));
    let takes = takes.unwrap_or_default();
    match view.state {
        BuildState::Built | BuildState::Failed => String::new(),
        BuildState::Fetching => "The server is fetching its source.".to_owned(),
        BuildState::Blocked => "It waits until the builds that it needs have ended.".to_owned(),
        BuildState::Queued if outlook.nobody => {
            format!("No worker builds for {} at present. Start one that does.", view.target)
        }
        BuildState::Queued => {
            let place = match outlook.position {
                Some(position) => {
                    format!("It waits for a worker, at position {position} of {}.", outlook.waiting)
                }
                None => "It waits for a worker.".to_owned(),
            };
            let starts = match outlook.starts_in {
                Some(0) => " It starts as soon as a worker asks for it.".to_owned(),
                Some(seconds) => format!(" It is likely to start in {}.", words::about(seconds)),
                None => " When it starts is unknown.".to_owned(),
            };
            format!("{place}{starts}{takes}")
        }
        BuildState::Running => {
            let at = view.step.map(|step| format!(" at the step {step}")).unwrap_or_default();
            let by = view.worker.as_ref().map(|worker| format!(" on {worker}")).unwrap_or_default();
            let ends = match (outlook.ends_in, outlook.takes) {
                (Some(0), Some(takes)) => {
                    format!(" It takes longer than usual, which is {}.", words::about(takes))
                }
                (Some(left), _) => format!(" It is likely to end in {}.", words::about(left)),
                (None, _) => " How long it takes is unknown.".to_owned(),
            };
            format!("It runs{at}{by}.{ends}")
        }
    }
}

fn steps(build: &BuildView) -> Vec<StepLine> {
    let failed = build.failure.as_ref().map(|failure| failure.step);
    let at = failed.or(build.step).and_then(|at| Step::ALL.iter().position(|step| *step == at));
    let durations = build.evidence.as_ref().map(|evidence| &evidence.durations);
    let came = |place: usize| match (build.state, at) {
        (BuildState::Built, _) => "done",
        (_, Some(at)) if place < at => "done",
        (BuildState::Failed, Some(at)) if place == at => "failed",
        (BuildState::Running, Some(at)) if place == at => "now",
        _ => "open",
    };
    let line = |(place, step): (usize, &Step)| StepLine {
        name: step.name(),
        came: came(place),
        took: durations
            .and_then(|all| all.get(step.name()))
            .map(|took| words::seconds(*took))
            .unwrap_or_default(),
    };
    Step::ALL.iter().enumerate().map(line).collect()
}
