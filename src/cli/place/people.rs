//! Accounts, tokens and what people may do.

use super::CommandPlace;
use super::indexes::UserWithIndexes;
use crate::access::accounts::{self, AccountChange};
use crate::access::grants::{self, AccessView};
use crate::access::methods::vouched;
use crate::access::tokens::{self, NewToken, TokenView};
use crate::access::{COMMAND_LINE, Who, password};
use crate::directory::Directory;
use crate::error::Result;
use crate::missing;
use crate::names::IndexName;
use crate::packaging::filename::encode_segment;
use crate::words::{Moment, Role};
use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// An account in a list.
#[derive(Serialize, Deserialize)]
pub struct UserRow {
    pub username: String,
    #[serde(default)]
    pub email: Option<Value>,
    #[serde(default)]
    pub groups: Vec<String>,
    #[serde(default)]
    pub roles: Vec<Role>,
    /// Where its password is kept, if not here.
    #[serde(default)]
    pub source: Option<String>,
    #[serde(default)]
    pub disabled: bool,
    pub created: Moment,
}

/// Where an account is at a server.
fn user_path(name: &str) -> Result<String> {
    segment(name).ok_or_else(|| accounts::no_user(name))
}

/// A name as a part of a path; `None` for one that nothing has, and that would be the path of something else.
pub(super) fn segment(name: &str) -> Option<String> {
    (!matches!(name, "" | "." | "..")).then(|| encode_segment(name))
}

impl CommandPlace {
    /// Makes an account with these fields.
    pub async fn create_user(&self, name: &str, given: Map<String, Value>) -> Result<()> {
        // A name that is none would be another path of the server.
        accounts::check_name("username", name)?;
        match self {
            Self::Here(app) => {
                let given = AccountChange::from_json(given)?;
                if let Some(secret) = &given.password {
                    password::check_rule(app.config.auth.password_length, name, secret)?;
                }
                accounts::create(&app.db, COMMAND_LINE, name, &given).await
            }
            Self::There(server) => server.tell(Method::PUT, &user_path(name)?, &given).await.map(drop),
        }
    }

    /// All accounts, by name.
    pub async fn users(&self) -> Result<Vec<UserRow>> {
        let app = match self {
            Self::Here(app) => app,
            Self::There(server) => {
                let all: std::collections::BTreeMap<String, UserRow> = server.get("").await?;
                return Ok(all.into_values().collect());
            }
        };
        let directory = Directory::load(&app.db).await?;
        let row = |account: crate::db::accounts::Account| {
            let user = directory.users.get(&account.name);
            UserRow {
                email: accounts::profile(&account).get("email").cloned(),
                groups: user.iter().flat_map(|user| user.groups.iter().cloned()).collect(),
                roles: user.iter().flat_map(|user| user.roles.iter().copied()).collect(),
                source: account.source,
                disabled: account.disabled_at.is_some(),
                created: Moment(account.created_at),
                username: account.name,
            }
        };
        Ok(app.db.accounts().await?.into_iter().map(row).collect())
    }

    /// Deletes an account; one with indexes only by force. Their names.
    pub async fn delete_user(&self, name: &str, force: bool) -> Result<Vec<String>> {
        match self {
            Self::Here(app) => {
                let directory = app.indexes.directory();
                if !force {
                    accounts::refuse_with_indexes(&directory, name)?;
                }
                let own = directory.indexes.keys().filter(|index| index.user() == name);
                let own = own.map(ToString::to_string).collect();
                accounts::delete(&app.db, COMMAND_LINE, name).await?;
                Ok(own)
            }
            Self::There(server) => {
                let path = user_path(name)?;
                let known: UserWithIndexes = server.get(&path).await?;
                let query = if force { "" } else { "?if_empty" };
                server.tell(Method::DELETE, &format!("{path}{query}"), &json!({})).await?;
                Ok(known.indexes.keys().map(|index| format!("{name}/{index}")).collect())
            }
        }
    }

    /// Sets another password.
    pub async fn set_password(&self, name: &str, secret: &str) -> Result<()> {
        let given = Map::from_iter([("password".to_owned(), Value::from(secret))]);
        match self {
            Self::Here(app) => {
                password::check_rule(app.config.auth.password_length, name, secret)?;
                accounts::change(&app.db, COMMAND_LINE, name, &AccountChange::from_json(given)?).await
            }
            Self::There(server) => server.tell(Method::PATCH, &user_path(name)?, &given).await.map(drop),
        }
    }

    /// Ends all logins of an account.
    pub async fn end_sessions(&self, name: &str) -> Result<()> {
        match self {
            Self::Here(app) => tokens::end_sessions(&app.db, COMMAND_LINE, name).await,
            Self::There(server) => {
                let path = format!("{}/+sessions", user_path(name)?);
                server.tell(Method::DELETE, &path, &json!({})).await.map(drop)
            }
        }
    }

    /// Disables an account, or enables it.
    pub async fn disable_user(&self, name: &str, disabled: bool) -> Result<()> {
        match self {
            Self::Here(app) => accounts::disable(&app.db, COMMAND_LINE, name, disabled).await,
            Self::There(server) => {
                let body = json!({ "disabled": disabled });
                server.tell(Method::PATCH, &user_path(name)?, &body).await.map(drop)
            }
        }
    }

    /// Says who checks who an account is.
    pub async fn set_source(&self, name: &str, word: &str) -> Result<()> {
        match self {
            Self::Here(app) => {
                let source = vouched::source_named(&app.config, word)?;
                vouched::set_source(&app.db, COMMAND_LINE, name, source).await
            }
            Self::There(server) => {
                server.tell(Method::PATCH, &user_path(name)?, &json!({ "source": word })).await.map(drop)
            }
        }
    }

    /// Puts an account into a group, or takes it out.
    pub async fn group(&self, group: &str, name: &str, member: bool) -> Result<()> {
        match self {
            Self::Here(app) => accounts::group(&app.db, COMMAND_LINE, group, name, member).await,
            Self::There(server) => {
                if member {
                    accounts::check_group(group)?;
                }
                let none = || missing!("{name} is not in group {group}");
                let path = format!("{}/+groups/{}", user_path(name)?, segment(group).ok_or_else(none)?);
                server.tell(put_or_delete(member), &path, &json!({})).await.map(drop)
            }
        }
    }

    /// Gives an account a role, or takes it away.
    pub async fn role(&self, role: &str, name: &str, has: bool) -> Result<()> {
        let role = accounts::role_named(role)?;
        match self {
            Self::Here(app) => accounts::role(&app.db, COMMAND_LINE, role, name, has).await,
            Self::There(server) => {
                let path = format!("{}/+roles/{role}", user_path(name)?);
                server.tell(put_or_delete(has), &path, &json!({})).await.map(drop)
            }
        }
    }

    /// Makes an API token: its id and its secret.
    pub async fn create_token(&self, new: &NewToken) -> Result<(String, String)> {
        match self {
            Self::Here(app) => tokens::create(&app.db, COMMAND_LINE, new).await,
            Self::There(server) => {
                let body = json!({
                    "name": new.name, "user": new.owner, "scope": new.scope, "expires": new.expires,
                });
                let made = server.make_token(&body).await?;
                Ok((made.id, made.token))
            }
        }
    }

    /// The tokens of one account, or all that one may see.
    pub async fn tokens(&self, owner: Option<&str>) -> Result<Vec<TokenView>> {
        match self {
            Self::Here(app) => tokens::list(&app.db, owner).await,
            Self::There(server) => {
                let mut all: Vec<TokenView> = server.get("+tokens").await?;
                all.retain(|token| owner.is_none_or(|owner| token.user == owner));
                Ok(all)
            }
        }
    }

    /// Revokes a token.
    pub async fn revoke_token(&self, id: &str) -> Result<()> {
        match self {
            Self::Here(app) => tokens::revoke(&app.db, &Who::command_line(), id).await,
            Self::There(server) => {
                let id = segment(id).ok_or_else(|| missing!("no token '{id}'"))?;
                let path = format!("+tokens/{id}");
                server.tell(Method::DELETE, &path, &json!({})).await.map(drop)
            }
        }
    }

    /// What one account may do with an index, or all of them.
    pub async fn access(&self, index: &IndexName, user: Option<&str>) -> Result<Vec<AccessView>> {
        let app = match self {
            Self::Here(app) => app,
            Self::There(server) => {
                let user = user.map(|user| format!("?user={}", encode_segment(user)));
                return server.get(&format!("{index}/+access{}", user.unwrap_or_default())).await;
            }
        };
        let directory = app.indexes.directory();
        let known = directory.indexes.get(index);
        let known =
            known.ok_or_else(|| missing!("there is no index {index}: see `wheelwright index list`"))?;
        match user {
            Some(user) => Ok(vec![grants::explain(&directory, &Who::command_line(), user, known)?]),
            None => grants::everybody(&directory, &Who::command_line(), known),
        }
    }
}

fn put_or_delete(puts: bool) -> Method {
    if puts { Method::PUT } else { Method::DELETE }
}
