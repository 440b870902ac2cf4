//! The accounts and indexes that a build is for, which decide who may see it.

use super::queue::Queue;
use crate::access::{self, BuildSight, Who};
use crate::db::builds::{Build, BuildId, Filter};
use crate::db::built::Publication;
use crate::directory::Directory;
use crate::error::Result;
use crate::names::{IndexName, ProjectName};
use crate::words::BuildState;
use std::collections::HashMap;

/// The accounts and indexes that a build is for.
pub struct Parties {
    /// Accounts that asked.
    pub askers: Vec<String>,
    /// Indexes that get the wheel.
    pub indexes: Vec<IndexName>,
    /// What became of it there, for each of them.
    pub stands: Vec<Publication>,
}

impl Parties {
    /// The form in which `access` judges a build.
    pub fn sight<'a>(&'a self, build: &'a Build) -> BuildSight<'a> {
        BuildSight {
            context: &build.context,
            given: build.given,
            indexes: &self.indexes,
            askers: &self.askers,
        }
    }

    /// Whether `who` may know who asked.
    pub fn are_known(&self, directory: &Directory, who: &Who, build: &Build) -> bool {
        access::builds::knows_asker(directory, who, self.sight(build))
    }

    /// The user who asked first, if `who` may know.
    pub fn asker(&self, directory: &Directory, who: &Who, build: &Build) -> Option<String> {
        let knows = self.are_known(directory, who, build);
        access::builds::user_of_label(&build.asked_by).filter(|_| knows).map(str::to_owned)
    }
}

impl Parties {
    /// Who wants a build: accounts by name for those who may know who asks, installers and builds by what they are.
    pub fn wanted_by(&self, directory: &Directory, who: &Who, build: &Build) -> Vec<String> {
        let knows = self.are_known(directory, who, build);
        let mut wanted: Vec<String> = self.askers.iter().map(|asker| in_words(asker, knows)).collect();
        wanted.sort();
        wanted.dedup();
        wanted
    }
}

/// An entry of `build_asker`: an account, or a label that is no account's.
fn in_words(asker: &str, knows: bool) -> String {
    match asker.split_once(':') {
        Some(("build", id)) => format!("build {id}"),
        Some(("", "anonymous")) => "clients without an account".to_owned(),
        Some(_) => "the server".to_owned(),
        None if knows => asker.to_owned(),
        None => "an account".to_owned(),
    }
}

impl Queue {
    pub async fn parties(&self, build: &Build) -> Result<Parties> {
        let (indexes, stands) = self.db().build_indexes(build.id).await?.into_iter().unzip();
        Ok(Parties { askers: self.db().build_askers(build.id).await?, indexes, stands })
    }

    /// The same of several, by their numbers.
    async fn parties_of(&self, builds: &[Build]) -> Result<HashMap<BuildId, Parties>> {
        let ids: Vec<BuildId> = builds.iter().map(|build| build.id).collect();
        let mut all: HashMap<BuildId, Parties> = ids
            .iter()
            .map(|id| (*id, Parties { askers: Vec::new(), indexes: Vec::new(), stands: Vec::new() }))
            .collect();
        for (id, index, stands) in self.db().indexes_of_builds(&ids).await? {
            if let Some(parties) = all.get_mut(&id) {
                parties.indexes.push(index);
                parties.stands.push(stands);
            }
        }
        for (id, asker) in self.db().askers_of_builds(&ids).await? {
            all.entry(id).and_modify(|parties| parties.askers.push(asker));
        }
        Ok(all)
    }

    /// Whether `who` may see a build.
    pub async fn sees(&self, directory: &Directory, who: &Who, build: &Build) -> Result<bool> {
        Ok(access::sees_build(directory, who, self.parties(build).await?.sight(build)))
    }

    /// The builds of a project that `who` may see, the newest of each.
    pub async fn newest_of(
        &self,
        directory: &Directory,
        who: &Who,
        project: &ProjectName,
    ) -> Result<Vec<Build>> {
        let filter = Filter { project: Some(project.clone()), limit: 400, ..Filter::default() };
        self.newest(directory, who, &filter, |_| true).await
    }

    /// The builds that fit, are wanted, and that `who` may see: for each version and target the newest of a
    /// source that its index lists, and the newest of one that was given.
    pub async fn newest(
        &self,
        directory: &Directory,
        who: &Who,
        filter: &Filter,
        wanted: impl Fn(&Build) -> bool + Send,
    ) -> Result<Vec<Build>> {
        fn key(build: &Build) -> impl PartialEq {
            (&build.project, &build.version, &build.target, build.given)
        }
        let mut newest: Vec<Build> = Vec::new();
        let builds: Vec<Build> = self.list(filter).await?.into_iter().filter(wanted).collect();
        let parties = self.parties_of(&builds).await?;
        for build in builds {
            let known = newest.iter().any(|known| key(known) == key(&build));
            // Of a set, whose failure takes no wheel away.
            let is_beside = build.because.is_some() && build.state != BuildState::Built;
            let Some(parties) = parties.get(&build.id) else { continue };
            // What was tried is nobody's, whether it went well or not.
            if !known
                && !is_beside
                && !build.trial
                && access::sees_build(directory, who, parties.sight(&build))
            {
                newest.push(build);
            }
        }
        Ok(newest)
    }
}
