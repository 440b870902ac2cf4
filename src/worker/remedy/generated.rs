//! Generated C that this Python refuses: made again, of what lies beside it.

use super::trouble::{Remedy, Trouble};
use crate::words::Class;
use crate::worker::generator::{Generator, cythons};

/// Cython or SWIG again, in the version that is likelier to know this Python first.
pub(super) fn remedies(trouble: &Trouble<'_>) -> Vec<Remedy> {
    let class = trouble.failure.class;
    if !matches!(class, Class::RemovedApi | Class::Cython3 | Class::Compiler) {
        return Vec::new();
    }
    let cython = cythons(trouble.running.interpreter.target.python());
    let generators = trouble.unpacked.generated_by.iter().flat_map(|generator| match generator {
        Generator::Cython => cython.to_vec(),
        Generator::Swig => vec!["swig"],
    });
    let again = |generator| trouble.guess(|found| found.build.regenerate = Some(String::from(generator)));
    generators.map(again).collect()
}
