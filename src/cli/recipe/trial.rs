//! `wheelwright recipe draft` and `try`: a recipe for a build that failed.

use crate::bad;
use crate::build::recipe::RecipeEntry;
use crate::build::view::BuildView;
use crate::cli::build::local::Local;
use crate::cli::follow::{BuildFollower, lasted};
use crate::cli::progress::{Progress, plain};
use crate::cli::table;
use crate::client::ServerClient;
use crate::config::load::ResolvedConfig;
use crate::error::{Error, Result};
use crate::packaging::filename::WheelFilename;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Which server has the build.
#[derive(clap::Args, Debug)]
pub struct BuildServer {
    /// The server that has the build [default: builds of wheelwright build on this machine]
    #[arg(long, value_name = "URL")]
    pub server: Option<String>,
    /// An API token of that server
    #[arg(long, env = "WHEELWRIGHT_TOKEN", hide_env_values = true)]
    token: Option<String>,
}

#[derive(clap::Args, Debug)]
pub struct DraftCommand {
    /// The number of the build
    #[arg(value_name = "BUILD")]
    build: i64,
    #[command(flatten)]
    pub at: BuildServer,
    /// One object with the recipe
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args, Debug)]
pub struct TryCommand {
    /// The recipe
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The number of the build that failed
    #[arg(value_name = "BUILD")]
    build: i64,
    #[command(flatten)]
    pub at: BuildServer,
    /// A folder for the wheel; created if missing
    #[arg(short = 'w', long, value_name = "DIR")]
    wheelhouse: Option<PathBuf>,
    /// Once the wheel is built, store the recipe on the server and run the failed build again
    #[arg(long)]
    store: bool,
    /// One object with the build
    #[arg(long)]
    json: bool,
}

/// A server, and whether it ends with this command.
pub(super) struct Opened {
    pub client: ServerClient,
    local: Option<Local>,
}

impl BuildServer {
    pub(super) async fn open(&self, resolved: ResolvedConfig, progress: &Progress) -> Result<Opened> {
        if let Some(url) = &self.server {
            return Ok(Opened { client: ServerClient::new(url, self.token.as_deref())?, local: None });
        }
        let local = Local::start(resolved, progress).await?;
        Ok(Opened { client: local.server.clone(), local: Some(local) })
    }
}

impl Opened {
    pub(super) async fn close(self) {
        if let Some(local) = self.local {
            local.stop().await;
        }
    }
}

impl DraftCommand {
    pub async fn run(self, resolved: ResolvedConfig) -> Result<ExitCode> {
        let server = self.at.open(resolved, &Progress::new()).await?;
        let build = server.client.build(self.build).await;
        server.close().await;
        let build = build?;
        let draft = build.recipe_draft.ok_or_else(|| {
            bad!(
                "build {} is {}: wheelwright drafts recipes for failed builds of a known project",
                build.id,
                build.state
            )
        })?;
        if self.json {
            table::json(&json!({ "build": build.id, "project": build.project, "recipe": draft }))?;
        } else {
            table::line(draft.trim_end())?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl TryCommand {
    pub async fn run(self, resolved: ResolvedConfig) -> Result<ExitCode> {
        let entry = RecipeEntry::from_file(&self.file)?;
        if let Err(why) = &entry.file {
            return Err(bad!("{why}"));
        }
        let progress = Progress::new();
        let server = self.at.open(resolved, &progress).await?;
        let ready = match &server.local {
            // Its worker says first what it builds for.
            Some(local) => local.targets().await.map(drop),
            None => Ok(()),
        };
        let tried = match ready {
            Ok(()) => self.try_on(&server.client, &entry, &progress).await,
            Err(error) => Err(error),
        };
        server.close().await;
        self.tell(&tried?)
    }

    /// Until it is built or failed; then the wheel is fetched and the recipe stored, if that is wanted.
    async fn try_on(
        &self,
        server: &ServerClient,
        entry: &RecipeEntry,
        progress: &Progress,
    ) -> Result<BuildView> {
        let started = server.try_recipe(self.build, &entry.name, &entry.text).await?;
        let line = progress.begin(&format!("{} {}", started.title, started.target), "build");
        let build = BuildFollower { server, progress }.watch(started, &line).await?;
        let lasted = lasted(&build, line.seconds());
        let Some(wheel) = &build.wheel else {
            line.end(&format!("failed {lasted}"));
            return Ok(build);
        };
        line.end(&format!("built {lasted}"));
        if let Some(folder) = &self.wheelhouse {
            // A server's word; a path leads nowhere else.
            WheelFilename::parse(&wheel.filename)?;
            std::fs::create_dir_all(folder)
                .map_err(|error| bad!("cannot create the wheelhouse {}: {error}", folder.display()))?;
            let url = server.wheel_url(build.id, &wheel.filename)?;
            let partial = folder.join(format!(".{}.{}", wheel.filename, std::process::id()));
            server.download_exactly(&url, &wheel.sha256, &partial).await?;
            std::fs::rename(&partial, folder.join(&wheel.filename)).map_err(Error::from)?;
        }
        if self.store {
            server.store_recipe(&entry.name, &entry.text).await?;
            server.rebuild(self.build).await?;
        }
        Ok(build)
    }

    fn tell(&self, build: &BuildView) -> Result<ExitCode> {
        let stored = self.store && build.wheel.is_some();
        if self.json {
            table::json(&json!({ "ok": build.wheel.is_some(), "build": build, "stored": stored }))?;
        }
        let Some(wheel) = &build.wheel else {
            if !self.json {
                self.complain(build)?;
            }
            return Ok(ExitCode::FAILURE);
        };
        if !self.json {
            let place = self.wheelhouse.as_deref().map(|folder: &Path| format!(" in {}", folder.display()));
            table::line(&format!("{}{}", wheel.filename, place.unwrap_or_default()))?;
            table::line(&match stored {
                true => format!("the recipe is stored, and build {} runs again", self.build),
                false => {
                    "the recipe works: put it in force with --store, or into the recipe folder".to_owned()
                }
            })?;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn complain(&self, build: &BuildView) -> Result<()> {
        let Some(failure) = &build.failure else { return table::line("the build failed") };
        table::line(&format!("failed at {}: {}", failure.step, failure.class))?;
        for line in
            failure.line.iter().map(|line| plain(line)).chain([format!("hint: {}", plain(&failure.hint))])
        {
            table::line(&format!("  {line}"))?;
        }
        if let Some(server) = &self.at.server {
            table::line(&format!("  log: {}/+builds/{}/log", server.trim_end_matches('/'), build.id))?;
        }
        Ok(())
    }
}
