//! Two servers on one database and one bucket are one to their clients.

use crate::kit::Server;
use crate::kit::backend::Company;
use crate::kit::clients::Client;
use crate::kit::nginx::Nginx;
use crate::kit::packages::Package;
use crate::kit::program::{Program, wheelwright};
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
    run(this_version(), company, data, listen).await
}

/// A node for nginx, which asks the other one when this one refuses, and hands on a 503.
pub(super) fn this_version() -> Command {
    let mut command = wheelwright(&["serve", "--offline"]);
    command.env("WHEELWRIGHT_ANSWER_WHILE_STARTING", "false");
    command
}

/// The same of another program.
pub(super) async fn run(mut command: Command, company: &Company, data: &Path, listen: SocketAddr) -> Program {
    command.env("WHEELWRIGHT_DATABASE", &company.postgres.url);
    command.env("WHEELWRIGHT_BUILD__ENABLED", "false");
    company.s3.configure_program(&mut command);
    Program::run_at(command, data, &listen.to_string()).await
}

pub(super) fn free_address() -> SocketAddr {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    free.local_addr().expect("an address")
}

/// How often a node goes; `make nodes` asks for a hundred.
fn rounds() -> usize {
    std::env::var("WHEELWRIGHT_NODE_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(4)
}

/// A project with so many requirements that one installer asks for many pages and files.
pub(super) const REQUIREMENTS: usize = 12;

/// A real installer at work until it is over: each time everything anew.
pub(super) async fn install_on(
    program: &'static str,
    index: String,
    over: Arc<AtomicBool>,
    installed: Arc<AtomicUsize>,
) {
    let client = Client::new(program);
    while !over.load(Ordering::Relaxed) {
        let into = tempfile::tempdir().expect("a folder");
        let target = into.path().display().to_string();
        let common = ["--index-url", &index, "--target", &target, "demo"];
        let own: &[&str] = match program {
            "pip" => &["install", "--no-cache-dir"],
            _ => &["pip", "install", "--no-cache"],
        };
        client.run(program, &[own, &common].concat()).await.succeeded();
        let packages = std::fs::read_dir(into.path()).expect("a folder").flatten();
        let packages = packages.filter(|entry| entry.file_name().to_string_lossy().ends_with(".dist-info"));
        assert_eq!(packages.count(), REQUIREMENTS + 1);
        installed.fetch_add(1, Ordering::Relaxed);
    }
}

/// The index that installers ask, with all that they need.
pub(super) async fn furnish(node: &Program) {
    let made = node.client().request(reqwest::Method::PUT, "/root/dev");
    let made = made.header("content-type", "application/json").body(r#"{"bases": []}"#).send().await;
    assert_eq!(made.expect("an answer").status(), 200);
    let mut demo = Package::new("demo", "1.0");
    for number in 0..REQUIREMENTS {
        let name = format!("part{number}");
        node.client().upload("root/dev", &Package::new(&name, "1.0").wheel()).await.expect("an answer");
        demo = demo.requires(&name);
    }
    node.client().upload("root/dev", &demo.wheel()).await.expect("an answer");
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
    furnish(nodes[0].as_ref().expect("it runs")).await;
    let balancer = Nginx::balancing(&addresses);
    let index = balancer.url("/root/dev/+simple/");
    let over = Arc::new(AtomicBool::new(false));
    let installers = ["pip", "uv", "uv"].map(|program| {
        let installed = Arc::new(AtomicUsize::new(0));
        let at_work = tokio::spawn(install_on(program, index.clone(), over.clone(), installed.clone()));
        (at_work, installed)
    });
    let done = || installers.each_ref().map(|(_, installed)| installed.load(Ordering::Relaxed));
    let begun = tokio::time::Instant::now();
    for round in 0..rounds() {
        let (node, before) = (round % 2, done());
        let stopped = nodes[node].take().expect("it runs");
        if round % 4 < 2 {
            stopped.terminate();
        } else {
            stopped.kill();
        }
        // Some ask only while it is away, some while it comes back.
        tokio::time::sleep(Duration::from_millis(rand::random_range(0..1500))).await;
        drop(stopped);
        nodes[node] = Some(program(&company, folders[node].path(), addresses[node]).await);
        while done().iter().zip(before).any(|(now, before)| *now == before) {
            assert!(
                installers.iter().all(|(at_work, _)| !at_work.is_finished()),
                "an installer failed in round {round}"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    let (rate, installs) = (balancer.asked() as f64 / begun.elapsed().as_secs_f64(), done());
    over.store(true, Ordering::Relaxed);
    for (at_work, _) in installers {
        at_work.await.expect("it installed on");
    }
    println!(
        "{} nodes gone, {installs:?} installs (pip, uv, uv), {rate:.0} requests a second, none failed",
        rounds()
    );
}
