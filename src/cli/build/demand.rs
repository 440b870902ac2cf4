//! What is wanted for one target, and the versions that will do.

use crate::build::target::Target;
use crate::cli::requirements::WantedBy;
use crate::names::ProjectName;
use crate::packaging::requirement::Requirement;
use crate::packaging::version::VersionSpecifiers;
use std::collections::BTreeMap;

/// A project that is wanted, and the versions of it that will do.
#[derive(Clone, Debug, PartialEq)]
pub struct VersionChoice {
    pub project: ProjectName,
    pub specifiers: VersionSpecifiers,
}

impl VersionChoice {
    /// `demo==1.0`
    pub fn of_pin(text: &str) -> Option<Self> {
        let requirement = Requirement::parse(text).ok().filter(|requirement| requirement.url.is_none())?;
        Some(Self { project: requirement.name, specifiers: requirement.specifiers })
    }
}

/// All that is wanted for one target.
pub struct TargetDemand<'a> {
    pub target: &'a Target,
    pub wants: Vec<WantedBy>,
    /// They limit versions, and want nothing.
    pub limits: Vec<Requirement>,
}

impl TargetDemand<'_> {
    /// `you want demo>=2, app 1.0 wants demo<2`
    pub fn describe(&self) -> String {
        self.wants.iter().map(WantedBy::describe).collect::<Vec<_>>().join(", ")
    }

    /// What is wanted itself, without what that requires.
    pub fn flat(&self) -> Vec<VersionChoice> {
        let mut choices: BTreeMap<&ProjectName, VersionSpecifiers> = BTreeMap::new();
        for want in &self.wants {
            let name = &want.requirement.name;
            let limits = self.limits.iter().filter(|limit| limit.name == *name);
            let all = choices.remove(name).into_iter().flat_map(|known| known.to_vec());
            let all = all.chain(want.requirement.specifiers.to_vec());
            let all = all.chain(limits.flat_map(|limit| limit.specifiers.to_vec()));
            choices.insert(name, all.collect());
        }
        let choices = choices.into_iter();
        choices.map(|(project, specifiers)| VersionChoice { project: project.clone(), specifiers }).collect()
    }
}
