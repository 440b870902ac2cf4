//! What is the same with and without a sandbox around a run, and the run without one.

use super::machine::Sandbox;
use super::plan::{HOME, PROGRAM, SandboxPlan};
use crate::error::Result;
use crate::tools::scratch::ScratchFolder;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The whole environment of a run: nothing secret, and the same on every machine.
pub(super) fn environment(plan: &SandboxPlan) -> BTreeMap<String, String> {
    let fixed = [
        ("HOME", HOME),
        ("LANG", "C.UTF-8"),
        ("LC_ALL", "C.UTF-8"),
        ("LOGNAME", "build"),
        ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
        ("PYTHONHASHSEED", "0"),
        ("SHELL", "/bin/sh"),
        ("TERM", "dumb"),
        ("TZ", "UTC"),
        ("USER", "build"),
    ];
    let fixed = fixed.map(|(key, value)| (key.to_owned(), value.to_owned()));
    fixed.into_iter().chain(plan.env.iter().cloned()).collect()
}

/// The arguments of this program for the process that stands over the run's command; `index` is the
/// gate's socket and the port on which the run finds it.
pub(super) fn enter(plan: &SandboxPlan, index: Option<(&Path, u16)>) -> Vec<OsString> {
    // Programs reserve far more addresses than they use memory; the watcher bounds what they use.
    let space = plan.limits.memory.saturating_mul(4).max(64 << 30);
    let limits = [("processes", plan.limits.processes), ("file", plan.limits.disk), ("space", space)];
    let mut list: Vec<OsString> = vec!["inside".into(), "enter".into()];
    for (name, limit) in limits {
        list.push(format!("--{name}={limit}").into());
    }
    if let Some((socket, port)) = index {
        list.push(format!("--port={port}").into());
        let mut gate = OsString::from("--gate=");
        gate.push(socket);
        list.push(gate);
    }
    list.push("--".into());
    list.extend(plan.argv.iter().map(OsString::from));
    list
}

/// The command that runs `plan` as an ordinary process in a folder of its own: paths that would exist
/// inside are replaced by those of the host.
pub(super) fn command(sandbox: &Sandbox, plan: &SandboxPlan, home: &Path) -> Result<Command> {
    let program = sandbox.program.display().to_string();
    let mut pairs = vec![(HOME.to_owned(), home.display().to_string()), (PROGRAM.to_owned(), program)];
    for mount in &plan.mounts {
        pairs.push((mount.inside.display().to_string(), mount.host.display().to_string()));
    }
    // The longest first, since one may lie below another.
    pairs.sort_by_key(|(inside, _)| std::cmp::Reverse(inside.len()));
    let mut plan = plan.clone();
    // The kernel counts all processes of the worker's user there; the watcher counts these alone.
    plan.limits.processes = 0;
    for argument in &mut plan.argv {
        *argument = outside(argument, &pairs);
    }
    let cwd = if plan.cwd.as_os_str().is_empty() { PathBuf::from(HOME) } else { plan.cwd.clone() };
    let mut command = Command::new(&sandbox.program);
    // Port 0: the index's usual port may well be taken on a real machine.
    command.args(enter(&plan, plan.index.as_deref().map(|socket| (socket, 0))));
    command.env_clear();
    for (key, value) in environment(&plan) {
        command.env(key, outside(&value, &pairs));
    }
    command.current_dir(outside(&cwd.display().to_string(), &pairs));
    Ok(command)
}

/// Replaces inside paths wherever one begins and ends like a path does.
fn outside(text: &str, pairs: &[(String, String)]) -> String {
    let begins = |before: Option<char>| before.is_none_or(|c| ":=,;\"' \n".contains(c));
    let ends = |after: Option<char>| after.is_none_or(|c| "/:=,;\"' \n".contains(c));
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let here = pairs.iter().find(|(inside, _)| {
            begins(result.chars().next_back())
                && rest.strip_prefix(inside.as_str()).is_some_and(|after| ends(after.chars().next()))
        });
        let taken = match here {
            Some((inside, host)) => {
                result.push_str(host);
                inside.len()
            }
            None => {
                result.push(next);
                next.len_utf8()
            }
        };
        rest = rest.get(taken..).unwrap_or_default();
    }
    result
}

/// A home folder for a run without a sandbox; gone with it.
pub(super) fn home() -> Result<ScratchFolder> {
    ScratchFolder::make(std::env::temp_dir().join(format!("wheelwright-home-{}", uuid::Uuid::now_v7())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inside_paths_become_those_of_the_host_where_they_are_whole_paths() {
        let pairs = [("/work/src", "/jobs/1/src"), ("/out", "/jobs/1/out"), ("/env", "/cache/e")];
        let pairs = pairs.map(|(inside, host)| (inside.to_owned(), host.to_owned()));
        let shown = |text| outside(text, &pairs);
        assert_eq!(shown("/work/src/setup.py"), "/jobs/1/src/setup.py");
        assert_eq!(shown("/env/bin:/usr/bin:/out"), "/cache/e/bin:/usr/bin:/jobs/1/out");
        assert_eq!(shown("--map=/work/src=/outside"), "--map=/jobs/1/src=/outside");
        assert_eq!(shown("{\"out\": \"/out\"}"), "{\"out\": \"/jobs/1/out\"}");
        assert_eq!(shown("/usr/out/ü/env"), "/usr/out/ü/env");
    }
}
