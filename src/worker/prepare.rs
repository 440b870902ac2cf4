//! What a recipe does to a source before anything is read in it: patches, generated files, commands.

use std::path::Path;

use super::backend::applying;
use super::bench::Environment;
use super::environment::EnvironmentRequest;
use super::room::{SandboxRun, Stop, ours};
use super::running::RunningJob;
use super::sandbox::Mount;
use super::scripts::SCRIPTS;
use crate::build::failure::{Exit, classify};
use crate::build::recipe::RecipeBuild;
use crate::error::Result;
use crate::packaging::requirement::Requirement;
use crate::words::{Class, Failure, Step};

/// Changes the source that lies unpacked in `work`, and at `source` inside, as the recipe says.
///
/// # Errors
/// What is needed first; a patch that does not apply, a command that fails.
pub async fn prepare(
    running: &RunningJob<'_>,
    work: &Path,
    source: &str,
    published: u64,
) -> Result<(), Stop> {
    let recipe = &running.recipe.build;
    let has_scripts = recipe.regenerate.is_some() || recipe.adjust_c_api;
    if recipe.patches.is_empty() && recipe.before.is_empty() && !has_scripts {
        return Ok(());
    }
    let fails = |error| ours(&error, Step::Build);
    let folder = running.room.below("prepare", Step::Build)?;
    lay_out(recipe, source, &folder).map_err(fails)?;
    let environment = environment(running).await?;
    let mark = running.room.log.written();
    let mut env = vec![("SOURCE_DATE_EPOCH".to_owned(), published.to_string())];
    env.extend(recipe.env.iter().map(|(name, value)| (name.clone(), value.clone())));
    let run = SandboxRun {
        argv: vec!["/bin/sh".to_owned(), "/tools/prepare.sh".to_owned(), environment.python.clone()],
        env,
        cwd: source.into(),
        mounts: vec![Mount::write(work, "/work"), Mount::read(&folder, "/tools")],
        environment: Some(&environment),
        watched: vec![work.to_owned()],
        ..SandboxRun::default()
    };
    match running.run(Step::Build, run).await? {
        0 => Ok(()),
        code => Err(failed(recipe, &running.room.log.since(mark), code).into()),
    }
}

/// An interpreter with what the recipe requires, and the generator.
async fn environment(running: &RunningJob<'_>) -> Result<Environment, Stop> {
    let recipe = &running.recipe.build;
    let unreadable = |error: crate::error::Error| {
        Failure::new(Class::BuildRequirement, Step::Environment, error.to_string())
    };
    let mut request = EnvironmentRequest::new(running.interpreter, &running.job.context, Step::Environment)
        .with(&recipe.requires)
        .map_err(unreadable)?;
    if let Some(generator) = &recipe.regenerate {
        let generator = Requirement::parse(generator).map_err(unreadable)?;
        request.requirements.retain(|each| each.name != generator.name);
        request.requirements.push(generator);
    }
    let constraints = recipe.constraints.iter().map(|text| Requirement::parse(text));
    let constraints = constraints.collect::<Result<Vec<_>>>().map_err(unreadable)?;
    let generator = recipe.regenerate.as_ref().and_then(|text| Requirement::parse(text).ok());
    request.constraints = applying(constraints, &running.interpreter.target.markers);
    request.constraints.retain(|each| generator.as_ref().is_none_or(|own| own.name != each.name));
    request.at = recipe.as_of.as_deref();
    running.prepare(&request).await
}

fn lay_out(recipe: &RecipeBuild, source: &str, folder: &Path) -> Result<()> {
    for (name, text) in SCRIPTS {
        std::fs::write(folder.join(name), text)?;
    }
    let mut script = format!("set -e\npython=$1\ncd {source}\n");
    for (number, patch) in recipe.patches.iter().enumerate() {
        std::fs::write(folder.join(format!("{number}.patch")), &patch.text)?;
        script.push_str(&format!("patch -p1 --batch --forward -i /tools/{number}.patch\n"));
    }
    if let Some(generator) = generator(recipe) {
        script.push_str(&format!("\"$python\" /tools/regenerate.py {generator}\n"));
    }
    if recipe.adjust_c_api {
        script.push_str("\"$python\" /tools/adjust.py /tools/capi.h\n");
    }
    for command in &recipe.before {
        script.push_str(command);
        script.push('\n');
    }
    Ok(std::fs::write(folder.join("prepare.sh"), script)?)
}

/// The project whose program makes files again; its name is all that the script is given.
fn generator(recipe: &RecipeBuild) -> Option<String> {
    let requirement = Requirement::parse(recipe.regenerate.as_ref()?).ok()?;
    Some(requirement.name.as_str().to_owned())
}

fn failed(recipe: &RecipeBuild, printed: &str, code: i32) -> Failure {
    let exit = if code > 128 { Exit::Signal(code - 128) } else { Exit::Code(code) };
    let failure = classify(printed, Step::Build, exit);
    match failure.class {
        Class::Other if recipe.regenerate.is_none() && !recipe.adjust_c_api => {
            Failure { hint: "a patch or a command of the recipe failed: see the log".to_owned(), ..failure }
        }
        _ => failure,
    }
}
