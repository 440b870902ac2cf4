//! A wheel whose modules this machine cannot load, being for musl or another processor: what can be said of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::build::target::Target;
use crate::packaging::tags::{Libc, Platform};
use crate::words::{Class, Failure, Step};
use crate::worker::bench::{Bench, Task, ToolPython};
use crate::worker::repair::Repaired;

/// Shows each extension module to the loader of musl; runs on 2.7 and 3.x.
const PROGRAM: &str = include_str!("musl.py");
/// How its lines begin.
const MARK: &str = "wheelwright-check\t";
/// Seconds.
const PATIENCE: u64 = 180;

/// Looks at the modules of a wheel for another system; says what was done, and what was not.
///
/// # Errors
/// `Import` where the loader of that system misses a library, or a symbol that is not Python's.
pub(super) async fn look<B: Bench>(
    wheel: &Repaired,
    target: &Target,
    bench: &B,
) -> Result<Vec<String>, Failure> {
    let (_, platform) = target.halves();
    let untested = |why: &str| Ok(vec![format!("not tested on {platform}: {why}")]);
    let Some(Platform::Linux { arch, libc }) = target.linux() else {
        return untested("this machine cannot load it");
    };
    if arch != std::env::consts::ARCH {
        return untested(&format!(
            "this machine cannot run {arch}. Its libraries and symbol versions fit the target"
        ));
    }
    match (libc, loader(&arch)) {
        (Libc::Musl(..), Some(loader)) => {
            load(wheel, &loader, bench).await?;
            Ok(vec![format!(
                "the loader of musl finds every library and symbol; not imported, for want of a Python for {platform}"
            )])
        }
        (Libc::Musl(..), None) => {
            untested("this machine has no musl. Install the package musl on the worker")
        }
        _ => untested("this machine cannot load it"),
    }
}

/// The loader of musl, where distributions put it.
fn loader(arch: &str) -> Option<PathBuf> {
    Some(PathBuf::from(format!("/lib/ld-musl-{arch}.so.1"))).filter(|path| path.is_file())
}

async fn load<B: Bench>(wheel: &Repaired, loader: &Path, bench: &B) -> Result<(), Failure> {
    let environment = bench.environment(ToolPython::Target, &[]).await?;
    let inside = format!("/check/{}", wheel.filename);
    let loader = loader.to_string_lossy();
    let command = [&environment.python, "-B", "-s", "-c", PROGRAM, &loader, &inside, "/out/site"];
    let task = Task {
        command: command.map(str::to_owned).to_vec(),
        mounts: vec![(wheel.path.clone(), inside)],
        env: BTreeMap::new(),
        environment: Some(environment),
        collect: None,
        seconds: PATIENCE,
    };
    let done = bench.run(Step::Check, task).await?;
    judge(&done.printed)
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
