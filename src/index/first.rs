//! Several indexes asked together: the first index that has a project decides. Later indexes are not asked,
//! so nobody can slip in another project of the same name.

use super::view::{Prepared, ViewRequest, Views};
use crate::access::Who;
use crate::directory::{Directory, Index};
use crate::error::{Error, Result};
use crate::missing;
use crate::names::{IndexName, ProjectName};
use crate::packaging::page::Page;
use std::sync::Arc;

/// Listens to one index after the other until one decides.
#[derive(Default)]
struct FirstThatHas {
    refused: Option<Error>,
}

impl FirstThatHas {
    /// The decision, or `None` if the next index must be asked. An error that hides whether this index has the
    /// project is a decision, too.
    fn hear<T>(&mut self, said: Result<T>) -> Option<Result<T>> {
        match said {
            Err(Error::Missing(_)) => None,
            // A mirror's policy: it has this project for nobody.
            Err(error @ Error::Forbidden(_)) => {
                self.refused.get_or_insert(error);
                None
            }
            decided => Some(decided),
        }
    }

    /// The error if no index has the project.
    fn nobody(self, missing: impl FnOnce() -> Error) -> Error {
        self.refused.unwrap_or_else(missing)
    }
}

impl Views {
    /// The prepared page of the first index that has the project.
    ///
    /// # Errors
    /// Any error that hides whether an earlier index has the project; `Missing` if no index has it.
    pub async fn first_prepared(&self, asks: &[ViewRequest<'_>]) -> Result<Arc<Prepared>> {
        let mut first = FirstThatHas::default();
        for ask in asks {
            if let Some(decided) = first.hear(self.project(*ask).await) {
                return decided;
            }
        }
        Err(first.nobody(|| {
            let names: Vec<&str> = asks.iter().map(|ask| ask.index.name.as_str()).collect();
            let project = asks.first().map_or("", |ask| ask.project.as_str());
            missing!("The project {project} does not exist on {}.", names.join(", nor on "))
        }))
    }

    /// The same page as data, with the name of its index.
    ///
    /// # Errors
    /// As [`Views::first_prepared`].
    pub async fn first(
        &self,
        directory: &Arc<Directory>,
        set: &[&Index],
        project: &ProjectName,
        who: &Who,
    ) -> Result<(IndexName, Page)> {
        let mut first = FirstThatHas::default();
        for index in set {
            if let Some(decided) = first.hear(self.part(directory, set, index, project, who).await) {
                return Ok((index.name.clone(), decided?));
            }
        }
        Err(first.nobody(|| {
            let names: Vec<&str> = set.iter().map(|index| index.name.as_str()).collect();
            missing!("{} has no project {project}", names.join("+"))
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_index_that_surely_lacks_the_project_leaves_the_decision_to_the_next() {
        let mut first = FirstThatHas::default();
        assert!(first.hear::<()>(Err(missing!("no"))).is_none());
        assert!(first.hear::<()>(Err(Error::Forbidden("by policy".into()))).is_none());
        assert!(matches!(first.hear::<()>(Err(Error::Offline("off".into()))), Some(Err(Error::Offline(_)))));
        assert!(matches!(first.hear(Ok(7)), Some(Ok(7))));
        assert!(matches!(first.nobody(|| missing!("no")), Error::Forbidden(_)));
        assert!(matches!(FirstThatHas::default().nobody(|| missing!("no")), Error::Missing(_)));
    }
}
