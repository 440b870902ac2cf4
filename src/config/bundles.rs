//! What bundles need to be believed, and what is remembered for the next one.

/// Whose bundles are imported.
#[derive(Clone, Debug)]
pub struct BundleSettings {
    /// Public keys, or paths of their files.
    pub trusted_keys: Vec<String>,
    /// How many of them must have signed.
    pub signers: u64,
    /// Remember what installers asked for and an index did not have.
    pub wishes: bool,
}

impl Default for BundleSettings {
    fn default() -> Self {
        Self { trusted_keys: Vec::new(), signers: 1, wishes: true }
    }
}
