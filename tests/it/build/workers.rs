//! Stories of real workers in processes of their own: watched, killed, without privileges.

mod namesakes;
mod portable;
mod repository;

use crate::cli::build::Machine;
use crate::kit::Server;
use crate::kit::clients::Client;
use crate::kit::hired::Hired;
use crate::kit::script::Auth;
use crate::kit::sources::Tree;
use crate::kit::stages::{stage, stage_with};
use rustix::process::{Pid, Signal};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;
use wheelwright::access::Scope;
use wheelwright::build::queue::LEASE;
use wheelwright::tools::time::now;

/// A build that says that it began, and goes on when somebody wakes the process that has the mark.
const WAITS: &str = "import subprocess
print('the build began')
sys.stdout.flush()
subprocess.call([sys.executable, '-c', 'import time; time.sleep(1000)', 'MARK'])
print('the build goes on')";

/// Of nobody on this machine.
const NOBODY: u32 = 1_879_050_000;

/// Puts the source into `alice/dev` without a wish for its wheels.
async fn host(server: &Server, project: &str, tree: &Tree) {
    server.host_file("alice/dev", project, "1.0", &tree.filename(), &tree.sdist()).await;
}

async fn ask(server: &Server, requirement: &str, target: &str) -> i64 {
    let order = json!({"requirement": requirement, "index": "alice/dev", "targets": [target]});
    let (status, body) = server.ask("POST", "/+builds", &Auth::root(), Some(order)).await;
    assert_eq!(status, 200, "{body}");
    body["result"][0]["id"].as_i64().expect("a number")
}

/// Waits until the build is over, and is built.
async fn built(server: &Server, id: i64) -> Value {
    for _ in 0..120 {
        let build = server.build(id).await;
        if build["state"] == "built" {
            return build;
        }
        assert_ne!(build["state"], "failed", "{build:#}");
        // Ends as soon as it has changed.
        let _ = server.app.queue.wait(id, Duration::from_secs(1)).await;
    }
    panic!("build {id} does not end: {:#}", server.build(id).await);
}

/// A build's log, read while it grows.
struct Following {
    answer: reqwest::Response,
    text: String,
}

impl Following {
    async fn of(server: &Server, id: i64) -> Self {
        let answer = server.send("GET", &format!("/+builds/{id}/log"), &Auth::root(), None).await;
        assert_eq!(answer.status(), 200);
        Self { answer, text: String::new() }
    }

    async fn until(mut self, words: &str) -> Self {
        while !self.text.contains(words) {
            let bytes = self.answer.chunk().await.expect("the log goes on");
            let bytes = bytes.unwrap_or_else(|| panic!("the log ended without {words:?}:\n{}", self.text));
            self.text.push_str(&String::from_utf8_lossy(&bytes));
        }
        self
    }

    async fn rest(mut self) -> String {
        while let Some(bytes) = self.answer.chunk().await.expect("the log goes on") {
            self.text.push_str(&String::from_utf8_lossy(&bytes));
        }
        self.text
    }
}

/// Processes of this machine with the mark among their arguments.
fn marked(mark: &str) -> Vec<Pid> {
    let has_mark = |pid: &i32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).any(|word| word == mark.as_bytes())
    };
    let entries = std::fs::read_dir("/proc").expect("processes").flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(has_mark).filter_map(Pid::from_raw).collect()
}

/// Lets a build go on: nothing but a signal of the host's reaches it.
async fn wake(mark: &str) {
    let mut woken = false;
    while !woken {
        tokio::task::yield_now().await;
        for pid in marked(mark) {
            woken |= rustix::process::kill_process(pid, Signal::TERM).is_ok();
        }
    }
}

/// A source whose build waits to be woken, and its mark.
fn waiting() -> (Tree, String) {
    let mark = format!("mark-{}", uuid::Uuid::now_v7());
    (Tree::new("slow", "1.0").does(&WAITS.replace("MARK", &mark)), mark)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_elsewhere_builds_what_the_command_asks_for_and_pip_installs_it() {
    let uv = tokio::task::spawn_blocking(|| Client::new("uv").program("uv")).await.expect("uv");
    let server = stage_with(|config| config.proxy.uv = Some(uv.display().to_string())).await;
    host(&server, "demo", &Tree::new("demo", "1.0")).await;
    let _worker = Hired::start(&server, &server.worker_token().await, "elsewhere").await;
    let machine = Machine::new();
    machine.project("proj", "name=proj\nversion=1.5\n");
    let token = server.make_token("alice", Scope::default()).await;
    let built = machine.build_at(&server.url(""), &token, &["demo", "./proj", "--target", "cp313"]).await;
    let mut outcomes = built.succeeded().outcomes();
    outcomes.sort();
    assert_eq!(outcomes, ["demo cp313 built", "proj cp313 built"]);

    let client = Client::new("pip");
    let site = client.home.path().join("site");
    let (index, target) = (server.url("/alice/dev/+simple/"), site.display().to_string());
    let arguments = ["install", "--no-cache-dir", "--only-binary=:all:", "--index-url", &index];
    let wanted = ["--target", &target, "demo==1.0", "proj==1.5"];
    client.run("pip", &[&arguments[..], &wanted[..]].concat()).await.succeeded();
    assert!(site.join("demo.py").is_file() && site.join("proj.py").is_file());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_read_while_its_build_still_runs() {
    let server = stage().await;
    let (slow, mark) = waiting();
    host(&server, "slow", &slow).await;
    let _worker = Hired::start(&server, &server.worker_token().await, "one").await;
    let id = ask(&server, "slow", "cp313").await;
    let log = Following::of(&server, id).await.until("the build began").await;
    // It waits for what is not there, so it runs.
    assert_eq!(server.build(id).await["state"], "running");
    assert!(!log.text.contains("the build goes on"), "{}", log.text);
    wake(&mark).await;
    let text = log.rest().await;
    assert!(text.contains("the build goes on"), "{text}");
    built(&server, id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_whose_worker_was_killed_runs_again_on_another() {
    let server = stage().await;
    let (slow, mark) = waiting();
    host(&server, "slow", &slow).await;
    let token = server.worker_token().await;
    let first = Hired::start(&server, &token, "first").await;
    let id = ask(&server, "slow", "cp313").await;
    drop(Following::of(&server, id).await.until("the build began").await);
    first.kill().await;
    // The sandbox dies with its worker; when, is the kernel's affair.
    while !marked(&mark).is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(server.build(id).await["state"], "running", "nobody knows yet");
    server.app.queue.look_after(now() + LEASE + 1_000_000).await.expect("a look");
    let _second = Hired::start(&server, &token, "second").await;
    drop(Following::of(&server, id).await.until("the build began").await);
    wake(&mark).await;
    let build = built(&server, id).await;
    assert_eq!(build["worker"], "second", "{build:#}");
    let text = Following::of(&server, id).await.rest().await;
    assert_eq!(text.matches("the build began").count(), 1, "its log began anew: {text}");
    let page = server.get("/alice/dev/+simple/slow/").await.text().await.expect("a page");
    assert!(page.contains("py2.py3-none-any.whl"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_not_root_builds() {
    let server = stage().await;
    host(&server, "demo", &Tree::new("demo", "1.0")).await;
    let token = server.worker_token().await;
    let is_root = rustix::process::geteuid().is_root();
    // What tests run from may be for root alone.
    let place = tempfile::tempdir().expect("a folder");
    let program = place.path().join("wheelwright");
    std::fs::copy(env!("CARGO_BIN_EXE_wheelwright"), &program).expect("a copy");
    let change = |command: &mut tokio::process::Command, folder: &Path| {
        // Only the system's interpreters.
        command.env("PATH", "/usr/bin:/bin").env("HOME", folder);
        if is_root {
            open_to_all(place.path());
            std::os::unix::fs::chown(folder, Some(NOBODY), Some(NOBODY)).expect("a folder of its own");
            command.uid(NOBODY).gid(NOBODY);
        }
    };
    let worker = Hired::start_as(&server, &token, "humble", &program, change).await;
    let status = std::fs::read_to_string(format!("/proc/{}/status", worker.pid())).expect("a status");
    assert!(!status.contains("Uid:\t0\t"), "{status}");
    let workers = server.app.targets.workers().await.expect("workers");
    assert_eq!(workers[0].description.off, None);
    let target = workers[0].description.targets.last().expect("the system's Python").name.clone();
    let id = ask(&server, "demo", &target).await;
    let build = built(&server, id).await;
    assert_eq!(build["evidence"]["sandbox"], "bubblewrap", "{build:#}");
}

fn open_to_all(folder: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).expect("a mode");
}
