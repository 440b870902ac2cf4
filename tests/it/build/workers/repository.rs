//! A repository on another host, as git sees it: `git http-backend` behind a proxy that knows one name.

use crate::cli::build::{Machine, git};
use crate::kit::git_host;
use crate::kit::hired::until_ready;
use crate::kit::program::Program;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use reqwest::Method;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

/// No address belongs to it, so only the proxy leads there. The server's own would be refused.
const HOST: &str = "git.example.test";

/// Passes on what is for the one name.
async fn backend(State(root): State<PathBuf>, request: Request) -> Result<Response, StatusCode> {
    match request.uri().host() {
        Some(HOST) => git_host::answer(&root, request).await,
        _ => Err(StatusCode::BAD_GATEWAY),
    }
}

/// The proxy's address.
async fn proxy(root: PathBuf) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let app = Router::new().fallback(backend).with_state(root);
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("http://{address}")
}

async fn json_of(request: reqwest::RequestBuilder) -> Value {
    let answer = request.header("accept", "application/json").send().await.expect("an answer");
    let (status, text) = (answer.status(), answer.text().await.expect("a body"));
    assert!(status.is_success(), "{status}: {text}");
    serde_json::from_str(&text).expect("JSON")
}

/// A server as people run it, with its own worker, which knows its targets.
async fn serving(data: &Path, proxy: &str) -> Program {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let mut command = Command::new(env!("CARGO_BIN_EXE_wheelwright"));
    command.args(["serve", "--upstream", "http://127.0.0.1:9/simple/"]).stderr(writer);
    command.env("http_proxy", proxy).env_remove("no_proxy").env_remove("NO_PROXY");
    let program = Program::run(command, data).await;
    let reader = tokio::net::unix::pipe::Receiver::from_owned_fd_unchecked(reader.into());
    until_ready(BufReader::new(reader.expect("a pipe")).lines()).await;
    program
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_of_a_repository_elsewhere_is_built_on_request() {
    let machine = Machine::new();
    let repository = machine.path("repository");
    machine.project("repository/lib", "name=demo\nversion=1.2\n");
    for arguments in [&["init", "-q", "."][..], &["add", "."], &["commit", "-q", "-m", "x"], &["tag", "v1.2"]]
    {
        git(&repository, arguments);
    }
    std::fs::write(repository.join("lib/project.txt"), "name=demo\nversion=9\n").expect("a file");
    git(&repository, &["commit", "-q", "-a", "-m", "y"]);
    let data = tempfile::tempdir().expect("a folder");
    let program = serving(data.path(), &proxy(machine.path(".")).await).await;
    let client = program.client();
    let url = format!("git+http://{HOST}/repository/.git@v1.2#subdirectory=lib");
    let order = json!({"requirement": url, "targets": ["cp313"]});
    let request = client.request(Method::POST, "/+builds").header("content-type", "application/json");
    let asked = json_of(request.body(order.to_string())).await;
    let id = asked["result"][0]["id"].as_i64().expect("a number");

    // The log ends with the build.
    let log = client.request(Method::GET, &format!("/+builds/{id}/log")).send().await.expect("a log");
    let log = log.text().await.expect("a whole log");
    let build = json_of(client.request(Method::GET, &format!("/+builds/{id}"))).await["result"].clone();
    assert_eq!(build["state"], "built", "{build:#}\n{log}");
    assert_eq!((&build["project"], &build["version"]), (&json!("demo"), &json!("1.2")), "{build:#}");
    let filename = build["wheel"]["filename"].as_str().expect("a wheel");
    assert!(filename.starts_with("demo-1.2-"), "{filename}");
    let commit = build["source"]["commit"].as_str().expect("a commit");
    assert_eq!(commit.len(), 40, "{build:#}");

    // What a server would fetch from itself, or from its own disk, is refused with the reason.
    for (url, why) in
        [("git+http://127.0.0.1/repository", "is this server"), ("git+file:///repository", "its own disk")]
    {
        let order = json!({"requirement": url, "targets": ["cp313"]});
        let request = client.request(Method::POST, "/+builds").header("content-type", "application/json");
        let asked = json_of(request.body(order.to_string())).await;
        let id = asked["result"][0]["id"].as_i64().expect("a number");
        let log = client.request(Method::GET, &format!("/+builds/{id}/log")).send().await.expect("a log");
        drop(log.text().await);
        let build = json_of(client.request(Method::GET, &format!("/+builds/{id}"))).await["result"].clone();
        assert_eq!(build["state"], "failed", "{build:#}");
        assert!(build["failure"].to_string().contains(why), "{build:#}");
    }
}
