//! What becomes of a tag of a watched repository.

use super::words;

words! {
    /// What became of a tag.
    TagState {
        /// Its builds are to be asked for.
        Waiting = "waiting",
        Building = "building",
        /// The index has the wheels of all its targets.
        Published = "published",
        /// The index has none of them.
        Failed = "failed",
        /// It means no version, or one that another tag means.
        Skipped = "skipped",
        /// It was there before the watch.
        Older = "older",
        /// It names another commit than when it was seen first. Nothing is built of it any more.
        Moved = "moved",
    }
}

impl TagState {
    /// Whether something is still to be done.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Waiting | Self::Building)
    }
}
