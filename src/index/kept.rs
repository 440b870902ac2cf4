//! What of an index could be carried away: the files whose bytes are here. No upstream is asked.

use super::gather::{Gathered, Sources};
use super::sight::{Sight, UnapprovedFiles};
use super::view::Views;
use crate::directory::inheritance::InheritanceOrder;
use crate::directory::{Directory, Index, IndexKind};
use crate::error::{Error, Result};
use crate::names::{IndexName, ProjectName};
use crate::packaging::metadata::Metadata;
use crate::tools::hex;
use crate::tools::time::now;
use std::collections::BTreeMap;
use std::sync::Arc;

/// An index whose files are to be carried away.
#[derive(Clone, Copy)]
pub struct KeptIndex<'a> {
    pub directory: &'a Arc<Directory>,
    pub index: &'a Index,
    /// With what its bases have.
    pub inherited: bool,
}

/// What is here of a project.
pub struct KeptProject {
    pub gathered: Gathered,
    /// A release has a classifier `Private :: …`: it must not be published by accident.
    pub private: bool,
}

impl Views {
    /// Of each project, a text that changes whenever what is here of it changes.
    pub async fn kept_stamps(&self, of: KeptIndex<'_>) -> Result<BTreeMap<ProjectName, String>> {
        let db = self.sources().db;
        let mut stamps: BTreeMap<ProjectName, String> = BTreeMap::new();
        for source in self.kept_sources(of)?.sources {
            let known = match of.directory.indexes.get(&source).map(|index| &index.kind) {
                Some(IndexKind::Stage(_)) => db.stage_stamps(&source).await?,
                Some(IndexKind::Mirror(_)) => db.mirror_stamps(&source).await?,
                None => continue,
            };
            let curated = of.directory.indexes.get(&source).is_some_and(Index::is_curated);
            let approved = match curated {
                true => db.approval_stamps(&source, now()).await?,
                false => Vec::new(),
            };
            for (project, stamp) in known.into_iter().chain(approved) {
                let all = stamps.entry(project).or_default();
                if !all.is_empty() {
                    all.push(' ');
                }
                all.push_str(&stamp);
            }
        }
        Ok(stamps)
    }

    /// A text that changes when the options do that decide what is shown.
    pub fn kept_rules(&self, of: KeptIndex<'_>) -> Result<String> {
        let sources = self.kept_sources(of)?.sources;
        let options = sources.iter().filter_map(|name| {
            let index = of.directory.indexes.get(name)?;
            Some((name, &index.options))
        });
        let held = of.directory.quarantines.stamp(&sources);
        let options = serde_json::to_vec(&(options.collect::<Vec<_>>(), held)).map_err(Error::internal)?;
        Ok(hex::short_sha256(options, 16))
    }

    /// What is here of one project, as whoever runs the server may see it; `None` if there is nothing.
    pub async fn kept(&self, of: KeptIndex<'_>, project: &ProjectName) -> Result<Option<KeptProject>> {
        let order = self.kept_sources(of)?;
        let sources = Sources { kept: true, ..self.sources() };
        let (directory, order) = (of.directory, &order);
        let sight = Sight {
            directory,
            order,
            readable: u128::MAX,
            as_of: None,
            whole: None,
            unapproved: UnapprovedFiles::Hidden,
        };
        match sources.project(sight, project, false).await {
            Ok(gathered) => {
                let private = self.is_private(&order.sources, project).await?;
                Ok(Some(KeptProject { gathered, private }))
            }
            Err(error) if error.is_withheld() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether a release of the project on one of these says that it is private.
    pub async fn is_private(&self, sources: &[IndexName], project: &ProjectName) -> Result<bool> {
        for source in sources {
            let releases = self.sources().db.releases(source, project).await?;
            if releases.iter().any(|release| says_private(&release.metadata)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn kept_sources(&self, of: KeptIndex<'_>) -> Result<InheritanceOrder> {
        let name = &of.index.name;
        match of.inherited {
            true => Ok(self.walk(of.directory, name)?.order.clone()),
            false => Ok(InheritanceOrder { sources: vec![name.clone()], ..InheritanceOrder::default() }),
        }
    }
}

/// Whether stored metadata has such a classifier; most is not even read.
pub(in crate::index) fn says_private(json: &str) -> bool {
    json.contains("\"Private ::")
        && serde_json::from_str::<Metadata>(json).is_ok_and(|metadata| metadata.is_private())
}
