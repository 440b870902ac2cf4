//! The accounts and indexes that a build is for, which decide who may see it.

use super::queue::Queue;
use crate::access::{self, BuildSight, Who};
use crate::db::builds::{Build, Filter};
use crate::directory::Directory;
use crate::error::Result;
use crate::names::{IndexName, ProjectName};

/// The accounts and indexes that a build is for.
pub struct Parties {
    /// Accounts that asked.
    pub askers: Vec<String>,
    /// Indexes that get the wheel.
    pub indexes: Vec<IndexName>,
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

    /// The user who asked first, if `who` may know.
    pub fn asker(&self, directory: &Directory, who: &Who, build: &Build) -> Option<String> {
        let knows = access::builds::knows_asker(directory, who, self.sight(build));
        access::builds::user_of_label(&build.asked_by).filter(|_| knows).map(str::to_owned)
    }
}

impl Queue {
    pub async fn parties(&self, build: &Build) -> Result<Parties> {
        let indexes = self.db().build_indexes(build.id).await?.into_iter().map(|(name, _)| name).collect();
        Ok(Parties { askers: self.db().build_askers(build.id).await?, indexes })
    }

    /// Whether `who` may see a build.
    pub async fn sees(&self, directory: &Directory, who: &Who, build: &Build) -> Result<bool> {
        Ok(access::sees_build(directory, who, self.parties(build).await?.sight(build)))
    }

    /// The newest failed build of each version and target of a project that `who` may see: these wheels are
    /// missing on the pages.
    pub async fn left_out(
        &self,
        directory: &Directory,
        who: &Who,
        project: &ProjectName,
    ) -> Result<Vec<Build>> {
        let filter = Filter { project: Some(project.clone()), limit: 400, ..Filter::default() };
        let mut newest: Vec<Build> = Vec::new();
        for build in self.list(&filter).await? {
            let same = |known: &Build| (&known.version, &known.target) == (&build.version, &build.target);
            if !build.given && !newest.iter().any(same) && self.sees(directory, who, &build).await? {
                newest.push(build);
            }
        }
        newest.retain(|build| build.failure.is_some());
        Ok(newest)
    }
}
