//! Stories of promised wheels: who asks for one waits for its build, told with a worker that pretends.

use crate::kit::Server;
use crate::kit::backend::on_both;
use crate::kit::fake_worker::{FakeWorker, built};
use crate::kit::forms::Form;
use crate::kit::packages::Package;
use crate::kit::stages::PASSWORD;
use crate::kit::worker::hire_for;
use bytes::Bytes;
use serde_json::Value;
use std::io::Read;
use wheelwright::db::promises::{Change, StoredPromise};
use wheelwright::names::IndexName;
use wheelwright::words::Class;

const TARGET: &str = "cp312-test";
const WHEEL: &str = "demo-1.0-1ww-cp312-cp312-manylinux_2_17_x86_64.whl";
const URL: &str = "/alice/dev/+w/cp312-test/demo-1.0-1ww-cp312-cp312-manylinux_2_17_x86_64.whl";
const PAGE: &str = "/v1/alice.dev/cp312-test/+simple/demo/";

fn demo() -> Package {
    Package::new("demo", "1.0")
}

/// Alice's stage has the sdist alone; a worker of Carl's is there.
async fn stocked(server: &Server) -> FakeWorker<'_> {
    server.make_stage().await;
    server.build_nothing_ahead("dev").await;
    upload(server, &demo()).await;
    server.worker("carl", "one").await
}

async fn upload(server: &Server, package: &Package) {
    let answer = server.post("/alice/dev/", Form::of(&package.sdist()), "alice", PASSWORD).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

/// Status, headers and body of a GET that waits as long as it takes.
async fn get(server: &Server, path: &str) -> (u16, http::HeaderMap, Bytes) {
    let answer = server.get_with(path, &[("prefer", "wait=60")]).await;
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    (status, headers, answer.bytes().await.expect("a body"))
}

async fn listed(server: &Server, page: &str) -> Vec<Value> {
    let accept = ("accept", "application/vnd.pypi.simple.v1+json");
    let page = crate::kit::host::json_of(server.get_with(page, &[accept]).await).await;
    page["files"].as_array().expect("files").clone()
}

fn member(wheel: &[u8], name: &str) -> String {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(wheel)).expect("a wheel");
    let mut text = String::new();
    archive.by_name(name).expect("a member").read_to_string(&mut text).expect("text");
    text
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

on_both! {
    async fn who_asks_waits_and_all_get_the_same_wheel(server: Server) {
        let worker = stocked(&server).await;
        let before = listed(&server, PAGE).await;
        let promised = before.iter().find(|file| file["filename"] == WHEEL).expect("a promise");
        assert_eq!(promised["hashes"], serde_json::json!({}), "none before it is there");
        let askers = futures::future::join_all((0..20).map(|_| get(&server, URL)));
        let work = async {
            let job = worker.claim().await;
            worker.builds(&job).await;
            job.build
        };
        let (answers, build) = tokio::join!(askers, work);
        let (status, headers, wheel) = &answers[0];
        assert_eq!(*status, 200, "{wheel:?}");
        assert!(headers["cache-control"].to_str().unwrap().contains("immutable"));
        assert!(answers.iter().all(|answer| answer.0 == 200 && answer.2 == *wheel));
        assert!(worker.claim_at_once().await.is_none(), "one build for all of them");
        let told = member(wheel, "demo-1.0.dist-info/WHEEL");
        assert!(told.contains("\nBuild: 1ww\n"), "{told}");
        let tags: Vec<&str> = told.lines().filter(|line| line.starts_with("Tag:")).collect();
        assert_eq!(tags, ["Tag: cp312-cp312-manylinux_2_17_x86_64"], "what was promised, no more");

        let (status, _, metadata) = get(&server, &format!("{URL}.metadata")).await;
        assert_eq!((status, metadata), (200, member(wheel, "demo-1.0.dist-info/METADATA").into()));
        let after = listed(&server, PAGE).await;
        let kept = after.iter().find(|file| file["filename"] == WHEEL).expect("still listed");
        assert_eq!(kept["hashes"]["sha256"], sha256(wheel));
        assert_eq!(kept["size"], wheel.len());
        let natural = listed(&server, "/alice/dev/+simple/demo/").await;
        let natural: Vec<&Value> = natural.iter().map(|file| &file["filename"]).collect();
        assert_eq!(natural, ["demo-1.0-1ww-py2.py3-none-any.whl", "demo-1.0.tar.gz"], "as always");
        let row = server.app.db.promise(&index(), TARGET, WHEEL).await.unwrap().unwrap();
        assert_eq!(row.build, Some(build));
    }

    async fn a_failure_is_told_at_once_to_all_and_remembered(server: Server) {
        let worker = stocked(&server).await;
        let askers = futures::future::join_all((0..5).map(|_| get(&server, URL)));
        let work = async {
            let job = worker.claim().await;
            assert_eq!(worker.fails(&job, Class::MissingHeader).await, 200);
            job.build
        };
        let (answers, build) = tokio::join!(askers, work);
        let seen = server.url(&format!("/+builds/{build}"));
        for (status, headers, body) in &answers {
            assert_eq!((*status, headers["content-type"].to_str().unwrap()), (404, "application/problem+json"));
            let body: Value = serde_json::from_slice(body).unwrap();
            assert_eq!(body["title"], "Build failed: missing-header");
            let log = format!("error: no\nmend it\ndemo 1.0 for {TARGET}: {seen}/log");
            assert_eq!((body["detail"].as_str(), body["type"].as_str()), (Some(&*log), Some(&*seen)));
        }
        let request = format!("GET {URL} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", server.address);
        let line = server.first_line(request.as_bytes()).await;
        let reason = format!("HTTP/1.1 404 Build failed: missing-header: error: no, see {seen}\r\n");
        assert_eq!(line, reason);
        assert!(worker.claim_at_once().await.is_none(), "from memory");
        let files = listed(&server, PAGE).await;
        assert!(files.iter().all(|file| file["filename"] != WHEEL), "gone from the page: {files:?}");
        // Asked for again by a person it is promised again.
        let rebuild = format!("/+builds/{build}/rebuild");
        let root = crate::kit::script::Auth::root();
        assert_eq!(server.ask("POST", &rebuild, &root, None).await.0, 200);
        assert!(listed(&server, PAGE).await.iter().any(|file| file["filename"] == WHEEL));
        let job = worker.claim().await;
        worker.builds(&job).await;
        assert_eq!(get(&server, URL).await.0, 200);
    }

    async fn metadata_that_was_served_is_what_the_wheel_contains(server: Server) {
        let worker = stocked(&server).await;
        let row = promise_with(&server, &(demo().metadata() + "more words\n")).await;
        let work = async { worker.builds(&worker.claim().await).await };
        let ((status, _, wheel), _) = tokio::join!(get(&server, URL), work);
        assert_eq!(status, 200);
        let metadata = member(&wheel, "demo-1.0.dist-info/METADATA");
        assert!(metadata.ends_with("more words\n"));
        assert_eq!(Some(sha256(metadata.as_bytes())), row.metadata_sha256);
        let record = member(&wheel, "demo-1.0.dist-info/RECORD");
        assert!(record.contains("METADATA,sha256="), "{record}");
    }

    async fn a_wheel_that_is_not_as_its_metadata_said_is_not_served(server: Server) {
        let worker = stocked(&server).await;
        promise_with(&server, &demo().requires("six>=1.0").metadata()).await;
        let work = async { worker.builds(&worker.claim().await).await };
        let ((status, _, body), _) = tokio::join!(get(&server, URL), work);
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((status, body["title"].as_str()), (404, Some("Promise broken")));
        assert!(body["detail"].as_str().unwrap().contains("no longer requires six"), "{body}");
        assert!(listed(&server, PAGE).await.iter().all(|file| file["filename"] != WHEEL));
        assert_eq!(get(&server, URL).await.0, 404);
        assert_eq!(get(&server, &format!("{URL}.metadata")).await.0, 404);
    }
}

fn index() -> IndexName {
    "alice/dev".parse().expect("an index")
}

/// Somebody was served this metadata of the promise.
async fn promise_with(server: &Server, metadata: &str) -> StoredPromise {
    let sha256 = server.app.store.put(metadata.to_owned().into()).await.expect("stored");
    let row = StoredPromise {
        version: "1.0".into(),
        source_filename: "demo-1.0.tar.gz".into(),
        ..StoredPromise::new(index(), "demo".parse().expect("a project"), TARGET, WHEEL)
    };
    server.app.db.change_promise("alice", &row, Change::Metadata { sha256: &sha256 }).await.expect("a row")
}

#[tokio::test]
async fn who_does_not_wait_is_told_when_to_come_again_and_the_build_goes_on() {
    let server = Server::start().await;
    let worker = stocked(&server).await;
    let answer = server.get_with(URL, &[("prefer", "wait=0"), ("user-agent", "pip/26.3 {}")]).await;
    assert_eq!(answer.status(), 503);
    let after: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().expect("whole seconds");
    assert!((1..=10).contains(&after), "{after}");
    // That client is gone; so is one that hangs up while it waits.
    let job = worker.claim().await;
    let answer = server.get_with(URL, &[("prefer", "wait=0")]).await;
    let problem = crate::kit::host::json_of(answer).await;
    let detail = problem["detail"].as_str().expect("a detail").to_owned();
    assert!(detail.contains(&format!("build {} is running", job.build)), "{detail}");
    let hung_up = {
        let request = format!("GET {URL} HTTP/1.1\r\nHost: {}\r\n\r\n", server.address);
        let mut stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes()).await.unwrap();
        stream
    };
    drop(hung_up);
    worker.builds(&job).await;
    assert_eq!(get(&server, URL).await.0, 200);
    assert!(worker.claim_at_once().await.is_none());
    let uv = server.get_with(URL, &[("user-agent", "uv/0.13.9 {}")]).await;
    assert_eq!(uv.status(), 200);
}

#[tokio::test]
async fn a_server_that_stops_lets_nobody_wait() {
    let mut server = Server::start().await;
    let worker = stocked(&server).await;
    let waiting = server.http.get(server.url(URL)).send();
    let stop = async {
        // The request has begun the build, so it is being held.
        let job = worker.claim().await;
        server.app.queue.close();
        job
    };
    let (answer, _) = tokio::join!(waiting, stop);
    assert_eq!(answer.expect("an answer").status(), 503);
    drop(worker);
    server.stop();
}

#[tokio::test]
async fn a_wheel_that_serves_others_serves_them_without_a_second_build() {
    let server = Server::start().await;
    let worker = stocked(&server).await;
    let (job, other) = (async { worker.builds(&worker.claim().await).await }, get(&server, URL));
    assert_eq!(tokio::join!(job, other).1.0, 200);
    // Of another name for the same index's source; its page promises nothing, a link still serves.
    let targets = server.app.targets.offered().await.unwrap();
    let mut newer = targets[0].clone();
    newer.name = "cp313-test".into();
    newer.tags = ["cp313-cp313-manylinux_2_17_x86_64", "py3-none-any"].map(str::to_owned).to_vec();
    hire_for(&server, "two", vec![newer]).await;
    let url = "/alice/dev/+w/cp313-test/demo-1.0-1ww-cp313-cp313-manylinux_2_17_x86_64.whl";
    let mut answer = get(&server, url).await;
    while answer.0 == 404 {
        // Until the new target is known: a second at most.
        tokio::task::yield_now().await;
        answer = get(&server, url).await;
    }
    assert_eq!(answer.0, 200, "{:?}", answer.2);
    let told = member(&answer.2, "demo-1.0.dist-info/WHEEL");
    assert!(told.contains("Tag: cp313-cp313-manylinux_2_17_x86_64\n"), "{told}");
    let builds = server.app.queue.list(&Default::default()).await.unwrap();
    assert!(builds.len() <= 1, "{builds:?}");
}

#[tokio::test]
async fn what_nobody_promised_is_not_there_and_what_was_deleted_is_gone() {
    let server = Server::start().await;
    let worker = stocked(&server).await;
    for path in [
        "/alice/dev/+w/cp312-test/demo-2.0-1ww-cp312-cp312-manylinux_2_17_x86_64.whl",
        "/alice/dev/+w/cp312-test/demo-1.0-2ww-cp312-cp312-manylinux_2_17_x86_64.whl",
        "/alice/dev/+w/cp312-test/demo-1.0-1ww-cp311-cp311-manylinux_2_17_x86_64.whl",
        "/alice/dev/+w/cp311-test/demo-1.0-1ww-cp312-cp312-manylinux_2_17_x86_64.whl",
        "/alice/dev/+w/cp312-test/demo-1.0.tar.gz",
        "/alice/dev/+w/cp312-test/other-1.0-1ww-cp312-cp312-manylinux_2_17_x86_64.whl.metadata",
    ] {
        assert_eq!(get(&server, path).await.0, 404, "{path}");
    }
    assert!(worker.claim_at_once().await.is_none());
    let work = async { worker.builds(&worker.claim().await).await };
    assert_eq!(tokio::join!(get(&server, URL), work).0.0, 200);
    let (status, body) = server.as_alice("DELETE", "/alice/dev/demo", "").await;
    assert!(status < 300, "{body}");
    assert_eq!(get(&server, URL).await.0, 410);
}

#[tokio::test]
async fn a_wheel_of_another_target_that_differs_is_passed_over() {
    let server = Server::start().await;
    let worker = stocked(&server).await;
    // A pure wheel, built ahead for somebody else, that requires what was not promised.
    let root = crate::kit::script::Auth::root();
    let order = serde_json::json!({"requirement": "demo", "index": "alice/dev", "targets": [TARGET]});
    server.ask("POST", "/+builds", &root, Some(order)).await;
    let job = worker.claim().await;
    let other = demo().requires("six").wheel();
    assert_eq!(worker.hand_in(&job, &other.filename, other.bytes).await.0, 200);
    assert_eq!(worker.outcome(&job, &built(&other.filename)).await, 200);
    promise_with(&server, &demo().metadata()).await;
    let (status, _, body) = get(&server, URL).await;
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((status, body["title"].as_str()), (404, Some("Promise broken")), "its own build gave that");
}
