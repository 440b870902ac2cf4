//! `wheelwright bundle create`: releases with all that they need, for every target, in one signed file.

use super::closure::{Gatherer, PrivateNames};
use super::evidence;
use super::fetch::FetchedFiles;
use super::near::NearServer;
use super::parts::{BundleBase, BundleSince, included};
use super::show;
use super::wanted::BundleWishes;
use crate::bad;
use crate::build::target::Target;
use crate::cli::key::KeyPassword;
use crate::cli::progress::Progress;
use crate::cli::remote::RemoteIndex;
use crate::cli::table;
use crate::client::ServerClient;
use crate::config::load::ResolvedConfig;
use crate::config::units;
use crate::error::{Error, Result};
use crate::names::ProjectName;
use crate::packaging::bundle::manifest::FORMAT;
use crate::packaging::bundle::{BundleManifest, BundleOrigin, RefusedRequest, SigningKey};
use crate::packaging::filename::SdistFilename;
use crate::packaging::pyproject;
use crate::packaging::sdist;
use crate::tools::scratch::ScratchFolder;
use crate::tools::time::now;
use crate::transfer::bundle::{BundleParts, BundlePlace, write};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Options of an index that limit what it shows: a bundle tells of them.
const POLICY: [&str; 4] = ["allow", "deny", "min_age", "curated"];

/// Put releases with all that they need into a signed file.
///
/// The server's resolver finds the files for each target; what exists only as source is built. Projects that are
/// uploaded to an index here are private: they come along only if you name them.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  wheelwright key create me.key
  wheelwright bundle create -r requirements.txt --target cp312-linux --index alice/prod --key me.key -o drop.wwb
  wheelwright bundle create --request wishes.txt --index alice/prod --key me.key --since drop.wwb -o more.wwb
  wheelwright bundle create flask --target cp312 --key me.key --volume 4.7GB -o drop.wwb

Without --server it works on the data folder, if there is one, whether its server runs or not.")]
pub struct CreateCommand {
    /// flask, 'numpy>=2', …
    #[arg(value_name = "PROJECT")]
    projects: Vec<String>,
    /// Requirements, or a uv.lock, pylock.toml or poetry.lock, which is taken as it is; may be repeated
    #[arg(short = 'r', long = "requirement", value_name = "FILE")]
    requirements: Vec<PathBuf>,
    /// cp313, cp27-linux, or a full name; may be repeated
    #[arg(long = "target", value_name = "NAME")]
    targets: Vec<String>,
    /// The secret key that signs; may be repeated
    #[arg(long = "key", required = true, value_name = "FILE")]
    keys: Vec<PathBuf>,
    #[command(flatten)]
    password: KeyPassword,
    /// The bundle
    #[arg(short = 'o', long, value_name = "FILE")]
    output: PathBuf,
    /// Leave out what the other side has: what this bundle, or that of this manifest.json, brought, or what stands on
    /// this index here
    #[arg(long, value_name = "BUNDLE|INDEX")]
    since: Option<BundleSince>,
    /// What wheelwright bundle request wrote on the other side
    #[arg(long, value_name = "FILE")]
    request: Option<PathBuf>,
    /// Add sdists, and what it takes to build them
    #[arg(long)]
    with_build_requirements: bool,
    /// A private project that may leave, or all; may be repeated
    #[arg(long, value_name = "NAME")]
    private: Vec<String>,
    /// A file to carry along: recipes, a database of advisories; may be repeated
    #[arg(long, value_name = "FILE")]
    include: Vec<PathBuf>,
    /// Cut the bundle into files of this size: 4.7GB
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    volume: Option<u64>,
    /// One JSON document: files, what is new, what was refused
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    at: RemoteIndex,
}

fn parse_size(text: &str) -> Result<u64> {
    units::bytes(text).ok_or_else(|| bad!("{text:?} is not a size: write 700MB or 4.7GB"))
}

/// All that is found for a bundle.
#[derive(Default)]
struct Contents {
    fetched: FetchedFiles,
    refused: Vec<RefusedRequest>,
    /// What is not done, and does not stop.
    warnings: Vec<String>,
}

impl CreateCommand {
    pub async fn run(self, resolved: ResolvedConfig) -> Result<ExitCode> {
        let wishes = BundleWishes::read(&self.projects, &self.requirements, self.request.as_deref())?;
        let keys = self.keys.iter().map(|path| self.password.open(path)).collect::<Result<Vec<_>>>()?;
        let progress = Progress::new();
        wishes.warnings.iter().for_each(|warning| progress.say(&format!("warning: {warning}")));
        let server = NearServer::open(&self.at, resolved).await?;
        let stop = crate::cli::signal::stop_signal()?;
        tokio::pin!(stop);
        let made = tokio::select! {
            made = self.make(&server, &wishes, keys, &progress) => Some(made),
            () = &mut stop => None,
        };
        server.stop().await;
        match made {
            Some(made) => table::ended(made, &[], self.json),
            None => Ok(ExitCode::from(130)),
        }
    }

    async fn make(
        &self,
        near: &NearServer,
        wishes: &BundleWishes,
        keys: Vec<SigningKey>,
        progress: &Progress,
    ) -> Result<(String, Value)> {
        let server = &near.client;
        let mut base = match &self.since {
            Some(since) => Some(BundleBase::open(since, server).await?),
            None => None,
        };
        let (targets, refused) = wishes.targets(&self.targets, &near.targets().await?)?;
        // Before anything is looked for: what changes meanwhile is new to the next bundle.
        let installation = server.installation().await?;
        let created = Timestamp::from_microsecond(now()).map_err(Error::internal)?;
        let folder = self.output.parent().filter(|folder| !folder.as_os_str().is_empty());
        let scratch = ScratchFolder::private(folder.unwrap_or(Path::new(".")), ".wheelwright-bundle-")
            .map_err(|error| bad!("cannot write beside {}: {error}", self.output.display()))?;
        let mut contents = self.gather(server, wishes, &targets, &scratch, progress).await?;
        contents.refused.extend(refused);
        contents.warnings.iter().for_each(|warning| progress.say(&format!("warning: {warning}")));
        for (file, path) in included(&self.include)? {
            let name = file.filename.clone();
            if contents.fetched.files.insert(name.clone(), (file, path)).is_some() {
                return Err(bad!("two files of the bundle are called {name}: rename the one of --include"));
            }
        }
        if let Some(base) = &mut base {
            base.look_up(server, contents.fetched.files.values().map(|(file, _)| file)).await?;
        }
        let (mut files, mut held, mut places) = (Vec::new(), Vec::new(), BTreeMap::new());
        for (file, path) in contents.fetched.files.into_values() {
            if base.as_ref().is_some_and(|base| base.has(&file)) {
                held.push(file);
            } else {
                places.insert(file.sha256.clone(), path);
                files.push(file);
            }
        }
        let manifest = BundleManifest {
            format: FORMAT,
            created,
            origin: BundleOrigin {
                installation: installation.uuid,
                index: self.at.index.to_string(),
                serial: installation.serial,
            },
            targets: targets.iter().map(|target| target.name.clone()).collect(),
            requirements: wishes.shown(),
            policy: self.policy(server).await?,
            base: base.map(|base| base.name),
            files,
            held,
            refused: contents.refused,
        };
        self.write(manifest, keys, places, progress).await
    }

    /// All files for all targets.
    async fn gather(
        &self,
        server: &ServerClient,
        wishes: &BundleWishes,
        targets: &[Target],
        scratch: &ScratchFolder,
        progress: &Progress,
    ) -> Result<Contents> {
        let private = self.private_names(wishes)?;
        let gatherer = Gatherer::new((server, &self.at.index), progress, &private, wishes);
        let mut contents = Contents::default();
        for target in targets {
            let line = progress.begin(&target.name, "resolve");
            let (found, refused) = gatherer.files(target, &wishes.of(target)?).await?;
            line.end(&show::counted(found.len()));
            contents.refused.extend(refused);
            let names: Vec<_> = found.iter().map(|found| found.file.clone()).collect();
            contents.fetched.add(server, found, scratch, progress).await?;
            if !self.with_build_requirements {
                continue;
            }
            let mut sdists = Vec::new();
            for file in &names {
                match gatherer.sdist(target, file).await? {
                    Some(sdist) => sdists.push(sdist),
                    None => contents.warnings.push(format!("{} has no sdist", file.filename)),
                }
            }
            gatherer.refuse_unfit(&sdists)?;
            let sources: Vec<String> = sdists.iter().map(|found| found.file.filename.clone()).collect();
            contents.fetched.add(server, sdists, scratch, progress).await?;
            let needs = build_requirements(&sources, &mut contents);
            let tools = gatherer.attempt(target, &needs, &[]).await?;
            contents.fetched.add(server, tools, scratch, progress).await?;
        }
        for (name, (file, _)) in &mut contents.fetched.files {
            let target = contents.fetched.targets.get(name).map(String::as_str).unwrap_or_default();
            file.evidence = evidence::of(server, file, target).await;
        }
        Ok(contents)
    }

    fn private_names(&self, wishes: &BundleWishes) -> Result<PrivateNames> {
        let mut private = PrivateNames { all: false, names: wishes.named.clone() };
        for name in &self.private {
            match name.as_str() {
                "all" => private.all = true,
                name => {
                    let parsed = ProjectName::new(name);
                    private.names.insert(parsed.ok_or_else(|| bad!("'{name}' is not a valid project name"))?);
                }
            }
        }
        Ok(private)
    }

    /// What limits the choice of files.
    async fn policy(&self, server: &ServerClient) -> Result<BTreeMap<String, Value>> {
        let options = server.index_options(&self.at.index).await?;
        Ok(options.more.into_iter().filter(|(key, _)| POLICY.contains(&key.as_str())).collect())
    }

    async fn write(
        &self,
        manifest: BundleManifest,
        keys: Vec<SigningKey>,
        places: BTreeMap<String, PathBuf>,
        progress: &Progress,
    ) -> Result<(String, Value)> {
        let line = progress.begin(&self.output.display().to_string(), "write");
        let (output, volume) = (self.output.clone(), self.volume);
        let written = tokio::task::spawn_blocking(move || {
            let parts = BundleParts { manifest: &manifest, keys: &keys, places: &places };
            let place = BundlePlace { output: &output, volume };
            let written = write(&parts, &place, &|name| line.said(name))?;
            line.end("written");
            Ok::<_, Error>((manifest, written))
        });
        let (manifest, (identity, paths)) = written.await??;
        Ok(show::created(&manifest, &identity, &paths))
    }
}

/// What the sources of some sdists need to be built.
fn build_requirements(sdists: &[String], contents: &mut Contents) -> Vec<String> {
    let mut needs = BTreeSet::new();
    for name in sdists {
        let Some((file, path)) = contents.fetched.files.get(name) else { continue };
        let read = (|| {
            let project = file.project.as_ref().ok_or_else(|| bad!("it names no project"))?;
            let parsed = SdistFilename::parse_for(project, name)?;
            let sdist = sdist::read(&std::fs::File::open(path)?, &parsed, true)?;
            let text = sdist.pyproject.as_deref().map(String::from_utf8_lossy);
            pyproject::build_requirements(text.as_deref())
        })();
        match read {
            Ok(requirements) => needs.extend(requirements.iter().map(ToString::to_string)),
            Err(error) => {
                contents.warnings.push(format!("{name}: cannot read what its build needs: {error}"))
            }
        }
    }
    needs.into_iter().collect()
}
