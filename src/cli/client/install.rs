//! Installs what was resolved, by the pip or the uv at hand: nothing is looked up, nothing is built.

use super::python::{Python, on_path};
use crate::bad;
use crate::client::WheelsProxy;
use crate::error::Result;
use std::io::Write;
use std::path::PathBuf;
use std::process::Stdio;
use tokio::process::Command;

/// Who installs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Tool {
    Pip,
    Uv,
}

/// A Python, and what installs into it.
#[derive(Clone, Debug)]
pub struct Installer {
    pub python: Python,
    pub tool: Tool,
    program: PathBuf,
}

/// What is to be installed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InstallPlan {
    /// URLs with their hashes: lines of a requirement file.
    pub lines: Vec<String>,
    /// `-e file:///…`, `file:///…`: built here.
    pub locals: Vec<String>,
}

impl InstallPlan {
    /// Whether every line has a hash, so that the installer can insist on them.
    pub fn is_hashed(&self) -> bool {
        self.lines
            .iter()
            .all(|line| line.contains(" --hash=") || line.contains("#sha256=") || line.contains("&sha256="))
    }
}

impl Installer {
    /// The environment's own pip, else uv; or the one that was named.
    ///
    /// # Errors
    /// `Missing` if there is none.
    pub async fn find(python: Python, named: Option<Tool>) -> Result<Self> {
        let uv = on_path("uv");
        let tool = match named {
            Some(tool) => tool,
            None if python.has_pip().await => Tool::Pip,
            None if uv.is_some() => Tool::Uv,
            None => {
                return Err(crate::missing!(
                    "{} has no pip, and uv is not on the PATH: install one of them",
                    python.executable.display()
                ));
            }
        };
        let program = match tool {
            Tool::Pip => python.executable.clone(),
            Tool::Uv => uv.ok_or_else(|| crate::missing!("uv is not on the PATH: install it"))?,
        };
        Ok(Self { python, tool, program })
    }

    /// Installs, and says whether that succeeded. If `quiet`, standard output is left alone: the
    /// installer's own words go to standard error.
    ///
    /// # Errors
    /// `Bad` if the installer cannot be started.
    pub async fn install(
        &self,
        plan: &InstallPlan,
        proxy: Option<&WheelsProxy>,
        more: &[String],
        quiet: bool,
    ) -> Result<bool> {
        if !plan.lines.is_empty() {
            let credential = |line: &String| with_credential(line, proxy);
            let file = RequirementFile::new(&plan.lines.iter().map(credential).collect::<Vec<_>>())?;
            let mut command = self.command();
            command.args(["--no-index", "--no-deps"]);
            if plan.is_hashed() {
                command.arg("--require-hashes");
            }
            command.arg("-r").arg(&file.0).args(more);
            if !run(command, quiet).await? {
                return Ok(false);
            }
        }
        if plan.locals.is_empty() {
            return Ok(true);
        }
        let mut command = self.command();
        command.arg("--no-deps");
        match proxy {
            // What their build needs.
            Some(proxy) => command.args(["--index-url", &proxy.index_url()]),
            None => command.arg("--no-index"),
        };
        for line in &plan.locals {
            match line.strip_prefix("-e ") {
                Some(place) => command.args(["-e", place.trim()]),
                None => command.arg(line),
            };
        }
        command.args(more);
        run(command, quiet).await
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        match self.tool {
            Tool::Pip => command.args(["-m", "pip", "install", "--disable-pip-version-check"]),
            Tool::Uv => command.args(["pip", "install", "--python"]).arg(&self.python.executable),
        };
        command
    }
}

/// A line with the server's credential in its URL.
fn with_credential(line: &str, proxy: Option<&WheelsProxy>) -> String {
    let Some(proxy) = proxy else { return line.to_owned() };
    let (before, rest) = match line.split_once(" @ ") {
        Some((name, rest)) => (format!("{name} @ "), rest),
        None => (String::new(), line),
    };
    if !rest.starts_with("http") {
        return line.to_owned();
    }
    let (url, after) =
        rest.split_once(' ').map_or((rest, String::new()), |(url, rest)| (url, format!(" {rest}")));
    format!("{before}{}{after}", proxy.with_credential(url))
}

async fn run(mut command: Command, quiet: bool) -> Result<bool> {
    command.stdin(Stdio::null()).kill_on_drop(true);
    if quiet {
        command.stdout(std::io::stderr());
    }
    let program = PathBuf::from(command.as_std().get_program());
    let status = command.status().await;
    Ok(status.map_err(|error| bad!("cannot start {}: {error}", program.display()))?.success())
}

/// A requirement file that only we may read, for as long as an installer runs.
struct RequirementFile(PathBuf);

impl RequirementFile {
    fn new(lines: &[String]) -> Result<Self> {
        let name = format!("wheelwright-{}.txt", uuid::Uuid::now_v7().simple());
        let path = std::env::temp_dir().join(name);
        let mut options = std::fs::File::options();
        options.write(true).create_new(true);
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = Self(path);
        let mut out = options.open(&file.0)?;
        out.write_all((lines.join("\n") + "\n").as_bytes())?;
        Ok(file)
    }
}

impl Drop for RequirementFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
