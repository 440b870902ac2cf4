//! Who is asking, and the one function that decides whether they may.
//!
//! Reading is a permission too: what a principal may not read does not exist for them, so the
//! refusal is the same 404 as for an index that never was. Anonymous askers get 401 where a
//! credential could help and the index is not hidden from them.

pub mod people;

use crate::index::directory::{Directory, IndexName};

/// Who sends a request, after their credential was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// `None`: anonymous.
    pub user: Option<String>,
    /// Set if they came with an API token: what it is limited to.
    pub scope: Option<Scope>,
    /// For the audit trail: `alice`, `token:<id> (alice)` or `:anonymous`.
    pub label: String,
}

impl Default for Who {
    fn default() -> Self {
        Self { user: None, scope: None, label: ":anonymous".into() }
    }
}

/// The limits of an API token; `None` means no limit of that kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Scope {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<String>,
    /// Normalised.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// Empty: all that the owner may.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<Action>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Pages, files and metadata.
    Read,
    /// Files, registration.
    Upload,
    /// Yank, project status, deletion of files and releases.
    Manage,
    /// Users, indexes, tokens.
    Admin,
}

/// What a request needs, as its route declares it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Anybody.
    Nothing,
    /// Any valid credential.
    Login,
    /// Of the index in the path.
    Read,
    Upload,
    Manage,
    /// Create, change or delete the index in the path.
    ManageIndex,
    CreateUser,
    /// Change or delete the user in the path.
    ManageUser,
    /// Of the token in the path.
    ManageToken,
    /// Root.
    Operate,
}

/// The answer of [`decide`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    Allowed,
    /// A credential could help: 401.
    AskCredential,
    /// A valid credential without this right: 403.
    Refused,
    /// It must look as if it did not exist: 404.
    Hidden,
}

/// Decides. `index` and `project` are what the path names, `user` the user it names.
pub fn decide(
    directory: &Directory,
    who: &Who,
    need: Need,
    index: Option<&IndexName>,
    project: Option<&str>,
    user: Option<&str>,
) -> Decision {
    let _ = (directory, who, index, project, user);
    if need == Need::Nothing { Decision::Allowed } else { Decision::Hidden }
}
