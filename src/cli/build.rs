//! `wheelwright build`: wheels of whatever is named, with a server or without one.
//!
//! Without `--server` a whole server runs inside this process for as long as it takes, with its data in
//! the user's cache; all else is the same, over HTTP.

mod demand;
mod evidence;
mod house;
pub(super) mod local;
mod order;
mod outcome;
mod report;
mod sources;
mod versions;
mod work;

use self::house::House;
use self::local::Local;
use self::sources::Supply;
use self::work::Work;
use crate::bad;
use crate::build::recipe::Recipes;
use crate::build::target::{self, Target};
use crate::cli::place::PlaceFlags;
use crate::cli::progress::Progress;
use crate::cli::requirements::{RequirementFiles, WantedBy, WantedThing, Wish};
use crate::client::ServerClient;
use crate::client::logins::Logins;
use crate::config::load::ResolvedConfig;
use crate::error::{Error, Result};
use crate::names::IndexName;
use crate::tools::scratch::ScratchFolder;
use futures::future::join_all;
use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// Wheels of requirements, folders, archives and git repositories, for every target asked for.
///
/// What the wheelhouse holds already is left alone, what the index has as a wheel is fetched, the rest
/// is built in a sandbox. Dependencies come too.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  wheelwright build docopt 'simplejson==3.17.0' --target cp313 -w wheelhouse/
  wheelwright build git+https://host/repo@v1.2#subdirectory=lib ./my-project -w wheelhouse/
  wheelwright build --server http://host:3141 --for-index alice/dev docopt
  pip install --no-index --find-links wheelhouse/ docopt

Without --server, sources, environments, builds and logs are in --data, by default wheelwright in the user's cache.")]
pub struct BuildCommand {
    /// docopt, 'simplejson==3.17.0', ./my-project, demo-1.0.tar.gz, git+https://HOST/REPO@TAG#subdirectory=DIR
    #[arg(required_unless_present_any = ["requirements", "cancel"], value_name = "REQUIREMENT|PATH|URL")]
    what: Vec<String>,
    /// A file of requirements; may be repeated
    #[arg(short = 'r', long = "requirement", id = "requirements", value_name = "FILE")]
    requirements: Vec<PathBuf>,
    /// A file that limits versions; may be repeated
    #[arg(short = 'c', long = "constraint", value_name = "FILE")]
    constraints: Vec<PathBuf>,
    /// cp313, cp27-linux, or a full name; may be repeated [default: all targets]
    #[arg(long = "target", value_name = "NAME")]
    targets: Vec<String>,
    /// The folder for the wheels, for pip's --find-links; created if missing
    #[arg(short = 'w', long, value_name = "DIR", required_unless_present_any = ["for_index", "cancel"])]
    wheelhouse: Option<PathBuf>,
    /// Build only what is named, without its dependencies
    #[arg(long)]
    no_deps: bool,
    /// Build there instead of here [default: WHEELWRIGHT_SERVER; with --for-index and --cancel also the server of
    /// wheelwright login]
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// An API token of that server
    #[arg(long, env = "WHEELWRIGHT_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Publish the built wheels in this index
    #[arg(long, value_name = "USER/INDEX", value_parser = super::index::parse)]
    for_index: Option<IndexName>,
    /// The index that requirements come from [default: --for-index, else root/pypi]
    #[arg(long, value_name = "USER/INDEX", value_parser = super::index::parse)]
    index: Option<IndexName>,
    /// Build what is named again, even if there is a wheel or the build failed before
    #[arg(long)]
    rebuild: bool,
    /// The folder for the evidence and the log of each build [default: --wheelhouse]
    #[arg(long, value_name = "DIR")]
    evidence: Option<PathBuf>,
    /// A folder with recipes
    #[arg(long, value_name = "DIR", conflicts_with = "server")]
    recipes: Option<PathBuf>,
    /// bubblewrap, or none: build code runs with your own permissions [default: bubblewrap]
    #[arg(long, value_name = "KIND", conflicts_with = "server")]
    isolation: Option<String>,
    /// The simple index that packages come from [default: what pip on this machine would use]
    #[arg(long, value_name = "URL", conflicts_with = "server")]
    upstream: Option<String>,
    /// Send nothing to the network: use what earlier builds fetched
    #[arg(long, conflicts_with = "server")]
    offline: bool,
    /// Cancel a build of --server that continues after Ctrl-C
    #[arg(long, value_name = "BUILD", conflicts_with_all = ["what", "requirements"])]
    cancel: Option<i64>,
    /// One JSON document with every item
    #[arg(long)]
    json: bool,
}

/// What a shell says of a command that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

impl BuildCommand {
    pub fn flags(&self) -> Vec<(&'static str, String)> {
        let recipes = self.recipes.as_ref().and_then(|folder| std::path::absolute(folder).ok());
        let recipes = recipes.map(|folder| folder.display().to_string());
        let given = [
            ("build.recipes", recipes),
            ("build.isolation", self.isolation.clone()),
            ("upstream", self.upstream.clone()),
            ("offline", self.offline.then(|| "true".to_owned())),
        ];
        local::flags()
            .into_iter()
            .chain(given.into_iter().filter_map(|(key, value)| Some((key, value?))))
            .collect()
    }

    pub async fn run(mut self, place: &PlaceFlags, resolved: ResolvedConfig) -> Result<ExitCode> {
        let wanted = match RequirementFiles::read(&self.what, &self.requirements, &self.constraints) {
            Ok(wanted) => wanted,
            Err(error) => {
                eprintln!("error: {error}");
                return Ok(ExitCode::from(2));
            }
        };
        self.server = self.named_server(place)?;
        if let Some(id) = self.cancel {
            let server =
                ServerClient::new(self.server.as_deref().unwrap_or_default(), self.token.as_deref())?;
            server.cancel(id).await?;
            super::table::done(
                &format!("build {id} is cancelled"),
                &serde_json::json!({"build": id}),
                self.json,
            )?;
            return Ok(ExitCode::SUCCESS);
        }
        if let Some(why) = self.recipes.as_deref().and_then(wrong_recipes) {
            eprintln!("error: {why}");
            return Ok(ExitCode::from(2));
        }
        let stop = super::signal::stop_signal()?;
        let open = Arc::default();
        let progress = Progress::new();
        tokio::pin!(stop);
        let (server, local) = tokio::select! {
            ready = self.ready(resolved, &progress) => ready?,
            () = &mut stop => return Ok(stopped(None, &[])),
        };
        let remote = local.is_none().then(|| server.clone());
        let ended = tokio::select! {
            result = self.build_all(server, wanted, local.as_ref(), progress, Arc::clone(&open)) => Some(result),
            () = &mut stop => None,
        };
        if let Some(local) = local {
            local.stop().await;
        }
        match ended {
            Some(result) => result,
            None => Ok(stopped(remote.as_ref(), &open.lock().iter().copied().collect::<Vec<_>>())),
        }
    }

    /// The server to build at; `None`: one of our own.
    fn named_server(&self, place: &PlaceFlags) -> Result<Option<String>> {
        let named = self.server.as_deref().or(place.server_flag());
        // What these say is about builds on this machine.
        if named.is_none()
            && (self.recipes.is_some() || self.isolation.is_some() || self.upstream.is_some() || self.offline)
        {
            return Ok(None);
        }
        let variable = std::env::var("WHEELWRIGHT_SERVER").ok().filter(|text| !text.is_empty());
        let needed = self.for_index.is_some() || self.cancel.is_some();
        match named.map(str::to_owned).or(variable) {
            None if needed => match Logins::load()?.current() {
                Some((server, _)) => Ok(Some(server.to_owned())),
                None => Err(bad!(
                    "--for-index and --cancel need a server: name it with --server or WHEELWRIGHT_SERVER, or run \
                     wheelwright login"
                )),
            },
            named => Ok(named),
        }
    }

    /// The server that was named, or one of our own.
    async fn ready(
        &self,
        resolved: ResolvedConfig,
        progress: &Progress,
    ) -> Result<(ServerClient, Option<Local>)> {
        if let Some(url) = &self.server {
            return Ok((ServerClient::new(url, self.token.as_deref())?, None));
        }
        let local = Local::start(resolved, progress).await?;
        Ok((local.server.clone(), Some(local)))
    }

    /// The exit code: 0 if all is there in the end, 1 if not, 2 for a target that there is not.
    async fn build_all(
        &self,
        server: ServerClient,
        wanted: RequirementFiles,
        local: Option<&Local>,
        progress: Progress,
        open: Arc<Mutex<BTreeSet<i64>>>,
    ) -> Result<ExitCode> {
        let targets = match self.targets(&server, local).await {
            Err(error @ Error::Missing(_)) => {
                eprintln!("error: {error}");
                return Ok(ExitCode::from(2));
            }
            targets => targets?,
        };
        let house = self.wheelhouse.as_deref().map(House::open).transpose()?;
        let scratch = ScratchFolder::private(&std::env::temp_dir(), "wheelwright-build-")?;
        let index = self.index.as_ref().or(self.for_index.as_ref());
        let index = index.map_or("root/pypi", IndexName::as_str).to_owned();
        let mut work = Work::new(server, index, house, scratch, progress);
        work.for_index = self.for_index.as_ref().map(|index| index.as_str().to_owned());
        work.rebuild = self.rebuild;
        work.open = open;
        work.deep = !self.no_deps;
        let evidence = self.evidence.as_ref().or(self.wheelhouse.as_ref());
        work.evidence = evidence.map(std::path::absolute).transpose()?;
        work.is_local = local.is_some();
        wanted.warnings.iter().for_each(|warning| work.warn(warning));
        for wish in wanted.wishes.iter().filter(|wish| !wish.hashes.is_empty()) {
            work.warn(&format!("{}: wheelwright ignores these hashes", wish.by));
        }
        let (roots, supplies) = parted(wanted.wishes);
        join_all(targets.iter().map(|target| work.target(target, &roots, &wanted.constraints, &supplies)))
            .await;
        work.keep_evidence().await;
        let (items, warnings) = work.into_report();
        let folder = self.wheelhouse.as_ref().map(|folder| folder.display().to_string());
        let all_well = report::print(&items, &warnings, folder.as_deref(), self.json)?;
        Ok(if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// The targets that were asked for, each once.
    async fn targets(&self, server: &ServerClient, local: Option<&Local>) -> Result<Vec<Target>> {
        let offered = match local {
            Some(local) => local.targets().await?,
            None => server.targets().await?,
        };
        if offered.is_empty() {
            return Err(bad!("no worker offers a target now: start one with wheelwright worker"));
        }
        if self.targets.is_empty() {
            return Ok(offered.into_iter().filter(|target| !target.is_cross()).collect());
        }
        let mut chosen: Vec<Target> = Vec::new();
        for asked in &self.targets {
            for target in target::find(asked, &offered)? {
                if !chosen.iter().any(|known| known.name == target.name) {
                    chosen.push(target.clone());
                }
            }
        }
        Ok(chosen)
    }
}

/// What is wrong with the folder of `--recipes`: that it is none, or files with the line of a mistake.
fn wrong_recipes(folder: &Path) -> Option<String> {
    if !folder.is_dir() {
        return Some(format!("--recipes {} is not a folder", folder.display()));
    }
    let recipes = match Recipes::load(Some(folder), &[]) {
        Ok(recipes) => recipes,
        Err(error) => return Some(error.to_string()),
    };
    let wrong: Vec<&str> =
        recipes.entries().filter_map(|entry| entry.file.as_ref().err()).map(String::as_str).collect();
    Some(wrong.join("\nerror: ")).filter(|why| !why.is_empty())
}

/// Requirements to be found, and sources to be brought.
fn parted(wishes: Vec<Wish>) -> (Vec<WantedBy>, Vec<Supply>) {
    let (mut roots, mut supplies) = (Vec::new(), Vec::new());
    for wish in wishes {
        match wish.thing {
            WantedThing::Listed(requirement) => roots.push(WantedBy { requirement, by: wish.by }),
            WantedThing::Source(source) => supplies.push(Supply::new(*source)),
        }
    }
    (roots, supplies)
}

/// Ended by a signal: what goes on elsewhere is told of.
fn stopped(server: Option<&ServerClient>, open: &[i64]) -> ExitCode {
    eprintln!("stopped");
    if let Some(server) = server {
        for id in open {
            let url = server.build_url(*id);
            let server = server.base().as_str().trim_end_matches('/');
            eprintln!(
                "build {id} continues: {url}. Run wheelwright build --server {server} --cancel {id} to \
                 cancel it"
            );
        }
    }
    ExitCode::from(INTERRUPTED)
}
