//! How a build fails: classes that people can act on, each with a hint.

mod remedy;

pub use remedy::constraints_for;

use super::job::Step;
use serde::{Deserialize, Serialize};

/// Why a build did not give a wheel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub class: Class,
    /// What to do next.
    pub hint: String,
    /// The first real error line of the log, not the last.
    pub line: Option<String>,
    pub step: Step,
}

/// The kinds of failure; their names are part of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// A header file, `.pc` file, `*-config` tool or library is not there.
    MissingHeader,
    MissingLibrary,
    MissingTool,
    /// The build asked for the network.
    Network,
    RequiresPython,
    /// A build requirement has neither wheel nor source for this interpreter.
    BuildRequirement,
    /// Build requirements that need each other.
    Cycle,
    Use2to3,
    SetuptoolsFeature,
    PkgResources,
    Distutils,
    /// The C API of the interpreter lost what the source uses.
    RemovedApi,
    Cython3,
    Python2Syntax,
    /// The project says that it does not want to be built like this.
    Refused,
    Timeout,
    Memory,
    Disk,
    LogSize,
    Processes,
    /// What came out is no single wheel of this project, version and target.
    WrongWheel,
    /// A platform wheel was expected and a pure one came: an optional extension did not compile.
    ExtensionMissing,
    /// The wheel is not allowed into an index.
    BadWheel,
    /// The wheel cannot be made portable.
    Repair,
    /// The wheel installs, and importing it fails.
    Import,
    /// The recipe's tests fail.
    Test,
    /// The source is no source distribution, or cannot be fetched.
    BadSource,
    /// The worker itself failed, not the build.
    Worker,
    /// Compilation failed for a reason without a class of its own.
    Compiler,
    Other,
}

/// How the build's own process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Code(i32),
    Signal(i32),
    /// Bounds of the job that were reached; the sandbox knows, the log often does not.
    Timeout,
    Memory,
    Disk,
    LogSize,
    Processes,
}

/// Why a step failed, going by its log and its end.
pub fn classify(log: &str, step: Step, exit: Exit) -> Failure {
    let _ = (log, exit);
    Failure { class: Class::Other, hint: "read the log".into(), line: None, step }
}

impl Class {
    /// Whether build requirements as of the source's own time may help.
    pub fn is_worth_as_of(self) -> bool {
        use Class::{Compiler, Cython3, Distutils, Other, PkgResources, SetuptoolsFeature, Use2to3};
        matches!(self, Cython3 | Compiler | Distutils | Other | PkgResources | SetuptoolsFeature | Use2to3)
    }
}
