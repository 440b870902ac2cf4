//! What a token is.

use super::words;

words! {
    TokenKind {
        /// Made by a person for a program; it ends when it is revoked, or when its time is over.
        Api = "api",
        /// What a client keeps of a login instead of the password.
        Session = "session",
    }
}
