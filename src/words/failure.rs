//! Why a build did not give a wheel.

use super::{Step, words};
use serde::{Deserialize, Serialize};

/// As its row and JSON have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub class: Class,
    /// What to do next.
    pub hint: String,
    /// The first real error line of the log, not the last.
    pub line: Option<String>,
    pub step: Step,
}

impl Failure {
    /// One that quotes no line of the log.
    pub fn new(class: Class, step: Step, hint: impl Into<String>) -> Self {
        Self { class, hint: hint.into(), line: None, step }
    }

    /// The class with the first error line, or with the hint where there is none.
    pub fn in_short(&self) -> String {
        format!("{}: {}", self.class, self.line.as_deref().unwrap_or(&self.hint))
    }
}

words! {
    /// The kinds of failure.
    #[derive(Default)]
    Class {
        /// A header file, `.pc` file, `*-config` tool or library is not there.
        MissingHeader = "missing-header",
        MissingLibrary = "missing-library",
        MissingTool = "missing-tool",
        /// The build asked for the network.
        Network = "network",
        RequiresPython = "requires-python",
        /// A build requirement has neither wheel nor source for this interpreter.
        BuildRequirement = "build-requirement",
        /// Build requirements that need each other.
        Cycle = "cycle",
        Use2to3 = "use2to3",
        SetuptoolsFeature = "setuptools-feature",
        PkgResources = "pkg-resources",
        Distutils = "distutils",
        /// The interpreter lost what the source uses: of its C API, or of its library.
        RemovedApi = "removed-api",
        Cython3 = "cython3",
        Python2Syntax = "python2-syntax",
        /// The project says that it does not want to be built like this.
        Refused = "refused",
        Timeout = "timeout",
        Memory = "memory",
        Disk = "disk",
        LogSize = "log-size",
        Processes = "processes",
        /// What came out is no single wheel of this project, version and target.
        WrongWheel = "wrong-wheel",
        /// A recipe expects extension modules and a wheel without came: an optional one did not compile.
        ExtensionMissing = "extension-missing",
        /// The wheel is not allowed into an index.
        BadWheel = "bad-wheel",
        /// The wheel cannot be made portable.
        Repair = "repair",
        /// The wheel installs, and importing it fails.
        Import = "import",
        /// The recipe's tests fail.
        Test = "test",
        /// The source is no source distribution, or cannot be fetched.
        BadSource = "bad-source",
        /// The build backend cannot tell its metadata without a build.
        MetadataHook = "metadata-hook",
        /// The worker itself failed, not the build: also if its disk is full.
        Worker = "worker",
        /// Somebody ended it.
        Cancelled = "cancelled",
        /// Compilation failed for a reason without a class of its own.
        Compiler = "compiler",
        #[default]
        Other = "other",
    }
}
