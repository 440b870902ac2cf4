//! Two servers on one database and one bucket are one to their clients.

use crate::kit::Server;
use crate::kit::backend::Company;
use crate::kit::clients::Client;
use crate::kit::nginx::Nginx;
use crate::kit::packages::Package;
use crate::kit::program::Program;
use crate::kit::upstream::Upstream;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::process::Command;

async fn node(company: &Company, upstream: Option<String>) -> Server {
    Server::start_with(|config| {
        company.configure(config);
        config.upstream = upstream;
    })
    .await
}

#[tokio::test]
async fn what_one_node_is_told_the_other_one_knows() {
    let company = Company::start().await;
    let (one, two) = (node(&company, None).await, node(&company, None).await);
    one.make_stage().await;
    let page = async |server: &Server| {
        let answer = server.get("/alice/dev/+simple/demo/").await;
        (answer.status().as_u16(), answer.text().await.expect("a page"))
    };
    assert_eq!(page(&two).await.0, 404);
    for (version, server, other) in [("1.0", &one, &two), ("2.0", &two, &one)] {
        let demo = Package::new("demo", version).wheel();
        server.publish("alice/dev", &demo).await;
        let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
        while !page(other).await.1.contains(&demo.filename) {
            assert!(tokio::time::Instant::now() < deadline, "{version} never came");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let file = other.get(&format!("/alice/dev/{}", demo.path())).await;
        assert_eq!(file.bytes().await.expect("bytes").as_ref(), demo.bytes.as_slice());
    }
}

#[tokio::test]
async fn a_file_that_both_are_asked_for_is_fetched_once() {
    let upstream = Upstream::start().await;
    let demo = Package::new("demo", "1.0").wheel();
    upstream.add(&demo.filename, demo.bytes.clone());
    let (open, gate) = tokio::sync::watch::channel(false);
    upstream.set(|behaviour| behaviour.gate = Some(gate));
    let company = Company::start().await;
    let one = node(&company, Some(upstream.simple())).await;
    let two = node(&company, Some(upstream.simple())).await;
    let path = format!("/root/pypi/{}", demo.path());
    for server in [&one, &two] {
        assert_eq!(server.get("/root/pypi/+simple/demo/").await.status(), 200);
    }
    let asking = [&one, &two].map(|server| {
        let request = server.http.get(server.url(&path));
        tokio::spawn(async move { request.send().await.expect("an answer").bytes().await.expect("bytes") })
    });
    let asked = || upstream.log().iter().filter(|asked| asked.path.ends_with(&demo.filename)).count();
    while asked() == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // Time enough for the other one to begin, too, if it did.
    tokio::time::sleep(Duration::from_millis(500)).await;
    open.send_replace(true);
    for answer in asking {
        assert_eq!(answer.await.expect("it ended").as_ref(), demo.bytes.as_slice());
    }
    assert_eq!(asked(), 1);
}

async fn program(company: &Company, data: &Path, listen: SocketAddr) -> Program {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wheelwright"));
    command.args(["serve", "--offline"]).env("WHEELWRIGHT_DATABASE", &company.postgres.url);
    command.env("WHEELWRIGHT_BUILD__ENABLED", "false");
    company.s3.configure_program(&mut command);
    Program::run_at(command, data, &listen.to_string()).await
}

fn free_address() -> SocketAddr {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    free.local_addr().expect("an address")
}

/// Reads a page and a file as an installer does, which tries again when a connection breaks; until it is over.
async fn read_on(page: String, file: String, whole: Vec<u8>, over: Arc<AtomicBool>, read: Arc<AtomicUsize>) {
    let http = reqwest::Client::builder().no_proxy().build().expect("a client");
    let bytes = async |url: &str| {
        for _ in 0..5 {
            if let Ok(answer) = http.get(url).send().await {
                assert_eq!(answer.status(), 200, "{url}");
                if let Ok(bytes) = answer.bytes().await {
                    return bytes;
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("five times in vain: {url}");
    };
    while !over.load(Ordering::Relaxed) {
        assert!(String::from_utf8_lossy(&bytes(&page).await).contains("demo-1.0"));
        assert_eq!(bytes(&file).await.as_ref(), whole.as_slice());
        read.fetch_add(2, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
}

#[tokio::test]
async fn installers_notice_nothing_while_the_nodes_are_stopped_and_killed_in_turn() {
    let company = Company::start().await;
    let folders = [tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder")];
    let addresses = [free_address(), free_address()];
    let mut nodes = Vec::new();
    for (folder, address) in folders.iter().zip(addresses) {
        nodes.push(Some(program(&company, folder.path(), address).await));
    }
    let first = nodes[0].as_ref().expect("it runs");
    let made = first.client().request(reqwest::Method::PUT, "/root/dev");
    let made = made.header("content-type", "application/json").body(r#"{"bases": []}"#).send().await;
    assert_eq!(made.expect("an answer").status(), 200);
    let demo = Package::new("demo", "1.0").wheel();
    let (path, _) = first.client().upload("root/dev", &demo).await.expect("an answer");
    let balancer = Nginx::balancing(&addresses);
    let index = balancer.url("/root/dev/+simple/");
    let (over, read) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let readers: Vec<_> = (0..8)
        .map(|_| {
            let (page, file) = (format!("{index}demo/"), balancer.url(&path));
            tokio::spawn(read_on(page, file, demo.bytes.clone(), over.clone(), read.clone()))
        })
        .collect();
    let (pip, uv) = (Client::new("pip"), Client::new("uv"));
    for round in 0..4 {
        let (node, before) = (round % 2, read.load(Ordering::Relaxed));
        let stopped = nodes[node].take().expect("it runs");
        if round < 2 {
            stopped.terminate();
        } else {
            stopped.kill();
        }
        let target = |who: &Client| who.home.path().join(format!("target-{round}")).display().to_string();
        let (pips, uvs) = (target(&pip), target(&uv));
        let arguments = ["install", "--no-cache-dir", "-i", &index, "--target", &pips, "demo"];
        pip.run("pip", &arguments).await.succeeded();
        let arguments = ["pip", "install", "--no-cache", "--index-url", &index, "--target", &uvs, "demo"];
        uv.run("uv", &arguments).await.succeeded();
        drop(stopped);
        nodes[node] = Some(program(&company, folders[node].path(), addresses[node]).await);
        while read.load(Ordering::Relaxed) < before + 50 {
            assert!(readers.iter().all(|reader| !reader.is_finished()), "a reader gave up in round {round}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    over.store(true, Ordering::Relaxed);
    for reader in readers {
        reader.await.expect("it read on");
    }
}
