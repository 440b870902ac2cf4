//! Why somebody has a right in an index, or has not: `decide` asks it, and people may see it.

use super::Who;
use super::decide::{Asker, may_read};
use crate::directory::{Directory, Index, IndexKind, inheritance};
use crate::error::Result;
use crate::missing;
use crate::names::IndexName;
use crate::words::Right;
use serde::{Deserialize, Serialize};

/// Everybody, with a credential or without.
const ANYBODY: &str = ":ANONYMOUS:";

/// Everybody with a valid credential.
const KNOWN: &str = ":AUTHENTICATED:";

/// Why a right is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grant<'a> {
    Root,
    Owner,
    /// An option of the index that lists them, and how.
    Listed {
        option: &'static str,
        principal: &'a str,
    },
}

impl<'a> Asker<'a> {
    /// Why the person has this right, whatever their token is limited to; `None`: they have not.
    pub(super) fn grant<'i>(&self, right: Right, index: &'i Index) -> Option<Grant<'i>> {
        let (options, owner_too) = options(right, index);
        let whole = if self.is_root() {
            Some(Grant::Root)
        } else if owner_too && self.owns(&index.name) {
            Some(Grant::Owner)
        } else {
            None
        };
        whole.or_else(|| {
            options.iter().find_map(|(option, list)| {
                let principal = list.iter().find(|principal| self.is(principal))?;
                Some(Grant::Listed { option, principal })
            })
        })
    }

    /// Whether an entry of a list means this person.
    fn is(&self, principal: &str) -> bool {
        match principal {
            ANYBODY => true,
            KNOWN => self.known.is_some(),
            group if group.starts_with(':') => {
                self.known.is_some_and(|user| user.groups.contains(group.trim_matches(':')))
            }
            name => self.known.is_some_and(|user| user.name == name),
        }
    }
}

/// The options that give a right, and whether the owner of the index has it anyway.
fn options(right: Right, index: &Index) -> (Vec<(&'static str, &Vec<String>)>, bool) {
    let admins = ("acl_admin", &index.acl_admin);
    match right {
        Right::Read => (vec![("acl_read", &index.acl_read), admins], true),
        Right::Upload => (vec![("acl_upload", &index.acl_upload)], false),
        Right::TestResult => (vec![("acl_toxresult_upload", &index.acl_test_results)], false),
        Right::Manage => {
            let managers = match &index.acl_manage {
                Some(list) => ("acl_manage", list),
                None => ("acl_upload", &index.acl_upload),
            };
            (vec![managers, admins], true)
        }
        Right::Approve => {
            let list = match &index.kind {
                IndexKind::Stage(stage) => vec![("acl_approve", &stage.acl_approve)],
                IndexKind::Mirror(_) => Vec::new(),
            };
            (list, false)
        }
        Right::Administer => (vec![admins], true),
    }
}

/// A right, and why somebody has it or has not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RightView {
    pub right: Right,
    pub allowed: bool,
    pub why: String,
}

/// A base of an index, and whether its projects are seen through it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaseView {
    pub index: IndexName,
    pub allowed: bool,
    pub why: String,
}

/// What one person may do with an index, with all of their rights (no token limits them).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AccessView {
    /// `:ANONYMOUS:` for somebody without a credential.
    pub user: String,
    pub index: IndexName,
    /// For root and the person.
    pub groups: Vec<String>,
    pub rights: Vec<RightView>,
    /// Those it inherits from, in order.
    pub bases: Vec<BaseView>,
}

/// Explains what `user` may do with an index, and why, as far as `who` may know it: groups and disabled accounts are shown to
/// root and the person, bases to those who may read them.
///
/// # Errors
/// `Missing` if there is no such user.
pub fn explain(directory: &Directory, who: &Who, user: &str, index: &Index) -> Result<AccessView> {
    let person = match user {
        ANYBODY => Who::default(),
        name => Who::person(name),
    };
    let account = directory.users.get(user);
    if account.is_none() && person.user.is_some() {
        return Err(missing!("no user '{user}': see `wheelwright user list`"));
    }
    let asker = Asker::new(directory, &person);
    let known = account.filter(|_| who.is_root() || who.user.as_deref() == Some(user));
    let disabled = known.is_some_and(|user| user.disabled);
    let say = |right, of: &Index| {
        let grant = asker.grant(right, of);
        let why = match grant {
            Some(grant) => granted(grant),
            None => refused(right, of, disabled),
        };
        RightView { right, allowed: grant.is_some(), why }
    };
    let sources = inheritance::order(directory, &index.name).sources;
    let bases = sources.iter().filter(|name| **name != index.name);
    let bases = bases.filter_map(|name| {
        let base = directory.indexes.get(name).filter(|base| may_read(directory, who, base))?;
        let RightView { allowed, why, .. } = say(Right::Read, base);
        Some(BaseView { index: name.clone(), allowed, why })
    });
    Ok(AccessView {
        user: user.to_owned(),
        index: index.name.clone(),
        groups: known.map(|user| user.groups.iter().cloned().collect()).unwrap_or_default(),
        rights: Right::ALL.iter().map(|right| say(*right, index)).collect(),
        bases: bases.collect(),
    })
}

/// Explains it for everybody: each account, and those without one.
///
/// # Errors
/// None that an account of the directory causes.
pub fn everybody(directory: &Directory, who: &Who, index: &Index) -> Result<Vec<AccessView>> {
    let names = directory.users.keys().map(String::as_str);
    std::iter::once(ANYBODY).chain(names).map(|user| explain(directory, who, user, index)).collect()
}

fn granted(grant: Grant<'_>) -> String {
    match grant {
        Grant::Root => "root may do everything".into(),
        Grant::Owner => "the index is their own".into(),
        Grant::Listed { option, principal: ANYBODY } => format!("{option} lets everybody"),
        Grant::Listed { option, principal: KNOWN } => format!("{option} lets everybody who logs in"),
        Grant::Listed { option, principal } => match principal.strip_prefix(':') {
            Some(group) => {
                format!("{option} lets the group {}, and they are a member", group.trim_matches(':'))
            }
            None => format!("{option} names them"),
        },
    }
}

fn refused(right: Right, index: &Index, disabled: bool) -> String {
    if disabled {
        return "the account is disabled".into();
    }
    let (options, _) = options(right, index);
    let said = options.iter().map(|(option, list)| match list.is_empty() {
        true => format!("{option} is empty"),
        false => format!("{option} lets only {}", list.join(", ")),
    });
    match options.is_empty() {
        true => "a mirror has no requests".into(),
        false => said.collect::<Vec<_>>().join("; "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{Decision, Need, decide};
    use crate::directory::{User, options};
    use serde_json::json;

    fn directory(acls: serde_json::Value) -> Directory {
        let person = |name: &str, groups: &[&str], disabled| User {
            name: name.into(),
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
            roles: Default::default(),
            disabled,
        };
        let users = [
            person("root", &[], false),
            person("alice", &[], false),
            person("bob", &["devs"], false),
            person("carol", &[], false),
            person("dave", &["devs"], true),
        ];
        let name = IndexName::parse("alice/dev").unwrap();
        let given = acls.as_object().unwrap();
        let index = options::read(&name, &options::create("alice", given).unwrap());
        Directory {
            users: users.into_iter().map(|user| (user.name.clone(), user)).collect(),
            indexes: [(name, index)].into_iter().collect(),
            ..Directory::default()
        }
    }

    fn said(directory: &Directory, user: &str, right: Right) -> RightView {
        let index = directory.indexes.values().next().unwrap();
        let view = explain(directory, &Who::person("root"), user, index).unwrap();
        view.rights.into_iter().find(|view| view.right == right).unwrap()
    }

    #[test]
    fn what_is_explained_is_what_is_decided_for_every_person_right_and_list() {
        let lists = [
            json!([]),
            json!([":ANONYMOUS:"]),
            json!([":AUTHENTICATED:"]),
            json!([":devs"]),
            json!(["carol"]),
        ];
        for (option, list) in
            ["acl_read", "acl_upload", "acl_manage", "acl_admin", "acl_approve", "acl_toxresult_upload"]
                .iter()
                .flat_map(|option| lists.iter().map(move |list| (option, list)))
        {
            let directory = directory(json!({"acl_read": [], (*option): list}));
            let name = directory.indexes.keys().next().unwrap().clone();
            for user in ["root", "alice", "bob", "carol", "dave", ":ANONYMOUS:"] {
                let who = if user == ":ANONYMOUS:" { Who::default() } else { Who::person(user) };
                for (right, need) in [
                    (Right::Read, Need::Read),
                    (Right::Upload, Need::Upload),
                    (Right::Manage, Need::Manage),
                    (Right::Approve, Need::Approve),
                    (Right::Administer, Need::ManageIndex),
                ] {
                    let decided = decide(&directory, &who, need, Some(&name), None, None);
                    let view = said(&directory, user, right);
                    assert_eq!(
                        view.allowed,
                        decided == Decision::Allowed,
                        "{user} {option} {list}: {view:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_words_say_which_option_decides() {
        let directory = directory(json!({
            "acl_read": ["carol"], "acl_upload": [":devs"], "acl_admin": ["carol"], "acl_manage": [],
        }));
        for (user, right, why) in [
            ("bob", Right::Upload, "acl_upload lets the group devs, and they are a member"),
            ("bob", Right::Read, "acl_read lets only carol; acl_admin lets only carol"),
            ("bob", Right::Manage, "acl_manage is empty; acl_admin lets only carol"),
            ("carol", Right::Read, "acl_read names them"),
            ("carol", Right::Administer, "acl_admin names them"),
            ("carol", Right::Manage, "acl_admin names them"),
            ("carol", Right::Upload, "acl_upload lets only :devs"),
            ("dave", Right::Upload, "the account is disabled"),
            ("alice", Right::Read, "the index is their own"),
            ("root", Right::Upload, "root may do everything"),
        ] {
            assert_eq!(said(&directory, user, right).why, why, "{user} {right:?}");
        }
        let index = directory.indexes.values().next().unwrap();
        let error = explain(&directory, &Who::person("root"), "nobody", index).unwrap_err().to_string();
        assert!(error.contains("no user 'nobody'"), "{error}");
    }

    #[test]
    fn groups_disabled_accounts_and_closed_bases_are_not_for_every_owner_to_see() {
        let mut directory = directory(json!({"bases": ["bob/closed"], "acl_read": ["carol"]}));
        let closed = IndexName::parse("bob/closed").unwrap();
        let given = json!({"acl_read": ["bob"]});
        let index = options::read(&closed, &options::create("bob", given.as_object().unwrap()).unwrap());
        directory.indexes.insert(closed, index);
        let dev = directory.indexes.get(&IndexName::parse("alice/dev").unwrap()).unwrap();
        let seen = |who: &str, user: &str| explain(&directory, &Who::person(who), user, dev).unwrap();
        for (who, sees) in [("alice", false), ("bob", true), ("root", true)] {
            assert_eq!(!seen(who, "bob").groups.is_empty(), sees, "{who}");
            assert_eq!(!seen(who, "bob").bases.is_empty(), sees, "{who}");
        }
        let says = |who: &str| seen(who, "dave").rights.iter().any(|right| right.why.contains("disabled"));
        assert!(says("root") && !says("alice"));
    }
}
