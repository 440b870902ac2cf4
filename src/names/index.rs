//! Names of indexes.

/// `user/name`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
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
        // In a URL a part like these would be another path, and so another thing.
        let odd = |c: char| c.is_control() || "/+?#%\\".contains(c);
        let plain = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(odd);
        (plain(user) && plain(name)).then(|| Self([user, "/", name].concat()))
    }

    /// The mirror that every installation begins with.
    pub fn root_pypi() -> Self {
        Self("root/pypi".into())
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

text_name!(IndexName, parse, "is not a valid index name: write user/index");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_place_of_its_own_in_every_url() {
        for odd in [
            "a", "/", "a/", "/b", "a/..", "../b", "a/.", "a?/b", "a#/b", "a/b?x", "a/b/c", "a/%2e%2e",
            "a\\b/c", "a/\tb",
        ] {
            assert_eq!(IndexName::parse(odd), None, "{odd:?}");
        }
        for good in ["a/b", "/a/b", "a@x/b-1.0", "a/...", "ä/ö"] {
            assert!(IndexName::parse(good).is_some(), "{good:?}");
        }
    }
}
