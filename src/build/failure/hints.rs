//! What to do next, for each class of failure.

use crate::words::Class;

/// Of a worker whose disk is full.
pub const ROOM: &str = "the worker's disk is full: free some space, then request the build again";

/// The hint of a class without any more knowledge.
pub fn of(class: Class) -> &'static str {
    match class {
        Class::MissingHeader => {
            "a header, .pc file or *-config program is missing: add its package to [system] in a recipe"
        }
        Class::MissingLibrary => {
            "the linker cannot find a library: add its development package to [system] in a recipe"
        }
        Class::MissingTool => "a program is missing: add its package to [system] in a recipe",
        Class::Network => {
            "the build needs the network, but builds reach only the index: provide what it downloads as a \
             system package, or patch the source with a recipe"
        }
        Class::RequiresPython => {
            "this release does not support this Python: build it for another target, or use another release"
        }
        Class::BuildRequirement => {
            "the index has no build requirement that fits this interpreter: upload one, or choose other \
             versions with build.constraints in a recipe"
        }
        Class::Cycle => "build requirements need each other: upload a wheel for one of them",
        Class::Use2to3 => {
            "the source needs use_2to3, which setuptools 58 removed: up to Python 3.11, constrain \
             setuptools<58 in a recipe; else build a newer release"
        }
        Class::SetuptoolsFeature => {
            "the source needs setuptools.Feature, which setuptools 46 removed: up to Python 3.9, constrain \
             setuptools<46 in a recipe; else build a newer release"
        }
        Class::PkgResources => {
            "the source needs pkg_resources, which setuptools 82 removed: constrain setuptools<81 in a recipe"
        }
        Class::Distutils => {
            "the source needs parts of distutils that no longer exist: up to Python 3.11, constrain \
             setuptools<60 in a recipe; else build a newer release, or build for an older Python"
        }
        Class::RemovedApi => {
            "the source uses an API that this Python does not have: build a newer release, or build for an \
             older Python"
        }
        Class::Cython3 => {
            "the source does not work with this Cython: constrain Cython<3 in a recipe, or build a newer \
             release"
        }
        Class::Python2Syntax => "the source is Python 2 code: build it for cp27, or use a newer release",
        Class::Refused => "the project refuses this build: the error line says what it wants instead",
        other => of_bounds_and_results(other),
    }
}

/// For what went wrong around the compiler: bounds that were reached, and what came out.
fn of_bounds_and_results(class: Class) -> &'static str {
    match class {
        Class::Timeout => {
            "the build took too long: if it was still making progress, raise build.timeout in a recipe or in \
             the settings"
        }
        Class::Memory => {
            "the build used too much memory: raise build.memory in a recipe or in the settings, or compile \
             with fewer jobs at once"
        }
        Class::Disk => "the build wrote too many bytes or files: raise the setting build.disk or build.files",
        Class::LogSize => {
            "the build log exceeded its limit: fix the endless output, or raise the setting build.log"
        }
        Class::Processes => {
            "the build started too many processes: raise the setting build.processes, or compile with fewer \
             jobs at once"
        }
        Class::WrongWheel => {
            "the build made another wheel than the requested one: describe in a recipe how to build the \
             project"
        }
        Class::ExtensionMissing => {
            "the wheel lacks an extension module that did not compile: see the log. If a pure wheel is \
             correct, set build.expect = \"pure\" in a recipe"
        }
        Class::BadWheel => {
            "the index does not accept this wheel: patch the source with build.patches in a recipe"
        }
        Class::Repair => {
            "cannot copy a needed library into the wheel: see the error line, or exclude the library in \
             [repair] of a recipe"
        }
        Class::Import => {
            "the wheel installs, but its import fails: see the error line, or name the modules to import in \
             [test] of a recipe"
        }
        Class::Test => "the recipe's test command failed: see the log",
        Class::BadSource => "the source is not a valid source distribution: fetch or upload it again",
        Class::MetadataHook => {
            "the build backend cannot give metadata without building: wheelwright builds the wheel instead"
        }
        Class::Cancelled => "somebody cancelled the build: request it again",
        Class::Worker => "the worker failed, not the build: request the build again",
        Class::Compiler => {
            "the source does not compile with these tools: use a newer release, or a recipe with patches or \
             compiler flags"
        }
        _ => "read the end of the log. Older build requirements or a recipe may help",
    }
}
