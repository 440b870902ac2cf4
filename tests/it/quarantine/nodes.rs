//! A quarantine holds on every node and at every replica, under load.

use super::{get, quarantine, release};
use crate::kit::Server;
use crate::kit::backend::Company;
use crate::kit::packages::Package;
use crate::replica::replica_of;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Asks a page and a file again and again, as installers do; counts those that got the file.
async fn install(page: String, file: String, over: Arc<AtomicBool>, served: Arc<AtomicUsize>) {
    let http = reqwest::Client::builder().no_proxy().build().expect("a client");
    while !over.load(Ordering::Relaxed) {
        for url in [&page, &file] {
            let answer = http.get(url).send().await.expect("an answer");
            let status = answer.status().as_u16();
            answer.bytes().await.expect("all bytes");
            assert!(status == 200 || url == &file && status == 403, "{url}: {status}");
            if url == &file && status == 200 {
                served.fetch_add(1, Ordering::Relaxed);
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until a server answers a file with a status.
async fn until(server: &Server, file: &str, status: u16) -> Duration {
    let begun = Instant::now();
    while get(server, file).await.0 != status {
        assert!(begun.elapsed() < Duration::from_secs(30), "in vain: {status}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    begun.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_stop_serving_it_while_fifty_clients_install_and_serve_it_again() {
    let company = Company::start().await;
    let (one, two) = (
        Server::start_with(|config| company.configure(config)).await,
        Server::start_with(|config| company.configure(config)).await,
    );
    one.make_stage().await;
    let demo = Package::new("demo", "1.0").wheel();
    one.publish("alice/dev", &demo).await;
    let file = format!("/alice/dev/{}", demo.path());
    until(&two, &file, 200).await;
    let (over, served) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let clients: Vec<_> = (0..50)
        .map(|at| {
            let node = if at % 2 == 0 { &one } else { &two };
            let (page, file) = (node.url("/alice/dev/+simple/demo/"), node.url(&file));
            tokio::spawn(install(page, file, over.clone(), served.clone()))
        })
        .collect();
    while served.load(Ordering::Relaxed) < 200 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let id = quarantine(&one, "demo", "it steals tokens").await;
    assert_eq!(get(&one, &file).await.0, 403, "at once where it was asked for");
    println!("the other node follows after {:?}", until(&two, &file, 403).await);
    // What was under way has ended; from now on nobody gets it.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let before = served.load(Ordering::Relaxed);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(served.load(Ordering::Relaxed), before);
    for node in [&one, &two] {
        assert!(!get(node, "/alice/dev/+simple/demo/").await.1.contains(&demo.filename));
    }
    release(&two, &id).await;
    until(&one, &file, 200).await;
    while served.load(Ordering::Relaxed) < before + 50 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    over.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.expect("it never saw anything else");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_follows() {
    let primary = crate::kit::stages::stage().await;
    let demo = Package::new("demo", "1.0").wheel();
    primary.publish("alice/dev", &demo).await;
    let (replica, _wire) = replica_of(&primary).await;
    let file = format!("/alice/dev/{}", demo.path());
    until(&replica, &file, 200).await;
    let id = quarantine(&primary, "demo==1.0", "it steals tokens").await;
    println!("the replica follows after {:?}", until(&replica, &file, 403).await);
    assert!(!get(&replica, "/alice/dev/+simple/demo/").await.1.contains(&demo.filename));
    release(&primary, &id).await;
    until(&replica, &file, 200).await;
}
