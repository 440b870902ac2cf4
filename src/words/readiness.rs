//! How far an index is with what lock files name.

use super::words;

words! {
    /// What there is of a pinned release for a target; first what somebody has to look at.
    ReadyState {
        /// Its build failed, or there is neither wheel nor source.
        Failed = "failed",
        /// Built, and it may lack something.
        Doubtful = "doubtful",
        UnderWay = "under-way",
        /// Nobody looked for it yet.
        NotTried = "not-tried",
        /// Built on this server.
        Built = "built",
        /// The index has a wheel from elsewhere.
        Wheel = "wheel",
    }
}

impl ReadyState {
    /// Whether there is a wheel.
    pub fn is_ready(self) -> bool {
        matches!(self, Self::Doubtful | Self::Built | Self::Wheel)
    }
}
