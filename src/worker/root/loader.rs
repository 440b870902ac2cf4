//! Programs of the host in a system that is older than they are: started by the host's own loader, with its libraries.
//!
//! What they start in turn (compilers, shells) is the older system's. A loader that is called by name says nothing
//! to them: it has no variable that they would inherit.

use super::farm::HOST;
use crate::bad;
use crate::error::{Error, Result};
use crate::worker::bench::Environment;
use crate::worker::sandbox::Mount;
use std::path::{Path, PathBuf};

/// Where the folder of an interpreter that is not below `/usr` stands a second time.
const INTERPRETER: &str = "/interpreter";
/// Loaders that programs of the processors name that zig compiles for.
const LOADERS: [&str; 2] = ["/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"];

/// The words before a program of the host; none if the host has no loader that is known.
pub(super) fn words() -> Vec<String> {
    let mut real = LOADERS.iter().filter_map(|path| std::fs::canonicalize(path).ok());
    let Some(loader) = real.find_map(|path| seen(&path)) else { return Vec::new() };
    let beside = loader.parent().unwrap_or(Path::new(HOST)).display().to_string();
    let libraries = [beside, format!("{HOST}/lib"), format!("{HOST}/local/lib")].join(":");
    vec![loader.display().to_string(), "--library-path".to_owned(), libraries]
}

/// Where something below the host's `/usr` is inside.
fn seen(path: &Path) -> Option<PathBuf> {
    Some(Path::new(HOST).join(path.strip_prefix("/usr").ok()?))
}

/// What makes an environment's interpreter start: a script in its place, written into `folder`.
///
/// # Errors
/// If the interpreter is nowhere inside; what the file system says.
pub(super) fn mounts(environment: &Environment, folder: &Path) -> Result<Vec<Mount>> {
    let executable = &environment.executable;
    let (real, mut mounts) = match seen(executable) {
        Some(real) => (real, Vec::new()),
        None => {
            let around = |mount: &&Mount| mount.host == mount.inside && executable.starts_with(&mount.host);
            let prefix = environment.mounts.iter().find(around).map(|mount| &mount.host);
            let prefix =
                prefix.ok_or_else(|| bad!("{} cannot start in an older system", executable.display()))?;
            let below = executable.strip_prefix(prefix).map_err(Error::internal)?;
            (Path::new(INTERPRETER).join(below), vec![Mount::read(prefix, INTERPRETER)])
        }
    };
    let script = folder.join("python");
    std::fs::write(&script, started_by(&words(), &real))?;
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    mounts.push(Mount::read(script, executable));
    Ok(mounts)
}

/// It is told the name under which it was called, by which it finds its environment.
fn started_by(words: &[String], real: &Path) -> String {
    let quoted = |word: &str| format!("'{}'", word.replace('\'', r"'\''"));
    let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    format!("#!/bin/sh\nexec {} --argv0 \"$0\" {} \"$@\"\n", words.join(" "), quoted(&real.to_string_lossy()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interpreter_is_started_from_where_the_host_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let read = |environment: &Environment| {
            let mounts = mounts(environment, folder.path()).unwrap();
            (mounts, std::fs::read_to_string(folder.path().join("python")).unwrap())
        };
        let usr = Environment { executable: "/usr/bin/python3.11".into(), ..Environment::default() };
        let (found, script) = read(&usr);
        assert_eq!(found, [Mount::read(folder.path().join("python"), "/usr/bin/python3.11")]);
        assert!(script.starts_with("#!/bin/sh\nexec '/usr-host/"), "{script}");
        assert!(script.ends_with(" --argv0 \"$0\" '/usr-host/bin/python3.11' \"$@\"\n"), "{script}");
        let own = Environment {
            executable: "/opt/it's/bin/python3.12".into(),
            mounts: vec![Mount::read("/x", "/env"), Mount::read("/opt/it's", "/opt/it's")],
            ..Environment::default()
        };
        let (found, script) = read(&own);
        assert_eq!(found[0], Mount::read("/opt/it's", INTERPRETER));
        assert!(script.ends_with(" '/interpreter/bin/python3.12' \"$@\"\n"), "{script}");
        let nowhere = Environment { executable: "/elsewhere/python3".into(), ..Environment::default() };
        assert!(mounts(&nowhere, folder.path()).is_err());
    }
}
