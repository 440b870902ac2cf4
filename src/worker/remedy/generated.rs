//! Generated C that this Python refuses: made again, of what lies beside it.

use super::trouble::{Remedy, Trouble};
use crate::words::Class;
use crate::worker::generator::Generator;

/// Cython or SWIG again, in the version that is likelier to know this Python first.
pub(super) fn remedies(trouble: &Trouble<'_>) -> Vec<Remedy> {
    let class = trouble.failure.class;
    if !matches!(class, Class::RemovedApi | Class::Cython3 | Class::Compiler) {
        return Vec::new();
    }
    // No Cython of the line 0.29 writes what compiles for 3.13.
    let cython = match trouble.running.interpreter.target.python() {
        (3, 13..) => ["Cython>=3", "Cython>=3,<3.1", "Cython<3"],
        _ => ["Cython<3", "Cython>=3,<3.1", "Cython>=3"],
    };
    let generators = trouble.unpacked.generated_by.iter().flat_map(|generator| match generator {
        Generator::Cython => cython.to_vec(),
        Generator::Swig => vec!["swig"],
    });
    let again = |generator| trouble.guess(|found| found.build.regenerate = Some(String::from(generator)));
    generators.map(again).collect()
}
