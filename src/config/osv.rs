//! Where advisories come from.

use std::path::PathBuf;

/// Known vulnerabilities, in OSV's format.
#[derive(Clone, Debug, Default)]
pub struct OsvSettings {
    /// A file or a folder.
    pub path: Option<PathBuf>,
}
