//! One run of uv.

use super::{Question, Resolution, Scratch, UvLimits, interpreter};
use crate::error::{Error, Result};
use crate::tools::process::{ProcessGroup, all_of};
use std::process::Stdio;
use tokio::process::{Child, Command};

/// What its requirements file is called, also in comments of the answer.
const FILE: &str = "requirements.in";

/// Has the pins to keep.
const KEPT: &str = "requirements.txt";

pub(super) async fn compile(question: Question<'_>) -> Result<Resolution> {
    let scratch = Scratch::new(question.folder)?;
    std::fs::write(scratch.at(FILE), question.requirements)?;
    // uv keeps the pins of the file that it is told to write to.
    std::fs::write(scratch.at(KEPT), question.preferences)?;
    interpreter::write(&scratch.at("python"), question.markers)?;
    let mut child = command(question, &scratch).spawn().map_err(|error| {
        Error::Unavailable(format!("cannot start uv ({}): {error}", question.program.display()))
    })?;
    // What it started ends with it, also when nobody waits any more.
    let mut group = ProcessGroup::of(&child);
    bound(&child, question.limits);
    let (out, said) = (child.stdout.take(), child.stderr.take());
    let most = question.limits.output;
    let run = async { tokio::try_join!(all_of(out, most), all_of(said, most), child.wait()) };
    let Ok(ended) = tokio::time::timeout(question.limits.time, run).await else {
        return Err(Error::Timeout(format!(
            "uv found no solution within {} seconds: add lower bounds, so that it tries fewer versions",
            question.limits.time.as_secs()
        )));
    };
    let (out, said, status) = ended?;
    group.disarm();
    let said = String::from_utf8_lossy(&said).into_owned();
    match status.success() {
        true => Ok(Resolution::Pinned(String::from_utf8_lossy(&out).into_owned())),
        false if is_unfit(&said) || status.code().is_none() => {
            tracing::error!(said, %status, program = %question.program.display(), "uv failed");
            Err(Error::Unavailable(format!(
                "uv at {} does not work here: see the server's log, or set proxy.uv to another uv",
                question.program.display()
            )))
        }
        false => Ok(Resolution::Unsolved(told(&said))),
    }
}

fn command(question: Question<'_>, scratch: &Scratch) -> Command {
    let mut command = Command::new(question.program);
    command.env_clear().current_dir(&scratch.0);
    command.args(["pip", "compile", "--no-config", "--color", "never", "--no-progress"]);
    // Nothing of a package is ever run, nothing is fetched but from the index.
    command.args(["--only-binary", ":all:", "--no-sources", "--no-python-downloads"]);
    command.args(["--no-header", "--annotation-style", "line", "--keyring-provider", "disabled"]);
    command.arg("--cache-dir").arg(scratch.at("cache")).arg("--python").arg(scratch.at("python")).arg(FILE);
    if !question.preferences.is_empty() {
        command.args(["--output-file", KEPT]);
    }
    command.env("HOME", &scratch.0).env("TMPDIR", &scratch.0).env("LC_ALL", "C.UTF-8");
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
    #[cfg(unix)]
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
