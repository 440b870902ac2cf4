//! `wheelwright worker` in a process of its own.

use super::Server;
use std::path::Path;
use std::process::Stdio;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, Command};
use wheelwright::access::{Action, Scope};

/// What a worker and a server with one say when the server knows the worker's targets.
const READY: &str = "the worker is at its server";

/// A running worker with a folder of its own; killed when dropped.
pub struct Hired {
    child: Child,
    _folder: tempfile::TempDir,
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
        let mut command = Command::new(program);
        command.args(["worker", "--server", &server.url(""), "--name", name, "--slots", "1"]);
        command.arg("--folder").arg(folder.path().join("work")).current_dir(folder.path());
        command.env_clear().env("WHEELWRIGHT_TOKEN", token);
        for name in ["PATH", "HOME"] {
            command.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        change(&mut command, folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().expect("the program starts");
        let said = BufReader::new(child.stderr.take().expect("its log")).lines();
        until_ready(said).await;
        Self { child, _folder: folder }
    }

    pub fn pid(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// kill -9, and its folder with it.
    pub async fn kill(mut self) {
        self.child.kill().await.expect("it ran");
    }
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
