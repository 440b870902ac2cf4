//! Makes a wheel that came out of a build portable: right tags, no trace of this machine, the libraries it needs.
//!
//! Nothing of the wheel runs here: it is read, changed and written by this program. Only where
//! libraries must come along does auditwheel work on it, in the sandbox; what it leaves is read again.

mod correct;
mod graft;
mod inspect;
mod order;
mod origin;
#[cfg(all(test, target_os = "linux"))]
mod tests;

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};

use super::bench::Bench;
use crate::bad;
use crate::build::job::Job;
use crate::build::recipe::Recipe;
use crate::build::target::Target;
use crate::error::Result;
use crate::packaging::filename::WheelFilename;
use crate::packaging::manylinux;
use crate::packaging::retag::{PlainWheel, RetagPlan};
use crate::words::{Class, Failure, Step};
use inspect::Inspected;
pub use order::Repaired;
use order::{RepairOrder, ours};

/// Rewrites `wheel` (a collected file, nobody else's any more) into `folder` under its final name. Files with the
/// sha256 of one in `machine_code` are not the build's: a pure wheel may pass them on.
///
/// # Errors
/// `BadWheel` where it is no wheel at all, `Repair` with the names of libraries that cannot come along.
pub async fn repair<B: Bench>(
    wheel: &Path,
    folder: &Path,
    job: &Job,
    target: &Target,
    machine_code: &BTreeSet<String>,
    bench: &B,
) -> Result<Repaired, Failure> {
    let recipe = recipe(job)?;
    let order = RepairOrder::new(job, target, recipe.repair.exclude, machine_code.clone());
    let mut first = rewrite(wheel.to_owned(), folder.to_owned(), order.clone()).await?;
    for note in &first.notes {
        bench.note(note);
    }
    let repaired = match first.needs_libraries.take() {
        None => first.repaired(),
        Some(foreign) => {
            let mut grafted = graft::graft(first.path, foreign, folder, &order, bench).await?;
            grafted.notes.splice(0..0, first.notes);
            grafted.doubts = first.doubts;
            grafted
        }
    };
    fits(&repaired, target)?;
    Ok(repaired)
}

/// A wheel that was rewritten by this program.
struct Rewritten {
    path: PathBuf,
    filename: String,
    notes: Vec<String>,
    doubts: Vec<String>,
    /// Libraries that it needs from elsewhere; `None`: it is portable.
    needs_libraries: Option<Vec<String>>,
}

impl Rewritten {
    fn repaired(self) -> Repaired {
        let Self { path, filename, notes, doubts, .. } = self;
        Repaired { path, filename, notes, doubts, ..Repaired::default() }
    }
}

/// [`rewrite_now`] where it may block.
async fn rewrite(wheel: PathBuf, folder: PathBuf, order: RepairOrder) -> Result<Rewritten, Failure> {
    let task = tokio::task::spawn_blocking(move || rewrite_now(&wheel, &folder, &order));
    match task.await {
        Ok(result) => result.map_err(ours),
        Err(error) => Err(Failure::new(Class::Worker, Step::Repair, format!("the repair failed: {error}"))),
    }
}

/// Reads the wheel, cleans its shared objects, and writes it under its final name into `folder`.
fn rewrite_now(path: &Path, folder: &Path, order: &RepairOrder) -> Result<Rewritten> {
    let filename = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let mut wheel = PlainWheel::open(File::open(path)?, filename)?;
    let mut plan = RetagPlan { timestamp: order.timestamp, ..RetagPlan::default() };
    let inspected = inspect::inspect(&mut wheel, order)?;
    if let Some(member) = inspected.other_cpus.first().filter(|_| order.target.is_cross()) {
        return Err(bad!(
            "{member} is machine code for another processor than {}: the build calls a compiler by its path, \
             or the source brings the file ready-made",
            order.target.name
        ));
    }
    let corrected = correct::correct(&mut wheel, &inspected, &order.target, &mut plan)?;
    let mut needs_libraries = None;
    if let Some(arch) = arch(&wheel, &inspected, order) {
        let needs = manylinux::needs(&inspected.objects, &order.exclude);
        match needs.is_plain() {
            true => plan.platform = platform(&needs, &arch, order).or(plan.platform),
            false => {
                needs_libraries = Some(needs.foreign.keys().chain(&needs.unknown).cloned().collect());
                plan.platform = Some(vec![graft::mark(needs.musl || !order.is_for("manylinux"), &arch)]);
            }
        }
    }
    let Inspected { replaced, mut notes, mut doubts, .. } = inspected;
    plan.replaced.extend(replaced);
    notes.extend(corrected.notes);
    doubts.extend(corrected.doubts);
    let filename = wheel.filename(&plan);
    let path = folder.join(&filename);
    let output = File::create_new(&path)?;
    wheel.write(&plan, output)?;
    Ok(Rewritten { path, filename, notes, doubts, needs_libraries })
}

/// The architecture of a wheel for Linux; `None` for wheels of other systems, and for pure ones
/// that the build compiled nothing of.
fn arch<R: std::io::Read + std::io::Seek>(
    wheel: &PlainWheel<R>,
    inspected: &Inspected,
    order: &RepairOrder,
) -> Option<String> {
    let arch = wheel.tags.platform.iter().find_map(|platform| manylinux::arch_of(platform));
    if arch.is_some() || inspected.compiled.is_empty() {
        return arch.map(str::to_owned);
    }
    order.arch().map(str::to_owned)
}

/// The platform tags for what is needed; `None`: those of the build tool stay.
fn platform(needs: &manylinux::Needs, arch: &str, order: &RepairOrder) -> Option<Vec<String>> {
    let own = |beginning: &str| {
        let platforms = order.target.tags.iter().filter_map(|tag| tag.rsplit('-').next());
        platforms.into_iter().find(|platform| platform.starts_with(beginning)).map(str::to_owned)
    };
    if needs.glibc.is_none() && (needs.musl || !order.is_for("manylinux")) {
        // Its symbols have no versions, so the target's own musl is the oldest that is sure.
        return own("musllinux").map(|tag| vec![tag]);
    }
    Some(manylinux::platform_tags(needs.glibc.max(order.glibc()), arch)).filter(|tags| !tags.is_empty())
}

/// A wheel that its own target does not install is of no use.
fn fits(repaired: &Repaired, target: &Target) -> Result<(), Failure> {
    if target.accepts(&repaired.filename).is_some() {
        return Ok(());
    }
    if let Some(failure) = foreign(&repaired.filename, target) {
        return Err(failure);
    }
    let (filename, name) = (&repaired.filename, &target.name);
    let hint = match target.is_cross() {
        true => format!(
            "the wheel is {filename}, which {name} cannot install: it needs libraries of this machine, which \
             need a newer system. Link them statically, or build it on a machine with that system"
        ),
        false => format!(
            "the wheel is {filename}, which {name} cannot install: its libraries need a newer system than the \
             target. Build it on an older system, or add a target for this system"
        ),
    };
    Err(Failure::new(Class::Repair, Step::Repair, hint))
}

/// What is wrong with a wheel that is for another Python, or another system, than the target.
fn foreign(filename: &str, target: &Target) -> Option<Failure> {
    let name = WheelFilename::parse(filename).ok()?;
    let own = |place: usize, tag: &str| {
        target.tags.iter().any(|known| known.splitn(3, '-').nth(place).is_some_and(|part| part == tag))
    };
    let version = &target.version;
    if !name.python.iter().any(|tag| own(0, tag)) {
        let of_python = |tag: &String| tag.strip_prefix("py").map(|digits| format!("Python {digits}"));
        let named: Vec<String> =
            name.python.iter().map(|tag| of_python(tag).unwrap_or_else(|| tag.clone())).collect();
        let hint = format!(
            "the wheel {filename} is only for {}, but {} is Python {version}: build it for another target, \
             or use a release that supports {version}",
            named.join(" and "),
            target.name
        );
        return Some(Failure::new(Class::RequiresPython, Step::Repair, hint));
    }
    let system = |tag: &str| tag.split('_').next().unwrap_or_default().trim_start_matches("many").to_owned();
    let same = |tag: &String| {
        let mut known = target.tags.iter().filter_map(|known| known.rsplit('-').next());
        known.any(|known| system(known).trim_start_matches("musl") == system(tag).trim_start_matches("musl"))
    };
    if !name.platform.iter().any(same) {
        let platforms = name.platform.join(" and ");
        let hint = format!("the wheel {filename} is for {platforms}, but {} is another system", target.name);
        return Some(Failure::new(Class::WrongWheel, Step::Repair, hint));
    }
    None
}

/// The recipe of a job; an empty one if it has none.
pub(super) fn recipe(job: &Job) -> Result<Recipe, Failure> {
    let recipe = job.recipe.as_ref().map(Recipe::from_json).transpose();
    recipe
        .map(Option::unwrap_or_default)
        .map_err(|error| Failure::new(Class::Worker, Step::Repair, error.to_string()))
}
