//! Imports a wheel's modules in the sandbox, where nothing is but the interpreter and what the wheel requires.

mod report;

use std::collections::{BTreeMap, BTreeSet};

use super::findings::Findings;
use super::modules::Modules;
use crate::build::target::Target;
use crate::packaging::metadata::Metadata;
use crate::packaging::requirement::Requirement;
use crate::words::{Class, Failure, Step};
use crate::worker::bench::{Bench, Task, ToolPython};
use crate::worker::repair::Repaired;
use report::{Broken, Report, SITE};

/// Unpacks and imports; its lines on the output are what [`Report`] reads.
const PROGRAM: &str = include_str!("import.py");
/// Seconds for all imports together.
const PATIENCE: u64 = 180;
/// The last line of setuptools with all of them.
const OLD_SETUPTOOLS: &str = "setuptools<81";

/// What is imported, and for whom.
pub(super) struct Subject<'a> {
    pub wheel: &'a Repaired,
    pub target: &'a Target,
    pub metadata: &'a Metadata,
    pub modules: &'a Modules,
    /// A recipe names the modules: each must be importable.
    pub demanded: bool,
    /// What imports them.
    pub python: ToolPython,
}

/// Imports the modules; says what was done, and what is doubtful.
///
/// # Errors
/// `Import`, naming what is missing, if the wheel cannot work or a recipe demands it; a failure of the worker.
pub(super) async fn import<B: Bench>(subject: &Subject<'_>, bench: &B) -> Result<Findings, Failure> {
    let mut findings = Findings::default();
    if subject.modules.top.is_empty() {
        findings.done.push("nothing to import: the wheel has no modules".to_owned());
        return Ok(findings);
    }
    let mut requirements = applying(subject.metadata, subject.target);
    let mut unmet = false;
    if let Err(why) = bench.environment(subject.python, &requirements).await {
        if !is_of_the_requirements(&why) {
            return Err(why);
        }
        // They are the projects' that this one requires, not its own fault, and may require it in turn.
        findings.done.push(format!("imported without {}: {}", requirements.join(", "), why.hint));
        (unmet, requirements) = (true, Vec::new());
    }
    let mut report = match run(subject, &requirements, bench).await {
        Ok(report) => report,
        Err(why) if !subject.demanded && is_of_the_code(&why) => {
            findings.doubt(why.hint);
            return Ok(findings);
        }
        Err(why) => return Err(why),
    };
    if report.wants_setuptools() && !unmet {
        requirements.push(OLD_SETUPTOOLS.to_owned());
        match run(subject, &requirements, bench).await {
            Ok(again) => {
                findings.done.push("its modules use setuptools, which the wheel does not require".to_owned());
                report = again;
            }
            Err(why) if is_of_the_code(&why) && !subject.demanded => {
                findings.doubt(why.hint);
                return Ok(findings);
            }
            // An index without it.
            Err(why) if is_of_the_requirements(&why) => {}
            Err(why) => return Err(why),
        }
    }
    findings.extend(judge(&report, subject.modules, Measure { unmet, demanded: subject.demanded })?);
    Ok(findings)
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

/// Whether a run was ended by what the modules do when they are imported.
fn is_of_the_code(failure: &Failure) -> bool {
    use Class::{Import, LogSize, Memory, Processes};
    matches!(failure.class, Import | Memory | LogSize | Processes)
}

async fn run<B: Bench>(subject: &Subject<'_>, requirements: &[String], bench: &B) -> Result<Report, Failure> {
    let Subject { wheel, modules, .. } = subject;
    let environment = bench.environment(subject.python, requirements).await?;
    let inside = format!("/check/{}", wheel.filename);
    let mut command: Vec<String> =
        [&environment.python, "-B", "-s", "-c", PROGRAM, &inside, SITE].map(str::to_owned).to_vec();
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

/// How strictly a report is judged.
#[derive(Clone, Copy, Debug, Default)]
struct Measure {
    /// What the wheel requires could not be had.
    unmet: bool,
    /// A recipe names the modules.
    demanded: bool,
}

/// What was done and what is doubtful, or why the wheel cannot work: a module that it is about needs machine
/// code which cannot be loaded. What Python itself complains of may be there where the wheel is used.
fn judge(report: &Report, modules: &Modules, measure: Measure) -> Result<Findings, Failure> {
    let mut findings = Findings::default();
    for broken in report.of(&modules.top) {
        if measure.unmet && broken.is_foreign(modules) {
            findings.done.push(format!("did not import {}: it needs {}", broken.module, broken.missing));
        } else if measure.demanded || broken.is_of_the_loader() && modules.is_main(&broken.module) {
            return Err(failure(broken, modules));
        } else {
            findings.doubt(doubt(broken, modules));
        }
    }
    let main: Vec<&str> = modules.top.iter().filter(|top| modules.is_main(top)).map(String::as_str).collect();
    let works = main.iter().all(|top| report.imported.contains(*top));
    let top = main.join(", ");
    for broken in report.of(&modules.extensions) {
        if modules.top.contains(&broken.module) {
            continue;
        }
        match broken.is_of_the_loader() {
            true if !works || measure.demanded => return Err(failure(broken, modules)),
            true => findings.doubt(format!("{}; {top} imports without it", doubt(broken, modules))),
            false => {
                let line = broken.line();
                findings.done.push(format!("cannot import {} by itself: {line}", broken.module));
            }
        }
    }
    died(report, modules, measure, &mut findings)?;
    let imported: Vec<&str> =
        modules.top.iter().filter(|top| report.imported.contains(*top)).map(String::as_str).collect();
    if !imported.is_empty() {
        findings.done.insert(0, format!("imported {}", imported.join(", ")));
    }
    Ok(findings)
}

/// An interpreter that stopped on the way.
fn died(
    report: &Report,
    modules: &Modules,
    measure: Measure,
    findings: &mut Findings,
) -> Result<(), Failure> {
    let Some((module, code)) = &report.died else { return Ok(()) };
    if module.is_empty() {
        let hint = "cannot unpack the wheel, or cannot start the interpreter";
        return Err(Failure::new(Class::Import, Step::Check, hint));
    }
    let tried = |top: &String| report.imported.contains(top) || report.is_broken(top);
    if modules.top.iter().all(tried) {
        findings.done.push(format!("the interpreter stopped while it imported {module} by itself"));
        return Ok(());
    }
    let why = format!(
        "the interpreter stopped while it imported {module} (exit code {code}): it crashed, or the module is a \
         program. Name other modules in a recipe (test.import)"
    );
    if measure.demanded {
        return Err(Failure::new(Class::Import, Step::Check, why));
    }
    findings.doubt(why);
    Ok(())
}

/// In one line what may be lacking.
fn doubt(broken: &Broken, modules: &Modules) -> String {
    let Broken { module, missing, .. } = broken;
    if broken.is_of_the_loader() {
        return format!("{module} cannot be loaded: {}", broken.message);
    }
    if missing.is_empty() {
        return format!("importing {module} fails on this Python: {}", broken.line());
    }
    match broken.is_foreign(modules) {
        false => format!("importing {module} fails: it needs {missing}, but the wheel does not contain it"),
        true => format!(
            "importing {module} fails: it needs {missing}, which no requirement of the wheel installs (or this \
             Python no longer has it)"
        ),
    }
}

/// A module that must work and does not.
fn failure(broken: &Broken, modules: &Modules) -> Failure {
    Failure { line: Some(broken.line()), ..Failure::new(class(broken), Step::Check, hint(broken, modules)) }
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
