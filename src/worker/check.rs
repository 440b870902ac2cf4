//! Checks a repaired wheel: is it the one that was asked for, does it install, can it be imported.

use super::bench::Bench;
use super::repair::Repaired;
use crate::build::failure::{Class, Failure};
use crate::build::job::{Job, Step};
use crate::build::target::Target;

/// What is known of the source, read before the build ran.
#[derive(Clone, Debug, Default)]
pub struct SourceFacts {
    /// `PKG-INFO`, where the source has one.
    pub pkg_info: Option<Vec<u8>>,
    /// Whether it looks as if extension modules belong to it, see [`looks_like_extensions`].
    pub extensions: bool,
}

/// Whether a source with these file names and this `setup.py` builds extension modules, at least sometimes.
pub fn looks_like_extensions<'a>(names: impl IntoIterator<Item = &'a str>, setup_py: &str) -> bool {
    let ending =
        |name: &str| [".c", ".pyx", ".cpp", ".cc", ".cxx", ".rs"].iter().any(|ending| name.ends_with(ending));
    let asked = setup_py.contains("ext_modules") || setup_py.contains("Extension(");
    asked && names.into_iter().any(ending)
}

/// Checks `wheel`; returns what was done, for [`Evidence::checked`](crate::build::evidence::Evidence).
///
/// # Errors
/// `WrongWheel`, `ExtensionMissing`, `BadWheel`, `Import` or `Test`, each with what to do.
pub async fn check<B: Bench>(
    wheel: &Repaired,
    job: &Job,
    target: &Target,
    source: &SourceFacts,
    bench: &B,
) -> Result<Vec<String>, Failure> {
    let _ = (wheel, job, target, source, bench);
    Err(failure(Class::Worker, "checks are not written yet"))
}

fn failure(class: Class, hint: impl Into<String>) -> Failure {
    Failure { class, hint: hint.into(), line: None, step: Step::Check }
}
