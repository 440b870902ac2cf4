//! How a build fails: classes that people can act on, each with a hint.

mod absent;
mod compiler;
mod hints;
mod log;
mod packages;
mod python;
mod remedy;
mod signs;

pub use absent::{Absent, AbsentKind};
pub use remedy::constraints_for;

use crate::words::{Class, Failure, Step};

/// How the build's own process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Code(i32),
    Signal(i32),
    /// Bounds of the job that were reached; the sandbox knows, the log often does not.
    Timeout,
    Memory,
    Disk,
    LogSize,
    Processes,
    /// The worker's own disk is full, which is no bound of the job.
    Room,
}

/// Why a step failed, going by its log and its end.
pub fn classify(log: &str, step: Step, exit: Exit) -> Failure {
    let owned = log::lines(log);
    let lines: Vec<&str> = owned.iter().map(String::as_str).collect();
    let mut failure = match exit {
        Exit::Timeout => bound(Class::Timeout, &lines),
        Exit::Memory => bound(Class::Memory, &lines),
        Exit::Disk => bound(Class::Disk, &lines),
        Exit::LogSize => bound(Class::LogSize, &lines),
        Exit::Processes => bound(Class::Processes, &lines),
        Exit::Room => Failure { hint: hints::ROOM.to_owned(), ..bound(Class::Worker, &lines) },
        Exit::Code(_) | Exit::Signal(_) => told(&lines, step),
    };
    failure.step = step;
    // A signal that nobody sent is the kernel's: out of memory, or a crash.
    if failure.class == Class::Other
        && let Exit::Signal(signal) = exit
    {
        failure.hint = format!("signal {signal} ended the build: {}", hints::of(Class::Other));
    }
    failure
}

/// What a failed build looked for on its system and did not find, going by its log.
pub fn absent(log: &str) -> Option<Absent> {
    let owned = log::lines(log);
    absent::first(&owned.iter().map(String::as_str).collect::<Vec<_>>())
}

/// What the last errors of a failed build may mean by something that they miss; most of it is nothing.
pub fn absent_by_name(log: &str) -> Vec<Absent> {
    let owned = log::lines(log);
    absent::named(&owned.iter().map(String::as_str).collect::<Vec<_>>())
}

/// The module that a failed build imported and that was not there, going by its log.
pub fn absent_module(log: &str) -> Option<String> {
    let owned = log::lines(log);
    python::absent_module(&owned.iter().map(String::as_str).collect::<Vec<_>>())
}

/// A failure of this class that needs no log.
pub fn of(class: Class, step: Step, line: Option<&str>) -> Failure {
    Failure { class, hint: hints::of(class).to_owned(), line: line.map(log::shown), step }
}

fn bound(class: Class, lines: &[&str]) -> Failure {
    // What it was at when it was ended.
    of(class, Step::Build, lines.last().copied())
}

/// Reads the log: signs that decide alone, then what is missing, then the interpreter's and the
/// compiler's own words.
fn told(lines: &[&str], step: Step) -> Failure {
    match step {
        Step::Fetch | Step::Unpack => return of(Class::BadSource, step, last_error(lines)),
        Step::Repair => return of(Class::Repair, step, last_error(lines)),
        Step::Check => return of(Class::Import, step, last_error(lines)),
        Step::Test => return of(Class::Test, step, last_error(lines)),
        Step::Report | Step::Collect => return of(Class::Worker, step, last_error(lines)),
        Step::Environment | Step::Build => {}
    }
    if let Some(requirement) = unavailable(lines) {
        return requirement;
    }
    if let Some((class, line)) = signs::strongest(lines) {
        return of(class, step, Some(line));
    }
    let compiled = compiler::first(lines);
    if let Some((Class::RemovedApi | Class::Cython3, line)) = compiled {
        return of(compiled.map_or(Class::Other, |found| found.0), step, Some(line));
    }
    if let Some(absent) = absent::first(lines) {
        let hint = match absent.package {
            Some(package) => {
                format!(
                    "{} is missing: Debian has it in {package}. Add that package to [system] in a recipe",
                    absent.what
                )
            }
            None => format!("{} is missing: {}", absent.what, hints::of(absent.class)),
        };
        return Failure { hint, ..of(absent.class, step, Some(&absent.line)) };
    }
    if let Some((class, line)) = compiled {
        return of(class, step, Some(line));
    }
    match python::last(lines) {
        Some(raised) => {
            let failure = of(raised.class, step, Some(&raised.line));
            let hint = raised.about.map(|about| format!("{about}: {}", failure.hint));
            Failure { hint: hint.unwrap_or_else(|| failure.hint.clone()), ..failure }
        }
        None => of(Class::Other, step, last_error(lines)),
    }
}

/// An installer found no version of a build requirement.
fn unavailable(lines: &[&str]) -> Option<Failure> {
    let said =
        ["No matching distribution found for ", "Could not find a version that satisfies the requirement "];
    let (line, what) = said.iter().find_map(|said| {
        lines.iter().find_map(|line| line.split_once(said).map(|(_, rest)| (*line, rest)))
    })?;
    let what = what.split(" (from").next().unwrap_or(what).trim();
    let hint = format!(
        "the index has no version of {what} for this interpreter: {}",
        hints::of(Class::BuildRequirement)
    );
    Some(Failure { hint, ..of(Class::BuildRequirement, Step::Environment, Some(line)) })
}

/// The last line that is an error and no repetition of one; else the last line.
fn last_error<'a>(lines: &[&'a str]) -> Option<&'a str> {
    let own = |line: &&&str| !log::is_repetition(line);
    let is_error = |line: &&&str| {
        let line = line.trim_start();
        line.starts_with("error")
            || line.starts_with("ERROR")
            || line.contains("Error: ")
            || line.contains(" error: ")
    };
    let found = lines.iter().rev().filter(own).find(is_error);
    found.or_else(|| lines.iter().rev().find(own)).copied()
}

impl Failure {
    /// Of a build that does not say why.
    pub fn unknown() -> Self {
        of(Class::Other, Step::Build, None)
    }

    /// Whether the same build would fail again. Every class is decided here: one that is new does not
    /// compile before it is.
    pub fn cause(&self) -> Cause {
        match self.class {
            // The worker, the pages that its context had at that time, or somebody's will.
            Class::Worker | Class::Cancelled | Class::BuildRequirement | Class::Cycle => Cause::Surroundings,
            Class::BadSource => self.of_step(&[Step::Fetch]),
            // An environment that could not be made says nothing about the source.
            Class::Network | Class::Compiler | Class::Other => self.of_step(&[Step::Fetch, Step::Environment]),
            // The target's worker has what target and recipe say.
            Class::MissingHeader
            | Class::MissingLibrary
            | Class::MissingTool
            // The source says so, or its code does, with the tools and the interpreter of the key.
            | Class::RequiresPython
            | Class::Use2to3
            | Class::SetuptoolsFeature
            | Class::PkgResources
            | Class::Distutils
            | Class::RemovedApi
            | Class::Cython3
            | Class::Python2Syntax
            | Class::Refused
            | Class::MetadataHook
            // Bounds are the same for all; a recipe moves them.
            | Class::Timeout
            | Class::Memory
            | Class::Disk
            | Class::LogSize
            | Class::Processes
            // What came out is judged by its bytes.
            | Class::WrongWheel
            | Class::ExtensionMissing
            | Class::BadWheel
            | Class::Repair
            | Class::Import
            | Class::Test => Cause::Key,
        }
    }

    fn of_step(&self, surroundings: &[Step]) -> Cause {
        if surroundings.contains(&self.step) { Cause::Surroundings } else { Cause::Key }
    }
}

/// What a failure follows from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// From what the build's key names: it fails again, and is remembered.
    Key,
    /// From something else: another time it may go well, and asked for again it runs again.
    Surroundings,
}

impl Class {
    /// Whether build requirements as of the source's own time may help.
    pub fn is_worth_as_of(self) -> bool {
        use Class::{Compiler, Cython3, Distutils, Other, PkgResources, SetuptoolsFeature, Use2to3};
        matches!(self, Cython3 | Compiler | Distutils | Other | PkgResources | SetuptoolsFeature | Use2to3)
    }
}

#[cfg(test)]
mod tests;
