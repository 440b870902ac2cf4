//! A server that copies another one.

use url::Url;

/// Whom this server copies, if anybody. Without `Debug`: it holds a secret.
#[derive(Clone)]
pub struct ReplicaSettings {
    /// The primary's URL.
    pub of: Option<Url>,
    /// One of the primary's tokens, with the actions `read` and `replicate`.
    pub token: Option<String>,
    /// Also fetch what the primary's mirrors keep, before anybody asks here.
    pub mirrored: bool,
}

impl ReplicaSettings {
    /// Below the primary's URL: `path` begins with a slash, and may have a query. `None` if this is no replica.
    pub fn url(&self, path: &str) -> Option<Url> {
        Url::parse(&format!("{}{path}", self.of.as_ref()?.as_str().trim_end_matches('/'))).ok()
    }

    /// Where a mirror of a replica reads the primary's mirror `user/index`, with the token.
    pub fn mirror_url(&self, user: &str, index: &str) -> Option<Url> {
        let mut url = self.url("/")?;
        url.path_segments_mut().ok()?.pop_if_empty().extend([user, index, "+simple", ""]);
        url.set_username("__token__").ok()?;
        url.set_password(self.token.as_deref()).ok()?;
        Some(url)
    }
}

impl Default for ReplicaSettings {
    fn default() -> Self {
        Self { of: None, token: None, mirrored: true }
    }
}
