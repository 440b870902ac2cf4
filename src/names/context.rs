//! From which indexes a build gets what it needs.

use super::IndexName;

/// One index, or several in their order; written `alice/dev` or `alice/dev+root/pypi`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BuildContext {
    text: String,
    /// Never empty.
    indexes: Vec<IndexName>,
}

impl BuildContext {
    /// `None` if any of the names is none.
    pub fn parse(text: &str) -> Option<Self> {
        let indexes = text.split('+').map(IndexName::parse).collect::<Option<Vec<_>>>()?;
        Some(Self { text: text.to_owned(), indexes })
    }

    /// Of these, in their order; `None` for none.
    pub fn of(indexes: &[IndexName]) -> Option<Self> {
        let text = indexes.iter().map(IndexName::as_str).collect::<Vec<_>>().join("+");
        (!indexes.is_empty()).then(|| Self { text, indexes: indexes.to_vec() })
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn indexes(&self) -> &[IndexName] {
        &self.indexes
    }

    /// The index, where it is one alone.
    pub fn only(&self) -> Option<&IndexName> {
        self.indexes.first().filter(|_| self.indexes.len() == 1)
    }
}

impl From<IndexName> for BuildContext {
    fn from(index: IndexName) -> Self {
        Self { text: index.to_string(), indexes: vec![index] }
    }
}

text_name!(BuildContext, parse, "does not name an index: write user/index");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_is_one_index_or_several_and_nothing_else() {
        let one = BuildContext::parse("alice/dev").unwrap();
        assert_eq!(one.only(), IndexName::parse("alice/dev").as_ref());
        let two = BuildContext::parse("alice/dev+root/pypi").unwrap();
        assert_eq!((two.only(), two.indexes().len(), two.as_str()), (None, 2, "alice/dev+root/pypi"));
        for text in ["", "+", "alice", "alice/dev+", "alice/dev+nothing"] {
            assert_eq!(BuildContext::parse(text), None, "{text:?}");
        }
    }
}
