//! Runs the tests of a recipe against the finished wheel: proof that it works where it is installed.
//!
//! The wheel lies in a folder of its own before an environment with what it and the tests require.
//! The system packages of the build are not there: what the wheel needs of them, it must bring. First
//! its modules are imported with no system packages at all, then the tests run with those of theirs.

use super::bench::Environment;
use super::log::last;
use super::own_tests;
use super::repair::Repaired;
use super::room::{SandboxRun, Stop, ours};
use super::running::RunningJob;
use super::sandbox::Mount;
use super::services::{self, NO_SERVICE, NOT_PREPARED, quoted};
use super::source::Unpacked;
use crate::build::job::{TestReport, TestStep};
use crate::build::recipe::Test;
use crate::error::Result;
use crate::packaging::filename::WheelFilename;
use crate::packaging::metadata::Metadata;
use crate::packaging::wheel;
use crate::words::{Class, Failure, Step};
use std::path::Path;

/// Where the source is unpacked for the tests, and what its only folder becomes.
const UNPACKED: &str = "/work/unpacked";
const SOURCE: &str = "/work/src";
/// Bytes of what tests printed that are kept beside the file.
const PRINTED: usize = 256 << 10;
/// Where they run, with those parts of the source that the recipe names.
const CHOSEN: &str = "/work/test";
/// Where the wheel is installed.
const SITE: &str = "/work/site";

/// Runs the recipe's tests; says what was done, for evidence. `archive` is the source.
///
/// # Errors
/// `Import` or `Test`, with what to do; what the tests need and cannot have.
pub async fn prove(running: &RunningJob<'_>, wheel: &Repaired, archive: &Path) -> Result<Vec<String>, Stop> {
    let test = &running.recipe.test;
    let mut done = Vec::new();
    if !running.recipe.has_tests() {
        return Ok(done);
    }
    let work = running.room.below("test", Step::Test)?;
    let tools = running.room.below("test-tools", Step::Test)?;
    let proof = Proof { running, wheel, archive, work: &work, tools: &tools };
    if !test.import.is_empty() {
        let environment = proof.environment(&[]).await?;
        proof.import(&environment, &test.import).await?;
        done.push(format!("imported {} without system packages", test.import.join(", ")));
    }
    if let Some(command) = &test.command {
        let environment = proof.environment(&test.requires).await?;
        proof.tests(&environment, test).await?;
        let with = test.services.iter().map(|service| format!(" with {}", service.name));
        done.push(format!("tested by recipe: {command}{}", with.collect::<String>()));
    }
    Ok(done)
}

/// Runs the tests of the recipe, or else those that the source brings along; what they came to is no failure.
///
/// # Errors
/// `Test` if there are none, or none that can run here; what they need and cannot have.
pub async fn report(
    running: &RunningJob<'_>,
    wheel: &Repaired,
    unpacked: &Unpacked,
    archive: &Path,
) -> Result<TestReport, Stop> {
    let none = |hint: String| Failure::new(Class::Test, Step::Test, hint);
    if !running.target.runs_here()
        && let Err(why) = running.guest().await
    {
        return Err(none(format!("this machine cannot run what it builds for the target: {why}")).into());
    }
    let work = running.room.below("test", Step::Test)?;
    let tools = running.room.below("test-tools", Step::Test)?;
    let proof = Proof { running, wheel, archive, work: &work, tools: &tools };
    let own = &running.recipe.test;
    let test = match own.command {
        Some(_) => own.clone(),
        None => {
            let metadata = proof.metadata().await.map_err(|error| ours(&error, Step::Test))?;
            let below = running.job.source.subdirectory.trim_matches('/');
            let found = own_tests::of(&unpacked.work.join("src").join(below), &metadata);
            found.ok_or_else(|| {
                none(
                    "the source has no folder named tests or test beside its package: write a recipe with \
                     test.command"
                        .to_owned(),
                )
            })?
        }
    };
    let environment = proof.environment(&test.requires).await?;
    let mark = running.room.log.written();
    let code = proof.code(&environment, &test).await?;
    let output = last(&running.room.log.since(mark), PRINTED).to_owned();
    let command = test.command.unwrap_or_default();
    Ok(TestReport {
        interpreter: running.target.version.clone(),
        steps: vec![TestStep { command, output, code }],
    })
}

struct Proof<'a> {
    running: &'a RunningJob<'a>,
    wheel: &'a Repaired,
    archive: &'a Path,
    /// The host's folder that is `/work` inside.
    work: &'a Path,
    tools: &'a Path,
}

impl Proof<'_> {
    /// What the wheel requires for itself, and `more`.
    async fn environment(&self, more: &[String]) -> Result<Environment, Stop> {
        let fails = |error| ours(&error, Step::Test);
        let mut requirements = self.requires_dist().await.map_err(fails)?;
        requirements.extend_from_slice(more);
        let request = self.running.used_with(Step::Check);
        self.running.prepare(&request.with(&requirements).map_err(fails)?).await
    }

    async fn requires_dist(&self) -> Result<Vec<String>> {
        Ok(self.metadata().await?.requires_dist)
    }

    async fn metadata(&self) -> Result<Metadata> {
        let (path, name) = (self.wheel.path.clone(), WheelFilename::parse(&self.wheel.filename)?);
        let read = move || {
            let file = std::fs::File::open(path)?;
            wheel::read(&file, &name)
        };
        Ok(tokio::task::spawn_blocking(read).await??.metadata)
    }

    fn run<'a>(
        &self,
        environment: &'a Environment,
        script: &str,
        name: &str,
    ) -> Result<SandboxRun<'a>, Failure>
    where
        Self: 'a,
    {
        let fails = |error: std::io::Error| ours(&error.into(), Step::Test);
        std::fs::write(self.tools.join(name), script).map_err(fails)?;
        let wheel = format!("/tools/{}", self.wheel.filename);
        let source = format!("/in/{}", file_name(self.archive));
        std::fs::write(self.tools.join(&self.wheel.filename), b"").map_err(fails)?;
        Ok(SandboxRun {
            argv: vec!["/bin/sh".into(), format!("/tools/{name}")],
            env: vec![("PYTHONPATH".into(), SITE.into()), ("PYTHON".into(), environment.python.clone())],
            cwd: "/work".into(),
            mounts: vec![
                Mount::write(self.work, "/work"),
                Mount::read(self.tools, "/tools"),
                Mount::read(&self.wheel.path, wheel),
                Mount::read(self.archive, source),
            ],
            environment: Some(environment),
            watched: vec![self.work.to_owned()],
            ..SandboxRun::default()
        })
    }

    /// Unpacks the wheel as an installer would put it, without its scripts.
    fn install(&self) -> String {
        let wheel = quoted(&format!("/tools/{}", self.wheel.filename));
        format!(
            "[ -d {SITE} ] || \"$PYTHON\" -m zipfile -e {wheel} {SITE} || exit {NOT_PREPARED}\n\
             for part in {SITE}/*.data/purelib {SITE}/*.data/platlib; do\n    \
             [ -d \"$part\" ] && cp -R \"$part\"/. {SITE}/\ndone\n"
        )
    }

    async fn import(&self, environment: &Environment, modules: &[String]) -> Result<(), Failure> {
        let statement = quoted(&format!("import {}", modules.join(", ")));
        let script = format!("{}exec \"$PYTHON\" -c {statement}\n", self.install());
        let run = self.run(environment, &script, "import.sh")?;
        match self.running.run(Step::Check, run).await? {
            0 => Ok(()),
            _ => Err(Failure::new(
                Class::Import,
                Step::Test,
                format!(
                    "the wheel installs, but importing {} fails without the system packages of the build: it \
                     may lack a library. See the log, and repair.exclude in the recipe",
                    modules.join(", ")
                ),
            )),
        }
    }

    /// Unpacks the source, and copies what the tests need of it.
    fn choose(&self, sources: &[String]) -> String {
        let archive = quoted(&format!("/in/{}", file_name(self.archive)));
        let below = quoted(self.running.job.source.subdirectory.trim_matches('/'));
        let mut script = format!(
            "/wheelwright inside unpack {archive} {UNPACKED} || exit {NOT_PREPARED}\n\
             set -- {UNPACKED}/*\nif [ $# = 1 ] && [ -d \"$1\" ]; then mv \"$1\" {SOURCE}; else mv {UNPACKED} {SOURCE}; fi\n\
             cd {SOURCE}/{below} || exit {NOT_PREPARED}\n"
        );
        for part in sources {
            // With the folders above it, as it lies in the source.
            let part = quoted(part);
            script.push_str(&format!("cp -R --parents -- {part} {CHOSEN}/ || exit {NOT_PREPARED}\n"));
        }
        script
    }

    async fn tests(&self, environment: &Environment, test: &Test) -> Result<(), Failure> {
        let hint = match self.code(environment, test).await? {
            0 => return Ok(()),
            NO_SERVICE => "cannot start a service of the recipe's tests: see the end of the log",
            NOT_PREPARED => "a command in the recipe's test.before failed: see the end of the log",
            _ => "the wheel was built, but the recipe's tests fail: see the log, or correct test.command",
        };
        Err(Failure::new(Class::Test, Step::Test, hint.to_owned()))
    }

    /// What the tests exit with.
    async fn code(&self, environment: &Environment, test: &Test) -> Result<i32, Failure> {
        let mut script = self.install();
        script.push_str(&format!("mkdir {CHOSEN} || exit {NOT_PREPARED}\n"));
        if !test.sources.is_empty() {
            script.push_str(&self.choose(&test.sources));
        }
        script.push_str(&services::script(test, CHOSEN));
        let mut run = self.run(environment, &script, "test.sh")?;
        run.env.extend(services::environment(test));
        self.running.run(Step::Test, run).await
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
