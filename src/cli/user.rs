//! `wheelwright user`: accounts, their passwords and groups.

use super::table;
use crate::access::accounts::{self, AccountChange};
use crate::access::methods::ldap::LDAP;
use crate::access::methods::vouched;
use crate::access::{COMMAND_LINE, password, tokens};
use crate::app::App;
use crate::directory::Directory;
use crate::error::Result;
use crate::names::IndexName;
use crate::words::{Moment, Role};
use crate::{bad, conflict};
use serde_json::{Map, Value, json};
use std::process::ExitCode;

#[derive(clap::Subcommand, Debug)]
pub enum UserCommand {
    /// Create an account; prints a random password unless one is given
    Create {
        name: String,
        #[arg(long)]
        email: Option<String>,
        /// An account of programs: no password opens it, its tokens do
        #[arg(long, conflicts_with_all = ["password", "password_stdin"])]
        service: bool,
        #[command(flatten)]
        password: PasswordSource,
        #[arg(long)]
        json: bool,
    },
    /// List all accounts
    List {
        #[arg(long)]
        json: bool,
    },
    /// Delete an account with its tokens and indexes
    Delete {
        name: String,
        /// Delete its indexes and all their files too
        #[arg(long)]
        force: bool,
        #[arg(long)]
        json: bool,
    },
    /// Set another password; ends the account's login sessions
    Passwd {
        name: String,
        #[command(flatten)]
        password: PasswordSource,
    },
    /// End the login sessions of an account; its tokens stay
    Logout { name: String },
    /// Keep the account, but refuse everything it does
    Disable { name: String },
    /// Undo `disable`
    Enable { name: String },
    /// Let ldap or oidc:NAME check who an account is, instead of its password
    Source {
        name: String,
        /// ldap, oidc:NAME, or none: until it gets a password
        source: String,
    },
    /// Put an account into a group, or take it out; ACLs name it as :GROUP
    #[command(subcommand)]
    Group(GroupCommand),
    /// Give an account a role, or take it away; `builder` lets its workers build
    #[command(subcommand)]
    Role(RoleCommand),
}

#[derive(clap::Subcommand, Debug)]
pub enum RoleCommand {
    Add { role: String, user: String },
    Remove { role: String, user: String },
}

#[derive(clap::Subcommand, Debug)]
pub enum GroupCommand {
    Add { group: String, user: String },
    Remove { group: String, user: String },
}

#[derive(clap::Args, Debug)]
pub struct PasswordSource {
    /// Read the password from the first line of standard input
    #[arg(long, conflicts_with = "password")]
    password_stdin: bool,
    /// The password; others on this machine can see it while the command runs
    #[arg(long)]
    password: Option<String>,
}

impl PasswordSource {
    /// The password, and whether it was made up here.
    fn get(&self) -> Result<(String, bool)> {
        if let Some(password) = &self.password {
            return Ok((password.clone(), false));
        }
        if !self.password_stdin {
            return Ok((password::random(), true));
        }
        let mut line = String::new();
        std::io::stdin().read_line(&mut line)?;
        let password = line.trim_end_matches(['\r', '\n']).to_owned();
        if password.is_empty() {
            Err(bad!("standard input does not contain a password: write it on the first line"))
        } else {
            Ok((password, false))
        }
    }
}

impl UserCommand {
    pub async fn run(self, app: &App) -> Result<ExitCode> {
        let db = &app.db;
        match self {
            Self::Create { name, email, service: true, json, .. } => service(app, &name, email, json).await?,
            Self::Create { name, email, password, json, .. } => {
                create(app, &name, email, &password, json).await?
            }
            Self::List { json } => list(app, json).await?,
            Self::Delete { name, force, json } => delete(app, &name, force, json).await?,
            Self::Passwd { name, password } => passwd(app, &name, &password).await?,
            Self::Logout { name } => {
                tokens::end_sessions(db, COMMAND_LINE, &name).await?;
                table::line(&format!("{name} must log in again"))?;
            }
            Self::Disable { name } => {
                accounts::disable(db, COMMAND_LINE, &name, true).await?;
                table::line(&format!("user {name} disabled"))?;
            }
            Self::Enable { name } => {
                accounts::disable(db, COMMAND_LINE, &name, false).await?;
                table::line(&format!("user {name} enabled"))?;
            }
            Self::Source { name, source } => {
                vouched::set_source(db, COMMAND_LINE, &name, known_source(app, &source)?).await?;
                table::line(&format!("user {name} logs in with {source}"))?;
            }
            Self::Group(GroupCommand::Add { group, user }) => {
                accounts::group(db, COMMAND_LINE, &group, &user, true).await?;
                table::line(&format!("{user} is in group {group}"))?;
            }
            Self::Group(GroupCommand::Remove { group, user }) => {
                accounts::group(db, COMMAND_LINE, &group, &user, false).await?;
                table::line(&format!("{user} is no longer in group {group}"))?;
            }
            Self::Role(RoleCommand::Add { role, user }) => {
                accounts::role(db, COMMAND_LINE, accounts::role_named(&role)?, &user, true).await?;
                table::line(&format!("{user} has the role {role}"))?;
            }
            Self::Role(RoleCommand::Remove { role, user }) => {
                accounts::role(db, COMMAND_LINE, accounts::role_named(&role)?, &user, false).await?;
                table::line(&format!("{user} no longer has the role {role}"))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The place of `user source`; `None` for the word none.
fn known_source<'a>(app: &App, source: &'a str) -> Result<Option<&'a str>> {
    let known = match source {
        "none" => return Ok(None),
        LDAP => true,
        other => other.strip_prefix("oidc:").is_some_and(|name| app.config.auth.oidc.contains_key(name)),
    };
    match known {
        true => Ok(Some(source)),
        false => Err(bad!(
            "'{source}' is not a way to log in: use ldap, none, or oidc:NAME of a section auth.oidc.NAME"
        )),
    }
}

async fn service(app: &App, name: &str, email: Option<String>, json: bool) -> Result<()> {
    let mut given = Map::from_iter([("service".to_owned(), Value::from(true))]);
    given.extend(email.map(|email| ("email".to_owned(), Value::from(email))));
    accounts::create(&app.db, COMMAND_LINE, name, &AccountChange::from_json(given)?).await?;
    let value = json!({"username": name, "service": true});
    let text =
        format!("service account {name} created: `wheelwright token create {name}` makes a token for it");
    table::done(&text, &value, json)
}

fn given(app: &App, name: &str, secret: &str, email: Option<String>) -> Result<AccountChange> {
    password::check_rule(app.config.auth.password_length, name, secret)?;
    let mut given = Map::from_iter([("password".to_owned(), Value::from(secret))]);
    if let Some(email) = email {
        given.insert("email".into(), email.into());
    }
    AccountChange::from_json(given)
}

async fn create(
    app: &App,
    name: &str,
    email: Option<String>,
    password: &PasswordSource,
    json: bool,
) -> Result<()> {
    let (secret, random) = password.get()?;
    accounts::create(&app.db, COMMAND_LINE, name, &given(app, name, &secret, email)?).await?;
    let shown = random.then_some(&secret);
    if json {
        return table::json(&json!({"username": name, "password": shown}));
    }
    table::line(&format!("user {name} created"))?;
    shown.map_or(Ok(()), |secret| table::line(&format!("password: {secret}")))
}

async fn delete(app: &App, name: &str, force: bool, json: bool) -> Result<()> {
    let directory = app.indexes.directory();
    let own = directory.indexes.keys().filter(|index| index.user() == name);
    let own: Vec<&str> = own.map(IndexName::as_str).collect();
    if !force && !own.is_empty() {
        return Err(conflict!(
            "user {name} has indexes: {}. Use --force to delete them with all their files",
            own.join(", ")
        ));
    }
    accounts::delete(&app.db, COMMAND_LINE, name).await?;
    let value = json!({"username": name, "deleted": true, "indexes": own});
    table::done(&format!("user {name} deleted"), &value, json)
}

async fn passwd(app: &App, name: &str, password: &PasswordSource) -> Result<()> {
    let (secret, random) = password.get()?;
    accounts::change(&app.db, COMMAND_LINE, name, &given(app, name, &secret, None)?).await?;
    table::line(&format!("changed the password of {name}"))?;
    if random { table::line(&format!("password: {secret}")) } else { Ok(()) }
}

async fn list(app: &App, json: bool) -> Result<()> {
    let directory = Directory::load(&app.db).await?;
    let mut values = Vec::new();
    for account in app.db.accounts().await? {
        let user = directory.users.get(&account.name);
        let groups: Vec<&String> = user.iter().flat_map(|user| &user.groups).collect();
        let roles: Vec<&Role> = user.iter().flat_map(|user| &user.roles).collect();
        values.push(json!({
            "username": account.name, "email": accounts::profile(&account).get("email"), "groups": groups, "roles": roles,
            "source": account.source, "disabled": account.disabled_at.is_some(), "created": Moment(account.created_at),
        }));
    }
    if json {
        return table::json(&values);
    }
    let mut rows = vec![["USER", "EMAIL", "GROUPS", "ROLES", "CREATED", ""].map(str::to_owned).to_vec()];
    for value in &values {
        let cell = |key: &str| value.get(key).map(table::plain).unwrap_or_default();
        let state = if value.get("disabled") == Some(&Value::Bool(true)) { "disabled" } else { "" };
        rows.push(vec![
            cell("username"),
            cell("email"),
            cell("groups"),
            cell("roles"),
            cell("created"),
            state.into(),
        ]);
    }
    table::rows(&rows)
}
