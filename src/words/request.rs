//! Where a request to approve something stands.

use super::words;

words! {
    /// What became of a request.
    RequestState {
        /// Nobody decided.
        Open = "open",
        Approved = "approved",
        Refused = "refused",
    }
}
