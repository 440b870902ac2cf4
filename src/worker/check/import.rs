//! Imports a wheel's modules in the sandbox, where nothing is but the interpreter and what the wheel requires.

use std::collections::{BTreeMap, BTreeSet};

use super::modules::Modules;
use crate::build::target::Target;
use crate::packaging::metadata::Metadata;
use crate::packaging::requirement::Requirement;
use crate::words::{Class, Failure, Step};
use crate::worker::bench::{Bench, Task, ToolPython};
use crate::worker::repair::Repaired;

/// Unpacks and imports; its lines on the output are what [`Report`] reads.
const PROGRAM: &str = include_str!("import.py");
/// How its lines begin.
const MARK: &str = "wheelwright-check\t";
/// Seconds for all imports together.
const PATIENCE: u64 = 180;
/// Modules that come with setuptools, which every environment once had.
const SETUPTOOLS: [&str; 3] = ["pkg_resources", "setuptools", "distutils"];
/// The last line of setuptools with all of them.
const OLD_SETUPTOOLS: &str = "setuptools<81";

/// Imports `modules`; says what was done.
///
/// # Errors
/// `Import`, naming what is missing.
pub(super) async fn import<B: Bench>(
    wheel: &Repaired,
    target: &Target,
    metadata: &Metadata,
    modules: &Modules,
    bench: &B,
) -> Result<Vec<String>, Failure> {
    if modules.top.is_empty() {
        return Ok(vec!["nothing to import: the wheel has no modules".to_owned()]);
    }
    let mut requirements = applying(metadata, target);
    let mut done = Vec::new();
    let mut unmet = false;
    if let Err(why) = bench.environment(ToolPython::Target, &requirements).await {
        if !is_of_the_requirements(&why) {
            return Err(why);
        }
        // They are the projects' that this one requires, not its own fault, and may require it in turn.
        done.push(format!("imported without {}: {}", requirements.join(", "), why.hint));
        (unmet, requirements) = (true, Vec::new());
    }
    let mut report = run(wheel, modules, &requirements, bench).await?;
    if report.wants_setuptools() && !unmet {
        requirements.push(OLD_SETUPTOOLS.to_owned());
        done.push("its modules use setuptools, which the wheel does not require".to_owned());
        report = run(wheel, modules, &requirements, bench).await?;
    }
    done.extend(judge(&report, modules, unmet)?);
    Ok(done)
}

/// What the wheel requires on this target without extras, in one spelling.
fn applying(metadata: &Metadata, target: &Target) -> Vec<String> {
    let parsed = metadata.requires_dist.iter().filter_map(|text| Requirement::parse(text).ok());
    let none = BTreeSet::new();
    let mut all: Vec<String> = parsed
        .filter(|requirement| requirement.url.is_none() && requirement.applies(&target.markers, &none))
        .map(|requirement| Requirement { marker: None, ..requirement }.to_string())
        .collect();
    all.sort();
    all.dedup();
    all
}

fn is_of_the_requirements(failure: &Failure) -> bool {
    !matches!(failure.class, Class::Worker | Class::Disk | Class::Timeout | Class::Memory)
}

async fn run<B: Bench>(
    wheel: &Repaired,
    modules: &Modules,
    requirements: &[String],
    bench: &B,
) -> Result<Report, Failure> {
    let environment = bench.environment(ToolPython::Target, requirements).await?;
    let inside = format!("/check/{}", wheel.filename);
    let mut command: Vec<String> =
        [&environment.python, "-B", "-s", "-c", PROGRAM, &inside, "/out/site"].map(str::to_owned).to_vec();
    command.extend(modules.top.iter().cloned());
    command.push("--".to_owned());
    command.extend(modules.extensions.iter().cloned());
    let task = Task {
        command,
        mounts: vec![(wheel.path.clone(), inside)],
        env: BTreeMap::new(),
        environment: Some(environment),
        collect: None,
        seconds: PATIENCE,
    };
    let done = bench.run(Step::Check, task).await.map_err(|failed| match failed.class {
        Class::Timeout => {
            let hint = format!(
                "the import of {} did not end within {PATIENCE} seconds: name other modules in a recipe \
                 (test.import)",
                modules.top.join(", ")
            );
            Failure::new(Class::Import, Step::Check, hint)
        }
        _ => failed,
    })?;
    Ok(Report::read(&done.printed, done.code))
}

/// What the program in the sandbox said. The modules can write such lines too; they only speak for
/// themselves.
#[derive(Debug, Default, PartialEq, Eq)]
struct Report {
    imported: BTreeSet<String>,
    broken: Vec<Broken>,
    /// Under way when the interpreter died, with its exit code.
    died: Option<(String, i32)>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Broken {
    module: String,
    /// The exception's class.
    kind: String,
    /// The module that could not be found.
    missing: String,
    message: String,
}

impl Report {
    fn read(printed: &str, code: i32) -> Self {
        let mut report = Self::default();
        let mut trying = None;
        let mut ended = false;
        for line in printed.lines().filter_map(|line| line.split_once(MARK)).map(|(_, rest)| rest) {
            let fields: Vec<&str> = line.split('\t').map(str::trim).collect();
            match fields.as_slice() {
                ["trying", module] => trying = Some((*module).to_owned()),
                ["imported", module] => drop(report.imported.insert((*module).to_owned())),
                ["failed", module, kind, missing, message] => {
                    let [module, kind, missing, message] =
                        [module, kind, missing, message].map(|text| (*text).to_owned());
                    report.broken.push(Broken { module, kind, missing, message });
                }
                ["end"] => ended = true,
                _ => {}
            }
        }
        if !ended {
            report.died = Some((trying.unwrap_or_default(), code));
        }
        report
    }

    fn of(&self, modules: &[String]) -> Vec<&Broken> {
        self.broken.iter().filter(|broken| modules.contains(&broken.module)).collect()
    }

    fn wants_setuptools(&self) -> bool {
        self.broken.iter().any(|broken| SETUPTOOLS.contains(&broken.first_missing()))
    }
}

impl Broken {
    /// The first part of the missing module's name.
    fn first_missing(&self) -> &str {
        self.missing.split('.').next().unwrap_or_default()
    }

    fn line(&self) -> String {
        format!("{}: {}", self.kind, self.message)
    }

    /// Whether the file itself cannot be loaded, wherever it is used.
    fn is_of_the_loader(&self) -> bool {
        ["undefined symbol", "cannot open shared object", "wrong ELF class", "invalid ELF header"]
            .iter()
            .any(|sign| self.message.contains(sign))
    }
}

/// What was done, or why the wheel is no good.
fn judge(report: &Report, modules: &Modules, unmet: bool) -> Result<Vec<String>, Failure> {
    let mut done = Vec::new();
    for broken in report.of(&modules.top) {
        let foreign = !broken.missing.is_empty() && !modules.own.contains(broken.first_missing());
        if !(unmet && foreign) {
            return Err(Failure {
                line: Some(broken.line()),
                ..Failure::new(class(broken), Step::Check, hint(broken, modules))
            });
        }
        done.push(format!("did not import {}: it needs {}", broken.module, broken.missing));
    }
    for broken in report.of(&modules.extensions) {
        if broken.is_of_the_loader() {
            return Err(Failure {
                line: Some(broken.line()),
                ..Failure::new(Class::Import, Step::Check, hint(broken, modules))
            });
        }
        done.push(format!("cannot import {} by itself: {}", broken.module, broken.line()));
    }
    if let Some((module, code)) = &report.died {
        if module.is_empty() {
            return Err(Failure::new(
                Class::Import,
                Step::Check,
                "cannot unpack the wheel, or cannot start the interpreter",
            ));
        }
        let missing = modules.top.iter().any(|top| !report.imported.contains(top));
        if missing && !done.iter().any(|line| line.starts_with(module.as_str())) {
            let hint = format!(
                "the interpreter stopped while it imported {module} (exit code {code}): it crashed, or the \
                 module is a program. Name other modules in a recipe (test.import)"
            );
            return Err(Failure::new(Class::Import, Step::Check, hint));
        }
        done.push(format!("the interpreter stopped while it imported {module} by itself"));
    }
    let imported: Vec<&str> =
        modules.top.iter().filter(|top| report.imported.contains(*top)).map(String::as_str).collect();
    if !imported.is_empty() {
        done.insert(0, format!("imported {}", imported.join(", ")));
    }
    Ok(done)
}

fn class(broken: &Broken) -> Class {
    match broken.kind.as_str() {
        "SyntaxError" | "TabError" if broken.message.contains("Missing parentheses in call to") => {
            Class::Python2Syntax
        }
        _ => Class::Import,
    }
}

fn hint(broken: &Broken, modules: &Modules) -> String {
    let Broken { module, missing, .. } = broken;
    let first = broken.first_missing();
    if broken.is_of_the_loader() {
        return format!(
            "cannot load {module}: the wheel lacks a library or a symbol. See the log for the linked \
             libraries"
        );
    }
    if missing.is_empty() {
        return format!(
            "the wheel installs, but importing {module} fails on this Python: choose another version of the \
             project, or name other modules in a recipe (test.import)"
        );
    }
    match modules.own.contains(first) {
        true => format!("{module} needs {missing}, but the wheel does not contain it"),
        false => format!(
            "undeclared dependency: {module} imports {missing}, but no requirement of the wheel installs it \
             (or this Python no longer has it). Declare it in the project, or name other modules in a recipe \
             (test.import)"
        ),
    }
}

#[cfg(test)]
mod tests;
