//! The names of all projects that an index shows: sorted lists, merged while they are read.

use super::directory::{Directory, Index, Kind};
use super::view::Views;
use crate::access::Who;
use crate::error::Result;
use crate::packaging::name::NameList;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

/// Lists by source; each is sorted and has each name once.
pub struct Names {
    lists: Vec<Arc<NameList>>,
    /// Anonymous askers see the same.
    pub public: bool,
}

impl Names {
    pub fn new(lists: Vec<Arc<NameList>>, public: bool) -> Self {
        Self { lists, public }
    }

    /// At most this many names.
    pub fn at_most(&self) -> usize {
        self.lists.iter().map(|list| list.len()).sum()
    }

    /// All names in order, each once.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let mut lists: Vec<_> = self.lists.iter().map(|list| list.iter()).collect();
        let mut heads: BinaryHeap<Reverse<(&str, usize)>> = BinaryHeap::with_capacity(lists.len());
        for (at, list) in lists.iter_mut().enumerate() {
            heads.extend(list.next().map(|name| Reverse((name, at))));
        }
        let mut last = None;
        std::iter::from_fn(move || {
            loop {
                let Reverse((name, at)) = heads.pop()?;
                heads.extend(lists.get_mut(at).and_then(Iterator::next).map(|next| Reverse((next, at))));
                if last != Some(name) {
                    last = Some(name);
                    return last;
                }
            }
        })
    }
}

impl Views {
    /// The names of `index` and its bases, as far as `who` may read them. A base whose upstream
    /// does not tell its names is left out, with a line in the log.
    ///
    /// # Errors
    /// The upstream's failure if `index` itself is a mirror.
    pub async fn names(&self, directory: &Arc<Directory>, index: &Index, who: &Who) -> Result<Names> {
        let walk = self.walk(directory, &index.name)?;
        let readable = walk.readable(directory, who);
        let mut lists = Vec::new();
        for (at, name) in walk.order.sources.iter().enumerate() {
            let may = readable.checked_shr(at as u32).unwrap_or(0) & 1 == 1;
            let Some(source) = directory.indexes.get(name).filter(|_| may) else { continue };
            match &source.kind {
                Kind::Stage(_) => {
                    let names = self.sources().db.projects(name.as_str()).await?;
                    lists.push(Arc::new(names.iter().map(String::as_str).collect()));
                }
                Kind::Mirror(_) => match self.sources().mirrors.names(source).await {
                    Ok(names) => lists.push(names),
                    Err(error) if at == 0 => return Err(error),
                    Err(error) => tracing::warn!(index = %name, %error, "no list of names"),
                },
            }
        }
        Ok(Names::new(lists, walk.is_public(readable)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_merge_in_order_without_repetition() {
        let list = |names: &[&str]| Arc::new(names.iter().copied().collect::<NameList>());
        let names = Names::new(vec![list(&["b", "d"]), list(&[]), list(&["a", "b", "c", "d", "e"])], true);
        assert_eq!(names.iter().collect::<Vec<_>>(), ["a", "b", "c", "d", "e"]);
        assert_eq!(names.at_most(), 7);
    }
}
