//! The second way to a wheel for an older glibc: where zig cannot compile a source, a root of an older Debian does.
//!
//! Such a source needs gcc itself, or a library whose copy on this machine asks for a newer glibc. The build runs on
//! this machine's interpreter, but with the compiler, the headers and the libraries of that Debian, in the sandbox.

use super::chain::is_final;
use super::root::OlderSystem;
use super::running::RunningJob;
use crate::build::target::Target;
use crate::packaging::tags::{Libc, Platform};
use crate::words::{Class, Failure, Step};

/// The older system for a job that failed with zig; `None` where it would not help either. The error says why there
/// is none.
pub async fn system(
    running: &RunningJob<'_>,
    failure: &Failure,
) -> Option<std::result::Result<OlderSystem, String>> {
    let glibc = glibc(running.target)?;
    if !running.compiles() || !may_help(failure) {
        return None;
    }
    let (release, roots) = match running.worker.older.of(glibc) {
        Ok(found) => found,
        Err(why) => return Some(Err(why)),
    };
    running.room.log.note(&format!("zig cannot build this: {release} is next"));
    let root = match roots.with(&[], Step::Environment, running.room.log).await {
        Ok(Some(root)) => root,
        Ok(None) => return None,
        Err(why) => return Some(Err(why.hint)),
    };
    Some(Ok(OlderSystem { release, roots, root }))
}

/// The N of the older glibc 2.N that a target is for, on this machine's processor.
fn glibc(target: &Target) -> Option<u32> {
    if !target.is_cross() || !target.runs_here() {
        return None;
    }
    match target.linux()? {
        Platform::Linux { libc: Libc::Glibc(2, minor), .. } => Some(minor),
        _ => None,
    }
}

/// Whether another compiler and other libraries may make a difference.
fn may_help(failure: &Failure) -> bool {
    !is_final(failure) && !matches!(failure.class, Class::RequiresPython | Class::Cancelled | Class::Cycle)
}

/// The failure with zig, which is the one that counts, with what the second way came to.
pub fn told(failure: Failure, why: &str) -> Failure {
    let hint = format!("{}. The second way, an older Debian: {why}", failure.hint.trim_end_matches('.'));
    Failure { hint, ..failure }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(name: &str) -> Target {
        let built_on = Some("cp312-manylinux_2_36_x86_64".to_owned());
        Target { name: name.to_owned(), built_on, ..Target::default() }
    }

    #[test]
    fn only_an_older_glibc_of_this_processor_has_a_second_way() {
        let (arch, other) = match std::env::consts::ARCH {
            "aarch64" => ("aarch64", "x86_64"),
            arch => (arch, "aarch64"),
        };
        assert_eq!(glibc(&target(&format!("cp312-manylinux_2_28_{arch}"))), Some(28));
        for name in [format!("cp312-manylinux_2_28_{other}"), format!("cp312-musllinux_1_2_{arch}")] {
            assert_eq!(glibc(&target(&name)), None, "{name}");
        }
        let own = Target { built_on: None, ..target(&format!("cp312-manylinux_2_28_{arch}")) };
        assert_eq!(glibc(&own), None);
    }

    #[test]
    fn what_zig_said_comes_first() {
        let failure = Failure::new(Class::Compiler, Step::Build, "the compiler stopped.");
        let told = told(failure, "it is off");
        assert_eq!(told.hint, "the compiler stopped. The second way, an older Debian: it is off");
    }
}
