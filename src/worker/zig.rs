//! `zig cc` in place of this machine's compilers: builds for older systems, another libc, another processor.
//!
//! Zig comes as the wheel `ziglang` out of the job's own index, like pip, and only once a source turns out
//! to compile something. The build still runs on this machine's interpreter, with its environment; what it
//! finds under the compilers' names is a script that calls zig for the system of the target.

mod cache;
mod system;

use std::path::Path;

use super::peek;
use super::room::SandboxRun;
use super::running::RunningJob;
use super::sandbox::Mount;
use super::source::Unpacked;
use crate::build::target::Target;
use crate::error::Result;
use crate::packaging::requirement::Requirement;
use crate::words::{Class, Failure, Step};
use system::{CACHE, ZIG, ZigSystem};

const COMPILER: &str = include_str!("zig/compiler.sh");
const SYSCONFIG: &str = include_str!("zig/sysconfig.py");
/// What a build calls, by these names and behind a GNU triplet.
const NAMES: [&str; 11] =
    ["cc", "c++", "gcc", "g++", "clang", "clang++", "c99", "ar", "gcc-ar", "ranlib", "strip"];
/// What the script leaves in the work folder where it lacks zig.
const WANTED: &str = "compiler-wanted";
/// Names of files that are compiled, and projects whose users are compiled though no such file is there.
const COMPILED: [&str; 3] = [".c", ".pyx", ".rs"];
const CXX: [&str; 4] = [".cc", ".cpp", ".cxx", ".C"];
const GENERATORS: [&str; 7] =
    ["cython", "cffi", "pybind11", "nanobind", "scikit-build-core", "meson-python", "maturin"];
/// Build requirements that compile Rust.
const RUST: [&str; 2] = ["maturin", "setuptools-rust"];

/// The compiler of one build for a cross target.
pub struct Zig {
    system: ZigSystem,
    /// Whether the source looks as if it compiles something.
    compiled: bool,
    /// Whether C++ is in it; its library takes a minute to compile.
    cxx: bool,
    /// The names that the interpreter's own files have for its system, and for the target's.
    triplets: (String, String),
    /// Zig and its cache, once they are there.
    mounts: Vec<Mount>,
}

impl Zig {
    /// For a job whose target needs it; `None` for any other, and in an older system.
    pub fn of(running: &RunningJob<'_>, unpacked: &Unpacked) -> Option<Self> {
        let is_needed = |target: &&Target| target.is_cross() && running.older.is_none();
        let target = Some(running.target).filter(is_needed)?;
        let system = ZigSystem::of(target)?;
        let names = peek::walk(&unpacked.work.join("src")).names;
        let has = |endings: &[&str]| names.iter().any(|name| endings.iter().any(|end| name.ends_with(end)));
        let requires = |each: &Requirement| GENERATORS.contains(&each.name.as_str());
        let cxx = has(&CXX);
        let compiled = cxx || has(&COMPILED) || unpacked.said.system.requires.iter().any(requires);
        let triplets = system.triplets(running.interpreter.target.python());
        Some(Self { system, compiled, cxx, triplets, mounts: Vec::new() })
    }

    /// Whether the source looks as if it compiles something.
    pub fn looks_needed(&self) -> bool {
        self.compiled
    }

    /// Whether a run called a compiler that was not there yet.
    pub fn was_wanted(&self, unpacked: &Unpacked) -> bool {
        self.mounts.is_empty() && peek::file(&unpacked.work, WANTED, 1).is_ok_and(|found| found.is_some())
    }

    /// Rust has standard libraries of its own for other systems, which are not here.
    ///
    /// # Errors
    /// `MissingTool` for a source in Rust, unless it is for an older glibc on this processor.
    pub fn refuse_rust(&self, unpacked: &Unpacked) -> Result<(), Failure> {
        let mut required = unpacked.said.system.requires.iter();
        if self.system.own || !required.any(|each| RUST.contains(&each.name.as_str())) {
            return Ok(());
        }
        let hint = format!(
            "wheelwright does not compile Rust for {} on this machine: build it on a machine with that system",
            self.system.platform
        );
        Err(Failure::new(Class::MissingTool, Step::Environment, hint))
    }

    /// Writes the compilers, and what the interpreter is told of its system, into the tools of a build.
    ///
    /// # Errors
    /// What the file system says.
    pub fn lay_out(&self, tools: &Path) -> Result<()> {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let bin = tools.join("bin");
        std::fs::create_dir(&bin)?;
        std::fs::write(bin.join("zig-compiler"), self.system.fill(COMPILER))?;
        std::fs::set_permissions(bin.join("zig-compiler"), std::fs::Permissions::from_mode(0o755))?;
        for name in NAMES {
            symlink("zig-compiler", bin.join(name))?;
            for arch in ["x86_64", "aarch64"] {
                symlink("zig-compiler", bin.join(format!("{arch}-linux-gnu-{name}")))?;
            }
        }
        let cross = tools.join("cross");
        std::fs::create_dir_all(cross.join("include"))?;
        // Headers of Python up to 3.8 include it, and no libc of zig's has it.
        std::fs::write(cross.join("include/crypt.h"), "")?;
        let (own, other) = &self.triplets;
        let sysconfig = SYSCONFIG.replace("{own}", own).replace("{other}", other);
        Ok(std::fs::write(cross.join("_wheelwright_sysconfig.py"), sysconfig)?)
    }

    /// Brings zig.
    ///
    /// # Errors
    /// `BuildRequirement` if the index has no zig; what it says if it cannot compile its own libraries.
    pub async fn get_ready(&mut self, running: &RunningJob<'_>, tools: &Path) -> Result<(), Failure> {
        running.needs_compiler();
        let cache = running.room.below("zig-cache", Step::Environment)?;
        let program = cache::bring(running, &self.system, self.cxx, tools, &cache).await?;
        self.mounts = vec![Mount::read(program, ZIG), Mount::write(cache, CACHE)];
        Ok(())
    }

    /// Makes a run see it.
    pub fn apply(&self, run: &mut SandboxRun<'_>) {
        run.mounts.extend(self.mounts.iter().cloned());
        run.watched.extend(self.mounts.iter().filter(|mount| mount.writable).map(|mount| mount.host.clone()));
        let mut env = cache::variables();
        let (own, other) = &self.triplets;
        if own != other {
            env.push(("_PYTHON_SYSCONFIGDATA_NAME".to_owned(), "_wheelwright_sysconfig".to_owned()));
            env.push(("PYTHONPATH".to_owned(), "/tools/cross".to_owned()));
        }
        if self.system.arch != std::env::consts::ARCH {
            env.push(("_PYTHON_HOST_PLATFORM".to_owned(), format!("linux-{}", self.system.arch)));
        }
        if !self.system.own {
            // This machine's libraries are none for the target.
            env.push(("PKG_CONFIG_LIBDIR".to_owned(), "/tools/cross".to_owned()));
        }
        run.env.splice(0..0, env);
    }

    /// How it was called; `None`: it was not there.
    pub fn used(&self) -> Option<String> {
        (!self.mounts.is_empty()).then(|| format!("zig cc -target {}", self.system.target()))
    }

    /// A failure with the reason that a build for this machine itself would not have.
    pub fn told(&self, failure: Failure) -> Failure {
        if self.mounts.is_empty() {
            return failure;
        }
        let lacks = match self.system.own {
            true => "with the libraries of this machine, which are newer",
            false => "without the libraries of this machine",
        };
        let (hint, platform) = (failure.hint.trim_end_matches('.'), &self.system.platform);
        let hint = format!(
            "{hint}. This was compiled for {platform} by zig, {lacks}: if a build for this machine succeeds, \
             use a machine with that system"
        );
        Failure { hint, ..failure }
    }
}

#[cfg(test)]
mod tests;
