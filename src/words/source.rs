//! What a wheel is built from.

use super::words;
use crate::names::{IndexName, ProjectName};
use crate::tools::time::Micros;
use serde::{Deserialize, Serialize};

/// A source as a job names it and its row keeps it (JSON).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildSource {
    pub kind: SourceKind,
    /// `docopt-0.6.2.tar.gz`, or a name given to a packed tree.
    pub filename: String,
    /// Where it came from, for people: a page's index, a git URL with its tag, an upload.
    pub origin: String,
    /// Below the unpacked root; empty for the root itself.
    #[serde(default)]
    pub subdirectory: String,
    /// When the source was published, if that is known.
    pub published_at: Option<Micros>,
    /// A git commit, for sources that come from a repository.
    pub commit: Option<String>,
}

/// How the origin of an uploaded source begins, before its uploader's name.
const UPLOADED: &str = "uploaded by ";

impl BuildSource {
    /// The origin of what a user uploaded and said nothing of.
    pub fn uploaded_by(user: &str) -> String {
        format!("{UPLOADED}{user}")
    }

    /// Whether its origin tells who uploaded it.
    pub fn names_uploader(&self) -> bool {
        self.origin.starts_with(UPLOADED)
    }
}

/// Where a source is fetched from; JSON in its build's row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FetchPlace {
    /// A file that an index has, or that its upstream lists.
    Index { index: IndexName, project: ProjectName, filename: String, sha256: Option<String>, url: String },
    Repository {
        url: String,
        /// Private hosts may be asked that an administrator named; else public addresses alone.
        #[serde(default)]
        inside: bool,
    },
    /// A tag of a watched repository, which must still name this commit.
    Tag { url: String, watch: i64, commit: String },
}

words! {
    #[derive(Default)]
    SourceKind {
        /// As an index lists it: `{name}-{version}.tar.gz` and its older forms.
        #[default]
        Sdist = "sdist",
        /// A packed directory or clone (`.tar.gz` with one top folder, `.git` included).
        Tree = "tree",
    }
}
