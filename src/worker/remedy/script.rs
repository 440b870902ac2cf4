//! Sources whose `setup.py` expects to be the program that runs.

use super::trouble::{Remedy, Trouble};
use crate::words::{Class, Failure, Purpose, Step};

/// Runs it as one, where Python itself failed in it and not a compiler.
pub(super) fn remedies(trouble: &Trouble<'_>) -> Vec<Remedy> {
    let (job, failure) = (trouble.running.job, trouble.failure);
    let is_setuptools = trouble.unpacked.said.system.backend.starts_with("setuptools.build_meta");
    let failed = may_help(failure, trouble.printed);
    let has_script =
        trouble.unpacked.work.join("src").join(&job.source.subdirectory).join("setup.py").is_file();
    match job.purpose == Purpose::Wheel && is_setuptools && has_script && failed {
        true => vec![trouble.guess(|found| found.build.script = true)],
        false => Vec::new(),
    }
}

/// Whether Python failed in a `setup.py`.
pub(super) fn may_help(failure: &Failure, printed: &str) -> bool {
    matches!(failure.class, Class::Other | Class::Distutils | Class::BuildRequirement)
        && failure.step == Step::Build
        // The backend runs it as a string.
        && ["\"setup.py\", line ", "/setup.py\", line ", "\"<string>\", line "]
            .iter()
            .any(|frame| printed.contains(frame))
}
