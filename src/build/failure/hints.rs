//! What to do next, for each class of failure.

use crate::words::Class;

/// Of a worker whose disk is full.
pub const ROOM: &str = "the worker's disk is full: free some space, then request the build again";

/// The hint of a class without any more knowledge.
pub fn of(class: Class) -> &'static str {
    match class {
        Class::MissingHeader => {
            "a header, .pc file or *-config program is missing: give its package in a recipe's [system]"
        }
        Class::MissingLibrary => {
            "the linker misses a library: give its development package in a recipe's [system]"
        }
        Class::MissingTool => "a program is missing: give its package in a recipe's [system]",
        Class::Network => {
            "the build asks for the network, and has none but the index: give what it downloads as a system package, or \
             patch the source with a recipe"
        }
        Class::RequiresPython => {
            "this release is not for this version of Python: build it for another target, or take another release"
        }
        Class::BuildRequirement => {
            "something that the build needs is not there for this interpreter: upload it to the index, or give other \
             versions in a recipe's build.constraints"
        }
        Class::Cycle => "build requirements need each other: upload a wheel of one of them",
        Class::Use2to3 => {
            "the source needs use_2to3, which setuptools 58 removed: constrain setuptools<58, or build a newer release"
        }
        Class::SetuptoolsFeature => {
            "the source needs setuptools.Feature, which setuptools 46 removed: constrain setuptools<46"
        }
        Class::PkgResources => {
            "the source needs pkg_resources, which setuptools 82 removed: constrain setuptools<81"
        }
        Class::Distutils => {
            "the source needs parts of distutils that are gone: constrain setuptools<60, or take an older Python"
        }
        Class::RemovedApi => {
            "the source uses an API that this version of Python removed: build a newer release, or for an older target"
        }
        Class::Cython3 => {
            "the source does not work with this Cython: constrain Cython<3, or build a newer release"
        }
        Class::Python2Syntax => "the source is Python 2: build it for cp27, or take a newer release",
        Class::Refused => "the project refuses to be built like this: the line says what it wants instead",
        other => of_bounds_and_results(other),
    }
}

/// For what went wrong around the compiler: bounds that were reached, and what came out.
fn of_bounds_and_results(class: Class) -> &'static str {
    match class {
        Class::Timeout => {
            "raise build.timeout in a recipe or in the settings, if the build was still working"
        }
        Class::Memory => {
            "raise the recipe's build.memory (or the setting), or let it compile with fewer jobs at once"
        }
        Class::Disk => "raise the setting build.disk",
        Class::LogSize => {
            "the build log exceeded its limit: fix the endless output, or raise the setting build.log"
        }
        Class::Processes => "raise the setting build.processes, or let it compile with fewer jobs at once",
        Class::WrongWheel => {
            "the result is not the requested wheel: say in a recipe how the project is built"
        }
        Class::ExtensionMissing => {
            "an extension did not compile and was left out quietly; the log says why. If a pure wheel is right, say \
             expect = \"any\" in a recipe"
        }
        Class::BadWheel => {
            "the wheel breaks the rules of the index; the project's build needs a patch (a recipe's build.patches)"
        }
        Class::Repair => {
            "a library that the wheel needs cannot be put into it: see the line, or exclude it in a recipe's [repair]"
        }
        Class::Import => {
            "the wheel installs, but does not import: see the line; a recipe's [test] says what to import"
        }
        Class::Test => "the recipe's test command failed: see the log",
        Class::BadSource => {
            "the source is not a source distribution, or is damaged: fetch or upload it again"
        }
        Class::MetadataHook => {
            "the build backend gives metadata only by building a wheel: the wheel is built instead"
        }
        Class::Cancelled => "somebody cancelled the build: request it again to run it again",
        Class::Worker => "the worker failed, not the build: request the build again",
        Class::Compiler => {
            "the source does not compile with these tools: take a newer release, or a recipe with patches or compiler flags"
        }
        _ => "read the end of the log; older build requirements or a recipe may help",
    }
}
