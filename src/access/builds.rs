//! Who may do what with builds: ask for them, run them again, end them, know who asked.

use super::decide::Asker;
use super::{Action, BuildSight, Decision, Need, Who, decide, may_read};
use crate::directory::{Directory, IndexKind, inheritance};
use crate::names::IndexName;
use crate::words::Right;

/// Whether `who` may have something built that an index lists, or with what it lists: who reads it.
/// A token's limits must reach it, and allow uploads: a build gives an index a file.
pub fn may_ask(directory: &Directory, who: &Who, index: &IndexName, project: Option<&str>) -> Decision {
    let asker = Asker::new(directory, who);
    match decide(directory, who, Need::Read, Some(index), project, None) {
        Decision::Allowed if asker.acts(index, Action::Upload, project) => Decision::Allowed,
        Decision::Allowed => Decision::Refused,
        other => other,
    }
}

/// Whether `who` may let a build that failed run again: whoever reads its context, or an index that
/// reaches it, or asked for it; with a token only within its limits.
pub fn may_retry(directory: &Directory, who: &Who, build: BuildSight<'_>, project: Option<&str>) -> bool {
    let asker = Asker::new(directory, who);
    let within = |name: &IndexName| asker.acts(name, Action::Upload, project);
    let limit = who.scope.as_ref().and_then(|scope| scope.index.as_deref()).and_then(IndexName::parse);
    let above = limit.is_some_and(|limit| {
        let reached = inheritance::order(directory, &limit).sources;
        reached.iter().any(|base| Some(base) == build.context.only()) && within(&limit)
    });
    let reached =
        above || asker.acts_at(build.context, Action::Upload, project) || build.indexes.iter().any(within);
    asker.known.is_some() && !asker.only_builds() && reached && super::sees_build(directory, who, build)
}

/// Whether `who` may let a build run again that has its wheel, and so give its context another one: who
/// may upload to that, if it is a stage, or manage it, if it is a mirror. Of what was uploaded the
/// context gets nothing: who asked for it may.
pub fn may_replace(directory: &Directory, who: &Who, build: BuildSight<'_>, project: Option<&str>) -> bool {
    let asker = Asker::new(directory, who);
    let own = asker.known.is_some_and(|user| build.askers.contains(&user.name));
    let name = build.context.only();
    let need = match name.and_then(|name| directory.indexes.get(name)).map(|index| &index.kind) {
        Some(IndexKind::Stage(_)) => Need::Upload,
        Some(IndexKind::Mirror(_)) => Need::Manage,
        None => Need::Operate,
    };
    if build.given && own && asker.acts_at(build.context, Action::Upload, project) {
        return true;
    }
    let root = asker.is_root() && asker.acts_at(build.context, Action::Upload, project);
    root || decide(directory, who, need, name, project, None) == Decision::Allowed
}

/// Whether `who` may end a build that others wait for: root, and the owner of its context.
pub fn may_end(directory: &Directory, who: &Who, build: BuildSight<'_>, project: Option<&str>) -> bool {
    let asker = Asker::new(directory, who);
    let owns = build.context.only().is_some_and(|name| asker.owns(name));
    (asker.is_root() || owns) && asker.acts_at(build.context, Action::Upload, project)
}

/// Whether `who` may know of the indexes that a build is of.
pub fn reads(directory: &Directory, who: &Who, names: &[IndexName]) -> bool {
    names.iter().all(|name| directory.indexes.get(name).is_some_and(|index| may_read(directory, who, index)))
}

/// Whether `who` may know who asked for a build: others who did, root, and those who may put files
/// into an index that it is of.
pub fn knows_asker(directory: &Directory, who: &Who, build: BuildSight<'_>) -> bool {
    let asker = Asker::new(directory, who);
    let Some(user) = asker.known else { return false };
    let of_index = |name: &IndexName| {
        let index = directory.indexes.get(name);
        index.is_some_and(|index| asker.owns(&index.name) || asker.has(Right::Upload, index))
    };
    let mut names = build.context.only().into_iter().chain(build.indexes);
    !asker.only_builds() && (asker.is_root() || build.askers.contains(&user.name) || names.any(of_index))
}

/// The user that an audit label names; none of those who are not one.
pub fn user_of_label(label: &str) -> Option<&str> {
    let token = ["token:", "publisher:", "watch:"].iter().find_map(|prefix| label.strip_prefix(prefix));
    let name = match token {
        Some(token) => token.split_once(" (")?.1.strip_suffix(')')?,
        None => label,
    };
    Some(name).filter(|name| !name.is_empty() && !name.contains(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_gives_its_user_and_no_more() {
        assert_eq!(user_of_label("alice"), Some("alice"));
        assert_eq!(user_of_label("token:abc123 (alice)"), Some("alice"));
        assert_eq!(user_of_label("publisher:abc123 (alice)"), Some("alice"));
        assert_eq!(user_of_label("watch:12 (alice)"), Some("alice"));
        for label in [":anonymous", ":ahead", "build:12", "token:abc", ""] {
            assert_eq!(user_of_label(label), None, "{label}");
        }
    }
}
