//! Stories of bounds on what one stranger has under way: lists, held requests, clones, and builds that
//! other builds need.

use crate::kit::Server;
use crate::kit::packages::Package;
use crate::kit::resolving::{start_with, wheel};
use crate::kit::script::Auth;
use crate::kit::worker::job;
use bytes::Bytes;
use futures::FutureExt as _;
use serde_json::json;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use wheelwright::access::Who;
use wheelwright::build::job::JobOutcome;
use wheelwright::build::queue::{Ask, Priority, Wanted};
use wheelwright::db::Tx;
use wheelwright::db::builds::BuildId;
use wheelwright::db::events::NewEvent;
use wheelwright::names::IndexName;
use wheelwright::packaging::requirement::Requirement;
use wheelwright::store::BlobKey;
use wheelwright::words::{EventKind, Purpose};

/// Longer than anything here takes; a story that gets so far has failed.
const LONG: Duration = Duration::from_secs(60);

const COMPILE: &str = "/v1/alice.dev/cp312-linux/+compile/";
const RESOLVE: &str = "/v1/alice.dev/cp312-linux/+resolve/";

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(LONG, waiting).await.is_ok(), "never: {what}");
}

/// Status and `Retry-After` of a request from this address.
async fn from(
    address: &str,
    request: impl FnOnce(reqwest::Client) -> reqwest::RequestBuilder,
) -> (u16, String) {
    let client = reqwest::Client::builder().no_proxy().local_address(address.parse().ok());
    let sent = request(client.build().expect("a client")).send();
    let answer = tokio::time::timeout(LONG, sent).await.expect("in time").expect("an answer");
    let after = answer.headers().get("retry-after").map(|value| value.to_str().expect("text").to_owned());
    (answer.status().as_u16(), after.unwrap_or_default())
}

fn ask_for(wanted: Wanted) -> Ask {
    Ask {
        wanted,
        purpose: Purpose::Wheel,
        targets: vec!["cp312".into()],
        index: IndexName::parse("alice/dev").expect("a name"),
        publish: None,
        priority: Priority::Asked,
        rebuild: false,
        set: Vec::new(),
    }
}

async fn ask(server: &Server, who: &Who, name: &str) -> BuildId {
    let wanted = Wanted::Requirement(Requirement::parse(&format!("{name}==1.0")).expect("a requirement"));
    server.app.queue.ask(who, &ask_for(wanted)).await.expect("asked")[0]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_builds_has_a_hundred_and_one_stranger_makes_two_at_once() {
    let server = start_with(|_| {}).await;
    server.publish("alice/dev", &Package::new("demo", "1.0").sdist()).await;
    let id = ask(&server, &Who::person("alice"), "demo").await;
    let row = server.app.db.build(id).await.expect("a database").expect("a row");
    for number in 0..150 {
        let mut row = row.clone();
        row.key = format!("another {number}");
        let mut tx = Tx::begin(&server.app.db).await.expect("a transaction");
        assert!(tx.create_build(&row, None, None).await.expect("a row"));
        tx.commit(NewEvent::of("alice", EventKind::BuildAsked)).await.expect("a commit");
    }
    let list = server.ask("GET", "/+builds", &Auth::root(), None).await.1;
    assert_eq!(list["result"].as_array().map(Vec::len), Some(100));

    let lists = &server.app.quota.lists;
    let running = [lists.try_take("@127.0.0.1"), lists.try_take("@127.0.0.1")];
    assert!(running.iter().all(Option::is_some) && lists.try_take("@127.0.0.1").is_none(), "two at once");
    // Others that wait, until there is no room for more of one asker.
    let mut waiting: Vec<_> = (0..32).map(|_| Box::pin(lists.take("@127.0.0.1"))).collect();
    assert!(waiting.iter_mut().all(|one| one.as_mut().now_or_never().is_none()));
    let url = server.url("/+builds");
    let list = |client: reqwest::Client| client.get(&url).header("accept", "application/json");
    assert_eq!(from("127.0.0.1", list).await, (429, "60".into()));
    assert_eq!(from("127.0.0.2", list).await.0, 200, "another asker has turns of their own");
    drop((running, waiting));
    assert_eq!(from("127.0.0.1", list).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn compile_and_resolve_that_wait_are_held_requests_like_others() {
    for held in [COMPILE, RESOLVE] {
        let server = start_with(|config| config.quota.held = 1).await;
        // Only a build tells what it requires.
        let slow = Package::new("slow", "1.0").header("Dynamic", "Requires-Dist");
        server.publish("alice/dev", &slow.sdist()).await;
        server.publish("alice/dev", &wheel("quick", "1.0").wheel()).await;
        let mut stream = TcpStream::connect(server.address).await.expect("a connection");
        let request = format!("POST {held} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nslow==1.0\n");
        stream.write_all(request.as_bytes()).await.expect("sent");
        // It waits for a build that nobody ends.
        let _ = job(&server).await;
        for path in [COMPILE, RESOLVE] {
            let url = server.url(path);
            let post = |client: reqwest::Client| client.post(&url).body("quick==1.0\n");
            assert_eq!(from("127.0.0.1", post).await, (429, "60".into()), "{held}, then {path}");
            assert_eq!(from("127.0.0.2", post).await.0, 200, "{held}, then {path} by another");
        }
        drop(stream);
        let url = server.url(COMPILE);
        until("who left is held no more", async || {
            from("127.0.0.1", |client| client.post(&url).body("quick==1.0\n")).await.0 == 200
        })
        .await;
    }
}

/// A host that says that a repository comes, and then next to nothing.
async fn creeping() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let head =
                    "HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-advertisement\r\n\r\n";
                let mut alive = stream.write_all(head.as_bytes()).await.is_ok();
                while alive {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    alive = stream.write_all(b"0").await.is_ok();
                }
            });
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_creeps_holds_no_place() {
    let server = start_with(|config| {
        config.private_hosts = vec!["127.0.0.1".into()];
        // Of the pause that is borne, half.
        config.mirror.timeout = 1;
    })
    .await;
    let port = creeping().await;
    let wanted =
        Wanted::Repository { url: format!("git+http://127.0.0.1:{port}/demo"), project: None, inside: true };
    let id = server.app.queue.ask(&Who::person("alice"), &ask_for(wanted)).await.expect("asked")[0];
    let build = server.app.queue.wait(id, LONG).await.expect("a build");
    let failure = build.failure.expect("it failed");
    assert!(failure.hint.to_lowercase().contains("too slow"), "{failure:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_build_needs_counts_for_who_wanted_the_build_and_ends_with_it() {
    let server = start_with(|config| config.quota.builds_anonymous = 1).await;
    for name in ["top", "lib", "more", "own"] {
        server.publish("alice/dev", &Package::new(name, "1.0").sdist()).await;
    }
    let stranger = Who::stranger("192.0.2.1".parse().expect("an address"));
    let top = ask(&server, &stranger, "top").await;
    let builds = &server.app.queue;
    let needs = async |job: &wheelwright::build::job::Job, all: &[&str]| {
        let requirements = all.iter().map(|text| (*text).to_owned()).collect();
        builds.end("root", job.build, job.fence, JobOutcome::Needs { requirements }).await.expect("an end");
    };
    needs(&job(&server).await, &["lib", "more"]).await;
    // The second one is one too many, which is no fault of the source.
    let failed = builds.get(top).await.expect("a build").failure.expect("it failed");
    assert!(failed.hint.contains("quota.builds_anonymous"), "{failed:?}");
    let lib = job(&server).await;
    assert_eq!(lib.project.as_deref(), Some("lib"));
    assert_eq!(server.app.db.build_asker(lib.build).await.expect("a name"), "@192.0.2.1");

    // Of an account; what its build needs is nobody else's wish, and ends when nobody wants it.
    let alice = Who::person("alice");
    let top = ask(&server, &alice, "own").await;
    needs(&job(&server).await, &["more"]).await;
    let more = server.app.db.build_needs(top).await.expect("needs")[0].needs;
    assert_eq!(server.app.db.build_asker(more).await.expect("a name"), "alice");
    assert_eq!(server.app.db.build_askers(more).await.expect("names"), [format!("build:{top}")]);
    assert!(builds.cancel(&alice, top, false).await.expect("an answer"));
    assert!(builds.get(more).await.expect("a build").state.has_ended());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_needs_is_removed_from_time_to_time_without_anybodys_doing() {
    let server = Server::start_with(|config| {
        config.gc.every = 1;
        config.gc.grace = 0;
    })
    .await;
    server.have_index("alice/dev", json!({"bases": []})).await;
    let hosted = server.host("alice/dev", "demo", "1.0", b"bytes of a wheel").await;
    let orphan = server.app.store.put(Bytes::from_static(b"nobody's")).await.expect("stored");
    let orphan = BlobKey::parse(&orphan).expect("a key");
    until("the orphan goes", async || !server.app.store.exists(orphan).await.expect("an answer")).await;
    assert_eq!(server.get(&hosted.path).await.bytes().await.expect("bytes").as_ref(), b"bytes of a wheel");
    // Not once alone.
    let orphan = server.app.store.put(Bytes::from_static(b"nobody's either")).await.expect("stored");
    let orphan = BlobKey::parse(&orphan).expect("a key");
    until("the next one goes", async || !server.app.store.exists(orphan).await.expect("an answer")).await;
}
