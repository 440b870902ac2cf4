//! Stories of real workers in processes of their own: watched, killed, without privileges.

mod repository;

use crate::command_build::Machine;
use crate::kit::Server;
use crate::kit::clients::Client;
use crate::kit::hired::Hired;
use crate::kit::script::Auth;
use crate::kit::sources::Tree;
use crate::kit::stages::stage;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;
use wheelwright::access::Scope;

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
        let _ = server.app.builds.wait(id, Duration::from_secs(1)).await;
    }
    panic!("build {id} does not end: {:#}", server.build(id).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_elsewhere_builds_what_the_command_asks_for_and_pip_installs_it() {
    let server = stage().await;
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
    let workers = server.app.builds.workers().await.expect("workers");
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
