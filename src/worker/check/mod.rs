//! Checks a repaired wheel: is it the one that was asked for, does it install, can it be imported.

mod declared;
mod import;
mod modules;
mod source_facts;

use std::fs::File;

use super::bench::Bench;
use super::repair::{self, Repaired};
use crate::build::job::Job;
use crate::build::target::Target;
use crate::error::Error;
use crate::packaging::metadata::Metadata;
use crate::packaging::retag::PlainWheel;
use crate::packaging::wheel;
use crate::words::{Class, Failure, Step};
pub use source_facts::{SourceFacts, looks_like_extensions};

/// Checks `wheel`; returns what was done, for [`Evidence::checked`](crate::words::Evidence).
///
/// # Errors
/// `WrongWheel`, `ExtensionMissing`, `BadWheel` or `Import`, each with what to do.
pub async fn check<B: Bench>(
    wheel: &Repaired,
    job: &Job,
    target: &Target,
    source: &SourceFacts,
    bench: &B,
) -> Result<Vec<String>, Failure> {
    let recipe = repair::recipe(job)?;
    let name = declared::name_of(wheel)?;
    declared::identity(&name, job, target, &wheel.filename)?;
    let read = read(wheel).await?;
    let remark = declared::kind(&name, read.compiled, job, source, &recipe)?;
    let mut done = wheel.notes.clone();
    done.extend(remark);
    match declared::agrees(&read.metadata, source) {
        // A recipe that changes the source may well change what it declares.
        Err(differs) if !(recipe.build.patches.is_empty() && recipe.build.before.is_empty()) => {
            done.push(format!("changed by the recipe: {}", differs.hint));
        }
        other => other?,
    }
    let mut modules = read.modules;
    if !recipe.test.import.is_empty() {
        modules.top.clone_from(&recipe.test.import);
    }
    done.extend(import::import(wheel, target, &read.metadata, &modules, bench).await?);
    for line in &done {
        bench.note(line);
    }
    Ok(done)
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
        let modules = modules::modules(wheel.members.iter().map(|member| member.name.as_str()));
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
