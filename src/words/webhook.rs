//! What webhooks tell: the kinds of events that others may want to hear of.

use super::{EventKind, words};

words! {
    /// A kind of event as webhooks call it.
    WebhookEvent {
        Upload = "upload",
        Register = "register",
        Push = "push",
        Documentation = "documentation",
        TestResult = "test-result",
        Yank = "yank",
        Unyank = "unyank",
        Status = "status",
        /// Of a file, a release or a project.
        Delete = "delete",
        /// Something went into quarantine, or came out.
        Quarantine = "quarantine",
        Built = "built",
        BuildFailed = "build-failed",
        /// A tag of a watched repository became a release or failed, or somebody should look.
        Watch = "watch",
        /// A token ends soon.
        TokenEnding = "token-ending",
        /// Somebody asked for what a curated index does not list, or somebody decided.
        Request = "request",
        /// Nothing happened: somebody tries the webhook.
        Ping = "ping",
    }
}

impl WebhookEvent {
    /// `None`: webhooks do not tell of it.
    pub fn of(kind: EventKind) -> Option<Self> {
        Some(match kind {
            EventKind::Upload => Self::Upload,
            EventKind::Register => Self::Register,
            EventKind::Push => Self::Push,
            EventKind::Documentation => Self::Documentation,
            EventKind::TestResult => Self::TestResult,
            EventKind::Yank => Self::Yank,
            EventKind::Unyank => Self::Unyank,
            EventKind::ProjectStatus => Self::Status,
            EventKind::FileDeleted | EventKind::ReleaseDeleted | EventKind::ProjectDeleted => Self::Delete,
            EventKind::Quarantined | EventKind::QuarantineReleased => Self::Quarantine,
            EventKind::Built => Self::Built,
            EventKind::BuildFailed => Self::BuildFailed,
            EventKind::ReleasePublished
            | EventKind::ReleaseFailed
            | EventKind::TagMoved
            | EventKind::RepositoryUnreachable => Self::Watch,
            EventKind::TokenEnding => Self::TokenEnding,
            EventKind::RequestMade | EventKind::Approved | EventKind::Refused => Self::Request,
            _ => return None,
        })
    }

    /// Those that a webhook may be limited to.
    pub fn choices() -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied().filter(|event| *event != Self::Ping)
    }
}
