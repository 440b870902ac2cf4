//! Source trees from git repositories and folders, packed as one `.tar.gz` whose bytes depend on nothing
//! but the content.
//!
//! A clone is made by the `git` program with everything off that could run code or ask a question,
//! and keeps its history only where no tag names the commit: `setuptools_scm` and its kin read the
//! version from the nearest tag.

mod address;
mod checkout;
mod clone;
mod command;
mod credential;
mod folder;
mod gate;
mod pack;
mod said;
mod submodules;
mod tags;
mod tree;

pub use address::Address;
pub use clone::fetch;
pub use command::{RepositoryAsker, WatchGrant};
pub use credential::{GitCredential, GitCredentials};
pub use folder::pack_folder;
pub use tags::tags;
pub use tree::{GitLimits, Tree};
