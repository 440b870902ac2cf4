//! What is to be built, as `POST /+builds` takes it and the command line sends it.

use crate::tools::time::Micros;
use crate::words::{BuildSource, Purpose, SourceKind};
use serde::{Deserialize, Serialize};

/// An order for builds: of a requirement, or of a source that was uploaded.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BuildOrder {
    /// `docopt==0.6.2`, or `git+https://…@v1#subdirectory=x`
    pub requirement: Option<String>,
    /// sha256 of a source that was uploaded.
    pub source: Option<String>,
    pub filename: Option<String>,
    pub kind: Option<SourceKind>,
    pub subdirectory: String,
    /// Where an uploaded source came from, for people.
    pub origin: Option<String>,
    pub commit: Option<String>,
    /// The commit's date.
    pub published_at: Option<Micros>,
    /// Names, whole or abbreviated; none: all that are offered.
    pub targets: Vec<String>,
    /// Gets the wheel, and is where requirements are looked for.
    pub index: Option<String>,
    /// Where requirements are looked for, if not there.
    pub from: Option<String>,
    /// `metadata`: no wheel, but what its METADATA would be. `test`: no wheel, but what the project's tests come to.
    pub purpose: Purpose,
    /// Somebody waits for it.
    pub wait: bool,
    pub rebuild: bool,
}

/// An order to build again what was built against another version of a build requirement, as
/// `POST I/+rebuild` takes it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RebuildOrder {
    /// `numpy==2.5`, or `numpy`: the newest version that there is.
    pub because: String,
    /// Names, whole or abbreviated; none: all that the index has wheels for.
    pub targets: Vec<String>,
    /// What goes well is published even if something fails.
    pub keep_going: bool,
    /// Only tell what would be built.
    pub dry_run: bool,
}

impl BuildOrder {
    /// The same for an uploaded source, with what is known of it.
    pub fn of_source(self, sha256: String, about: BuildSource) -> Self {
        let BuildSource { kind, filename, origin, subdirectory, published_at, commit } = about;
        Self {
            source: Some(sha256),
            filename: Some(filename),
            kind: Some(kind),
            subdirectory,
            origin: Some(origin),
            commit,
            published_at,
            ..self
        }
    }
}
