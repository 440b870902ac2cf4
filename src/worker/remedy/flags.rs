//! What tools say that they want to be told, and how an old source is told to new tools.

use super::trouble::{Remedy, Trouble, add};
use crate::words::Class;

/// A text of the log, the variable that answers it, and its value.
const ANSWERS: &[(&str, &str, &str)] = &[
    ("Compatibility with CMake < 3.5 has been removed", "CMAKE_POLICY_VERSION_MINIMUM", "3.5"),
    // gcc before 10 took a variable that is defined twice for one.
    (": multiple definition of ", FLAGS, "-fcommon"),
    ("error: duplicate symbol: ", FLAGS, "-fcommon"),
    ("all warnings being treated as errors", FLAGS, "-Wno-error"),
    // clang, which is in zig, has no such line at the end.
    (" [-Werror,-W", FLAGS, "-Wno-error"),
    // To gcc before 14 these were warnings.
    ("error: call to undeclared function '", FLAGS, "-Wno-error=implicit-function-declaration"),
    ("error: implicit declaration of function ", FLAGS, "-Wno-error=implicit-function-declaration"),
    ("error: type specifier missing, defaults to 'int'", FLAGS, "-Wno-error=implicit-int"),
    ("error: incompatible integer to pointer conversion ", FLAGS, "-Wno-error=int-conversion"),
    ("error: incompatible pointer to integer conversion ", FLAGS, "-Wno-error=int-conversion"),
    ("error: incompatible pointer types ", FLAGS, "-Wno-error=incompatible-pointer-types"),
    ("error: incompatible function pointer types ", FLAGS, "-Wno-error=incompatible-function-pointer-types"),
    ("ISO C++17 does not allow", FLAGS, "-std=gnu++14"),
    ("is only available from C++14 onwards", FLAGS, "-std=gnu++14"),
    ("is only available from C++17 onwards", FLAGS, "-std=gnu++17"),
    ("is only available from C++20 onwards", FLAGS, "-std=gnu++20"),
    ("‘string_view’ has not been declared in ‘std’", FLAGS, "-std=gnu++17"),
    ("error: no type named 'string_view' in namespace 'std'", FLAGS, "-std=gnu++17"),
    ("set PYO3_USE_ABI3_FORWARD_COMPATIBILITY=1", "PYO3_USE_ABI3_FORWARD_COMPATIBILITY", "1"),
    ("'ascii' codec can't decode", "PYTHONUTF8", "1"),
];
/// A text of the log, and what a build requirement must be older than for it not to be said.
const OLDER: &[(&str, &str)] = &[
    ("struct _PyArray_Descr’} has no member named", "numpy<2"),
    ("numpy.dtype size changed, may indicate binary incompatibility", "numpy<2"),
    ("was removed in the NumPy 2.0 release", "numpy<2"),
    ("module 'numpy' has no attribute '", "numpy<1.24"),
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
    let older = OLDER.iter().filter(|(text, _)| trouble.printed.contains(text));
    all.extend(
        older.map(|(_, bound)| {
            trouble.certain(|found| add(&mut found.build.constraints, [(*bound).to_owned()]))
        }),
    );
    let (class, python) = (trouble.failure.class, trouble.running.interpreter.target.python());
    if class == Class::Distutils && python < (3, 12) {
        let name = "SETUPTOOLS_USE_DISTUTILS".to_owned();
        all.push(trouble.guess(|found| drop(found.build.env.insert(name, "stdlib".to_owned()))));
    }
    all
}
