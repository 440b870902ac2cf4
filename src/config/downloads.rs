//! What is remembered of downloads.

/// How downloads are counted.
#[derive(Clone, Debug)]
pub struct DownloadSettings {
    /// By file, day, account and installer.
    pub count: bool,
    /// With the address of those who have no account.
    pub anonymous: bool,
    /// Seconds.
    pub keep: u64,
}

impl Default for DownloadSettings {
    fn default() -> Self {
        Self { count: true, anonymous: false, keep: 400 * 86_400 }
    }
}
