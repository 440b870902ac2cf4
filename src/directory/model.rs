//! Users and indexes as they are configured.

use crate::config::secret_url::SecretUrl;
use crate::names::IndexName;
use crate::packaging::requirement::Pattern;
use crate::words::Role;
use std::collections::BTreeSet;

#[derive(Clone, Debug)]
pub struct User {
    pub name: String,
    /// ACLs name them; they give nothing else.
    pub groups: BTreeSet<String>,
    pub roles: BTreeSet<Role>,
    pub disabled: bool,
}

/// An index as configured. Options keep devpi's names (`devpi.md` §2) and CONTRACT.md's.
#[derive(Clone, Debug)]
pub struct Index {
    pub name: IndexName,
    pub kind: IndexKind,
    /// Principals: user names, `:group`, `:ANONYMOUS:`, `:AUTHENTICATED:`.
    pub acl_read: Vec<String>,
    pub acl_upload: Vec<String>,
    /// Who may add results of tests.
    pub acl_test_results: Vec<String>,
    /// Who may yank and delete; not set: those who may upload.
    pub acl_manage: Option<Vec<String>>,
    /// Who may change the index beside its owner. They read and manage it, too.
    pub acl_admin: Vec<String>,
    pub volatile: bool,
    pub title: Option<String>,
    pub description: Option<String>,
    pub building: Building,
    /// Its own page lists wheels that do not exist yet, for installers that work for one environment.
    pub promises: bool,
    /// Whether it takes wheels that may lack something.
    pub doubtful: bool,
    /// Every option that was set, as JSON shows it to those who may read the index.
    pub options: serde_json::Map<String, serde_json::Value>,
}

impl Index {
    pub fn is_stage(&self) -> bool {
        matches!(self.kind, IndexKind::Stage(_))
    }

    /// Whether it lists only what was approved of its mirrors.
    pub fn is_curated(&self) -> bool {
        matches!(&self.kind, IndexKind::Stage(stage) if stage.curated)
    }

    /// Whether a curated index does not list what is added to a release after its approval.
    pub fn holds_late_files(&self) -> bool {
        matches!(&self.kind, IndexKind::Stage(stage) if !stage.late_files)
    }

    pub fn is_mirror(&self) -> bool {
        matches!(self.kind, IndexKind::Mirror(_))
    }
}

/// What an index asks the builder for without anybody waiting.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Building {
    pub ahead: BuildAhead,
    /// Names of targets, `*` for any characters; empty: all that somebody builds for.
    pub targets: Vec<String>,
}

/// When wheels are built that nobody waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BuildAhead {
    #[default]
    Never,
    /// Every sdist that is uploaded: what a stage does unless told otherwise.
    Uploads,
    /// Every release of which anybody ever asked for a file, and uploads.
    Requested,
    /// Everything that the index lists itself.
    All,
}

#[derive(Clone, Debug)]
pub enum IndexKind {
    Stage(Stage),
    Mirror(Mirror),
}

impl IndexKind {
    /// As the option `type` has it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Stage(_) => "stage",
            Self::Mirror(_) => "mirror",
        }
    }
}

#[derive(Clone, Debug, Default)]
pub struct Stage {
    /// In order; may name indexes that do not exist, and may form cycles.
    pub bases: Vec<IndexName>,
    /// Normalised names, or `*`.
    pub mirror_whitelist: Vec<String>,
    /// `union` instead of `intersection`.
    pub whitelist_union: bool,
    /// Name patterns (`acme-*`) that are never asked upstream, uploaded or not.
    pub reserved: Vec<String>,
    /// Of its mirrors it lists only what was approved.
    pub curated: bool,
    /// It lists also what is added to a release after its approval.
    pub late_files: bool,
    /// Who may approve.
    pub acl_approve: Vec<String>,
    pub keep: KeepRules,
    /// The bytes that its files may have.
    pub quota: Option<u64>,
}

/// How many releases of each project stay; `None`: all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeepRules {
    pub releases: Option<u64>,
    pub prereleases: Option<u64>,
    pub devreleases: Option<u64>,
    /// Seconds for which every release stays.
    pub seconds: Option<u64>,
}

impl KeepRules {
    /// The number of releases that a project may have before any rule removes one; `None` if none ever does.
    pub fn least(&self) -> Option<u64> {
        [self.releases, self.prereleases, self.devreleases].into_iter().flatten().min()
    }
}

#[derive(Clone, Debug, Default)]
pub struct Mirror {
    /// `None`: the mirror has nothing to ask.
    pub url: Option<SecretUrl>,
    /// Who runs this server named the URL: it may be on the internal network.
    pub by_operator: bool,
    /// Seconds a page counts as fresh.
    pub cache_expiry: Option<u64>,
    /// Empty: all.
    pub allow: Vec<Pattern>,
    pub deny: Vec<Pattern>,
    /// Seconds; files younger than this are not listed.
    pub min_age: Option<u64>,
    /// The upstream's list of names is not usable.
    pub no_project_list: bool,
    /// Statuses beside 404 by which the upstream says that it has no such project.
    pub missing: Vec<u16>,
    /// Do not store files: redirect to the upstream.
    pub use_external_urls: bool,
    /// The bytes of files that it keeps.
    pub cache_size: Option<u64>,
}
