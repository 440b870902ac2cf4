//! The portable worker and its server: over TLS with an authority of one's own, and while the server is away.

use super::super::{marked, waiting, wake};
use crate::kit::hired::Hired;
use crate::kit::packages::Package;
use crate::kit::program::Program;
use crate::kit::script::Auth;
use crate::kit::sources::Tree;
use crate::kit::stages::stage_with;
use crate::kit::tls;
use reqwest::Method;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::Path;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::sync::watch;

const PROGRAM: &str = include_str!("../../../../../src/web/workers/worker.py");

#[tokio::test(flavor = "multi_thread")]
async fn a_private_authority_is_trusted_where_it_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let certified = tls::certificate(folder.path());
    let ca = certified.certificate.clone().expect("a certificate");
    let server = stage_with(|config| config.tls = certified).await;
    let helper = Package::new("helper", "1.0").wheel();
    server.host("alice/dev", "helper", "1.0", &helper.bytes).await;
    let tree = Tree::new("helped", "1.0").asks_for("['helper']").does("import helper");
    server.host_file("alice/dev", "helped", "1.0", &tree.filename(), &tree.sdist()).await;
    let (url, token) = (format!("https://{}", server.address), server.worker_token().await);
    let named = ["--ca", ca.to_str().expect("text")];
    let _worker = Hired::portable_at(PROGRAM, &url, &token, "trusting", &named).await;

    let trusted =
        reqwest::Certificate::from_pem(&std::fs::read(&ca).expect("a file")).expect("a certificate");
    let http = reqwest::Client::builder().no_proxy().tls_certs_only([trusted]).build().expect("a client");
    let order = json!({"requirement": "helped", "index": "alice/dev", "targets": ["cp312"], "wait": true});
    let request = http.post(format!("{url}/+builds")).header("content-type", "application/json");
    let answer = Auth::root().on(request.body(order.to_string())).send().await.expect("an answer");
    let body: Value = answer.text().await.expect("a body").parse().expect("JSON");
    let id = body["result"][0]["id"].as_i64().expect("a number");
    let log = Auth::root().on(http.get(format!("{url}/+builds/{id}/log"))).send().await.expect("an answer");
    let log = log.text().await.expect("a whole log");
    let build = server.app.queue.get(id).await.expect("the build");
    let evidence = build.evidence.unwrap_or_else(|| panic!("{:?}\n{log}", build.failure));
    assert_eq!(evidence.requirements["helper"], "1.0", "pip went through TLS, too");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_trusted_learns_no_token() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = stage_with(|config| config.tls = tls::certificate(folder.path())).await;
    let mut command = Command::new("python3");
    let path = folder.path().join("worker.py");
    std::fs::write(&path, PROGRAM).expect("a file");
    command.arg(path).args(["--server", &format!("https://{}", server.address), "--name", "doubting"]);
    command.args(["--target", "cp312", "--folder"]).arg(folder.path().join("work"));
    command.env("WHEELWRIGHT_TOKEN", "a-secret").stderr(std::process::Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().expect("python3 starts");
    let said = tokio::io::BufReader::new(child.stderr.take().expect("its log"));
    let mut lines = tokio::io::AsyncBufReadExt::lines(said);
    loop {
        let line = lines.next_line().await.expect("text").expect("it goes on");
        if line.contains("cannot register") {
            assert!(line.to_lowercase().contains("certificate"), "{line}");
            break;
        }
    }
    assert_eq!(server.app.targets.workers().await.expect("workers").len(), 0);
}

/// An address that stays while the server behind it changes, or is away.
struct Lasting {
    url: String,
    server: watch::Sender<Option<SocketAddr>>,
    /// Somebody sent a wheel while there was no server.
    missed: watch::Receiver<bool>,
}

impl Lasting {
    async fn of(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (server, behind) = watch::channel(Some(server));
        let (misses, missed) = watch::channel(false);
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let (address, misses) = (*behind.borrow(), misses.clone());
                tokio::spawn(async move {
                    match address {
                        Some(address) => {
                            let mut far = TcpStream::connect(address).await.expect("a server");
                            drop(tokio::io::copy_bidirectional(&mut near, &mut far).await);
                        }
                        None => {
                            let mut begin = [0; 12];
                            let is_whole = near.read_exact(&mut begin).await.is_ok();
                            misses.send_modify(|missed| *missed |= is_whole && &begin == b"PUT /+builds");
                        }
                    }
                });
            }
        });
        Self { url, server, missed }
    }
}

async fn serving(data: &Path) -> Program {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wheelwright"));
    command.args(["serve", "--offline"]).env("WHEELWRIGHT_BUILD__ENABLED", "false");
    Program::run(command, data).await
}

async fn said(request: reqwest::RequestBuilder) -> Value {
    let answer = request.header("accept", "application/json").send().await.expect("an answer");
    let (status, text) = (answer.status(), answer.text().await.expect("a body"));
    assert!(status.is_success(), "{status}: {text}");
    serde_json::from_str::<Value>(&text).expect("JSON")["result"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_goes_on_while_its_server_starts_anew() {
    let data = tempfile::tempdir().expect("a folder");
    let first = serving(data.path()).await;
    let mut lasting = Lasting::of(first.address()).await;
    let client = first.client();
    let scope = json!({"name": "worker", "scope": {"actions": ["build"]}});
    let request = client.request(Method::POST, "/+tokens").header("content-type", "application/json");
    let token = said(request.body(scope.to_string())).await["token"].as_str().expect("a token").to_owned();
    let _worker = Hired::portable_at(PROGRAM, &lasting.url, &token, "lasting", &[]).await;
    let (slow, mark) = waiting();
    let source =
        said(client.request(Method::POST, "/+builds/sources?filename=slow-1.0.tar.gz").body(slow.sdist()))
            .await;
    let order = json!({"source": source["sha256"], "targets": ["cp39"]});
    let request = client.request(Method::POST, "/+builds").header("content-type", "application/json");
    let id = said(request.body(order.to_string())).await[0]["id"].as_i64().expect("a number");
    while marked(&mark).is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    lasting.server.send_replace(None);
    first.kill();
    drop(first);
    wake(&mark).await;
    lasting.missed.wait_for(|missed| *missed).await.expect("the worker hands in");
    let second = serving(data.path()).await;
    lasting.server.send_replace(Some(second.address()));
    let client = second.client();
    // The log ends with the build.
    let log = client.request(Method::GET, &format!("/+builds/{id}/log")).send().await.expect("a log");
    let log = log.text().await.expect("a whole log");
    let build = said(client.request(Method::GET, &format!("/+builds/{id}"))).await;
    assert_eq!(build["state"], "built", "{build:#}\n{log}");
    assert_eq!(log.matches("the build began").count(), 1, "it was not begun again: {log}");
}
