//! Builds a wheel a second time and compares: whether it comes out the same to the last bit.

use crate::words::Step;
use std::path::Path;

use super::clock::Clock;
use super::repair::Repaired;
use super::room::{Stop, ours};
use super::running::RunningJob;
use super::{chain, fetch, repair};

/// Whether another build of `archive` gives the wheel `first`. Only where the recipe asks for it
/// (`build.reproducible`), since it costs as much as the build; `None` elsewhere.
///
/// # Errors
/// Why the second build failed though the first did not.
pub async fn reproducible(
    running: &mut RunningJob<'_>,
    archive: &Path,
    first: &Repaired,
    clock: &mut Clock<'_>,
) -> Result<Option<bool>, Stop> {
    if !running.recipe.build.reproducible {
        return Ok(None);
    }
    running.room.log.note("building again, to compare");
    let built = chain::build(running, archive, clock).await?;
    let (made, machine_code) = (built.made, built.unpacked.facts.machine_code);
    clock.enter(Step::Repair);
    let folder = running.room.below("repaired-again", Step::Repair)?;
    let target = running.target;
    let second =
        repair::repair(&made.file.path, &folder, running.job, target, &machine_code, &*running).await?;
    let fails = |error| ours(&error, Step::Repair);
    let (one, other) = (fetch::sha256(&first.path).await, fetch::sha256(&second.path).await);
    let same = first.filename == second.filename && one.map_err(fails)? == other.map_err(fails)?;
    running.room.log.note(if same {
        "both builds gave the same bytes"
    } else {
        "the two builds gave different bytes"
    });
    Ok(Some(same))
}
