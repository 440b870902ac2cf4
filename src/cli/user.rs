//! `wheelwright user`: accounts, their passwords and groups.

use super::place::{CommandPlace, UserRow};
use super::table;
use crate::access::password;
use crate::bad;
use crate::error::Result;
use crate::words::Role;
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
    pub async fn run(self, at: &CommandPlace) -> Result<ExitCode> {
        match self {
            Self::Create { name, email, service: true, json, .. } => service(at, &name, email, json).await?,
            Self::Create { name, email, password, json, .. } => {
                create(at, &name, email, &password, json).await?
            }
            Self::List { json } => list(at, json).await?,
            Self::Delete { name, force, json } => {
                let own = at.delete_user(&name, force).await?;
                let value = json!({"username": name, "deleted": true, "indexes": own});
                table::done(&format!("user {name} deleted"), &value, json)?;
            }
            Self::Passwd { name, password } => passwd(at, &name, &password).await?,
            Self::Logout { name } => {
                at.end_sessions(&name).await?;
                table::line(&format!("{name} must log in again"))?;
            }
            Self::Disable { name } => {
                at.disable_user(&name, true).await?;
                table::line(&format!("user {name} disabled"))?;
            }
            Self::Enable { name } => {
                at.disable_user(&name, false).await?;
                table::line(&format!("user {name} enabled"))?;
            }
            Self::Source { name, source } => {
                at.set_source(&name, &source).await?;
                table::line(&format!("user {name} logs in with {source}"))?;
            }
            Self::Group(GroupCommand::Add { group, user }) => {
                at.group(&group, &user, true).await?;
                table::line(&format!("{user} is in group {group}"))?;
            }
            Self::Group(GroupCommand::Remove { group, user }) => {
                at.group(&group, &user, false).await?;
                table::line(&format!("{user} is no longer in group {group}"))?;
            }
            Self::Role(RoleCommand::Add { role, user }) => {
                at.role(&role, &user, true).await?;
                table::line(&format!("{user} has the role {role}"))?;
            }
            Self::Role(RoleCommand::Remove { role, user }) => {
                at.role(&role, &user, false).await?;
                table::line(&format!("{user} no longer has the role {role}"))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

async fn service(at: &CommandPlace, name: &str, email: Option<String>, json: bool) -> Result<()> {
    let mut given = Map::from_iter([("service".to_owned(), Value::from(true))]);
    given.extend(email.map(|email| ("email".to_owned(), Value::from(email))));
    at.create_user(name, given).await?;
    let value = json!({"username": name, "service": true});
    let text =
        format!("service account {name} created: `wheelwright token create {name}` makes a token for it");
    table::done(&text, &value, json)
}

async fn create(
    at: &CommandPlace,
    name: &str,
    email: Option<String>,
    password: &PasswordSource,
    json: bool,
) -> Result<()> {
    let (secret, random) = password.get()?;
    let mut given = Map::from_iter([("password".to_owned(), Value::from(secret.as_str()))]);
    given.extend(email.map(|email| ("email".to_owned(), Value::from(email))));
    at.create_user(name, given).await?;
    let shown = random.then_some(&secret);
    if json {
        return table::json(&json!({"username": name, "password": shown}));
    }
    table::line(&format!("user {name} created"))?;
    shown.map_or(Ok(()), |secret| table::line(&format!("password: {secret}")))
}

async fn passwd(at: &CommandPlace, name: &str, password: &PasswordSource) -> Result<()> {
    let (secret, random) = password.get()?;
    at.set_password(name, &secret).await?;
    table::line(&format!("changed the password of {name}"))?;
    if random { table::line(&format!("password: {secret}")) } else { Ok(()) }
}

async fn list(at: &CommandPlace, json: bool) -> Result<()> {
    let users = at.users().await?;
    if json {
        return table::json(&users);
    }
    let mut rows = vec![["USER", "EMAIL", "GROUPS", "ROLES", "CREATED", ""].map(str::to_owned).to_vec()];
    for user in users {
        let UserRow { username, email, groups, roles, disabled, created, .. } = user;
        let roles: Vec<&str> = roles.into_iter().map(Role::name).collect();
        let state = if disabled { "disabled" } else { "" };
        rows.push(vec![
            username,
            email.as_ref().map(table::plain).unwrap_or_default(),
            groups.join(","),
            roles.join(","),
            created.to_string(),
            state.into(),
        ]);
    }
    table::rows(&rows)
}
