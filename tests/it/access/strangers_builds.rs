//! Stories of strangers who have things fetched, resolved and built: one address never stops all others.

use crate::kit::Server;
use crate::kit::packages::Package;
use crate::kit::resolving::{send_text, start_with, wheel};
use crate::kit::stages::PASSWORD;
use crate::kit::upstream::{Fault, Upstream};
use crate::kit::worker::{built, job};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use wheelwright::access::Who;
use wheelwright::words::Purpose;

const COMPILE: &str = "/v1/alice.dev/cp312-linux/+compile/";
const RESOLVE: &str = "/v1/alice.dev/cp312-linux/+resolve/";

/// Longer than anything here takes; a story that gets so far has failed.
const LONG: Duration = Duration::from_secs(60);

/// A request that is sent, and whose answer nobody waits for yet.
async fn send(server: &Server, path: &str, text: &str) -> TcpStream {
    send_with(server, path, "", text).await
}

/// The same with alice's password.
async fn send_as_alice(server: &Server, path: &str, text: &str) -> TcpStream {
    send_with(server, path, "Authorization: Basic YWxpY2U6YWxpY2Utc2VjcmV0\r\n", text).await
}

async fn send_with(server: &Server, path: &str, header: &str, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).await.expect("a connection");
    let length = text.len();
    let request =
        format!("POST {path} HTTP/1.1\r\nHost: x\r\n{header}Content-Length: {length}\r\n\r\n{text}");
    stream.write_all(request.as_bytes()).await.expect("sent");
    stream
}

/// A client at another address of this machine.
fn client_at(address: &str) -> reqwest::Client {
    let client = reqwest::Client::builder().no_proxy().local_address(address.parse().ok());
    client.build().expect("a client")
}

async fn post_from(address: &str, server: &Server, path: &str, text: &str) -> (u16, String) {
    let sent = client_at(address).post(server.url(path)).body(text.to_owned()).send();
    let answer = tokio::time::timeout(LONG, sent).await.expect("in time").expect("an answer");
    (answer.status().as_u16(), answer.text().await.expect("text"))
}

async fn post_as(user: &str, server: &Server, path: &str, text: &str) -> (u16, String) {
    let request = server.http.post(server.url(path)).basic_auth(user, Some(format!("{user}-secret")));
    let answer = tokio::time::timeout(LONG, request.body(text.to_owned()).send()).await;
    let answer = answer.expect("in time").expect("an answer");
    (answer.status().as_u16(), answer.text().await.expect("text"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resolver_ends_when_its_client_leaves_and_its_turn_is_anothers() {
    // One for each asker.
    let server = start_with(|config| config.quota.resolvers = 2).await;
    server.publish("alice/dev", &Package::new("slow", "1.0").sdist()).await;
    server.publish("alice/dev", &wheel("quick", "1.0").wheel()).await;
    let left = send(&server, COMPILE, "slow\n").await;
    // Its resolver runs: it asks for metadata, which nobody makes.
    let _ = job(&server).await;
    // Others go on meanwhile, from wherever.
    let (status, told) = post_from("127.0.0.2", &server, COMPILE, "quick\n").await;
    assert_eq!(status, 200, "{told}");
    drop(left);
    let answer = tokio::time::timeout(LONG, send_text(&server, COMPILE, "quick\n", false));
    let (status, told) = answer.await.expect("the turn of who left is free");
    assert_eq!(status, 200, "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_archives_of_one_asker_keep_nobody_else_waiting_and_end_with_their_client() {
    let slow = Upstream::start().await;
    let source = Package::new("demo", "1.0").sdist();
    slow.add(&source.filename, source.bytes.clone());
    let quick = Upstream::start().await;
    quick.add(&source.filename, source.bytes.clone());
    slow.set(|behaviour| behaviour.file = Some(Fault::Stall(10)));
    let server = start_with(|config| {
        // Strangers reach no inner host at all.
        config.private_hosts = vec!["127.0.0.1".into()];
        config.quota.fetches = 2;
    })
    .await;
    server.make_user("bob", "bob-secret").await;
    let line = |of: &Upstream, more: &str| {
        format!("{}?{more}#egg=demo==1.0\n", of.url(&format!("/files/{}", source.filename)))
    };
    let text: String = (0..4).map(|number| line(&slow, &number.to_string())).collect();
    let left = send_as_alice(&server, RESOLVE, &text).await;
    tokio::time::timeout(LONG, async {
        while slow.asked("/files/") == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("it is asked");
    let work = async {
        let job = job(&server).await;
        built(&server, &job, &wheel("demo", "1.0").wheel()).await;
    };
    let asked = line(&quick, "");
    let ((status, told), ()) = tokio::join!(post_as("bob", &server, RESOLVE, &asked), work);
    assert_eq!(status, 200, "{told}");
    drop(left);
    let (status, told) = post_as("alice", &server, RESOLVE, &line(&quick, "again")).await;
    assert_eq!(status, 200, "the turns of who left are free: {told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_fill_their_share_of_the_queue_and_no_more() {
    let server = start_with(|config| {
        config.quota.builds_anonymous = 3;
        config.proxy.wait = 0;
    })
    .await;
    let names = ["one", "two", "three", "four", "mine"];
    for name in names {
        server.publish("alice/dev", &Package::new(name, "1.0").sdist()).await;
    }
    for name in ["one", "two", "three"] {
        let (status, told) = send_text(&server, RESOLVE, &format!("{name}==1.0\n"), false).await;
        assert_eq!(status, 409, "it waits for a build: {told}");
    }
    tokio::time::timeout(LONG, async {
        while server.app.db.waiting_builds("@127.0.0.1").await.expect("a count") < 3 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("three wait");
    let request = server.http.post(server.url(RESOLVE)).header("accept", "application/json");
    let answer = request.body("four==1.0\n").send().await.expect("an answer");
    let after = answer.headers().get("retry-after").map(|value| value.to_str().expect("text").to_owned());
    let (status, told) = (answer.status().as_u16(), answer.text().await.expect("text"));
    // The work on a promise begins beside the request, so the first answer may still be that it waits.
    let (status, told, after) = match status {
        409 => {
            let page = format!("/alice/dev/+w/cp312-manylinux_2_36_x86_64/{}", promised("four"));
            let answer = server.get_with(&page, &[("prefer", "wait=20")]).await;
            let after = answer.headers().get("retry-after").map(|v| v.to_str().expect("text").to_owned());
            (answer.status().as_u16(), answer.text().await.expect("text"), after)
        }
        _ => (status, told, after),
    };
    assert_eq!((status, after.as_deref()), (429, Some("60")), "{told}");
    assert!(told.contains("quota.builds_anonymous") && told.contains("log in"), "{told}");
    // Whoever is known asks on, and comes first although they came last.
    let (status, told) = send_text(&server, RESOLVE, "mine==1.0\n", true).await;
    assert_eq!(status, 409, "{told}");
    tokio::time::timeout(LONG, async {
        while server.app.db.waiting_builds("alice").await.expect("a count") < 1 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("hers waits");
    // All but hers may have their sources already.
    tokio::time::timeout(LONG, async {
        while !waiting(&server)
            .await
            .iter()
            .any(|build| build.project.as_ref().is_some_and(|name| name.as_str() == "mine"))
        {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("hers has its source");
    assert_eq!(job(&server).await.project.as_deref(), Some("mine"));
}

/// Builds that have their sources and wait for a worker.
async fn waiting(server: &Server) -> Vec<wheelwright::db::builds::Build> {
    let filter = wheelwright::db::builds::Filter {
        state: Some(wheelwright::words::BuildState::Queued),
        limit: 100,
        ..Default::default()
    };
    server.app.queue.list(&filter).await.expect("a list")
}

/// Waits until so many do.
async fn queued(server: &Server, count: usize) {
    let all = async {
        while waiting(server).await.len() < count {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LONG, all).await.expect("all are queued");
}

fn promised(name: &str) -> String {
    format!("{name}-1.0-1ww-cp312-cp312-manylinux_2_36_x86_64.whl")
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_take_askers_in_turn() {
    let server = start_with(|_| {}).await;
    let names: Vec<String> = (0..6).map(|number| format!("p{number}")).collect();
    for name in &names {
        server.publish("alice/dev", &Package::new(name, "1.0").sdist()).await;
    }
    server.make_user("bob", "bob-secret").await;
    let ask = async |who: &Who, name: &str| {
        use wheelwright::build::queue::{Ask, Priority, Wanted};
        use wheelwright::packaging::requirement::Requirement;
        let ask = Ask {
            wanted: Wanted::Requirement(Requirement::parse(&format!("{name}==1.0")).expect("a requirement")),
            purpose: Purpose::Wheel,
            targets: vec!["cp312".into()],
            index: wheelwright::names::IndexName::parse("alice/dev").expect("a name"),
            publish: None,
            priority: Priority::Asked,
            rebuild: false,
            set: Vec::new(),
        };
        server.app.queue.ask(who, &ask).await.expect("asked");
    };
    let stranger = Who::stranger("192.0.2.1".parse().expect("an address"));
    for name in &names[..3] {
        ask(&stranger, name).await;
    }
    for name in &names[3..5] {
        ask(&Who::person("alice"), name).await;
    }
    ask(&Who::person("bob"), &names[5]).await;
    queued(&server, 6).await;
    let mut order = Vec::new();
    for _ in 0..6 {
        order.push(job(&server).await.project.expect("a project"));
    }
    assert_eq!(order, ["p3", "p5", "p0", "p4", "p1", "p2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_for_an_asker_has_a_bound() {
    let files = Upstream::start().await;
    let server = start_with(|config| {
        config.private_hosts = vec!["127.0.0.1".into()];
        config.quota.sources = 10;
        config.quota.sources_anonymous = 1;
        config.proxy.wait = 0;
    })
    .await;
    server.make_user("bob", "bob-secret").await;
    let mut lines = Vec::new();
    for name in ["first", "second"] {
        let source = Package::new(name, "1.0").sdist();
        files.add(&source.filename, source.bytes.clone());
        lines.push(format!("{}#egg={name}==1.0\n", files.url(&format!("/files/{}", source.filename))));
    }
    let (status, told) = post_as("alice", &server, RESOLVE, &lines[0]).await;
    assert_eq!(status, 409, "{told}");
    let (_, told) = post_as("alice", &server, RESOLVE, &lines[1]).await;
    assert!(told.contains("quota.sources") && told.contains("the account alice"), "{told}");
    // Others have bounds of their own.
    let (status, told) = post_as("bob", &server, RESOLVE, &lines[1]).await;
    assert_eq!(status, 409, "{told}");
    // Strangers too, for what they had fetched, clones among it.
    server.app.db.keep_source(&"0".repeat(64), "@127.0.0.1", "x.tar.gz", 7, 0).await.expect("a row");
    for line in ["https://192.0.2.1/x-1.0.tar.gz#egg=x==1.0\n", "git+https://1.1.1.1/x#egg=x==1.0\n"] {
        let (_, told) = send_text(&server, RESOLVE, line, false).await;
        assert!(told.contains("quota.sources_anonymous") && told.contains("log in"), "{line}: {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_are_held_have_a_bound_for_each_asker() {
    let server = start_with(|config| config.quota.held = 1).await;
    server.publish("alice/dev", &Package::new("slow", "1.0").sdist()).await;
    let path = format!("/alice/dev/+w/cp312-manylinux_2_36_x86_64/{}", promised("slow"));
    let mut held = TcpStream::connect(server.address).await.expect("a connection");
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nPrefer: wait=60\r\n\r\n");
    held.write_all(request.as_bytes()).await.expect("sent");
    let job = job(&server).await;
    let answer = server.get_with(&path, &[("prefer", "wait=0")]).await;
    assert_eq!((answer.status().as_u16(), answer.headers()["retry-after"].as_bytes()), (429, &b"60"[..]));
    let other = client_at("127.0.0.2").get(server.url(&path)).header("prefer", "wait=0").send().await;
    assert_eq!(other.expect("an answer").status(), 503, "another asker is held, and told when to come again");
    let known =
        server.http.get(server.url(&path)).basic_auth("alice", Some(PASSWORD)).header("prefer", "wait=0");
    assert_eq!(known.send().await.expect("an answer").status(), 503);
    built(&server, &job, &wheel("slow", "1.0").wheel()).await;
    let mut first = [0; 12];
    tokio::time::timeout(LONG, held.read_exact(&mut first)).await.expect("in time").expect("an answer");
    assert_eq!(&first, b"HTTP/1.1 200");
    // What is here is served, however many ask.
    for _ in 0..3 {
        assert_eq!(server.get(&path).await.status(), 200);
    }
}
