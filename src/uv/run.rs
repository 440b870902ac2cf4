//! One run of uv.

use super::interpreter;
use crate::error::Result;
use crate::tools::process::{ProcessGroup, all_of};
use crate::tools::scratch::ScratchFolder;
use crate::{timed_out, unavailable};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::{Child, Command};

/// What its requirements file is called, also in comments of the answer.
const FILE: &str = "requirements.in";

/// Has the pins to keep.
const KEPT: &str = "requirements.txt";

/// What is to be resolved, and for whom.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Where uv is.
    pub program: &'a Path,
    /// One requirement a line.
    pub requirements: &'a str,
    /// Pins to keep where they still fit, one a line.
    pub preferences: &'a str,
    /// URL of the simple index to ask; no other is.
    pub index: &'a str,
    /// PEP 508's variables of the target.
    pub markers: &'a BTreeMap<String, String>,
    pub limits: UvLimits,
    /// Folder for scratch folders.
    pub folder: &'a Path,
}

/// What one run may use.
#[derive(Clone, Copy, Debug)]
pub struct UvLimits {
    pub time: Duration,
    /// Bytes of address space.
    pub memory: u64,
    /// Bytes of the largest file.
    pub file: u64,
    /// Bytes of either output; more is dropped.
    pub output: u64,
}

impl Default for UvLimits {
    fn default() -> Self {
        Self { time: Duration::from_secs(600), memory: 8 << 30, file: 1 << 30, output: 8 << 20 }
    }
}

/// What came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// One pinned requirement a line, with what it is for as a comment.
    Pinned(String),
    /// Why there is no solution, in the resolver's words.
    Unsolved(String),
}

/// Resolves.
///
/// # Errors
/// `Timeout`; `Unavailable` if this uv cannot be worked with.
pub async fn compile(question: Question<'_>) -> Result<Resolution> {
    let scratch = ScratchFolder::private(question.folder, "")?;
    std::fs::write(scratch.path().join(FILE), question.requirements)?;
    // uv keeps the pins of the file that it is told to write to.
    std::fs::write(scratch.path().join(KEPT), question.preferences)?;
    interpreter::write(&scratch.path().join("python"), question.markers)?;
    let mut child = command(question, &scratch)
        .spawn()
        .map_err(|error| unavailable!("cannot start uv ({}): {error}", question.program.display()))?;
    // What it started ends with it, also when nobody waits any more.
    let mut group = ProcessGroup::of(&child);
    bound(&child, question.limits);
    let (out, said) = (child.stdout.take(), child.stderr.take());
    let most = question.limits.output;
    let run = async { tokio::try_join!(all_of(out, most), all_of(said, most), child.wait()) };
    let Ok(ended) = tokio::time::timeout(question.limits.time, run).await else {
        return Err(timed_out!(
            "uv found no solution within {} seconds: add lower bounds, so that it tries fewer versions",
            question.limits.time.as_secs()
        ));
    };
    let (out, said, status) = ended?;
    group.disarm();
    let said = String::from_utf8_lossy(&said).into_owned();
    match status.success() {
        true => Ok(Resolution::Pinned(String::from_utf8_lossy(&out).into_owned())),
        false if is_unfit(&said) || status.code().is_none() => {
            tracing::error!(said, %status, program = %question.program.display(), "uv failed");
            Err(unavailable!(
                "uv at {} does not work here: see the server's log, or set proxy.uv to another uv",
                question.program.display()
            ))
        }
        false => Ok(Resolution::Unsolved(told(&said))),
    }
}

fn command(question: Question<'_>, scratch: &ScratchFolder) -> Command {
    let mut command = Command::new(question.program);
    command.env_clear().current_dir(scratch.path());
    command.args(["pip", "compile", "--no-config", "--color", "never", "--no-progress"]);
    // Nothing of a package is ever run, nothing is fetched but from the index.
    command.args(["--only-binary", ":all:", "--no-sources", "--no-python-downloads"]);
    command.args(["--no-header", "--annotation-style", "line", "--keyring-provider", "disabled"]);
    command
        .arg("--cache-dir")
        .arg(scratch.path().join("cache"))
        .arg("--python")
        .arg(scratch.path().join("python"))
        .arg(FILE);
    if !question.preferences.is_empty() {
        command.args(["--output-file", KEPT]);
    }
    command.env("HOME", scratch.path()).env("TMPDIR", scratch.path()).env("LC_ALL", "C.UTF-8");
    command.env("UV_DEFAULT_INDEX", question.index).env("UV_NO_ENV_FILE", "1");
    // Metadata may have to be made first: the index holds such a request, and asks for patience.
    command.env("UV_HTTP_TIMEOUT", "120").env("UV_HTTP_RETRIES", "30");
    // Whatever a package's metadata may lead it to, it reaches the index alone: that is its proxy, and
    // knows no other host and no other path.
    let proxy = question.index.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"] {
        command.env(name, &proxy);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command.process_group(0);
    command
}

/// Sets what it may use. Between its start and this it has not been asked anything yet.
fn bound(child: &Child, limits: UvLimits) {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Pid, Resource, Rlimit, prlimit};
        let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        for (resource, most) in
            [(Resource::As, limits.memory), (Resource::Fsize, limits.file), (Resource::Core, 0)]
        {
            let bound = Rlimit { current: Some(most), maximum: Some(most) };
            if let Err(error) = prlimit(pid, resource, bound) {
                tracing::warn!(%error, "cannot limit uv; it runs without limits");
            }
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (child, limits);
}

/// Whether it is uv that does not fit, not the requirements.
fn is_unfit(said: &str) -> bool {
    let signs = [
        "inspect Python interpreter",
        "Querying Python at",
        "Usage: uv",
        "invalid value '",
        "memory allocation",
    ];
    signs.iter().any(|sign| said.contains(sign))
}

/// Its explanation, without the first word and without hints at options that our callers do not have.
fn told(said: &str) -> String {
    let lines = said.lines().filter(|line| !line.starts_with("warning: ")).map(str::trim_end);
    let text: Vec<&str> = lines.collect();
    let text = text.join("\n");
    let text = text.trim();
    text.strip_prefix("error: ").unwrap_or(text).to_owned()
}
