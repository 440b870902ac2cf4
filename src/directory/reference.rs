//! Several indexes in one segment of a path: `alice.dev+pypi`.
//!
//! Names of users and indexes may hold dots themselves. Where a name can be read in two ways it means
//! neither: whoever can make a user must not be able to come before somebody else's index.

use super::{Directory, Index};
use crate::error::Result;
use crate::missing;
use crate::names::IndexName;

/// More indexes in one path are refused.
const MOST: usize = 32;

/// One of them as it was written, and what it can mean.
#[derive(Debug, PartialEq, Eq)]
pub struct IndexReference {
    pub text: Box<str>,
    /// Indexes that exist.
    pub meant: Vec<IndexName>,
}

impl IndexReference {
    /// The index that is meant.
    pub fn index<'a>(&self, directory: &'a Directory) -> Result<&'a Index> {
        match &self.meant[..] {
            [one] => directory.index(one),
            [] => Err(missing!("{} is not an index of this server", self.text)),
            several => {
                let names: Vec<&str> = several.iter().map(IndexName::as_str).collect();
                Err(missing!(
                    "{} is ambiguous: it can mean {}. Add an alias for one of them (setting `aliases`) and \
                     use it",
                    self.text,
                    names.join(" or ")
                ))
            }
        }
    }
}

/// Reads the segment. An alias counts before `user.index`.
pub fn parse_all(text: &str, aliases: &[(String, String)], directory: &Directory) -> Vec<IndexReference> {
    let known = |name: &IndexName| directory.indexes.contains_key(name);
    let one = |text: &str| {
        let alias = aliases.iter().find(|(alias, _)| alias == text).map(|(_, name)| name);
        let meant: Vec<IndexName> = match alias {
            Some(name) => IndexName::parse(name).into_iter().filter(known).collect(),
            None => {
                let splits = text.match_indices('.').filter_map(|(at, _)| {
                    IndexName::parse(&format!("{}/{}", text.get(..at)?, text.get(at + 1..)?))
                });
                splits.filter(known).collect()
            }
        };
        IndexReference { text: text.into(), meant }
    };
    if text.split('+').count() > MOST {
        return vec![IndexReference {
            text: format!("named by a list of more than {MOST}").into(),
            meant: Vec::new(),
        }];
    }
    text.split('+').map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::options::{self, Options};

    fn directory(names: &[&str]) -> Directory {
        let mut directory = Directory::default();
        for name in names {
            let name = IndexName::parse(name).unwrap();
            directory.indexes.insert(name.clone(), options::read(&name, &Options::new()));
        }
        directory
    }

    #[track_caller]
    fn check(text: &str, known: &[&str], expected: &[&[&str]]) {
        let aliases = [("pypi".to_owned(), "root/pypi".to_owned()), ("gone".into(), "root/gone".into())];
        let parsed = parse_all(text, &aliases, &directory(known));
        let meant: Vec<Vec<&str>> =
            parsed.iter().map(|one| one.meant.iter().map(IndexName::as_str).collect()).collect();
        assert_eq!(meant, expected, "{text}");
    }

    #[test]
    fn names_and_aliases_are_joined_by_plus_in_their_order() {
        let known = ["alice/dev", "root/pypi", "bob/pypi"];
        check("alice.dev+pypi", &known, &[&["alice/dev"], &["root/pypi"]]);
        check("pypi+alice.dev+bob.pypi", &known, &[&["root/pypi"], &["alice/dev"], &["bob/pypi"]]);
        check("dev+alice/dev+gone+", &known, &[&[], &[], &[], &[]]);
        check(&"pypi+".repeat(40), &known, &[&[]]);
    }

    #[test]
    fn a_name_with_dots_means_the_index_that_exists_and_nothing_if_there_are_two() {
        check("a.b.c", &["a.b/c"], &[&["a.b/c"]]);
        check("a.b.c", &["a/b.c"], &[&["a/b.c"]]);
        check("a.b.c", &["a/b.c", "a.b/c"], &[&["a/b.c", "a.b/c"]]);
        let both = directory(&["a/b.c", "a.b/c"]);
        let refused = parse_all("a.b.c", &[], &both)[0].index(&both).unwrap_err();
        assert!(refused.to_string().contains("a/b.c or a.b/c"), "{refused}");
    }
}
