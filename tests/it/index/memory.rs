//! Stories of what stays in memory: a prepared page is written once, until it is no longer true.

use crate::kit::Server;
use crate::kit::forms::Form;
use crate::kit::packages::Package;
use crate::kit::stages::{PASSWORD, stage};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use wheelwright::access::Scope;

const PAGE: &str = "/alice/dev/+simple/other/";

async fn upload(server: &Server, project: &str, version: &str) {
    let wheel = Package::new(project, version).wheel();
    assert_eq!(server.post("/alice/dev/", Form::of(&wheel), "alice", PASSWORD).await.status, 200);
    // Before the task that does it twice a second: our own events are followed, too.
    server.app.indexes.refresh().await.expect("followed");
}

/// How often a page was written so far.
fn written(server: &Server) -> u64 {
    server.app.indexes.views.rendered.load(Relaxed)
}

async fn look(server: &Server) {
    assert_eq!(server.get(PAGE).await.status(), 200);
}

#[tokio::test]
async fn what_happens_elsewhere_leaves_a_page_in_memory() {
    let server = stage().await;
    upload(&server, "other", "1.0").await;
    look(&server).await;
    let (before, directory) = (written(&server), server.app.indexes.directory());
    upload(&server, "demo", "1.0").await;
    let login = json!({"user": "alice", "password": PASSWORD}).to_string();
    assert_eq!(server.as_alice("POST", "/+login", &login).await.0, 200);
    let token = server.make_token("alice", Scope::default()).await;
    let request = server.http.get(server.url("/alice/dev/demo")).basic_auth("x", Some(token));
    assert_eq!(request.header("accept", "application/json").send().await.expect("an answer").status(), 200);
    server.app.indexes.refresh().await.expect("followed");
    look(&server).await;
    assert_eq!(written(&server), before, "nothing of this concerned the page");
    assert!(Arc::ptr_eq(&directory, &server.app.indexes.directory()));
}

#[tokio::test]
async fn what_concerns_a_page_makes_it_anew() {
    let server = stage().await;
    upload(&server, "other", "1.0").await;
    look(&server).await;
    let before = written(&server);
    upload(&server, "other", "2.0").await;
    look(&server).await;
    assert_eq!(written(&server), before + 1, "an upload");
    server.make_user("bob", "bob-secret").await;
    look(&server).await;
    assert_eq!(written(&server), before + 2, "who may read it may have changed");
}
