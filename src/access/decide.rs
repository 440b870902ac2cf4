//! The one function that decides.

use super::{Action, Decision, Need, Scope, Who};
use crate::directory::{Directory, Index, User, inheritance};
use crate::names::{BuildContext, IndexName, ProjectName};
use crate::words::{Right, Role};

/// Decides. `index` and `project` are what the path names, `user` the user it names. An upload
/// names its project only in its body: its handler asks again once it is known.
pub fn decide(
    directory: &Directory,
    who: &Who,
    need: Need,
    index: Option<&IndexName>,
    project: Option<&str>,
    user: Option<&str>,
) -> Decision {
    let asker = Asker::new(directory, who);
    match need {
        Need::Nothing | Need::Search => Decision::Allowed,
        Need::Greet if index.is_none() => Decision::Allowed,
        Need::Login => asker.unless(asker.known.is_some() && !asker.only_builds()),
        Need::Greet
        | Need::Read
        | Need::ReadEach
        | Need::Upload
        | Need::TestResult
        | Need::Manage
        | Need::Approve => asker.in_index(need, index, project),
        Need::ManageIndex => asker.manage_index(index),
        Need::CreateUser => asker.unless(directory.open_registration || asker.admin(asker.is_root())),
        Need::ManageUser => {
            let own = user.is_some() && who.user.as_deref() == user;
            asker.unless(asker.admin(own || asker.is_root()))
        }
        Need::ManageToken => asker.unless(asker.admin(asker.known.is_some())),
        Need::Operate => asker.unless(asker.admin(asker.is_root())),
        Need::Work => asker.unless(asker.works()),
        Need::Replicate => asker.unless(asker.replicates()),
    }
}

/// Decides about a path that names several indexes, each by what it can mean: all must be readable.
/// One that means nothing is as hidden as one that may not be read.
pub fn decide_each<'a>(
    directory: &Directory,
    who: &Who,
    indexes: impl Iterator<Item = &'a [IndexName]>,
) -> Decision {
    let reads = |name: Option<&IndexName>| decide(directory, who, Need::ReadEach, name, None, None);
    let mut decided = None;
    for meant in indexes {
        let one = match meant {
            [] => reads(None),
            _ => meant
                .iter()
                .map(|name| reads(Some(name)))
                .find(|one| *one != Decision::Allowed)
                .unwrap_or(Decision::Allowed),
        };
        if one != Decision::Allowed {
            return one;
        }
        decided = Some(one);
    }
    decided.unwrap_or_else(|| reads(None))
}

/// Whether `who` may read an index: for lists, and for the bases of another index.
pub fn may_read(directory: &Directory, who: &Who, index: &Index) -> bool {
    Asker::new(directory, who).reads(index)
}

/// Whether a curated index may give its readers what was approved of `mirror`: if its owner may read that.
pub fn may_supply(directory: &Directory, curator: &IndexName, mirror: &Index) -> bool {
    may_read(directory, &Who::person(curator.user()), mirror)
}

/// What decides who sees a build.
#[derive(Clone, Copy, Debug)]
pub struct BuildSight<'a> {
    pub context: &'a BuildContext,
    /// Uploaded or from a repository: to read the context says nothing about it.
    pub given: bool,
    /// Indexes that get the wheel.
    pub indexes: &'a [IndexName],
    /// Accounts that asked for it.
    pub askers: &'a [String],
}

/// Whether `who` may see a build: who asked for it, who may read an index it is for or, where the
/// source is one that its context lists, the context. Root sees all.
pub fn sees_build(directory: &Directory, who: &Who, build: BuildSight<'_>) -> bool {
    let asker = Asker::new(directory, who);
    let reads = |name: &IndexName| directory.indexes.get(name).is_some_and(|index| asker.reads(index));
    // A token that is limited to an index sees what is of that index.
    let whole = asker.scope.is_none_or(|scope| scope.index.is_none() && permits(scope, Action::Read));
    let own = asker.known.is_some_and(|user| build.askers.contains(&user.name));
    whole && (asker.is_root() || own) && !asker.only_builds()
        || !build.given && build.context.only().is_some_and(reads)
        || build.indexes.iter().any(reads)
}

pub(super) struct Asker<'a> {
    pub(super) directory: &'a Directory,
    /// `None` for the anonymous, the deleted and the disabled.
    pub(super) known: Option<&'a User>,
    scope: Option<&'a Scope>,
}

impl<'a> Asker<'a> {
    pub(super) fn new(directory: &'a Directory, who: &'a Who) -> Self {
        let known =
            who.user.as_ref().and_then(|name| directory.users.get(name)).filter(|user| !user.disabled);
        Self { directory, known, scope: who.scope.as_ref() }
    }

    pub(super) fn is_root(&self) -> bool {
        self.known.is_some_and(|user| user.name == "root")
    }

    pub(super) fn owns(&self, index: &IndexName) -> bool {
        self.known.is_some_and(|user| user.name == index.user())
    }

    /// A worker's token, or a build's credential.
    pub(super) fn only_builds(&self) -> bool {
        let nothing_else = |scope: &Scope| {
            scope.context.is_some()
                || !scope.actions.is_empty() && scope.actions.iter().all(|action| *action == Action::Build)
        };
        self.scope.is_some_and(nothing_else)
    }

    fn works(&self) -> bool {
        let named = |scope: &Scope| scope.index.is_none() && scope.actions.contains(&Action::Build);
        let may = self.is_root() || self.known.is_some_and(|user| user.roles.contains(&Role::Builder));
        may && self.scope.is_none_or(named)
    }

    fn replicates(&self) -> bool {
        let named = |scope: &Scope| scope.index.is_none() && scope.actions.contains(&Action::Replicate);
        self.is_root() && self.scope.is_none_or(named)
    }

    /// What belongs to no index has nothing to hide.
    fn unless(&self, allowed: bool) -> Decision {
        match (allowed, self.known) {
            (true, _) => Decision::Allowed,
            (false, Some(_)) => Decision::Refused,
            (false, None) => Decision::AskCredential,
        }
    }

    /// Rights beyond a single index: a token limited to one has none of them.
    fn admin(&self, right: bool) -> bool {
        let limited = |scope: &Scope| scope.index.is_some() || !permits(scope, Action::Admin);
        right && !self.scope.is_some_and(limited)
    }

    /// Whether a token's limits reach this index at all.
    fn reaches(&self, index: &IndexName) -> bool {
        let Some(scope) = self.scope else { return true };
        scope.index.as_ref().is_none_or(|limit| limit == index.as_str())
            && scope.context.as_ref().is_none_or(|context| self.is_in(context, index))
    }

    /// Whether an index is of the context, or one of the bases of those that are.
    fn is_in(&self, context: &BuildContext, index: &IndexName) -> bool {
        let within = |context: &IndexName| {
            context == index || inheritance::order(self.directory, context).sources.contains(index)
        };
        context.indexes().iter().any(within)
    }

    /// [`Asker::acts`] in all indexes of a context.
    pub(super) fn acts_at(&self, context: &BuildContext, action: Action, project: Option<&str>) -> bool {
        context.indexes().iter().all(|index| self.acts(index, action, project))
    }

    /// Whether a token's limits allow this there; without a token there are none.
    pub(super) fn acts(&self, index: &IndexName, action: Action, project: Option<&str>) -> bool {
        let Some(scope) = self.scope else { return true };
        self.reaches(index) && permits(scope, action) && (action == Action::Read || covers(scope, project))
    }

    /// The person may; whatever their token is limited to.
    pub(super) fn has(&self, right: Right, index: &Index) -> bool {
        self.grant(right, index).is_some()
    }

    fn reads(&self, index: &Index) -> bool {
        // Nobody may do less with a token than without.
        index.acl_read.iter().any(|principal| principal == ":ANONYMOUS:")
            || (self.has(Right::Read, index) && self.acts(&index.name, Action::Read, None))
    }

    fn in_index(&self, need: Need, name: Option<&IndexName>, project: Option<&str>) -> Decision {
        let hidden = if self.known.is_some() { Decision::Hidden } else { Decision::AskCredential };
        let Some(index) = name.and_then(|name| self.directory.indexes.get(name)) else { return hidden };
        let allowed = match need {
            Need::Upload => self.has(Right::Upload, index) && self.acts(&index.name, Action::Upload, project),
            Need::TestResult => {
                // Nobody may do less with a token than without.
                let anybody = index.acl_test_results.iter().any(|principal| principal == ":ANONYMOUS:");
                let listed = self.has(Right::TestResult, index);
                self.reads(index) && (anybody || listed && self.acts(&index.name, Action::Upload, project))
            }
            Need::Manage => self.has(Right::Manage, index) && self.acts(&index.name, Action::Manage, project),
            Need::Approve => {
                index.is_stage()
                    && self.has(Right::Approve, index)
                    // What is about no project is about all of them.
                    && (project.is_some() || self.scope.is_none_or(|scope| scope.project.is_none()))
                    && self.acts(&index.name, Action::Manage, project)
            }
            _ => self.reads(index),
        };
        // A token that only uploads knows its index even though it cannot read it.
        let visible = self.reads(index) || (self.has(Right::Read, index) && self.reaches(&index.name));
        match (allowed, visible && !matches!(need, Need::Read | Need::ReadEach | Need::Greet)) {
            (true, _) => Decision::Allowed,
            (false, true) if self.known.is_some() => Decision::Refused,
            _ => hidden,
        }
    }

    /// The same refusal whether the index exists or not: it tells nothing.
    fn manage_index(&self, index: Option<&IndexName>) -> Decision {
        let Some(index) = index else { return self.unless(false) };
        let known = self.directory.indexes.get(index);
        let right = self.is_root()
            || self.owns(index)
            || known.is_some_and(|index| self.has(Right::Administer, index));
        let unlimited = self.scope.is_none_or(|scope| scope.project.is_none());
        if self.known.is_some() && !self.directory.users.contains_key(index.user()) {
            return Decision::Hidden;
        }
        self.unless(right && unlimited && self.acts(index, Action::Admin, None))
    }
}

fn permits(scope: &Scope, action: Action) -> bool {
    let unnamed = !matches!(action, Action::Build | Action::Replicate);
    scope.actions.is_empty() && unnamed || scope.actions.contains(&action)
}

/// Whether a project lies within the scope; one not known yet is judged later.
fn covers(scope: &Scope, project: Option<&str>) -> bool {
    match (&scope.project, project) {
        (None, _) | (_, None) => true,
        (Some(limit), Some(project)) => ProjectName::new(project).is_some_and(|name| name.as_str() == limit),
    }
}
