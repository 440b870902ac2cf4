//! Checks a repaired wheel: is it the one that was asked for, does it install, can it be imported.
//!
//! What pip would not install, or what cannot work, is wrong: the build fails. What pip would install although
//! something may be lacking is doubtful: the wheel is taken and marked.

mod declared;
mod findings;
mod foreign;
mod import;
mod modules;
mod source_facts;

use std::fs::File;

use super::bench::{Bench, ToolPython};
use super::repair::{self, Repaired};
use super::sandbox::collect::CollectedFile;
use crate::build::job::Job;
use crate::build::target::Target;
use crate::error::Error;
use crate::packaging::metadata::Metadata;
use crate::packaging::retag::PlainWheel;
use crate::packaging::wheel;
use crate::words::{Class, Failure, Step};
pub use findings::Findings;
pub use source_facts::{SourceFacts, looks_like_extensions};

/// Checks `wheel`; says what was done, and what is doubtful about it.
///
/// # Errors
/// `WrongWheel`, `RequiresPython`, `ExtensionMissing`, `BadWheel` or `Import`, each with what to do.
pub async fn check<B: Bench>(
    wheel: &Repaired,
    job: &Job,
    target: &Target,
    source: &SourceFacts,
    bench: &B,
) -> Result<Findings, Failure> {
    let recipe = repair::recipe(job)?;
    let name = declared::name_of(wheel)?;
    declared::identity(&name, job, target, &wheel.filename)?;
    let read = read(wheel).await?;
    declared::python(&read.metadata, target)?;
    let mut findings = Findings { done: wheel.notes.clone(), doubts: wheel.doubts.clone() };
    declared::kind(&name, read.compiled, job, source, &recipe, &mut findings)?;
    if let Some(differs) = declared::difference(&read.metadata, source) {
        // A recipe that changes the source may well change what it declares.
        match recipe.build.patches.is_empty() && recipe.build.before.is_empty() {
            true => findings.doubt(differs),
            false => findings.done.push(format!("changed by the recipe: {differs}")),
        }
    }
    let mut modules = read.modules;
    let demanded = !recipe.test.import.is_empty();
    if demanded {
        modules.top.clone_from(&recipe.test.import);
    }
    let (metadata, modules) = (&read.metadata, &modules);
    let subject = import::Subject { wheel, target, metadata, modules, demanded, python: ToolPython::Target };
    findings.extend(match read.compiled && !target.runs_here() {
        true => foreign::look(subject, bench).await?,
        false => import::import(&subject, bench).await?,
    });
    for line in &findings.done {
        bench.note(line);
    }
    for line in &findings.doubts {
        bench.note(&format!("doubtful: {line}"));
    }
    Ok(findings)
}

/// Whether a wheel as it was built holds machine code. One that cannot be read does: repair says what is wrong.
///
/// # Errors
/// A failure of the worker.
pub async fn is_compiled(wheel: &CollectedFile) -> Result<bool, Failure> {
    let (path, filename) = (wheel.path.clone(), wheel.name.clone());
    let read = move || {
        let file = File::open(path)?;
        let mut wheel = PlainWheel::open(&file, &filename)?;
        modules::has_compiled(&mut wheel)
    };
    match tokio::task::spawn_blocking(read).await {
        Ok(read) => Ok(read.unwrap_or(true)),
        Err(error) => Err(Failure::new(Class::Worker, Step::Check, format!("a check failed: {error}"))),
    }
}

/// What the wheel's file says, once it has passed the gate.
struct Read {
    metadata: Metadata,
    modules: modules::Modules,
    /// Something in it was compiled: a module, a library, a program.
    compiled: bool,
}

async fn read(wheel: &Repaired) -> Result<Read, Failure> {
    let (path, filename) = (wheel.path.clone(), wheel.filename.clone());
    let name = declared::name_of(wheel)?;
    let read = move || {
        let file = File::open(path)?;
        let contents = wheel::read(&file, &name)?;
        contents.metadata.validate_upload()?;
        let mut wheel = PlainWheel::open(&file, &filename)?;
        let modules = modules::modules(&name.name, wheel.members.iter().map(|member| member.name.as_str()));
        let compiled = modules::has_compiled(&mut wheel)?;
        Ok(Read { metadata: contents.metadata, modules, compiled })
    };
    match tokio::task::spawn_blocking(read).await {
        Ok(Ok(read)) => Ok(read),
        Ok(Err(Error::Bad(why))) => Err(Failure::new(Class::BadWheel, Step::Check, why)),
        Ok(Err(error)) => Err(Failure::new(Class::Worker, Step::Check, error.to_string())),
        Err(error) => Err(Failure::new(Class::Worker, Step::Check, format!("a check failed: {error}"))),
    }
}
