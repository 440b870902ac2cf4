//! `wheelwright compile`: from what is wanted to all that it needs, pinned, for one target.

use super::client::{self, Input, Shown, Through};
use super::progress::Progress;
use super::table;
use crate::client::WheelsProxy;
use crate::error::Result;
use crate::names::ProjectName;
use crate::packaging::{pylock, reqfile};
use crate::words::OlderVersions;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Pin requirements and all their dependencies for one target.
///
/// The server resolves, from pages that list wheels before they exist: nothing is compiled here.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  wheelwright compile
  wheelwright compile pyproject.toml requirements.txt --extra web --group test
  wheelwright compile -w http://host:3141/v1/alice.dev+pypi/cp312-linux/ requirements.in pylock.toml")]
pub struct CompileCommand {
    /// A requirement file, a pyproject.toml, or - [default: requirements.in, else pyproject.toml]
    #[arg(value_name = "REQUIREMENTS.IN")]
    input: Option<PathBuf>,
    /// The output; named pylock.toml it has URLs and hashes; or - [default: requirements.txt]
    #[arg(value_name = "REQUIREMENTS.TXT", default_value = "requirements.txt", hide_default_value = true)]
    output: PathBuf,
    /// An extra of a pyproject.toml; may be repeated
    #[arg(long = "extra", value_name = "NAME", value_parser = client::extra)]
    extras: Vec<ProjectName>,
    /// A dependency group of a pyproject.toml; may be repeated
    #[arg(long = "group", value_name = "NAME")]
    groups: Vec<String>,
    /// Do not keep the versions that the output file has
    #[arg(long, short = 'U')]
    upgrade: bool,
    /// Do not keep the version of this project; may be repeated
    #[arg(short = 'P', long = "upgrade-package", value_name = "NAME", value_parser = client::extra)]
    upgrades: Vec<ProjectName>,
    /// Write the sha256 of each wheel for the target; missing wheels are built
    #[arg(long)]
    generate_hashes: bool,
    /// Take an older version, with a warning, where the build of a newer one failed
    #[arg(long)]
    accept_older: bool,
    /// One JSON document: what was written, what is pinned
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    through: Through,
}

/// What was compiled.
pub struct Compiled {
    /// Pinned lines with their comments, as the server wrote them.
    pub text: String,
    /// `-e file:///app/one`: what only this machine has.
    pub locals: Vec<String>,
}

impl CompileCommand {
    pub async fn run(self) -> Result<ExitCode> {
        let progress = Progress::new();
        let mut failed = Vec::new();
        let done = self.compile(&progress, &mut failed).await;
        table::ended(done, &failed, self.json)
    }

    async fn compile(&self, progress: &Progress, failed: &mut Vec<Value>) -> Result<(String, Value)> {
        let input = self.input.clone().unwrap_or_else(default_input);
        client::refuse_overwriting(&input, &self.output)?;
        let extras: BTreeSet<ProjectName> = self.extras.iter().cloned().collect();
        let read = Input::read(&input, &extras, &self.groups)?;
        read.warnings.iter().for_each(|warning| progress.say(&format!("warning: {warning}")));
        let proxy = self.through.open().await?;
        let done = self.compile_at(&proxy, &input, &read, progress).await;
        if let Err(error) = &done {
            *failed = client::failed_builds(&proxy, &error.to_string()).await;
        }
        done
    }

    async fn compile_at(
        &self,
        proxy: &WheelsProxy,
        input: &Path,
        read: &Input,
        progress: &Progress,
    ) -> Result<(String, Value)> {
        let line = progress.begin(&format!("{} for {}", input.display(), proxy.target), "compile");
        let kept = self.kept();
        let mut compiled = compile(proxy, self.through.python.as_deref(), read, &kept, self.older()).await?;
        for left_out in crate::client::left_out(&compiled.text) {
            progress.say(&format!("warning: left out: {left_out}"));
        }
        compiled.text = self.signed(&compiled.text, input);
        let pinned = reqfile::pins(&compiled.text);
        let (mut count, mut builds) = (pinned.len(), Vec::new());
        let is_lock = self.output.file_name().and_then(|name| name.to_str()).is_some_and(pylock::is_name);
        let text = if is_lock || self.generate_hashes {
            line.doing("resolve");
            let shown = Shown::new(proxy, progress);
            let resolved = shown.resolve(&pinned).await?;
            builds = shown.into_seen();
            let lines: Vec<String> = resolved.into_iter().chain(compiled.locals.clone()).collect();
            count = lines.len();
            let lock = client::lock(proxy, &lines).await?;
            match is_lock {
                true => lock.to_text()?,
                false => with_hashes(&compiled.to_text(), &lock),
            }
        } else {
            compiled.to_text()
        };
        client::write(&self.output, &text)?;
        line.end(&format!("{count} pinned"));
        let shown = self.output.display().to_string();
        let value = json!({
            "ok": true, "file": shown, "target": proxy.target, "pins": pinned,
            "local": compiled.locals, "builds": builds, "warnings": read.warnings,
        });
        Ok((format!("{count} pinned in {shown}"), value))
    }
}

impl CompileCommand {
    /// The pins that the output file has and that are not to be upgraded.
    fn kept(&self) -> Vec<String> {
        if self.upgrade || self.output == Path::new("-") {
            return Vec::new();
        }
        // What cannot be read is written anew.
        let text = std::fs::read_to_string(&self.output).unwrap_or_default();
        let pinned = match pylock::Lock::parse(&text) {
            Ok(lock) => {
                let packages = lock.packages.into_iter();
                packages.filter_map(|one| Some(format!("{}=={}", one.name, one.version?))).collect()
            }
            Err(_) => reqfile::pins(&text),
        };
        let stays = |line: &String| reqfile::pin(line).is_some_and(|pin| !self.upgrades.contains(&pin.0));
        pinned.into_iter().filter(stays).collect()
    }

    fn older(&self) -> OlderVersions {
        if self.accept_older { OlderVersions::Accept } else { OlderVersions::Refuse }
    }

    /// The text with the command in its head as it was given: typed again, it does the same.
    fn signed(&self, text: &str, input: &Path) -> String {
        let plain = |path: &Path| {
            let path = path.display().to_string();
            let harmless = |c: char| c.is_alphanumeric() || "-_./+@,=:".contains(c);
            match path.chars().all(harmless) {
                true => path,
                false => format!("'{}'", path.replace('\'', "'\\''")),
            }
        };
        let mut lines = text.splitn(3, '\n');
        let (Some(first), Some(second), Some(rest)) = (lines.next(), lines.next(), lines.next()) else {
            return text.to_owned();
        };
        if !second.starts_with("#    ") {
            return text.to_owned();
        }
        let first = first.replace("requirements.in", &plain(input));
        format!("{first}\n{second} {} {}\n{rest}", plain(input), plain(&self.output))
    }
}

/// The pins, each with the hashes of its wheels.
fn with_hashes(text: &str, lock: &pylock::Lock) -> String {
    let mut hashes: BTreeMap<ProjectName, BTreeSet<String>> = BTreeMap::new();
    for package in &lock.packages {
        let Some(name) = ProjectName::new(&package.name) else { continue };
        let files = package.wheels.iter().chain(&package.sdist).chain(&package.archive);
        let sha256 = files.filter_map(|file| file.hashes.get("sha256"));
        hashes.entry(name).or_default().extend(sha256.map(|hash| format!("--hash=sha256:{hash}")));
    }
    let line = |line: &str| {
        let (code, comment) =
            line.split_at_checked(line.find(" #").unwrap_or(line.len())).unwrap_or((line, ""));
        let known = reqfile::pin(code.trim()).and_then(|(name, _)| hashes.get(&name));
        match known.filter(|known| !known.is_empty()) {
            Some(known) => {
                let known: Vec<&str> = known.iter().map(String::as_str).collect();
                let divider = " \\\n    ";
                format!("{}{divider}{}{}\n", code.trim_end(), known.join(divider), comment.trim_end())
            }
            None => format!("{line}\n"),
        }
    };
    text.lines().map(line).collect()
}

fn default_input() -> PathBuf {
    let (usual, project) = (Path::new("requirements.in"), Path::new("pyproject.toml"));
    if !usual.exists() && project.exists() { project.to_owned() } else { usual.to_owned() }
}

/// Asks the server for pins of all that is wanted, and of what local packages require; `kept` are pins
/// that stay where they fit.
pub async fn compile(
    proxy: &WheelsProxy,
    python: Option<&Path>,
    input: &Input,
    kept: &[String],
    older: OlderVersions,
) -> Result<Compiled> {
    let mut wanted = input.texts();
    for local in &input.locals {
        wanted.extend(client::requires(local, python, proxy).await?);
    }
    let text = match wanted.is_empty() {
        true => String::new(),
        false => proxy.compile(&wanted, kept, &input.constraints, older).await?,
    };
    let locals: BTreeSet<String> = input.locals.iter().filter_map(|local| local.line.clone()).collect();
    Ok(Compiled { text, locals: locals.into_iter().collect() })
}

impl Compiled {
    /// A requirement file: the pins, and at its end what only this machine has.
    pub fn to_text(&self) -> String {
        let mut text = self.text.trim_end().to_owned();
        if !text.is_empty() {
            text.push('\n');
        }
        if !self.locals.is_empty() {
            text.push_str("\n# On this machine only; their requirements are in the lines above.\n");
            text.push_str(&self.locals.join("\n"));
            text.push('\n');
        }
        text
    }
}
