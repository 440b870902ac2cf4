//! A wheel whose modules this machine's interpreters cannot load, being for musl or another processor.

use std::collections::BTreeMap;
use std::path::Path;

use super::findings::Findings;
use super::import::{Subject, import};
use crate::packaging::tags::{Libc, Platform};
use crate::words::{Class, Failure, Step};
use crate::worker::bench::{Bench, Task, ToolPython};
use crate::worker::interpreters::MUSL;
use crate::worker::repair::Repaired;

/// Shows each extension module to the loader of musl; runs on 2.7 and 3.x.
const PROGRAM: &str = include_str!("musl.py");
/// How its lines begin.
const MARK: &str = "wheelwright-check\t";
/// Seconds.
const PATIENCE: u64 = 180;

/// Imports the modules of a wheel for another system with an interpreter of that system; where there is none, looks
/// at them. Says what was done, and what was not.
///
/// # Errors
/// Those of an import; `Import` where the loader of that system misses a library, or a symbol that is not Python's.
pub(super) async fn look<B: Bench>(subject: Subject<'_>, bench: &B) -> Result<Findings, Failure> {
    let why = match bench.guest().await {
        Ok(guest) => {
            let subject = Subject { python: ToolPython::Guest, ..subject };
            let mut findings = import(&subject, bench).await?;
            if !subject.modules.top.is_empty() {
                findings.done.push(format!("tested with {guest}"));
            }
            return Ok(findings);
        }
        Err(why) => why,
    };
    let (_, platform) = subject.target.halves();
    let mut findings = Findings::default();
    let mut untested = |what: &str| findings.done.push(format!("not tested on {platform}: {why}. {what}"));
    match subject.target.linux() {
        Some(Platform::Linux { arch, libc: Libc::Musl(..) }) if arch == std::env::consts::ARCH => {
            match load(subject.wheel, &arch, bench).await? {
                true => untested("The loader of musl finds every library and symbol"),
                false => untested(
                    "The worker has no musl either, whose loader would look for missing symbols: install the package musl",
                ),
            }
        }
        _ => untested("Its processor, libraries and symbol versions fit the target"),
    }
    Ok(findings)
}

/// Has the loader of musl look at the modules; whether there is one.
async fn load<B: Bench>(wheel: &Repaired, arch: &str, bench: &B) -> Result<bool, Failure> {
    // Where distributions put it.
    let loader = format!("/lib/ld-musl-{arch}.so.1");
    let mut environment = bench.environment(ToolPython::Target, &[]).await?;
    if !Path::new(&loader).is_file() {
        if !bench.may_add(MUSL) {
            return Ok(false);
        }
        environment.system.push(MUSL.to_owned());
    }
    let inside = format!("/check/{}", wheel.filename);
    let command = [&environment.python, "-B", "-s", "-c", PROGRAM, &loader, &inside, "/out/site"];
    let task = Task {
        command: command.map(str::to_owned).to_vec(),
        mounts: vec![(wheel.path.clone(), inside)],
        env: BTreeMap::new(),
        environment: Some(environment),
        collect: None,
        seconds: PATIENCE,
    };
    let done = match bench.run(Step::Check, task).await {
        // A worker without the package and without a way to get it.
        Err(why) if !Path::new(&loader).is_file() => {
            bench.note(&why.hint);
            return Ok(false);
        }
        done => done?,
    };
    judge(&done.printed).map(|()| true)
}

/// What the loader misses.
fn judge(printed: &str) -> Result<(), Failure> {
    let said: Vec<&str> = printed.lines().filter_map(|line| Some(line.split_once(MARK)?.1.trim())).collect();
    let missing = said.iter().find(|line| line.starts_with("Error "));
    let hint = match (missing, said.contains(&"end")) {
        (None, true) => return Ok(()),
        (None, false) => "cannot unpack the wheel, or cannot start the loader of musl",
        (Some(_), _) => {
            "a module cannot be loaded on a system with musl: it needs a library or a symbol that musl does not have"
        }
    };
    let line = missing.map(|line| (*line).to_owned());
    Err(Failure { line, ..Failure::new(Class::Import, Step::Check, hint) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_loader_misses_is_the_failure() {
        assert!(judge("wheelwright-check\tend\n").is_ok());
        assert!(judge("").is_err(), "it did not come to its end");
        for line in [
            "Error relocating /out/site/a.so: __isoc23_strtol: symbol not found",
            "Error loading shared library libpq.so.5: No such file or directory (needed by /out/site/a.so)",
        ] {
            let failure = judge(&format!("wheelwright-check\t{line}\nwheelwright-check\tend\n")).unwrap_err();
            assert_eq!((failure.class, failure.line.as_deref()), (Class::Import, Some(line)));
        }
    }
}
