//! What a search gives: projects in their order, counted by index and kind, a page at a time.

use crate::bad;
use crate::error::Result;
use crate::names::{IndexName, ProjectName};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// Projects on a page, where nobody says how many; and at most.
pub const EACH: usize = 20;
pub const MOST_EACH: usize = 50;

/// Where a project that was found is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FoundKind {
    Hosted,
    Mirrored,
}

impl FoundKind {
    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "hosted" => Ok(Self::Hosted),
            "mirrored" => Ok(Self::Mirrored),
            _ => Err(bad!("kind={text} is unknown: write hosted or mirrored")),
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Hosted => "hosted",
            Self::Mirrored => "mirrored",
        }
    }
}

/// A project that was found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FoundProject {
    /// The index whose page shows it.
    pub index: IndexName,
    pub project: ProjectName,
    /// As its newest release writes it.
    pub name: String,
    /// The newest release that is listed; empty if it is not known.
    pub version: String,
    pub summary: String,
    pub kind: FoundKind,
    /// All its releases are yanked.
    pub yanked: bool,
    #[serde(skip)]
    pub(super) score: f32,
    #[serde(skip)]
    pub(super) at: usize,
}

impl FoundProject {
    /// The best first; the same order each time.
    pub(super) fn best_first(&self, other: &Self) -> Ordering {
        let tail = |one: &Self| (one.yanked, one.kind);
        other
            .score
            .total_cmp(&self.score)
            .then_with(|| tail(self).cmp(&tail(other)))
            .then_with(|| self.project.cmp(&other.project))
            .then_with(|| self.index.cmp(&other.index))
    }
}

/// How many were found on an index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundOn {
    pub index: IndexName,
    pub count: usize,
}

/// How many of a kind were found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundOf {
    pub kind: FoundKind,
    pub count: usize,
}

/// What is wanted of all that fits.
#[derive(Clone, Debug, Default)]
pub struct FoundPart {
    /// Only of this index; counts are of all.
    pub only: Option<IndexName>,
    pub kind: Option<FoundKind>,
    /// From 1.
    pub page: usize,
    pub each: usize,
}

/// A page of what was found.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct FoundProjects {
    pub results: Vec<FoundProject>,
    /// All that fit `only` and `kind`.
    pub total: usize,
    /// There are more than were counted.
    pub more: bool,
    pub page: usize,
    pub pages: usize,
    /// Nothing has these words: the names differ by a letter.
    pub near: bool,
    /// `false` while the search index is made.
    pub complete: bool,
    pub indexes: Vec<FoundOn>,
    pub kinds: Vec<FoundOf>,
}

impl FoundProjects {
    /// Orders, counts and cuts.
    pub(super) fn new(mut all: Vec<FoundProject>, part: &FoundPart) -> Self {
        all.sort_by(FoundProject::best_first);
        let (mut indexes, mut kinds) = (BTreeMap::new(), BTreeMap::new());
        for one in &all {
            *indexes.entry(one.index.clone()).or_insert(0) += 1;
            *kinds.entry(one.kind).or_insert(0) += 1;
        }
        let indexes = indexes.into_iter().map(|(index, count)| FoundOn { index, count });
        let mut indexes: Vec<_> = indexes.collect();
        indexes.sort_by_key(|one| std::cmp::Reverse(one.count));
        all.retain(|one| {
            part.only.as_ref().is_none_or(|only| one.index == *only)
                && part.kind.is_none_or(|kind| one.kind == kind)
        });
        let (each, page) = (part.each.clamp(1, MOST_EACH), part.page.max(1));
        let total = all.len();
        let results = all.into_iter().skip(each.saturating_mul(page - 1)).take(each).collect();
        Self {
            results,
            total,
            page,
            pages: total.div_ceil(each),
            indexes,
            kinds: kinds.into_iter().map(|(kind, count)| FoundOf { kind, count }).collect(),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(index: &str, project: &str, score: f32, kind: FoundKind) -> FoundProject {
        FoundProject {
            index: index.parse().unwrap(),
            project: project.parse().unwrap(),
            name: project.into(),
            version: "1.0".into(),
            summary: String::new(),
            kind,
            yanked: false,
            score,
            at: 0,
        }
    }

    #[test]
    fn pages_follow_each_other_in_one_order_and_counts_are_of_all() {
        let all = || {
            vec![
                found("root/pypi", "a", 1.0, FoundKind::Mirrored),
                found("a/b", "z", 1.0, FoundKind::Hosted),
                found("a/b", "c", 9.0, FoundKind::Hosted),
                FoundProject { yanked: true, ..found("a/b", "d", 1.0, FoundKind::Hosted) },
            ]
        };
        let names = |part: &FoundPart| {
            let found = FoundProjects::new(all(), part);
            (found.results.into_iter().map(|one| one.name).collect::<Vec<_>>(), found.total)
        };
        let part = FoundPart { page: 1, each: 2, ..FoundPart::default() };
        assert_eq!(names(&part), (vec!["c".to_owned(), "z".to_owned()], 4));
        assert_eq!(names(&FoundPart { page: 2, ..part.clone() }).0, ["a", "d"]);
        assert_eq!(names(&FoundPart { page: usize::MAX, ..part.clone() }).0, [""; 0]);
        let only = FoundPart { kind: Some(FoundKind::Mirrored), ..part };
        let found = FoundProjects::new(all(), &only);
        assert_eq!((found.total, found.pages, found.kinds.len(), found.indexes[0].count), (1, 1, 2, 3));
    }
}
