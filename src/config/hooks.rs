//! How others are told of what happens, and asked before.

use std::path::PathBuf;

/// How events are delivered to others. Seconds, unless said otherwise.
#[derive(Clone, Debug)]
pub struct WebhookSettings {
    /// Until a receiver that does not answer is given up on.
    pub timeout: u64,
    /// How often an event is tried before it is given up.
    pub tries: u64,
    /// Before the second try; each pause is four times as long as the one before.
    pub pause: u64,
}

impl Default for WebhookSettings {
    fn default() -> Self {
        Self { timeout: 15, tries: 8, pause: 5 }
    }
}

/// Programs that are asked before an upload.
#[derive(Clone, Debug)]
pub struct HookSettings {
    pub folder: Option<PathBuf>,
    /// Seconds that one program may take.
    pub timeout: u64,
}

impl Default for HookSettings {
    fn default() -> Self {
        Self { folder: None, timeout: 10 }
    }
}
