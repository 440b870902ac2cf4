//! What an import did, and what it refused.

use serde::Serialize;

/// What became of an import; of a dry run, what would become of it.
#[derive(Debug, Default, Serialize)]
pub struct TransferReport {
    pub dry_run: bool,
    pub added: Tally,
    /// What was here already.
    pub present: Tally,
    /// What was not taken.
    pub refused: Vec<ImportFault>,
    /// What was taken with a change, and what somebody should look at.
    pub notes: Vec<ImportFault>,
}

/// How many of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    pub users: u64,
    pub indexes: u64,
    pub releases: u64,
    pub files: u64,
    /// Bytes of the files.
    pub bytes: u64,
    pub documentation: u64,
    pub test_results: u64,
}

/// A user, an index or a file, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ImportFault {
    pub what: String,
    pub why: String,
}

impl Tally {
    pub fn add(&mut self, more: &Self) {
        self.users += more.users;
        self.indexes += more.indexes;
        self.releases += more.releases;
        self.files += more.files;
        self.bytes += more.bytes;
        self.documentation += more.documentation;
        self.test_results += more.test_results;
    }
}

impl ImportFault {
    pub fn new(what: impl ToString, why: impl ToString) -> Self {
        Self { what: what.to_string(), why: why.to_string() }
    }
}

impl TransferReport {
    pub fn refuse(&mut self, what: impl ToString, why: impl ToString) {
        self.refused.push(ImportFault::new(what, why));
    }

    pub fn note(&mut self, what: impl ToString, why: impl ToString) {
        self.notes.push(ImportFault::new(what, why));
    }

    /// Whether everything was taken.
    pub fn is_whole(&self) -> bool {
        self.refused.is_empty()
    }
}
