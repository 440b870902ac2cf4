//! Our command line on a machine that has nothing of a server.

use super::Server;
use super::script::Auth;
use super::stages::PASSWORD;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, Command};

/// A machine of somebody: an empty home, and our command line.
pub struct Laptop {
    pub home: tempfile::TempDir,
}

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Ended {
    #[track_caller]
    pub fn succeeded(self) -> Self {
        assert_eq!(self.code, Some(0), "{}\n{}", self.out, self.err);
        self
    }

    #[track_caller]
    pub fn fails_with(self, words: &str) {
        assert_eq!(self.code, Some(1), "{}\n{}", self.out, self.err);
        assert!(self.err.contains(words), "{words}: {}", self.err);
    }

    /// Exits with 2, as the command line itself was wrong.
    #[track_caller]
    pub fn refused_as_usage(self, words: &str) {
        assert_eq!(self.code, Some(2), "{}\n{}", self.out, self.err);
        assert!(self.err.contains(words), "{words}: {}", self.err);
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}\n{}", self.out, self.err))
    }
}

impl Laptop {
    pub fn new() -> Self {
        let home = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(home.path().join("work")).expect("a folder");
        Self { home }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub fn kept(&self) -> PathBuf {
        self.path(".config/wheelwright/servers.toml")
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wheelwright"));
        command.current_dir(self.path("work")).env_clear().env("HOME", self.home.path()).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    pub async fn run(&self, arguments: &[&str]) -> Ended {
        self.run_with(arguments, "", &[]).await
    }

    pub async fn run_with(&self, arguments: &[&str], typed: &str, variables: &[(&str, &str)]) -> Ended {
        let mut child =
            self.command(arguments).envs(variables.iter().copied()).spawn().expect("the program starts");
        let mut input = child.stdin.take().expect("its input");
        // It may end without reading.
        let _ = input.write_all(typed.as_bytes()).await;
        drop(input);
        let output = child.wait_with_output().await.expect("it ends");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ended { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// The tokens that this machine has: in the file of its logins, or in `~/.netrc`.
    pub fn tokens_in(&self, path: &Path) -> Vec<String> {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && !"_-".contains(c));
        words.filter(|word| word.starts_with("ww_")).map(str::to_owned).collect()
    }

    /// Logs in as alice with her password.
    pub async fn log_in(&self, server: &Server) {
        let arguments = ["login", &server.url(""), "--user", "alice", "--password-stdin"];
        self.run_with(&arguments, &format!("{PASSWORD}\n"), &[]).await.succeeded();
    }
}

/// The code that a program that logs in shows.
pub async fn shown_code(child: &mut Child) -> String {
    let mut lines = BufReader::new(child.stderr.take().expect("its words")).lines();
    loop {
        let line = lines.next_line().await.expect("text").expect("the program shows an address");
        if let Some((_, code)) = line.split_once("+device?code=") {
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return code.trim().to_owned();
        }
    }
}

/// What alice's browser sends to let a program in, or to refuse it.
pub async fn let_in(server: &Server, code: &str, answer: &str) {
    let login = json!({"user": "alice", "password": PASSWORD});
    let (_, told) = server.ask("POST", "/+login", &Auth::None, Some(login)).await;
    let session = told["result"]["password"].as_str().expect("a secret");
    let token = wheelwright::access::tokens::form_token(session);
    let form = format!("csrf={token}&code={code}&answer={answer}&expires=90d");
    let request =
        server.http.post(server.url("/+device/confirm")).body(form).header("origin", server.url(""));
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let request = request.header("cookie", format!("wheelwright_session={session}"));
    let answer = request.header("accept", "application/json").send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    let told = answer.text().await.expect("a body");
    let told: Value = serde_json::from_str(&told).expect("JSON for whoever wants JSON");
    assert_eq!(told["result"]["code"], code, "{told}");
}
