//! What can be wrong with a release that a lock file names.

use super::words;

words! {
    /// Why a release of a lock file cannot, or should not, be installed from an index.
    LockTrouble {
        /// The index has neither a wheel for the target nor a source.
        Missing = "missing",
        /// It must be built first.
        OnlySource = "only-source",
        Yanked = "yanked",
        /// A mirror lists it later, by its `min_age`.
        Young = "young",
        /// An advisory of the server's snapshot is about it.
        Vulnerable = "vulnerable",
        /// A policy or a quarantine keeps it from being listed.
        Refused = "refused",
        /// Nobody approved it on a curated index.
        NotApproved = "not-approved",
        /// The upstream has it, but nobody may ask it, or it does not answer.
        NotHere = "not-here",
        /// The index has other bytes than the lock file names.
        WrongHash = "wrong-hash",
    }
}

impl LockTrouble {
    /// As people read it.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::OnlySource => "only source",
            Self::Yanked => "yanked",
            Self::Young => "young",
            Self::Vulnerable => "vulnerable",
            Self::Refused => "refused",
            Self::NotApproved => "not approved",
            Self::NotHere => "not here",
            Self::WrongHash => "wrong hash",
        }
    }

    /// Whether asking for a build or a request may help.
    pub fn is_curable(self) -> bool {
        matches!(self, Self::Missing | Self::OnlySource | Self::NotHere | Self::NotApproved)
    }
}
