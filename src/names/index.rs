//! Names of indexes.

use std::fmt;

/// `user/name`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IndexName(String);

impl IndexName {
    /// Parses `user/name` (a leading slash is tolerated); `None` unless both parts are there.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix('/').unwrap_or(text);
        let (user, name) = text.split_once('/')?;
        Self::of(user, name)
    }

    /// The same of its two parts.
    pub fn of(user: &str, name: &str) -> Option<Self> {
        let plain = |part: &str| !part.is_empty() && !part.contains(['/', '+']);
        (plain(user) && plain(name)).then(|| Self([user, "/", name].concat()))
    }

    /// The names of a context: one, or several joined by `+`. None if any of them is no name.
    pub fn parse_all(text: &str) -> Vec<Self> {
        text.split('+').map(Self::parse).collect::<Option<_>>().unwrap_or_default()
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn user(&self) -> &str {
        self.0.split_once('/').map_or("", |parts| parts.0)
    }

    pub fn name(&self) -> &str {
        self.0.split_once('/').map_or("", |parts| parts.1)
    }
}

impl fmt::Display for IndexName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
