//! `wheelwright install`: exactly what a file says, into the Python at hand, as wheels only.

use super::client::{self, Input, InstallPlan, Installer, Python, Shown, Through, Tool, WantedLine};
use super::progress::Progress;
use super::table;
use crate::bad;
use crate::client::WheelsProxy;
use crate::error::Result;
use crate::names::ProjectName;
use crate::packaging::pylock::{self, Lock, LockEnvironment, LockedFile, Package};
use crate::packaging::version;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use url::Url;

/// Install exactly what a file says, by the environment's own pip or by uv, as wheels only.
///
/// URLs and lock files need no server. Pinned requirements are resolved first; the server builds what
/// does not exist yet.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  wheelwright install -r requirements.urls
  wheelwright install -r pylock.toml --group test --python .venv
  wheelwright install -r requirements.txt -- --target site")]
pub struct InstallCommand {
    /// requirements.urls, requirements.txt or pylock.toml; may be repeated
    #[arg(short = 'r', long = "requirement", value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// An extra of a lock file; may be repeated
    #[arg(long = "extra", value_name = "NAME", value_parser = client::extra)]
    extras: Vec<ProjectName>,
    /// A dependency group of a lock file; may be repeated [default: the file's default groups]
    #[arg(long = "group", value_name = "NAME")]
    groups: Vec<String>,
    /// The installer [default: the environment's own pip, else uv]
    #[arg(long, value_name = "PROGRAM")]
    with: Option<Tool>,
    /// One JSON document; the installer's output goes to standard error
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    through: Through,
    /// Passed on to the installer
    #[arg(last = true, value_name = "ARGUMENT")]
    more: Vec<String>,
}

impl InstallCommand {
    pub async fn run(self) -> Result<ExitCode> {
        let progress = Progress::new();
        let mut failed = Vec::new();
        let done = self.install(&progress, &mut failed).await;
        table::ended(done, &failed, self.json)
    }

    async fn install(&self, progress: &Progress, failed: &mut Vec<Value>) -> Result<(String, Value)> {
        let python = Python::find(self.through.python.as_deref()).await?;
        let (mut plan, mut inputs) = (InstallPlan::default(), Vec::new());
        for file in &self.files {
            match read(file)? {
                Read::Lock(lock) => self.take_lock(&lock, file, &python, &mut plan)?,
                Read::Lines(input) => inputs.push(input),
            }
        }
        let mut proxy = None;
        for input in &inputs {
            input.warnings.iter().for_each(|warning| progress.say(&format!("warning: {warning}")));
            let needs_server = input.wanted.iter().any(|wanted| !is_url(&wanted.text));
            if proxy.is_none() && (needs_server || !input.locals.is_empty() || self.through.token.is_some()) {
                proxy = Some(self.through.open().await?);
            }
            let server = proxy.as_ref().filter(|_| needs_server);
            if let Err(error) = take_lines(input, server, progress, &mut plan).await {
                if let Some(proxy) = server {
                    *failed = client::failed_builds(proxy, &error.to_string()).await;
                }
                return Err(error);
            }
        }
        if proxy.is_none() && (!plan.locals.is_empty() || self.through.token.is_some()) {
            proxy = Some(self.through.open().await?);
        }
        let installer = Installer::find(python, self.with).await?;
        if !installer.install(&plan, proxy.as_ref(), &self.more, self.json).await? {
            return Err(bad!("the installer failed: see its output above"));
        }
        let count = plan.lines.len() + plan.locals.len();
        let executable = installer.python.executable.display().to_string();
        let value = json!({
            "ok": true, "python": executable, "installed": plan.lines, "local": plan.locals,
            "hashes": plan.is_hashed(),
        });
        Ok((format!("{count} packages installed in {executable}"), value))
    }

    /// What of a lock file is for this Python.
    fn take_lock(&self, lock: &Lock, file: &Path, python: &Python, plan: &mut InstallPlan) -> Result<()> {
        let extras: BTreeSet<ProjectName> = self.extras.iter().cloned().collect();
        let chooser = python.target.chooser();
        let environment = LockEnvironment {
            markers: &python.target.markers,
            chooser: &chooser,
            extras: &extras,
            groups: (!self.groups.is_empty()).then_some(&*self.groups),
        };
        let told = |error: crate::error::Error| bad!("{}: {error}", file.display());
        for package in lock.wanted(&environment).map_err(told)? {
            let line = locked(package, &environment, file).map_err(told)?;
            match line.is_local {
                true => plan.locals.push(line.text),
                false => plan.lines.push(line.text),
            }
        }
        Ok(())
    }
}

/// A file that was read, by what it is.
enum Read {
    Lock(Lock),
    Lines(Input),
}

fn read(file: &Path) -> Result<Read> {
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if name == "pyproject.toml" {
        return Err(bad!("{} does not pin versions: run wheelwright compile first", file.display()));
    }
    if !pylock::is_name(name) {
        return Ok(Read::Lines(Input::read(file, &BTreeSet::new(), &[])?));
    }
    let text =
        std::fs::read_to_string(file).map_err(|error| bad!("cannot read {}: {error}", file.display()))?;
    Ok(Read::Lock(Lock::parse(&text).map_err(|error| bad!("{}: {error}", file.display()))?))
}

fn is_url(text: &str) -> bool {
    ["http://", "https://"].iter().any(|scheme| text.starts_with(scheme))
}

/// URLs stay as they are; what is pinned is resolved.
async fn take_lines(
    input: &Input,
    proxy: Option<&WheelsProxy>,
    progress: &Progress,
    plan: &mut InstallPlan,
) -> Result<()> {
    plan.locals.extend(input.locals.iter().filter_map(|local| local.line.clone()));
    let Some(proxy) = proxy else {
        plan.lines.extend(input.wanted.iter().map(WantedLine::line));
        return Ok(());
    };
    plan.lines.extend(Shown::new(proxy, progress).resolve(&input.pinned()).await?);
    Ok(())
}

/// A package of a lock file as an installer takes it.
struct Locked {
    text: String,
    is_local: bool,
}

fn locked(package: &Package, environment: &LockEnvironment<'_>, beside: &Path) -> Result<Locked> {
    let python = environment.markers.get("python_full_version").and_then(|text| version::parse(text));
    if python.is_some_and(|python| !package.fits_python(&python)) {
        return Err(bad!("{} is not for this Python", package.name));
    }
    if let Some(directory) = &package.directory {
        let path = format!("{}/{}", directory.path, directory.subdirectory.as_deref().unwrap_or_default());
        let url = file_url(path.trim_end_matches('/'), beside)?;
        let text = if directory.editable { format!("-e {url}") } else { url };
        return Ok(Locked { text, is_local: true });
    }
    let archive = package.archive.as_ref();
    let archive = archive.filter(|file| file.filename().is_some_and(|name| name.ends_with(".whl")));
    let wheel = package.wheel(environment).map(|(_, file)| file).or(archive);
    let wheel = wheel.ok_or_else(|| {
        bad!(
            "{} has no wheel for this Python in the file: run wheelwright resolve to find or build one",
            package.name
        )
    })?;
    Ok(Locked {
        text: format!("{} @ {}{}", package.name, place(wheel, beside)?, hashes(wheel)?),
        is_local: false,
    })
}

fn place(file: &LockedFile, beside: &Path) -> Result<String> {
    match (&file.path, &file.url) {
        (Some(path), None) => file_url(path, beside),
        (Some(path), Some(url)) => {
            let there = file_url(path, beside)?;
            let is_there =
                Url::parse(&there).is_ok_and(|url| url.to_file_path().is_ok_and(|path| path.exists()));
            Ok(if is_there { there } else { url.clone() })
        }
        (None, Some(url)) => Ok(url.clone()),
        (None, None) => Err(bad!("the lock file lists a file without url and path")),
    }
}

fn file_url(path: &str, beside: &Path) -> Result<String> {
    // Made absolute first: the folder of a bare name is no path.
    let beside = std::path::absolute(beside)?;
    let folder = beside.parent().unwrap_or(Path::new("/"));
    let path = std::path::absolute(folder.join(path))?;
    let url = Url::from_file_path(&path).map_err(|()| bad!("{} is not a valid path", path.display()))?;
    Ok(url.into())
}

/// Those that installers compare.
fn hashes(file: &LockedFile) -> Result<String> {
    let known = ["sha256", "sha384", "sha512"];
    let usable = known.iter().filter_map(|name| Some((name, file.hashes.get(*name)?)));
    let text: String = usable.map(|(name, hex)| format!(" --hash={name}:{hex}")).collect();
    match text.is_empty() {
        true => Err(bad!("{} has no sha256", file.filename().unwrap_or_default())),
        false => Ok(text),
    }
}
