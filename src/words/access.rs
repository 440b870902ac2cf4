//! What accounts have: roles and tokens.

use super::words;

words! {
    /// What root lets a user do beside what is their own; no group has it.
    Role {
        /// The user's workers get builds.
        Builder = "builder",
    }
}

words! {
    TokenKind {
        /// Made by a person for a program; it ends when it is revoked, or when its time is over.
        Api = "api",
        /// What a client keeps of a login instead of the password.
        Session = "session",
    }
}

words! {
    /// What somebody may do with an index.
    Right {
        Read = "read",
        Upload = "upload",
        TestResult = "add test results",
        /// Yank, delete, set the status of a project.
        Manage = "manage",
        /// Decide about requests of a curated index.
        Approve = "approve",
        /// Change the index and its options.
        Administer = "administer",
    }
}
