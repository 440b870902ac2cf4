//! Remedies: what may help after an attempt failed, each as a change of the recipe that the next one follows.
//!
//! One that is certain of its cause (a package for a missing header) leaves the next failure as the one
//! that counts; one that guesses (other tools) leaves the first. None is tried twice, and what one does
//! reaches the build's own sandbox alone.

mod flags;
mod generated;
mod modules;
mod pins;
pub mod portable;
mod script;
mod system;
mod times;
mod trouble;

use crate::build::failure::constraints_for;
use crate::build::recipe::Recipe;
use trouble::add;
pub use trouble::{Remedy, Trouble};

/// What is certain to mend what failed, other than all that was `tried`.
pub async fn certain(trouble: &Trouble<'_>, tried: &[Recipe]) -> Option<Remedy> {
    if let Some(remedy) = new(learned(trouble), tried) {
        return Some(remedy);
    }
    if let Some(remedy) = system::remedy(trouble, tried).await {
        return Some(remedy);
    }
    let known = flags::remedies(trouble).into_iter().chain(modules::remedies(trouble));
    new(known.filter(|remedy| remedy.certain), tried)
}

/// What may help, other than all that was `tried`.
pub async fn guess(trouble: &Trouble<'_>, tried: &[Recipe]) -> Option<Remedy> {
    let at_once = [flags::remedies, constraints, generated::remedies, script::remedies];
    match new(at_once.iter().flat_map(|remedies| remedies(trouble)), tried) {
        Some(remedy) => Some(remedy),
        None => new(pins::remedies(trouble).await, tried),
    }
}

/// The last that may help: tools as old as the source.
pub async fn older(trouble: &Trouble<'_>, tried: &[Recipe]) -> Option<Remedy> {
    new(times::remedy(trouble).await, tried)
}

fn new(remedies: impl IntoIterator<Item = Remedy>, tried: &[Recipe]) -> Option<Remedy> {
    remedies.into_iter().find(|remedy| !tried.contains(&remedy.found))
}

/// What was learned: of another release where the plain way fails; the plain way where it failed itself.
fn learned(trouble: &Trouble<'_>) -> Option<Remedy> {
    let learned = trouble.running.job.learned.as_ref()?;
    let found = Recipe::from_json(&learned.found).ok()?;
    if learned.at_once && *trouble.running.found() == found {
        let line = format!("what build {} found does not help any more: it is dropped", learned.build);
        trouble.running.room.log.note(&line);
        return Some(Remedy { found: Recipe::default(), certain: true });
    }
    (!learned.at_once).then_some(Remedy { found, certain: false })
}

/// Older tools, by the class of the failure.
fn constraints(trouble: &Trouble<'_>) -> Vec<Remedy> {
    let target = &trouble.running.interpreter.target;
    let constraints = constraints_for(trouble.failure.class, target).unwrap_or_default();
    vec![trouble.guess(|found| add(&mut found.build.constraints, constraints))]
}
