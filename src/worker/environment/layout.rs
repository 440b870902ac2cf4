//! Where the parts of an environment stand: on the host, and inside a sandbox.

use std::path::{Path, PathBuf};

use crate::worker::bench::Environment;
use crate::worker::interpreters::Interpreter;
use crate::worker::sandbox::Mount;

/// Where an environment stands in the sandbox.
pub const INSIDE: &str = "/env";

/// The interpreter of an environment as a path inside.
pub(super) fn python_inside(interpreter: &Interpreter) -> String {
    match interpreter.has_venv() {
        true => format!("{INSIDE}/bin/python"),
        false => interpreter.executable.to_string_lossy().into_owned(),
    }
}

/// Where modules lie in an environment, relative to it.
pub(super) fn packages_folder(interpreter: &Interpreter) -> PathBuf {
    let (major, minor) = interpreter.target.python();
    let python = match interpreter.target.implementation.as_str() {
        "pp" => format!("pypy{major}.{minor}"),
        _ if interpreter.target.abi.ends_with('t') => format!("python{major}.{minor}t"),
        _ => format!("python{major}.{minor}"),
    };
    Path::new("lib").join(python).join("site-packages")
}

impl Environment {
    /// Where it stands on the host.
    pub fn tree(&self) -> Option<&Path> {
        let own = self.mounts.iter().find(|mount| mount.inside == Path::new(INSIDE));
        own.map(|mount| mount.host.as_path())
    }
}

/// The environment in `tree`, without its packages' names.
pub(super) fn environment(interpreter: &Interpreter, tree: &Path) -> Environment {
    let mut mounts = interpreter.mounts();
    mounts.push(Mount::read(tree, INSIDE));
    if !interpreter.has_venv() {
        mounts.push(Mount::read(tree.join(packages_folder(interpreter)), &interpreter.site_packages));
    }
    Environment {
        python: python_inside(interpreter),
        executable: interpreter.executable.clone(),
        mounts,
        programs: interpreter.programs(),
        system: interpreter.launcher.iter().flat_map(|launcher| launcher.packages.clone()).collect(),
        ..Environment::default()
    }
}
