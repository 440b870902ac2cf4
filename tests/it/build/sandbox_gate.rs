//! The way from a sandbox to its index: what comes through, and what does not.

use crate::kit::Server;
use serde_json::json;
use std::path::Path;
use wheelwright::build::job::JobLimits;
use wheelwright::client::ServerClient;
use wheelwright::words::Isolation;
use wheelwright::worker::log::Log;
use wheelwright::worker::sandbox::gate::{GateDestination, SandboxGate};
use wheelwright::worker::sandbox::{INDEX, RunEnd, Sandbox, SandboxPlan};

/// Reads a page as old installers do, and the file that it links to; then all that it must not see.
const INSIDE: &str = include_str!("sandbox/installer.py");

async fn server() -> Server {
    let server = Server::start().await;
    for name in ["alice/dev", "alice/other"] {
        server.have_index(name, json!({"bases": [], "acl_read": ["alice"]})).await;
    }
    server
}

fn beyond(server: &Server) -> GateDestination {
    let url = server.url("").replace("http://", "http://alice:secret@");
    let server = ServerClient::new(&url, None).expect("an address");
    GateDestination { server, context: "alice/dev".into(), at: None }
}

fn plan(gate: &Path, arguments: &[String]) -> SandboxPlan {
    let mut argv: Vec<String> = ["/usr/bin/python3", "-c", INSIDE, INDEX].map(str::to_owned).to_vec();
    argv.extend_from_slice(arguments);
    SandboxPlan {
        argv,
        index: Some(gate.to_owned()),
        limits: JobLimits { seconds: 60, ..JobLimits::default() },
        ..SandboxPlan::default()
    }
}

async fn story(isolation: Isolation) {
    let server = server().await;
    server.host("alice/dev", "demo", "1.0", b"the wheel").await;
    let other = server.host("alice/other", "secret", "1.0", b"another").await;
    let folder = tempfile::tempdir().expect("a folder");
    // Longer than the address of a Unix socket can be.
    let folder = folder.path().join("long".repeat(40));
    std::fs::create_dir(&folder).expect("a folder");
    let socket = folder.join("gate");
    let gate = SandboxGate::open(&socket, beyond(&server)).await.expect("a gate");
    let refused = [
        other.path.clone(),
        "/alice/other/+simple/secret/".to_owned(),
        "/alice/dev/+simple/../../other/+simple/secret/".to_owned(),
        "/alice/dev/+simple/%2e%2e/%2e%2e/other/".to_owned(),
        "/alice/dev/+simple/demo/?x=1".to_owned(),
        "/alice/dev".to_owned(),
        "/+status".to_owned(),
        "/+builds".to_owned(),
        "/".to_owned(),
    ];
    let sandbox = Sandbox::open(isolation).expect("a sandbox");
    let sandbox = sandbox.with_program(env!("CARGO_BIN_EXE_wheelwright").into());
    let log = Log::new(1 << 20);
    let ended = sandbox.run(&plan(&socket, &refused), &log).await.expect("a run");
    let text = log.to_text();
    assert_eq!(ended.end, RunEnd::Exit(0), "{text}");
    let mut expected = "200 demo-1.0-py3-none-any.whl True\n404 200\n".to_owned();
    for path in &refused {
        expected.push_str(&format!("{path} 403\n"));
    }
    expected.push_str("POST 403\n");
    assert_eq!(text, expected);
    drop(gate);
    assert!(!socket.exists());
}

#[tokio::test]
async fn a_build_sees_its_own_index_and_nothing_else_of_the_server() {
    story(Isolation::Bubblewrap).await;
}

#[tokio::test]
async fn so_does_one_without_a_sandbox_on_another_port() {
    story(Isolation::None).await;
}

#[tokio::test]
async fn a_gate_to_no_index_is_not_opened() {
    let server = server().await;
    let folder = tempfile::tempdir().expect("a folder");
    for context in ["alice", "alice/dev/../other", "../dev", "a/b?c", "/", "alice/d%65v", "a b/c"] {
        let beyond = GateDestination { context: context.to_owned(), ..beyond(&server) };
        let opened = SandboxGate::open(&folder.path().join("gate"), beyond).await;
        assert!(opened.is_err(), "{context}");
    }
}
