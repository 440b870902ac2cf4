//! The source of a job, unpacked in the sandbox into its work folder, and what its files say.

use crate::tools::time::SECOND;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::backend::SourceProject;
use super::check::{SourceFacts, looks_like_extensions};
use super::clock::Clock;
use super::generator::{Generator, generators};
use super::inside::LACKS_PROGRAM;
use super::peek;
use super::prepare::prepare;
use super::room::{Room, SandboxRun, Stop, ours};
use super::running::RunningJob;
use super::sandbox::Mount;
use crate::build::failure::{Exit, classify};
use crate::build::job::Job;
use crate::build::target::Target;
use crate::build::tools::tools_for;
use crate::error::{Error, Result};
use crate::words::{Class, Failure, Purpose, Step};

/// Where the source is inside; always the same, since compilers write it into what they make.
pub const INSIDE: &str = "/work/src";
const UNPACKED: &str = "/work/unpacked";
/// 1980, the earliest that a zip archive can hold.
const EARLIEST: u64 = 315_532_800;
const SETUP_PY_LIMIT: u64 = 4 << 20;

/// An unpacked source.
#[derive(Clone, Debug)]
pub struct Unpacked {
    /// The host's folder that is `/work` inside.
    pub work: PathBuf,
    pub said: SourceProject,
    pub facts: SourceFacts,
    /// Who made files of it that could be made again.
    pub generated_by: Vec<Generator>,
    /// Seconds since 1970, 1980 at the earliest: what `SOURCE_DATE_EPOCH` says.
    pub published: u64,
}

impl Unpacked {
    /// Unpacks `archive` in place of what an attempt left, does what the recipe says, and reads the source.
    ///
    /// # Errors
    /// `BadSource` with the reason; a limit that was reached; why the recipe cannot be followed.
    pub async fn new(running: &RunningJob<'_>, archive: &Path, clock: &mut Clock<'_>) -> Result<Self, Stop> {
        clock.enter(Step::Unpack);
        let work = unpack(&running.room, archive).await?;
        let top = work.join("src");
        let published = running.job.source.published_at.and_then(|at| u64::try_from(at / SECOND).ok());
        let published = match published {
            Some(at) => at,
            None => away(&top, |top| peek::walk(top).newest).await?,
        };
        let published = published.clamp(EARLIEST, now());
        prepare(running, &work, INSIDE, published).await?;
        let tools = tools_for(&running.interpreter.target);
        let said =
            SourceProject::read(&folder(running.job, &top)?, &tools).map_err(|error| bad_source(&error))?;
        let (pkg_info, purpose) = (said.pkg_info.clone(), running.job.purpose);
        let (facts, generated_by) = away(&top, move |top| look(top, pkg_info, purpose)).await?;
        Ok(Self { generated_by, work, said, facts, published })
    }

    /// Whether the source is for the target's Python.
    ///
    /// # Errors
    /// `RequiresPython` if it says that it is not.
    pub fn is_for(&self, target: &Target) -> Result<(), Failure> {
        let Some(specifiers) = self.said.refuses_python(&target.version) else { return Ok(()) };
        let hint = format!(
            "the source is for Python {specifiers}, but the target is Python {}: choose another version",
            target.version
        );
        Err(Failure::new(Class::RequiresPython, Step::Unpack, hint))
    }

    /// Where the project is inside.
    pub fn inside(&self, job: &Job) -> String {
        match job.source.subdirectory.trim_matches('/') {
            "" => INSIDE.to_owned(),
            below => format!("{INSIDE}/{below}"),
        }
    }
}

/// What a folder comes to, looked at on a thread of its own: sources may have a hundred thousand files.
async fn away<T: Send + 'static>(
    folder: &Path,
    look: impl FnOnce(&Path) -> T + Send + 'static,
) -> Result<T, Failure> {
    let folder = folder.to_owned();
    let looked = tokio::task::spawn_blocking(move || look(&folder)).await;
    looked.map_err(|error| ours(&error.into(), Step::Unpack))
}

/// All that the files below `top` tell, in one walk.
fn look(top: &Path, pkg_info: Option<Vec<u8>>, purpose: Purpose) -> (SourceFacts, Vec<Generator>) {
    let found = peek::walk(top);
    let setup_py = peek::file(top, "setup.py", SETUP_PY_LIMIT).ok().flatten().unwrap_or_default();
    let names = found.names.iter().map(String::as_str);
    let facts = SourceFacts {
        pkg_info,
        // Metadata has none.
        machine_code: match purpose {
            Purpose::Wheel | Purpose::Test => peek::machine_code(&found.regular),
            Purpose::Metadata => BTreeSet::new(),
        },
        extensions: looks_like_extensions(names, &String::from_utf8_lossy(&setup_py)),
    };
    (facts, generators(&found.regular))
}

fn now() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(EARLIEST, |since| since.as_secs().max(EARLIEST))
}

/// The project's folder on the host, reached through folders only.
fn folder(job: &Job, top: &Path) -> Result<PathBuf, Failure> {
    let mut folder = top.to_owned();
    for part in job.source.subdirectory.split('/').filter(|part| !part.is_empty()) {
        folder.push(part);
        if part == ".." || !folder.symlink_metadata().is_ok_and(|found| found.is_dir()) {
            let subdirectory = &job.source.subdirectory;
            return Err(bad_source(&crate::bad!("the source has no folder {subdirectory}")));
        }
    }
    Ok(folder)
}

async fn unpack(room: &Room<'_>, archive: &Path) -> Result<PathBuf, Failure> {
    let work = room.below("work", Step::Unpack)?;
    let name = archive.file_name().unwrap_or_default().to_string_lossy();
    let inside = format!("/in/{name}");
    let mark = room.log.written();
    let run = SandboxRun {
        argv: ["/wheelwright", "inside", "unpack", &inside, UNPACKED].map(str::to_owned).to_vec(),
        mounts: vec![Mount::read(archive, &inside), Mount::write(&work, "/work")],
        watched: vec![work.clone()],
        ..SandboxRun::default()
    };
    match room.run(Step::Unpack, run).await? {
        0 => settle(&work).map(|()| work).map_err(|error| ours(&error, Step::Unpack)),
        code => {
            let printed = room.log.since(mark);
            let line = printed.lines().rev().find(|line| !line.trim().is_empty()).map(str::to_owned);
            if code == i32::from(LACKS_PROGRAM) {
                return Err(lacks_program(line));
            }
            let found = classify(&printed, Step::Unpack, Exit::Code(code));
            let hint = match &line {
                Some(line) => format!("cannot unpack the source: {line}"),
                None => "cannot unpack the source".to_owned(),
            };
            let class = if matches!(found.class, Class::Disk | Class::Memory) {
                found.class
            } else {
                Class::BadSource
            };
            Err(Failure { class, hint, line, step: Step::Unpack })
        }
    }
}

/// Another worker may have it: nothing is wrong with the source.
fn lacks_program(line: Option<String>) -> Failure {
    let program = line.as_deref().and_then(|line| line.rsplit(' ').next()).unwrap_or("that it needs");
    let hint = format!("the worker cannot unpack the source: install the program {program} on the worker");
    Failure { line, ..Failure::new(Class::Worker, Step::Unpack, hint) }
}

/// Gives the one folder in an archive its fixed name; one without such a folder is taken as it is.
fn settle(work: &Path) -> Result<()> {
    let unpacked = work.join("unpacked");
    std::fs::create_dir_all(&unpacked)?;
    let entries: Vec<_> = std::fs::read_dir(&unpacked)?.collect::<Result<_, _>>()?;
    let top = match entries.as_slice() {
        [only] if only.file_type()?.is_dir() => only.path(),
        _ => unpacked,
    };
    Ok(std::fs::rename(top, work.join("src"))?)
}

fn bad_source(error: &Error) -> Failure {
    Failure::new(Class::BadSource, Step::Unpack, error.to_string())
}
