//! C that this Python refuses: made again of what lies beside it, or adjusted as it is.

use super::trouble::{Remedy, Trouble};
use crate::words::{Class, Failure};
use crate::worker::generator::{Generator, cythons};

/// The first Python whose structures are hidden from the C of before: what can be adjusted is adjusted to it.
const HIDES_STRUCTURES: (u32, u32) = (3, 11);

/// Cython or SWIG again, in the version that is likelier to know this Python first; then the C as it is.
pub(super) fn remedies(trouble: &Trouble<'_>) -> Vec<Remedy> {
    let python = trouble.running.interpreter.target.python();
    if !may_help(trouble.failure.class) {
        return Vec::new();
    }
    let cython = cythons(python);
    let generators = trouble.unpacked.generated_by.iter().flat_map(|generator| match generator {
        Generator::Cython => cython.to_vec(),
        Generator::Swig => vec!["swig"],
    });
    let again = |generator| trouble.guess(|found| found.build.regenerate = Some(String::from(generator)));
    let mut all: Vec<Remedy> = generators.map(again).collect();
    if may_be_adjusted(trouble.failure, python) {
        all.push(trouble.guess(|found| found.build.adjust_c_api = true));
    }
    all
}

/// Whether it may be C of an older Python that failed. A compiler's error may be about any C; this is for what it
/// says of Python's.
pub(super) fn may_be_adjusted(failure: &Failure, python: (u32, u32)) -> bool {
    let is_of_python = failure.class == Class::RemovedApi || failure.hint.contains("Py");
    may_help(failure.class) && python >= HIDES_STRUCTURES && is_of_python
}

/// Whether it may be generated C that failed.
pub(super) fn may_help(class: Class) -> bool {
    matches!(class, Class::RemovedApi | Class::Cython3 | Class::Compiler)
}
