//! Where a wish stands.

use super::words;

words! {
    /// What became of something that an index did not have.
    WishState {
        /// It is not here, and no bundle said why.
        Open = "open",
        /// A bundle came without it, and said why.
        Refused = "refused",
        /// An index here has the project.
        Here = "here",
    }
}
