//! `wheelwright token`: API tokens.

use super::place::CommandPlace;
use super::table;
use crate::access::tokens::{NewToken, TokenView};
use crate::access::{Action, Scope};
use crate::config::units;
use crate::error::Result;
use crate::names::IndexName;
use serde_json::json;
use std::process::ExitCode;

#[derive(clap::Subcommand, Debug)]
pub enum TokenCommand {
    /// Create a token for USER; the last line printed is the token alone
    Create {
        user: String,
        /// The purpose of the token, shown in lists
        #[arg(long, default_value = "token")]
        name: String,
        /// Limit it to one index
        #[arg(long, value_name = "USER/INDEX", value_parser = super::index::parse)]
        index: Option<IndexName>,
        /// Limit uploading and managing to one project of the index
        #[arg(long, requires = "index")]
        project: Option<String>,
        /// read, upload, manage, admin, build or replicate; may be repeated [default: all permissions of the user
        /// except build and replicate]
        #[arg(long = "action", value_name = "ACTION", value_delimiter = ',')]
        actions: Vec<Action>,
        /// 90d, 12h … [default: until revoked]
        #[arg(long, value_parser = units::lifetime)]
        expires: Option<u64>,
        #[arg(long)]
        json: bool,
    },
    /// List tokens that were not revoked
    List {
        /// Show only the tokens of this user
        user: Option<String>,
        #[arg(long)]
        json: bool,
    },
    /// Revoke a token by its id
    Revoke {
        id: String,
        #[arg(long)]
        json: bool,
    },
}

impl TokenCommand {
    pub async fn run(self, at: &CommandPlace) -> Result<ExitCode> {
        match self {
            Self::Create { user, name, index, project, actions, expires, json } => {
                let index = index.map(|index| index.as_str().to_owned());
                let scope = Scope { index, project, actions, ..Scope::default() };
                let new = NewToken { owner: user, name, scope, expires };
                let (id, secret) = at.create_token(&new).await?;
                if json {
                    table::json(&json!({"id": id, "token": secret}))?;
                } else {
                    table::line(&format!("token {id} of {}. wheelwright shows it only now:", new.owner))?;
                    table::line(&secret)?;
                }
            }
            Self::List { user, json } => list(at, user.as_deref(), json).await?,
            Self::Revoke { id, json } => {
                at.revoke_token(&id).await?;
                table::done(&format!("token {id} revoked"), &json!({"id": id, "revoked": true}), json)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

async fn list(at: &CommandPlace, user: Option<&str>, json: bool) -> Result<()> {
    let tokens = at.tokens(user).await?;
    if json {
        return table::json(&tokens);
    }
    let head = ["ID", "USER", "NAME", "INDEX", "PROJECT", "ACTIONS", "EXPIRES", "LAST USED", ""];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for TokenView { id, user, name, scope, expires, expired, last_used, .. } in tokens {
        let limits = [json!(scope.index), json!(scope.project), json!(scope.actions)];
        let times = [json!(expires), json!(last_used)];
        let cells = limits.iter().chain(&times).map(table::plain);
        let state = if expired { "expired" } else { "" };
        rows.push([id, user, name].into_iter().chain(cells).chain([state.to_owned()]).collect());
    }
    table::rows(&rows)
}
