//! What tools say that they want to be told, and how an old source is told to new tools.

use super::trouble::{Remedy, Trouble};
use crate::words::Class;

/// A text of the log, the variable that answers it, and its value.
const ANSWERS: &[(&str, &str, &str)] = &[
    ("Compatibility with CMake < 3.5 has been removed", "CMAKE_POLICY_VERSION_MINIMUM", "3.5"),
    ("Compatibility with CMake < 3.10 has been removed", "CMAKE_POLICY_VERSION_MINIMUM", "3.10"),
    // gcc before 10 took a variable that is defined twice for one.
    (": multiple definition of ", FLAGS, "-fcommon"),
    ("all warnings being treated as errors", FLAGS, "-Wno-error"),
    ("ISO C++17 does not allow", FLAGS, "-std=gnu++14"),
    ("set PYO3_USE_ABI3_FORWARD_COMPATIBILITY=1", "PYO3_USE_ABI3_FORWARD_COMPATIBILITY", "1"),
    ("'ascii' codec can't decode", "PYTHONUTF8", "1"),
    ("git was not able to", "GIT_CEILING_DIRECTORIES", "/"),
];
/// Read by the compilers' wrapper: comes after what the build says itself.
const FLAGS: &str = "WHEELWRIGHT_COMPILER_FLAGS";

/// One variable for each thing that was said.
pub(super) fn remedies(trouble: &Trouble<'_>) -> Vec<Remedy> {
    let said = ANSWERS.iter().filter(|(text, ..)| trouble.printed.contains(text));
    let set = |(_, name, value): &(&str, &str, &str)| {
        trouble.certain(|found| {
            let held = found.build.env.entry((*name).to_owned()).or_default();
            if *name != FLAGS {
                (*value).clone_into(held);
            } else if !held.split(' ').any(|flag| flag == *value) {
                let joined = format!("{held} {value}");
                *held = joined.trim().to_owned();
            }
        })
    };
    let mut all: Vec<Remedy> = said.map(set).collect();
    let (class, python) = (trouble.failure.class, trouble.running.interpreter.target.python());
    if class == Class::Distutils && python < (3, 12) {
        let name = "SETUPTOOLS_USE_DISTUTILS".to_owned();
        all.push(trouble.guess(|found| drop(found.build.env.insert(name, "stdlib".to_owned()))));
    }
    all
}
