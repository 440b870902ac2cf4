//! Cut off from every upstream: whether what builds a source is here, so that its promise can be kept.

use super::Promises;
use crate::access::Who;
use crate::build::target::Target;
use crate::build::targets::Offered;
use crate::build::tools::tools_for;
use crate::error::{Error, Result};
use crate::names::{IndexName, ProjectName};
use crate::packaging::choose::Chooser;
use crate::packaging::page::File;
use crate::packaging::requirement::Requirement;
use std::collections::{BTreeMap, BTreeSet};

/// What is looked up once for all sources of a page.
pub struct Kit<'a> {
    promises: &'a Promises,
    target: &'a Target,
    chooser: &'a Chooser,
    /// By owner and requirement.
    known: BTreeMap<(IndexName, String), bool>,
}

impl<'a> Kit<'a> {
    pub fn new(promises: &'a Promises, offered: &'a Offered) -> Self {
        let Offered { target, chooser, .. } = offered;
        Self { promises, target, chooser, known: BTreeMap::new() }
    }

    /// Whether wheels of all that the source names, and of pip to install them, are among those that
    /// `owner` can serve. What they depend on came with them, when they were installed.
    pub async fn has(&mut self, owner: &IndexName, project: &ProjectName, source: &File) -> Result<bool> {
        let said = self.promises.0.sdists.of(self.promises.queue(), owner, project, source).await;
        let Ok(said) = said else { return Ok(false) };
        // What cannot be read is left to its build to tell.
        let Some(requires) = &said.requires else { return Ok(true) };
        let applies = |each: &&Requirement| each.applies(&self.target.markers, &BTreeSet::new());
        let mut wanted: Vec<Requirement> = requires.iter().filter(applies).cloned().collect();
        if !wanted.is_empty() {
            wanted.push(Requirement::parse(&format!("pip<={}", tools_for(self.target).pip))?);
        }
        for requirement in &wanted {
            if !self.has_wheel(owner, requirement).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn has_wheel(&mut self, owner: &IndexName, wanted: &Requirement) -> Result<bool> {
        let key = (owner.clone(), wanted.to_string());
        if let Some(known) = self.known.get(&key) {
            return Ok(*known);
        }
        let who = Who::context(&owner.clone().into(), 0);
        let has = match self.promises.queue().page(&who, owner, &wanted.name).await {
            Ok(page) => self.chooser.wheel(&page, &wanted.specifiers).is_some(),
            Err(Error::Missing(_) | Error::Offline(_) | Error::Forbidden(_) | Error::Unapproved(_)) => false,
            Err(error) => return Err(error),
        };
        self.known.insert(key, has);
        Ok(has)
    }
}
