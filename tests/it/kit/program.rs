//! The real binary in a process of its own, and a client that lives on when it is killed.

use crate::kit::forms::{BOUNDARY, Form};
use crate::kit::names::index_name;
use crate::kit::packages::Dist;
use bytes::Bytes;
use reqwest::StatusCode;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Mutex;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use wheelwright::config::Config;
use wheelwright::db::events::NewEvent;
use wheelwright::db::{Db, Tx};
use wheelwright::store::BlobKey;
use wheelwright::words::EventKind;

const PASSWORD: &str = "root-secret";

/// What tells a test to do more than usual; the test's own, not the program's.
const EFFORT: [&str; 5] = [
    "WHEELWRIGHT_BIG_WHEEL",
    "WHEELWRIGHT_CRASH_CYCLES",
    "WHEELWRIGHT_LAST_RELEASE",
    "WHEELWRIGHT_NODE_ROUNDS",
    "WHEELWRIGHT_OUTAGE_SECONDS",
];

/// A running `wheelwright serve`; killed when dropped, and gone then: another may have its folder.
pub struct Program {
    data: PathBuf,
    child: Mutex<Child>,
    client: Client,
}

/// The program, with these arguments.
pub fn wheelwright(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wheelwright"));
    without_effort(command.args(arguments));
    command
}

/// The program refuses variables that it does not know.
fn without_effort(command: &mut Command) {
    for name in EFFORT {
        command.env_remove(name);
    }
}

/// Answers `None` once the program is gone.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    url: String,
}

impl Program {
    pub async fn start(data: &Path, upstream: &str) -> Self {
        Self::run(wheelwright(&["serve", "--upstream", upstream]), data).await
    }

    pub async fn start_offline(data: &Path) -> Self {
        Self::run(wheelwright(&["serve", "--offline"]), data).await
    }

    /// Any command that ends in one that serves; it gets the data folder and a free port.
    pub async fn run(command: Command, data: &Path) -> Self {
        Self::run_at(command, data, "127.0.0.1:0").await
    }

    /// The same at this address.
    pub async fn run_at(mut command: Command, data: &Path, listen: &str) -> Self {
        command.args(["--listen", listen, "--data"]).arg(data);
        without_effort(&mut command);
        command.env("WHEELWRIGHT_ROOT_PASSWORD", PASSWORD).current_dir(data);
        // Stories that are not about this count what is asked of an upstream.
        command.env("WHEELWRIGHT_BUILD__PREPARE", "false");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().expect("the program starts");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let url = loop {
            let line = lines.next_line().await.expect("text").expect("the program says where it listens");
            if let Some(url) = line.strip_prefix("listening on ") {
                break url.to_owned();
            }
        };
        // Kept open, so that writing to it never fails.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        crate::kit::tls::ready();
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        Self { data: data.to_owned(), child: Mutex::new(child), client: Client { http, url } }
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.client.url)
    }

    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// Where it listens.
    pub fn address(&self) -> std::net::SocketAddr {
        let address = self.client.url.trim_start_matches("http://");
        address.parse().expect("an address")
    }

    /// Of its process.
    pub fn pid(&self) -> u32 {
        let child = self.child.lock().expect("nobody failed");
        child.id().expect("the program runs")
    }

    /// SIGTERM: it lets what runs finish, and ends.
    pub fn terminate(&self) {
        let pid = rustix::process::Pid::from_raw(self.pid().cast_signed()).expect("a process");
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("the program was running");
    }

    /// kill -9
    pub fn kill(&self) {
        let mut child = self.child.lock().expect("nobody failed");
        child.start_kill().expect("the program was running");
    }

    /// A stage `root/NAME`, made by another process than the one that serves: this one.
    pub async fn make_index(&self, name: &str) {
        let config = Config { data: self.data.clone(), ..Config::default() };
        let db = Db::open(&config.database_url()).await.expect("the database");
        let index = index_name(&format!("root/{name}"));
        let mut tx = Tx::begin(&db).await.expect("a transaction");
        tx.create_index(&index, r#"{"type": "stage", "bases": []}"#).await.expect("a row");
        tx.commit(NewEvent::of("root", EventKind::IndexCreated).on(&index)).await.expect("a commit");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let child = self.child.get_mut().expect("nobody failed");
        // It may have ended by itself.
        let _ = child.start_kill();
        while let Ok(None) = child.try_wait() {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        // What served may have been a child of that child, and dies after it: its lock tells when.
        if let Ok(serving) = std::fs::File::open(self.data.join("serving")) {
            serving.lock().expect("a lock");
        }
    }
}

impl Client {
    /// A request as root.
    pub fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url)).basic_auth("root", Some(PASSWORD))
    }

    /// The path at which the file must be from now on, and its sha256.
    pub async fn upload(&self, index: &str, dist: &Dist) -> Option<(String, String)> {
        let (status, text) = self.post(index, dist).await?;
        assert!(status.is_success(), "{status}: {text}");
        Some((format!("/{index}/{}", dist.path()), dist.sha256()))
    }

    /// What an upload is answered with.
    pub async fn post(&self, index: &str, dist: &Dist) -> Option<(StatusCode, String)> {
        let request = self.http.post(format!("{}/{index}/", self.url)).basic_auth("root", Some(PASSWORD));
        let request = request.header("content-type", format!("multipart/form-data; boundary={BOUNDARY}"));
        let answer = request.body(Form::of(dist).finish()).send().await.ok()?;
        Some((answer.status(), answer.text().await.unwrap_or_default()))
    }

    /// Installs, as it were, a project of the upstream for the first time.
    pub async fn fill(&self, project: &str) -> Option<(String, String)> {
        let page: Value =
            serde_json::from_slice(&self.get(&format!("/root/pypi/+simple/{project}/")).await?).ok()?;
        let file = &page["files"][0];
        let (url, sha256) = (file["url"].as_str().expect("a URL"), file["hashes"]["sha256"].as_str());
        let base = url::Url::parse(&format!("{}/root/pypi/+simple/{project}/", self.url)).expect("a base");
        let path = base.join(url).expect("a URL").path().to_owned();
        let bytes = self.get(&path).await?;
        assert_eq!(Some(BlobKey::of(&bytes).to_string().as_str()), sha256);
        Some((path, BlobKey::of(&bytes).to_string()))
    }

    /// The body of a 200.
    pub async fn get(&self, path: &str) -> Option<Bytes> {
        let request = self.http.get(format!("{}{path}", self.url)).basic_auth("root", Some(PASSWORD));
        let answer =
            request.header("accept", "application/vnd.pypi.simple.v1+json, */*;q=0.1").send().await.ok()?;
        assert_eq!(answer.status(), 200, "{path}");
        answer.bytes().await.ok()
    }
}
