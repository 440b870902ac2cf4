//! The one error of this crate: what went wrong, said so that the reader knows what to do next.

use std::sync::Arc;

/// Each variant is one kind of answer; `web::respond` turns it into a status, a reason phrase and
/// a body, the command line prints it and exits 1, or 2 for [`Error::Usage`].
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// 400: the request, file or setting itself is wrong.
    #[error("{0}")]
    Bad(String),
    /// 400: a command line that contradicts itself or lacks something.
    #[error("{0}")]
    Usage(String),
    /// 401: no credential, or one that is not valid.
    #[error("{0}")]
    Unauthenticated(String),
    /// 403: a valid credential that does not allow this.
    #[error("{0}")]
    Forbidden(String),
    /// 403: nobody approved it on a curated index, or it is refused there.
    #[error("{0}")]
    Unapproved(String),
    /// 404: there is no such thing, or the asker may not know of it.
    #[error("{0}")]
    Missing(String),
    /// 405: the resource has no such method; holds the `Allow` value.
    #[error("this URL does not support the method: use {0}")]
    Method(&'static str),
    /// 406: none of the acceptable representations exists.
    #[error("{0}")]
    NotAcceptable(String),
    /// 409: contradicts what is stored.
    #[error("{0}")]
    Conflict(String),
    /// 410: was here and was deleted.
    #[error("{0}")]
    Gone(String),
    /// 413: more bytes than allowed.
    #[error("{0}")]
    TooLarge(String),
    /// 415: a body of another type than what is read here.
    #[error("{0}")]
    WrongType(String),
    /// 408: the request's body came too slowly.
    #[error("{0}")]
    Slow(String),
    /// 429: too many attempts; ask again in a minute.
    #[error("{0}")]
    Busy(String),
    /// 502: the upstream answered, but not usably.
    #[error("{0}")]
    BadUpstream(String),
    /// 503: not now (upstream unreachable, overloaded); ask again later.
    #[error("{0}")]
    Unavailable(String),
    /// 504: the upstream did not answer in time.
    #[error("{0}")]
    Timeout(String),
    /// 504: the server is offline and has no copy: to ask again is of no use. Installers repeat
    /// what answers 503, but not this.
    #[error("{0}")]
    Offline(String),
    /// 508: a request of this server that came back to it.
    #[error("{0}")]
    Loop(String),
    /// 500: the bytes of a stored file are lost or cannot be read; which, and what helps.
    #[error("{0}")]
    Lost(String),
    /// 507: the disk is full.
    #[error("{0}")]
    Full(String),
    /// 500: our fault; the log has the chain, the client gets no details.
    #[error("internal error: {0:#}")]
    Internal(Arc<anyhow::Error>),
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// `bad!("filename {name:?} has no version")` builds an [`Error::Bad`]; likewise the others.
#[macro_export]
macro_rules! bad { ($($t:tt)*) => { $crate::error::Error::Bad(format!($($t)*)) }; }
#[macro_export]
macro_rules! usage { ($($t:tt)*) => { $crate::error::Error::Usage(format!($($t)*)) }; }
#[macro_export]
macro_rules! missing { ($($t:tt)*) => { $crate::error::Error::Missing(format!($($t)*)) }; }
#[macro_export]
macro_rules! forbidden { ($($t:tt)*) => { $crate::error::Error::Forbidden(format!($($t)*)) }; }
#[macro_export]
macro_rules! conflict { ($($t:tt)*) => { $crate::error::Error::Conflict(format!($($t)*)) }; }
#[macro_export]
macro_rules! lost { ($($t:tt)*) => { $crate::error::Error::Lost(format!($($t)*)) }; }
#[macro_export]
macro_rules! bad_upstream { ($($t:tt)*) => { $crate::error::Error::BadUpstream(format!($($t)*)) }; }
#[macro_export]
macro_rules! unavailable { ($($t:tt)*) => { $crate::error::Error::Unavailable(format!($($t)*)) }; }
#[macro_export]
macro_rules! timed_out { ($($t:tt)*) => { $crate::error::Error::Timeout(format!($($t)*)) }; }

/// The beginning of a text from outside, with dots where it was cut: what is wrong with it is told
/// behind it, and must be seen.
pub fn clipped(text: &str, most: usize) -> String {
    let mut shown: String = text.chars().take(most).collect();
    if shown.len() < text.len() {
        shown.push_str("...");
    }
    shown
}

impl Error {
    /// Wraps a failure that is ours to mend.
    pub fn internal(error: impl Into<anyhow::Error>) -> Self {
        Self::Internal(Arc::new(error.into()))
    }

    /// Whether what was asked for is not to be had here: it does not exist, or rights, a policy or approvers keep it back.
    pub fn is_withheld(&self) -> bool {
        matches!(self, Self::Missing(_) | Self::Forbidden(_) | Self::Unapproved(_))
    }

    /// The same answer once more, for the next of many who wait for one thing.
    pub fn again(&self) -> Self {
        self.clone()
    }
}

// Foreign errors that are our fault. Any other must be given its answer where it happens.
impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        let code = error.as_database_error().and_then(|e| e.code());
        match code.as_deref() {
            // SQLITE_FULL; Postgres' disk_full.
            Some("13" | "53100") => Self::Full(format!("the disk of the database is full: {error}")),
            // SQLITE_BUSY; serialization_failure, deadlock_detected, too_many_connections, and a
            // server that is stopping or starting.
            Some("5" | "517" | "40001" | "40P01" | "53300" | "57P01" | "57P02" | "57P03") => {
                Self::Unavailable(format!("the database is busy, try again: {error}"))
            }
            _ if matches!(error, sqlx::Error::PoolTimedOut | sqlx::Error::Io(_)) => {
                Self::Unavailable(format!("the database does not answer: {error}"))
            }
            _ => Self::internal(anyhow::Error::new(error).context("database")),
        }
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                Self::Full(format!("the disk is full: {error}"))
            }
            _ => Self::internal(anyhow::Error::new(error).context("file system")),
        }
    }
}

impl From<tokio::task::JoinError> for Error {
    fn from(error: tokio::task::JoinError) -> Self {
        Self::internal(anyhow::Error::new(error).context("task"))
    }
}
