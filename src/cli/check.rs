//! `wheelwright check`: what a server would say to an upload, before it is sent.

use super::client::Through;
use super::table;
use crate::client::{RemoteLogin, RemoteOptions, ServerClient};
use crate::config::load::ResolvedConfig;
use crate::error::{Error, Result};
use crate::index::upload::{CheckedFile, check_file};
use crate::names::{IndexName, ProjectName};
use crate::{bad, conflict, forbidden};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Check files before an upload.
///
/// Reads names, archives, RECORD and metadata as strictly as the server does. With --server it also asks whether you may
/// upload to the index, and whether a file is there with other bytes.
#[derive(clap::Args, Debug)]
pub struct CheckCommand {
    /// Wheels and sdists: dist/*
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// The server to ask [default: none; with --index or --outside that of WHEELSPROXY_URL, else
    /// http://127.0.0.1:3141]
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// An API token of that server [default: that of wheelwright login, else ~/.netrc]
    #[arg(long, env = "WHEELWRIGHT_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// The index to upload to
    #[arg(long, value_name = "USER/INDEX", value_parser = super::index::parse)]
    index: Option<IndexName>,
    /// Check for a publication elsewhere, not for an upload to --index: refuse what says `Private ::`, and names that are
    /// private on the server
    #[arg(long, visible_alias = "to-pypi", requires = "index")]
    outside: bool,
    /// Let this project pass --outside; may be repeated
    #[arg(long, value_name = "NAME", requires = "outside", value_parser = private)]
    private: Vec<ProjectName>,
    #[arg(long)]
    json: bool,
}

fn private(text: &str) -> Result<ProjectName> {
    ProjectName::new(text).ok_or_else(|| bad!("'{text}' is not a valid project name"))
}

/// A server, and what it says of the index.
struct Destination {
    server: ServerClient,
    index: IndexName,
    options: RemoteOptions,
    login: RemoteLogin,
}

impl CheckCommand {
    pub async fn run(self, resolved: &ResolvedConfig) -> Result<ExitCode> {
        let destination = self.destination().await?;
        let largest = resolved.config.limits.upload;
        let (mut all, mut refused) = (Vec::new(), 0);
        for path in &self.files {
            let checked = self.check(path, largest, destination.as_ref()).await;
            let message = checked.as_ref().err().map(ToString::to_string);
            refused += usize::from(message.is_some());
            if !self.json {
                let said = message.as_deref().unwrap_or("ok");
                table::line(&format!("{}: {said}", path.display()))?;
            }
            let known = checked.ok();
            all.push(json!({
                "file": path.display().to_string(), "ok": message.is_none(), "message": message,
                "project": known.as_ref().map(|known| known.project.as_str()),
                "version": known.as_ref().map(|known| known.version.as_str()),
                "sha256": known.as_ref().map(|known| known.sha256.as_str()),
                "size": known.as_ref().map(|known| known.size),
            }));
        }
        if self.json {
            table::json(&Value::from(all))?;
        }
        Ok(if refused == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    async fn destination(&self) -> Result<Option<Destination>> {
        let Some(index) = &self.index else {
            return match &self.server {
                Some(_) => Err(bad!("--server needs --index: name the index to upload to")),
                None => Ok(None),
            };
        };
        let through = Through { server: self.server.clone(), ..Through::default() };
        let address = through.address(std::env::var("WHEELSPROXY_URL").ok())?;
        let server = ServerClient::new(address.root.as_str(), self.token.as_deref())?;
        let options = server.index_options(index).await?;
        let login = server.login().await?;
        Ok(Some(Destination { server, index: index.clone(), options, login }))
    }

    async fn check(&self, path: &Path, largest: u64, to: Option<&Destination>) -> Result<CheckedFile> {
        let file = path.to_owned();
        let checked = tokio::task::spawn_blocking(move || check_file(&file, largest)).await??;
        let Some(to) = to else { return Ok(checked) };
        if self.outside {
            self.may_leave(&checked, to).await?;
        } else {
            to.takes(&checked).await?;
        }
        Ok(checked)
    }

    async fn may_leave(&self, file: &CheckedFile, to: &Destination) -> Result<()> {
        let project = &file.project;
        if self.private.contains(project) {
            return Ok(());
        }
        if file.private {
            return Err(forbidden!(
                "a classifier of {project} says 'Private ::': do not publish it, or add --private {project}"
            ));
        }
        match to.server.private_at(&to.index, project).await? {
            None => Ok(()),
            Some(at) => Err(forbidden!(
                "the name {project} is private on {}, by {at}: do not publish it elsewhere, or add --private {project}",
                to.server.base()
            )),
        }
    }
}

impl Destination {
    /// Whether the index would take the file from us.
    async fn takes(&self, file: &CheckedFile) -> Result<()> {
        let index = &self.index;
        if self.options.kind != "stage" {
            return Err(bad!(
                "{index} is a mirror and takes no uploads: name an index that accepts them with --index"
            ));
        }
        self.may_upload()?;
        match self.server.hash_of(index, &file.project, &file.filename).await? {
            Some(sha256) if sha256 != file.sha256 => Err(conflict!(
                "{index} has {} with other bytes (sha256 {sha256}): use a new version",
                file.filename
            )),
            _ => Ok(()),
        }
    }

    fn may_upload(&self) -> Result<()> {
        let RemoteLogin { user, groups } = &self.login;
        let listed = self.options.acl_upload.iter().any(|principal| match principal.as_str() {
            ":ANONYMOUS:" => true,
            ":AUTHENTICATED:" => user.is_some(),
            group if group.starts_with(':') => groups.contains(group.trim_matches(':')),
            name => user.as_deref() == Some(name),
        });
        match user {
            _ if listed => Ok(()),
            Some(user) if user == "root" => Ok(()),
            Some(user) => Err(forbidden!(
                "{user} may not upload to {}: ask its owner to add {user} to acl_upload",
                self.index
            )),
            None => Err(Error::Unauthenticated(format!(
                "nobody may upload to {} without a credential: pass a token with --token",
                self.index
            ))),
        }
    }
}
