//! The id of a request: the one that a proxy in front gave it, or a new one. Whatever works for the request can ask for
//! it, and the log names it.

use std::sync::Arc;
use uuid::Uuid;

/// The header that carries it, both ways.
pub const HEADER: &str = "x-request-id";

/// Characters of the longest one that is taken.
const LONGEST: usize = 64;

tokio::task_local! {
    static CURRENT: RequestId;
}

/// Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// What was given, if it is short and of plain characters; else a new one.
    pub fn of(given: Option<&str>) -> Self {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let sane = |text: &&str| !text.is_empty() && text.len() <= LONGEST && text.chars().all(is_plain);
        match given.filter(sane) {
            Some(given) => Self(given.into()),
            None => Self(Uuid::now_v7().simple().to_string().into()),
        }
    }

    /// Of the request that this task works for.
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Self::clone).ok()
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Works for this request.
    pub async fn within<F: Future>(self, work: F) -> F::Output {
        CURRENT.scope(self, work).await
    }
}

impl std::fmt::Display for RequestId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_sane_id_is_taken_and_others_are_replaced() {
        assert_eq!(RequestId::of(Some("a-b_c.1")).as_str(), "a-b_c.1");
        for other in ["", "two words", "a\"b", "ä", &"x".repeat(65)] {
            let made = RequestId::of(Some(other));
            assert!(made.as_str() != other && made.as_str().len() == 32, "{other}: {made}");
        }
        assert_eq!(RequestId::current(), None);
        let id = RequestId::of(None);
        let seen = id.clone().within(async { RequestId::current() }).await;
        assert_eq!(seen, Some(id));
    }
}
