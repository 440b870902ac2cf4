//! Who is asking, and the one function that decides whether they may.
//!
//! Reading is a permission too: what a principal may not read does not exist for them. Installers
//! send credentials only after a 401, so an anonymous asker gets the same 401 for an index that
//! is hidden and for one that never was; a known asker gets the same 404 for both.

pub mod accounts;
pub mod audit;
pub mod builds;
mod decide;
pub mod grants;
pub mod handover;
pub mod methods;
pub mod password;
pub mod people;
pub mod publishers;
pub mod quota;
pub mod tokens;
pub mod turns;

use crate::names::{BuildContext, IndexName};
use crate::words::Role;

pub use decide::{BuildSight, decide, decide_each, may_read, may_supply, sees_build};

/// Who did something, in the audit trail: somebody at the command line.
pub const COMMAND_LINE: &str = ":command-line";

/// The same: the server, and nobody asked for it.
pub const SERVER: &str = ":server";

/// The answer to a wrong name, password or token: all look alike.
pub fn wrong_credential() -> crate::error::Error {
    crate::error::Error::Unauthenticated(
        "the credential is invalid, expired or revoked: log in again, or use another token".into(),
    )
}

/// Who sends a request, after their credential was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// `None`: anonymous.
    pub user: Option<String>,
    /// Set if they came with an API token: what it is limited to.
    pub scope: Option<Scope>,
    /// For the audit trail: `alice`, `token:<id> (alice)`, `publisher:<id> (alice)`, `watch:<id> (alice)` or `:anonymous`.
    pub label: String,
    /// The network that a request without a credential came from.
    pub from: Option<std::net::IpAddr>,
    /// Of a build, and of the server by itself: whom what it causes counts for.
    pub counts_for: Option<String>,
    /// The id of the API token that they came with.
    pub token: Option<String>,
    /// What forms send along so that no other site's page can have made them; empty unless they came with a login
    /// cookie.
    pub form_token: String,
    /// Of the server, that finds out what a request needs: the curated index of which it sees what was not decided yet.
    pub looks_behind: Option<IndexName>,
}

impl Who {
    /// A person with all of their rights (password, login session, or the command line).
    pub fn person(name: &str) -> Self {
        Self { user: Some(name.into()), label: name.into(), ..Self::default() }
    }

    /// The command line has root's rights: whoever can open the database may do all.
    pub fn command_line() -> Self {
        Self { label: COMMAND_LINE.into(), ..Self::person("root") }
    }

    /// The server, by its own settings.
    pub fn server() -> Self {
        Self { label: SERVER.into(), ..Self::default() }
    }

    /// The server, that finds out what a release needs which a curated index does not list yet. It sees what the index's owner
    /// may read, and counts for nobody.
    pub fn behind(index: &IndexName) -> Self {
        Self {
            label: SERVER.into(),
            counts_for: Some(SERVER.into()),
            looks_behind: Some(index.clone()),
            ..Self::person(index.user())
        }
    }

    /// A build, which reads the context it runs in and its bases as their owner would.
    /// Of several, the first one's owner.
    pub fn context(context: &BuildContext, build: i64) -> Self {
        let scope = Scope { context: Some(context.clone()), actions: vec![Action::Read], ..Scope::default() };
        Self {
            user: context.indexes().first().map(|index| index.user().to_owned()),
            scope: Some(scope),
            label: format!("build:{build}"),
            ..Self::default()
        }
    }

    /// A watch, which acts with all the rights that its owner has at this time.
    pub fn watch(id: i64, owner: &str) -> Self {
        Self { label: format!("watch:{id} ({owner})"), ..Self::person(owner) }
    }

    /// Whether this is a build.
    pub fn is_build(&self) -> bool {
        self.scope.as_ref().is_some_and(|scope| scope.context.is_some())
    }

    pub fn is_root(&self) -> bool {
        self.user.as_deref() == Some("root")
    }

    /// Whether this is who runs the server: root, the command line, the server by its own settings.
    pub fn is_operator(&self) -> bool {
        self.is_root() || self.user.is_none() && self.label == SERVER
    }
}

impl Default for Who {
    fn default() -> Self {
        Self {
            user: None,
            scope: None,
            label: ":anonymous".into(),
            from: None,
            counts_for: None,
            token: None,
            form_token: String::new(),
            looks_behind: None,
        }
    }
}

/// The limits of an API token; `None` means no limit of that kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<String>,
    /// Normalised. Limits uploading and managing; what it may read is the whole index, because
    /// an installer needs the dependencies too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// An index with its bases, for a build that runs in it. No token has it.
    #[serde(skip)]
    pub context: Option<BuildContext>,
    /// Empty: all that the owner may, but to build and to replicate.
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
    /// Claim builds and report on them; nothing else, and only where it is named.
    Build,
    /// Copy everything, password hashes included; only where it is named.
    Replicate,
}

/// What a request needs, as its route declares it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Anybody; a wrong credential counts as none.
    Nothing,
    /// Anybody, who finds what they may read. A wrong credential is refused: the answer would silently be a smaller one.
    Search,
    /// [`Need::Read`] of the index in the path; a wrong credential counts as none (`+api`, where
    /// devpi's client learns whether its login still counts).
    Greet,
    /// Any valid credential but one that only builds.
    Login,
    /// Of the index in the path.
    Read,
    /// [`Need::Read`] of every index that the path names.
    ReadEach,
    Upload,
    /// Add a result of testing a file of the index in the path.
    TestResult,
    Manage,
    /// Approve or refuse what a curated index lists.
    Approve,
    /// Create, change or delete the index in the path.
    ManageIndex,
    CreateUser,
    /// Change or delete the user in the path.
    ManageUser,
    /// Of one's own tokens; the handler sees to it that the token in the path is one's own.
    ManageToken,
    /// Root.
    Operate,
    /// Claim builds: root, or an account with the role `builder`.
    Work,
    /// Copy this server: root.
    Replicate,
}

impl Need {
    /// Whether a wrong credential is as good as none.
    pub fn forgives(self) -> bool {
        matches!(self, Self::Nothing | Self::Greet)
    }
}

impl Need {
    /// The action that a token needs for it.
    fn action(self) -> Option<Action> {
        match self {
            Self::Nothing | Self::Search | Self::Login => None,
            Self::Greet | Self::Read | Self::ReadEach => Some(Action::Read),
            Self::Upload | Self::TestResult => Some(Action::Upload),
            Self::Manage | Self::Approve => Some(Action::Manage),
            Self::ManageIndex | Self::CreateUser | Self::ManageUser | Self::ManageToken | Self::Operate => {
                Some(Action::Admin)
            }
            Self::Work => Some(Action::Build),
            Self::Replicate => Some(Action::Replicate),
        }
    }
}

impl Action {
    /// As it is written everywhere.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Upload => "upload",
            Self::Manage => "manage",
            Self::Admin => "admin",
            Self::Build => "build",
            Self::Replicate => "replicate",
        }
    }
}

/// What [`Decision::Refused`] tells: for a token also what it may, and what was needed.
pub fn refusal(who: &Who, need: Need) -> crate::error::Error {
    let label = &who.label;
    if need == Need::Work && who.scope.as_ref().is_none_or(|scope| scope.actions.contains(&Action::Build)) {
        let (user, role) = (who.user.as_deref().unwrap_or("USER"), Role::Builder);
        return crate::forbidden!(
            "{label} is not allowed to do this: only root and users with the role {role} can run workers. \
             An administrator can run `wheelwright user role add {role} {user}`"
        );
    }
    if need == Need::TestResult && who.scope.is_none() {
        return crate::forbidden!(
            "No permission to upload tox results: {label} is not in the index's acl_toxresult_upload"
        );
    }
    let (Some(scope), Some(action)) = (&who.scope, need.action()) else {
        return crate::forbidden!("{label} is not allowed to do this");
    };
    let actions: Vec<&str> = scope.actions.iter().map(|action| action.name()).collect();
    let mut may =
        if actions.is_empty() { "everything that its owner may do".to_owned() } else { actions.join(", ") };
    for (limit, word) in [(&scope.index, "on"), (&scope.project, "for the project")] {
        if let Some(limit) = limit {
            may.push_str(&format!(" {word} {limit}"));
        }
    }
    let needed = action.name();
    crate::forbidden!("{label} is not allowed to do this: the token allows {may}, but this needs {needed}")
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
