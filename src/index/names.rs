//! The names of all projects that an index shows: sorted lists, merged while they are read.

use super::sight::reads;
use super::view::Views;
use crate::access::Who;
use crate::directory::{Directory, Index, IndexKind};
use crate::error::Result;
use crate::names::{NameList, ProjectName};
use crate::tools::time::now;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

/// Lists by source; each is sorted and has each name once.
pub struct NameLists {
    lists: Vec<List>,
    /// Anonymous askers see the same.
    pub public: bool,
    /// Of the whole list; grows with every change, whatever it was.
    pub serial: Option<u64>,
}

/// The names of one source.
pub struct List {
    pub names: Arc<NameList>,
    /// Of each project's last change, in the order of the names; empty where nobody tells.
    pub serials: Vec<u64>,
}

impl From<Arc<NameList>> for List {
    fn from(names: Arc<NameList>) -> Self {
        Self { names, serials: Vec::new() }
    }
}

impl NameLists {
    pub fn new(lists: Vec<List>, public: bool, serial: Option<u64>) -> Self {
        Self { lists, public, serial }
    }

    /// Those of several indexes.
    pub fn join(all: Vec<Self>) -> Self {
        let public = all.iter().all(|names| names.public);
        let serial = all.iter().filter_map(|names| names.serial).max();
        Self { lists: all.into_iter().flat_map(|names| names.lists).collect(), public, serial }
    }

    /// At most this many names.
    pub fn at_most(&self) -> usize {
        self.lists.iter().map(|list| list.names.len()).sum()
    }

    /// All names in order, each once, with the newest serial that a source tells.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<u64>)> {
        let mut lists: Vec<_> = self.lists.iter().map(List::iter).collect();
        let mut heads: BinaryHeap<Reverse<(&str, usize, Option<u64>)>> =
            BinaryHeap::with_capacity(lists.len());
        for (at, list) in lists.iter_mut().enumerate() {
            heads.extend(list.next().map(|(name, serial)| Reverse((name, at, serial))));
        }
        std::iter::from_fn(move || {
            let Reverse((name, at, mut newest)) = heads.pop()?;
            let mut advance = |heads: &mut BinaryHeap<_>, at: usize| {
                let next = lists.get_mut(at).and_then(Iterator::next);
                heads.extend(next.map(|(name, serial)| Reverse((name, at, serial))));
            };
            advance(&mut heads, at);
            while let Some(Reverse((same, at, serial))) = heads.peek().copied()
                && same == name
            {
                heads.pop();
                newest = newest.max(serial);
                advance(&mut heads, at);
            }
            Some((name, newest))
        })
    }
}

impl List {
    fn iter(&self) -> impl Iterator<Item = (&str, Option<u64>)> {
        self.names.iter().enumerate().map(|(at, name)| (name, self.serials.get(at).copied()))
    }
}

impl Views {
    /// The names of `index` and its bases, as far as `who` may read them. A base whose upstream
    /// does not tell its names is left out, with a line in the log.
    ///
    /// # Errors
    /// The upstream's failure if `index` itself is a mirror.
    pub async fn names(&self, directory: &Arc<Directory>, index: &Index, who: &Who) -> Result<NameLists> {
        let walk = self.walk(directory, &index.name)?;
        let readable = walk.readable(directory, who);
        let (mut lists, mut hosts) = (Vec::new(), false);
        // Before the names: a mirror of ours that saw this serial must not miss a later change.
        let serial = self.sources().db.serial().await?.unsigned_abs();
        for (at, name) in walk.order.sources.iter().enumerate() {
            let may = reads(readable, at);
            let Some(source) = directory.indexes.get(name).filter(|_| may) else { continue };
            match &source.kind {
                IndexKind::Stage(_) => {
                    let known = self.sources().db.projects_with_serials(name).await?;
                    let names = Arc::new(known.iter().map(|(name, _)| name.as_str()).collect());
                    let serials = known.into_iter().map(|(_, serial)| serial).collect();
                    lists.push(List { names, serials });
                    hosts = true;
                }
                // Named below, as far as it was approved.
                IndexKind::Mirror(_) if !walk.curators.is_empty() => {}
                IndexKind::Mirror(_) => match self.sources().mirrors.names(source).await {
                    Ok(names) => lists.push(names.into()),
                    Err(error) if at == 0 => return Err(error),
                    Err(error) => tracing::warn!(
                        index = %name,
                        %error,
                        "cannot list the projects of an index"
                    ),
                },
            }
        }
        for curator in walk.curators.iter().filter(|curator| reads(readable, curator.at)) {
            let known = self.sources().db.approved_projects(&curator.name, now()).await?;
            lists.push(Arc::new(known.iter().map(ProjectName::as_str).collect::<NameList>()).into());
        }
        Ok(NameLists::new(lists, walk.is_public(readable), Some(serial).filter(|_| hosts)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_merge_in_order_without_repetition_and_the_newest_serial_counts() {
        let list = |names: &[&str], serials: &[u64]| List {
            names: Arc::new(names.iter().copied().collect()),
            serials: serials.to_vec(),
        };
        let lists = vec![
            list(&["b", "d"], &[7, 3]),
            list(&[], &[]),
            list(&["a", "b", "c", "d", "e"], &[]),
            list(&["d"], &[5]),
        ];
        let names = NameLists::new(lists, true, None);
        let all: Vec<_> = names.iter().collect();
        assert_eq!(all, [("a", None), ("b", Some(7)), ("c", None), ("d", Some(5)), ("e", None)]);
        assert_eq!(names.at_most(), 8);
    }
}
