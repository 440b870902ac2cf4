//! Sources whose `setup.py` expects to be the program that runs.

use super::trouble::{Remedy, Trouble};
use crate::words::{Class, Purpose, Step};

/// Runs it as one, where Python itself failed in it and not a compiler.
pub(super) fn remedies(trouble: &Trouble<'_>) -> Vec<Remedy> {
    let (job, failure) = (trouble.running.job, trouble.failure);
    let is_setuptools = trouble.unpacked.said.system.backend.starts_with("setuptools.build_meta");
    let failed = matches!(failure.class, Class::Other | Class::Distutils | Class::BuildRequirement)
        && failure.step == Step::Build
        // The backend runs it as a string.
        && ["\"setup.py\", line ", "/setup.py\", line ", "\"<string>\", line "]
            .iter()
            .any(|frame| trouble.printed.contains(frame));
    let has_script =
        trouble.unpacked.work.join("src").join(&job.source.subdirectory).join("setup.py").is_file();
    match job.purpose == Purpose::Wheel && is_setuptools && has_script && failed {
        true => vec![trouble.guess(|found| found.build.script = true)],
        false => Vec::new(),
    }
}
