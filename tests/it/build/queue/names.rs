//! What an index does with a wheel whose name it has already.

use super::id;
use crate::kit::Server;
use crate::kit::fake_worker::{FakeWorker, built};
use crate::kit::packages::{Dist, Package};
use crate::kit::script::Auth;
use crate::kit::stages::PASSWORD;
use serde_json::{Value, json};

/// Uploads a source, orders its wheel into `alice/dev`, and builds this wheel; the ended build.
async fn published(server: &Server, worker: &FakeWorker<'_>, source: &str, wheel: &Dist) -> Value {
    let alice = Auth::basic("alice", PASSWORD);
    let url = server.url("/+builds/sources?filename=demo-1.0.tar.gz");
    let sent = alice.on(server.http.post(url)).body(source.to_owned()).send().await.expect("an answer");
    let sent: Value = sent.text().await.expect("a body").parse().expect("JSON");
    let order = json!({
        "source": sent["result"]["sha256"], "targets": ["cp312-test"], "index": "alice/dev",
    });
    let (status, body) = server.ask("POST", "/+builds", &alice, Some(order)).await;
    assert_eq!(status, 200, "{body}");
    let job = worker.claim().await;
    assert_eq!(job.build, id(&body["result"][0]));
    assert_eq!(worker.hand_in(&job, &wheel.filename, wheel.bytes.clone()).await.0, 200);
    assert_eq!(worker.outcome(&job, &built(&wheel.filename)).await, 200);
    server.build(job.build).await
}

#[tokio::test]
async fn a_changed_source_of_the_same_version_is_not_claimed_to_be_on_the_index() {
    let server = Server::start().await;
    server.make_stage().await;
    server.build_nothing_ahead("dev").await;
    let worker = server.worker("carl", "one").await;
    let (old, new) =
        (Package::new("demo", "1.0").wheel(), Package::new("demo", "1.0").member("demo/new.py", "").wheel());
    let first = published(&server, &worker, "one tree", &old).await;
    assert!(first["indexes"][0]["published"].is_string(), "{first:#}");
    let second = published(&server, &worker, "another tree", &new).await;
    assert_eq!(second["state"], "built");
    assert_eq!(second["indexes"][0]["published"], Value::Null);
    let why = second["indexes"][0]["refused"].as_str().expect("a reason");
    assert!(why.contains("demo-1.0-py2.py3-none-any.whl") && why.contains("raise the version"), "{why}");
    let page = server.get("/alice/dev/+simple/demo/").await.text().await.unwrap();
    assert_eq!(page.matches(".whl<").count(), 1, "{page}");
    let html = server.http.get(server.url(&format!("/+builds/{}", id(&second))));
    let html = html.header("accept", "text/html");
    let html = Auth::basic("alice", PASSWORD).on(html).send().await.unwrap().text().await.unwrap();
    assert!(html.contains("refused it") && !html.contains("<li>on "), "{html}");
    // The very same bytes are there, whatever they were built of.
    let third = published(&server, &worker, "a third tree", &old).await;
    assert!(third["indexes"][0]["published"].is_string(), "{third:#}");
}
