//! Project names: one normalised form (PEP 503), whatever the spelling; and lists of very many.

use std::ops::Range;

/// A normalised project name: lower case, runs of `-_.` as one `-`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProjectName(String);

impl ProjectName {
    /// Normalises `text`; `None` if it is no valid name (PEP 508's rule, ASCII only).
    pub fn new(text: &str) -> Option<Self> {
        let mut name = String::with_capacity(text.len());
        push_normalised(&mut name, text).then_some(Self(name))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as file names write it (PEP 625 and the wheel format): `-` as `_`.
    pub fn escaped(&self) -> String {
        self.0.replace('-', "_")
    }
}

/// Appends the normalised form of `text`, or nothing if it is no valid name.
fn push_normalised(out: &mut String, text: &str) -> bool {
    let bytes = text.as_bytes();
    let inner = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else {
        return false;
    };
    if !first.is_ascii_alphanumeric() || !last.is_ascii_alphanumeric() || !bytes.iter().all(inner) {
        return false;
    }
    for c in text.chars() {
        match c {
            // The first character is alphanumeric, so a `-` at the end is this name's own.
            '-' | '_' | '.' if out.ends_with('-') => {}
            '-' | '_' | '.' => out.push('-'),
            c => out.push(c.to_ascii_lowercase()),
        }
    }
    true
}

text_name!(ProjectName, new, "is not a valid project name");

impl AsRef<str> for ProjectName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// Normalised names, sorted and unique, held in one string: PyPI's list has far more than half a
/// million, too many for an allocation each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameList {
    /// Each name followed by a newline.
    text: String,
    len: usize,
}

impl NameList {
    /// Reads what [`NameList::as_str`] gave (names already normalised, sorted, unique).
    /// Anything else is put in order first.
    pub fn from_text(text: String) -> Self {
        let mut last = "";
        let mut len = 0;
        for line in text.lines() {
            if line <= last || ProjectName::new(line).is_none_or(|name| name.as_str() != line) {
                return text.lines().collect();
            }
            (last, len) = (line, len + 1);
        }
        match text.is_empty() || text.ends_with('\n') {
            true => Self { text, len },
            false => Self { text: text + "\n", len },
        }
    }

    /// One name per line.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The names in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.text.lines()
    }

    /// Whether the list has `name`, by binary search over the bytes.
    pub fn contains(&self, name: &ProjectName) -> bool {
        let (mut low, mut high) = (0, self.text.len());
        while low < high {
            let line = self.line_around(low + (high - low) / 2);
            let Some(text) = self.text.get(line.clone()) else {
                return false;
            };
            match text.cmp(name.as_str()) {
                std::cmp::Ordering::Equal => return true,
                std::cmp::Ordering::Less => low = line.end + 1,
                std::cmp::Ordering::Greater => high = line.start,
            }
        }
        false
    }

    /// The names from `text` on, in order; found by binary search.
    pub fn starting_at(&self, text: &str) -> impl Iterator<Item = &str> {
        let (mut low, mut high) = (0, self.text.len());
        while low < high {
            let line = self.line_around(low + (high - low) / 2);
            match self.text.get(line.clone()) {
                Some(name) if name < text => low = (line.end + 1).min(high),
                _ => high = line.start,
            }
        }
        self.text.get(low..).unwrap_or_default().lines()
    }

    /// Where the line that holds byte `at` begins and ends (without its newline).
    fn line_around(&self, at: usize) -> Range<usize> {
        let bytes = self.text.as_bytes();
        let (before, after) = bytes.split_at(at.min(bytes.len()));
        let start = before.iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
        let end = after.iter().position(|b| *b == b'\n').map_or(bytes.len(), |i| at + i);
        start..end
    }
}

impl<'a> FromIterator<&'a str> for NameList {
    fn from_iter<I: IntoIterator<Item = &'a str>>(names: I) -> Self {
        let mut builder = NameListBuilder::default();
        names.into_iter().for_each(|name| builder.push(name));
        builder.finish()
    }
}

/// Collects names in any order and spelling.
#[derive(Default)]
pub struct NameListBuilder {
    text: String,
    /// Where each name begins and ends; half the width of a `usize`, as there are a million.
    spans: Vec<(u32, u32)>,
}

impl NameListBuilder {
    /// Adds the normalised form of `name`; what is no valid name is left out.
    pub fn push(&mut self, name: &str) {
        let start = self.text.len();
        // Separates names, so that normalising one cannot swallow the end of another.
        self.text.push('\n');
        let valid = push_normalised(&mut self.text, name);
        match (valid, u32::try_from(start + 1), u32::try_from(self.text.len())) {
            (true, Ok(from), Ok(to)) => self.spans.push((from, to)),
            // Beyond 4 GiB, more than any page may have.
            _ => self.text.truncate(start),
        }
    }

    /// Sorts, drops repetitions, joins.
    pub fn finish(self) -> NameList {
        let Self { text, mut spans } = self;
        let name = |&(from, to): &(u32, u32)| text.get(from as usize..to as usize).unwrap_or_default();
        // In place: another list of slices would be as large as the names themselves.
        spans.sort_unstable_by(|a, b| name(a).cmp(name(b)));
        spans.dedup_by(|a, b| name(a) == name(b));
        let mut joined = String::with_capacity(spans.iter().map(|span| name(span).len() + 1).sum());
        for span in &spans {
            joined.push_str(name(span));
            joined.push('\n');
        }
        NameList { text: joined, len: spans.len() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_agree_with_the_reference_table() {
        for line in include_str!("vectors/names.tsv").lines().filter(|l| !l.starts_with('#')) {
            let (given, expected) = line.split_once('\t').unwrap();
            let name = ProjectName::new(given);
            assert_eq!(name.as_ref().map_or("-", ProjectName::as_str), expected, "{given:?}");
        }
    }

    #[test]
    fn letters_outside_ascii_are_refused_before_lower_casing() {
        for text in ["\u{212A}elvin", "ma\u{17F}s", "naïve", "", "a b", "a/b", "a\n"] {
            assert_eq!(ProjectName::new(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_list_is_sorted_unique_and_searchable() {
        let list: NameList = ["Zope", "a.b", "A_B", "-bad-", "mid"].into_iter().collect();
        assert_eq!(list.as_str(), "a-b\nmid\nzope\n");
        assert_eq!(list.len(), 3);
        assert!(list.contains(&ProjectName::new("mid").unwrap()));
        assert!(!list.contains(&ProjectName::new("mi").unwrap()));
        assert_eq!(NameList::from_text("b\na\na".into()).as_str(), "a\nb\n");
    }

    proptest! {
        #[test]
        fn normalising_never_panics_and_is_stable(text in "\\PC*") {
            if let Some(name) = ProjectName::new(&text) {
                prop_assert_eq!(ProjectName::new(name.as_str()), Some(name.clone()));
            }
        }

        #[test]
        fn a_list_contains_what_was_put_in_and_nothing_else(
            names in prop::collection::vec("[a-c][a-c._-]{0,3}", 0..40), other in "[a-c]{1,4}",
        ) {
            let list: NameList = names.iter().map(String::as_str).collect();
            let set: std::collections::BTreeSet<_> =
                names.iter().filter_map(|n| ProjectName::new(n)).collect();
            prop_assert_eq!(list.len(), set.len());
            prop_assert!(set.iter().all(|name| list.contains(name)));
            let other = ProjectName::new(&other).unwrap();
            prop_assert_eq!(list.contains(&other), set.contains(&other));
            let later: Vec<&str> = list.starting_at(other.as_str()).collect();
            let expected: Vec<&str> = list.iter().filter(|name| *name >= other.as_str()).collect();
            prop_assert_eq!(later, expected);
            prop_assert_eq!(NameList::from_text(list.as_str().to_owned()), list);
        }
    }
}
