//! The JSON of every API, of a small installation with an index, a mirror, and three builds.

use super::{check, named};
use crate::kit::Server;
use crate::kit::forms::Form;
use crate::kit::packages::Package;
use crate::kit::script::Auth;
use crate::kit::stages::{PASSWORD, stage};
use crate::kit::upstream::Upstream;
use serde_json::{Value, json};
use wheelwright::words::Class;

/// What is asked by GET. Of `root`, who sees all.
const ASKED: [&str; 35] = [
    "/",
    "/+api",
    "/+builds",
    "/+builds/9999",
    "/+health",
    "/+recipes",
    "/+status",
    "/+targets",
    "/+tokens",
    "/+workers",
    "/alice",
    "/alice/dev",
    "/alice/dev/+api",
    "/alice/dev/+explain/demo",
    "/alice/dev/+explain/nothing",
    "/alice/dev/+links/demo",
    "/alice/dev/+simple/",
    "/alice/dev/+simple/demo/",
    "/alice/dev/+simple/nothing/",
    "/alice/dev/demo",
    "/alice/dev/demo/1.0",
    "/alice/dev/demo/9.9",
    "/alice/dev/demo/json",
    "/alice/dev/nothing",
    "/alice/dev/pypi/demo/1.0/json",
    "/alice/dev/pypi/demo/json",
    "/alice/outside",
    "/alice/outside/+simple/six/",
    "/alice/outside/six",
    "/alice/outside/six/1.0",
    "/alice/nothing",
    "/integrity/demo/1.0/demo-1.0-py3-none-any.whl/provenance",
    "/nobody",
    "/v1/alice.dev/cp312-test/+simple/later/",
    "/v1/nobody.here/cp312-test/+simple/later/",
];

/// Has everything that the questions are about.
async fn furnished(upstream: &Upstream) -> (Server, [i64; 2]) {
    let server = stage().await;
    let options = json!({"type": "mirror", "mirror_url": upstream.simple(), "volatile": false});
    server.make_index("alice/outside", options).await;
    upstream.add("six-1.0-py3-none-any.whl", Package::new("six", "1.0").wheel().bytes);
    let demo = Package::new("demo", "1.0").requires("six>=1; python_version > '3'").description("Words.");
    for dist in [demo.wheel(), demo.sdist(), Package::new("later", "2.0").sdist()] {
        assert_eq!(server.post("/alice/dev/", Form::of(&dist), "alice", PASSWORD).await.status, 200);
    }
    let worker = server.worker("carl", "one").await;
    server.ask_builds("later").await;
    let job = worker.claim().await;
    worker.log(&job, 0, "one\n").await;
    worker.fails(&job, Class::MissingHeader).await;
    let other = Package::new("other", "1.0").sdist();
    assert_eq!(server.post("/alice/dev/", Form::of(&other), "alice", PASSWORD).await.status, 200);
    server.ask_builds("other").await;
    let built = worker.claim().await;
    worker.builds(&built).await;
    (server, [job.build, built.build])
}

#[tokio::test]
async fn every_api_answers_as_it_did() {
    let upstream = Upstream::start().await;
    let (server, [failed, built]) = furnished(&upstream).await;
    for (name, id) in [("build-failed", failed), ("build-built", built)] {
        let (status, body) = server.ask("GET", &format!("/+builds/{id}"), &Auth::root(), None).await;
        check(name, &told(status, &body));
    }
    for path in ASKED {
        let form =
            if path.contains("/+simple/") { "?format=application/vnd.pypi.simple.v1%2Bjson" } else { "" };
        let (status, body) = server.ask("GET", &format!("{path}{form}"), &Auth::root(), None).await;
        check(&named(path), &told(status, &body));
    }
}

#[tokio::test]
async fn every_change_is_answered_as_it_was() {
    let upstream = Upstream::start().await;
    let (server, [failed, _]) = furnished(&upstream).await;
    let [rebuild, cancel] = ["rebuild", "cancel"].map(|action| format!("/+builds/{failed}/{action}"));
    let order = json!({"requirement": "demo", "index": "alice/dev", "targets": ["cp312-test"]});
    let root = || Auth::root();
    for (name, method, path, auth, body) in [
        ("login", "POST", "/+login", Auth::None, json!({"user": "alice", "password": PASSWORD})),
        ("login-wrong", "POST", "/+login", Auth::None, json!({"user": "alice", "password": "no"})),
        ("token", "POST", "/+tokens", root(), json!({"name": "ci", "scope": {"actions": ["read"]}})),
        ("token-wrong", "POST", "/+tokens", root(), json!({"name": "ci", "scope": {"actions": ["fly"]}})),
        ("user", "PUT", "/bob", root(), json!({"password": "bob-secret", "email": "bob@example.org"})),
        ("user-twice", "PUT", "/bob", root(), json!({"password": "bob-secret"})),
        ("user-change", "PATCH", "/bob", root(), json!({"title": "Bob"})),
        ("index", "PUT", "/bob/dev", root(), json!({"bases": "alice/dev"})),
        ("index-wrong", "PUT", "/bob/new", root(), json!({"bases": "nobody/here"})),
        ("index-change", "PATCH", "/bob/dev", root(), json!(["title=Of Bob", "volatile=False"])),
        ("anonymous", "PATCH", "/bob/dev", Auth::None, json!([])),
        ("build", "POST", "/+builds", root(), order),
        ("build-again", "POST", &rebuild, root(), json!({})),
        ("build-cancel", "POST", &cancel, root(), json!({})),
        ("yank", "PATCH", "/alice/dev/demo/1.0", root(), json!({"yanked": "broken"})),
        ("status", "PATCH", "/alice/dev/demo", root(), json!({"status": "archived"})),
        ("release-delete", "DELETE", "/alice/dev/demo/1.0", root(), Value::Null),
        ("project-delete", "DELETE", "/alice/dev/demo", root(), Value::Null),
        ("index-delete", "DELETE", "/bob/dev", root(), Value::Null),
        ("user-delete", "DELETE", "/bob", root(), Value::Null),
        ("method-wrong", "PUT", "/+api", root(), json!({})),
    ] {
        let (status, body) = server.ask(method, path, &auth, Some(body)).await;
        check(&format!("change.{name}"), &told(status, &body));
    }
}

fn told(status: u16, body: &Value) -> String {
    format!("{status}\n{body:#}\n")
}
