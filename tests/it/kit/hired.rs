//! `wheelwright worker` in a process of its own.

use super::Server;
use rustix::process::{Pid, Signal};
use std::path::Path;
use std::process::Stdio;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, Command};
use wheelwright::access::{Action, Scope};

/// What a worker and a server with one say when the server knows the worker's targets.
const READY: &str = "the worker is registered";

/// A running worker with a folder of its own; killed when dropped.
pub struct Hired {
    child: Child,
    folder: tempfile::TempDir,
}

impl Server {
    /// A token of root's that can build and nothing else.
    pub async fn worker_token(&self) -> String {
        let scope = Scope { actions: vec![Action::Build], ..Scope::default() };
        self.make_token("root", scope).await
    }
}

impl Hired {
    /// A worker for Python 3.13; the server knows it.
    pub async fn start(server: &Server, token: &str, name: &str) -> Self {
        let program = Path::new(env!("CARGO_BIN_EXE_wheelwright"));
        let change = |command: &mut Command, _: &Path| {
            command.args(["--target", "cp313"]);
        };
        Self::start_as(server, token, name, program, change).await
    }

    /// Another build of the program, and what else is to be set; `change` is told the worker's folder.
    pub async fn start_as(
        server: &Server,
        token: &str,
        name: &str,
        program: &Path,
        change: impl FnOnce(&mut Command, &Path),
    ) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = order(server, token, name, program, folder.path());
        change(&mut command, folder.path());
        Self::run(command, folder).await
    }

    /// Once more in the folder of one that is gone.
    pub async fn again(server: &Server, token: &str, name: &str, folder: tempfile::TempDir) -> Self {
        let program = Path::new(env!("CARGO_BIN_EXE_wheelwright"));
        let mut command = order(server, token, name, program, folder.path());
        command.args(["--target", "cp313"]);
        Self::run(command, folder).await
    }

    /// What one says that the server does not take.
    pub async fn refused(server: &Server, token: &str, name: &str) -> String {
        let folder = tempfile::tempdir().expect("a folder");
        let program = Path::new(env!("CARGO_BIN_EXE_wheelwright"));
        let mut command = order(server, token, name, program, folder.path());
        let ended = command.args(["--target", "cp313"]).output().await.expect("the program starts");
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(1), "{said}");
        said
    }

    /// The portable worker as the server hands it out, for CPython 3.9 and 3.12, with `more` on its command line.
    pub async fn portable(server: &Server, token: &str, name: &str, more: &[&str]) -> Self {
        let program = server.get("/+worker.py").await.text().await.expect("a program");
        Self::portable_at(&program, &server.url(""), token, name, more).await
    }

    /// The same in its own words, for a server at this URL.
    pub async fn portable_at(program: &str, url: &str, token: &str, name: &str, more: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let command = portable_order(program, url, token, name, folder.path(), more);
        Self::run(command, folder).await
    }

    /// What the portable worker says when it does not begin.
    pub async fn portable_refused(program: &str, url: &str, token: &str, name: &str) -> String {
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = portable_order(program, url, token, name, folder.path(), &[]);
        let ended = command.output().await.expect("python3 starts");
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(1), "{said}");
        said
    }

    async fn run(mut command: Command, folder: tempfile::TempDir) -> Self {
        let mut child = command.spawn().expect("the program starts");
        let said = BufReader::new(child.stderr.take().expect("its log")).lines();
        until_ready(said).await;
        Self { child, folder }
    }

    pub fn pid(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// kill -9; what is left is its folder.
    pub async fn kill(mut self) -> tempfile::TempDir {
        self.child.kill().await.expect("it ran");
        self.folder
    }

    /// Stops it as an administrator does.
    pub async fn stop(mut self) {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw).expect("a pid");
        rustix::process::kill_process(pid, Signal::TERM).expect("it runs");
        assert!(self.child.wait().await.expect("it ends").success());
    }
}

fn order(server: &Server, token: &str, name: &str, program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.args(["worker", "--server", &server.url(""), "--name", name, "--slots", "1"]);
    command.arg("--folder").arg(folder.join("work")).current_dir(folder);
    command.env_clear().env("WHEELWRIGHT_TOKEN", token);
    for name in ["PATH", "HOME"] {
        command.envs(std::env::var_os(name).map(|value| (name, value)));
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

fn portable_order(
    program: &str,
    url: &str,
    token: &str,
    name: &str,
    folder: &Path,
    more: &[&str],
) -> Command {
    let path = folder.join("worker.py");
    std::fs::write(&path, program).expect("a file");
    let mut command = Command::new("python3");
    command.arg(path).args(["--server", url, "--name", name, "--slots", "1"]);
    command.args(["--target", "cp39", "--target", "cp312"]).args(more);
    command.arg("--folder").arg(folder.join("work")).current_dir(folder);
    command.env_clear().env("WHEELWRIGHT_TOKEN", token);
    for name in ["PATH", "HOME", "PYENV_ROOT"] {
        command.envs(std::env::var_os(name).map(|value| (name, value)));
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// Reads what a program says until its worker is known; the rest is read by nobody, but read.
pub async fn until_ready<R: AsyncBufRead + Unpin + Send + 'static>(mut said: Lines<R>) {
    let mut all = String::new();
    while !all.contains(READY) {
        let line = said.next_line().await.expect("text");
        let line = line.unwrap_or_else(|| panic!("the program ended:\n{all}"));
        all.push_str(&line);
        all.push('\n');
    }
    tokio::spawn(async move { while let Ok(Some(_)) = said.next_line().await {} });
}
