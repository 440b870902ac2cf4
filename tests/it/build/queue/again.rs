//! Who may ask for builds, let them run again, and end them.

use super::{id, stocked};
use crate::kit::Server;
use crate::kit::fake_worker::built;
use crate::kit::packages::Package;
use crate::kit::script::Auth;
use crate::kit::stages::PASSWORD;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use wheelwright::access::{Action, Scope};
use wheelwright::words::Class;

fn alice() -> Auth {
    Auth::basic("alice", PASSWORD)
}

fn eve() -> Auth {
    Auth::basic("eve", "eve-secret")
}

async fn ask(server: &Server, auth: &Auth) -> (u16, Value) {
    let order = json!({"requirement": "demo", "from": "alice/dev", "targets": ["cp312-test"]});
    server.ask("POST", "/+builds", auth, Some(order)).await
}

async fn limited(server: &Server, index: &str, action: Action) -> Auth {
    let scope = Scope { index: Some(index.into()), actions: vec![action], ..Scope::default() };
    Auth::Bearer(server.make_token("alice", scope).await)
}

#[tokio::test]
async fn another_wheel_is_given_to_an_index_by_those_who_may_and_a_failure_is_retried_by_any_reader() {
    let server = Server::start().await;
    stocked(&server, &["demo"]).await;
    server.make_user("eve", "eve-secret").await;
    let worker = server.worker("carl", "one").await;
    let build = id(&ask(&server, &eve()).await.1["result"][0]);
    let path = format!("/+builds/{build}/rebuild");
    worker.fails(&worker.claim().await, Class::Compiler).await;
    let reader = limited(&server, "alice/dev", Action::Read).await;
    assert_eq!(server.ask("POST", &path, &reader, None).await.0, 403, "the token only reads");
    let (status, body) = server.ask("POST", &path, &eve(), None).await;
    assert_eq!(status, 200, "{body}");
    worker.builds(&worker.claim().await).await;
    let (status, body) = server.ask("POST", &path, &eve(), None).await;
    assert_eq!(status, 403, "{body}");
    assert!(body.to_string().contains("alice/dev already has the wheel"), "{body}");
    assert_eq!(server.ask("POST", &path, &alice(), None).await.0, 200);
    worker.builds(&worker.claim().await).await;
    assert_eq!(server.ask("POST", &path, &Auth::root(), None).await.0, 200);
}

#[tokio::test]
async fn an_order_with_rebuild_gives_the_index_another_wheel_under_another_name() {
    let server = Server::start().await;
    stocked(&server, &["demo"]).await;
    server.make_user("eve", "eve-secret").await;
    let worker = server.worker("carl", "one").await;
    let order = |rebuild: bool| {
        let order = json!({
            "requirement": "demo", "index": "alice/dev", "targets": ["cp312-test"], "rebuild": rebuild,
        });
        Some(order)
    };
    let (_, body) = server.ask("POST", "/+builds", &alice(), order(true)).await;
    let build = id(&body["result"][0]);
    let first = worker.builds(&worker.claim().await).await;
    let url = |filename: &str| format!("/+builds/{build}/wheel/{filename}");
    let (_, body) = server.ask("POST", "/+builds", &alice(), order(false)).await;
    assert_eq!(body["result"][0]["state"], "built", "it is there");
    let reading =
        json!({"requirement": "demo", "from": "alice/dev", "targets": ["cp312-test"], "rebuild": true});
    let (status, body) = server.ask("POST", "/+builds", &eve(), Some(reading)).await;
    assert_eq!(status, 403, "{body}");
    assert!(body.to_string().contains("eve is not allowed to do this"), "{body}");

    let (status, body) = server.ask("POST", "/+builds", &alice(), order(true)).await;
    assert_eq!((status, &body["result"][0]["state"]), (200, &json!("queued")), "{body}");
    let job = worker.claim().await;
    assert_eq!(job.build, build);
    let other = Package::new("demo", "1.0").member("demo/more.py", "").wheel();
    assert_eq!(other.filename, first.filename);
    assert_eq!(worker.hand_in(&job, &other.filename, other.bytes.clone()).await.0, 200);
    assert_eq!(worker.outcome(&job, &built(&other.filename)).await, 200);
    let page = server.get("/alice/dev/+simple/demo/").await.text().await.expect("a page");
    let again = first.filename.replacen("-1.0-", "-1.0-1ww-", 1);
    for filename in [&first.filename, &again] {
        assert!(page.contains(filename), "{filename}: {page}");
    }
    let now = server.send("GET", &url(&other.filename), &alice(), None).await;
    assert!(now.bytes().await.expect("a wheel") == other.bytes, "the new one");
    let view = server.build(build).await;
    assert_eq!(view["indexes"][0]["refused"], Value::Null, "{view:#}");
}

#[tokio::test]
async fn a_build_says_how_long_it_waited_and_how_long_it_ran() {
    let server = Server::start().await;
    stocked(&server, &["demo"]).await;
    let worker = server.worker("carl", "one").await;
    let build = id(&ask(&server, &alice()).await.1["result"][0]);
    let waiting = server.build(build).await;
    assert_eq!((&waiting["waited"], &waiting["ran"]), (&Value::Null, &Value::Null));
    let pause = Duration::from_millis(600);
    tokio::time::sleep(pause).await;
    let seconds = |build: &Value, key: &str| build[key].as_f64().unwrap_or_else(|| panic!("{build:#}"));
    let began = Instant::now();
    worker.builds(&worker.claim().await).await;
    let ended = server.build(build).await;
    assert!(seconds(&ended, "waited") >= pause.as_secs_f64(), "{ended:#}");
    assert!(seconds(&ended, "ran") <= began.elapsed().as_secs_f64(), "{ended:#}");
    // Asked for again, it waits from then on.
    let began = Instant::now();
    let path = format!("/+builds/{build}/rebuild");
    assert_eq!(server.ask("POST", &path, &alice(), None).await.0, 200);
    worker.builds(&worker.claim().await).await;
    let again = server.build(build).await;
    let both = seconds(&again, "waited") + seconds(&again, "ran");
    assert!(both <= began.elapsed().as_secs_f64(), "{again:#}");
    assert!(again["asked"].as_str() >= ended["asked"].as_str() && again["created"] == ended["created"]);
    let page = server.http.get(server.url(&format!("/+builds/{build}"))).header("accept", "text/html");
    let page = alice().on(page).send().await.expect("an answer").text().await.expect("a page");
    assert!(page.contains("Waited before it ran") && page.contains("Ran for"), "{page}");
}

#[tokio::test]
async fn a_tokens_limits_hold_for_what_it_has_built() {
    let server = Server::start().await;
    stocked(&server, &["demo"]).await;
    server.make_index("alice/else", json!({})).await;
    server.worker("carl", "one").await;
    for (index, action) in [("alice/else", Action::Upload), ("alice/dev", Action::Read)] {
        let token = limited(&server, index, action).await;
        let (status, body) = ask(&server, &token).await;
        assert_eq!(status, 403, "{index} {action:?}: {body}");
    }
    let token = limited(&server, "alice/dev", Action::Upload).await;
    assert_eq!(ask(&server, &token).await.0, 200);
}

#[tokio::test]
async fn who_asked_ends_a_build_that_nobody_else_waits_for_and_asked_again_it_runs_again() {
    let server = Server::start().await;
    stocked(&server, &["demo"]).await;
    server.make_user("eve", "eve-secret").await;
    let worker = server.worker("carl", "one").await;
    let build = id(&ask(&server, &eve()).await.1["result"][0]);
    let path = format!("/+builds/{build}/cancel");
    let job = worker.claim().await;
    assert_eq!(server.ask("POST", &path, &eve(), None).await.0, 200);
    let ended = server.build(build).await;
    assert_eq!((&ended["state"], &ended["failure"]["class"]), (&json!("failed"), &json!("cancelled")));
    assert_eq!(worker.beat(&job).await, 409, "its worker breaks off");
    assert_eq!(server.ask("POST", &path, &eve(), None).await.0, 409, "it has ended");

    let (_, body) = ask(&server, &eve()).await;
    assert_eq!(id(&body["result"][0]), build);
    assert_eq!(worker.claim().await.build, build);
    server.make_user("dora", "dora-secret").await;
    server.make_user("fred", "fred-secret").await;
    ask(&server, &Auth::basic("fred", "fred-secret")).await;
    let (status, body) = server.ask("POST", &path, &eve(), None).await;
    assert_eq!(status, 200, "{body}");
    assert!(body.to_string().contains("it continues"), "{body}");
    assert_eq!(server.build(build).await["state"], "running", "fred waits for it");
    assert_eq!(server.ask("POST", &path, &eve(), None).await.0, 403, "eve wants it no more");
    let dora = Auth::basic("dora", "dora-secret");
    assert_eq!(server.ask("POST", &path, &dora, None).await.0, 403);
    assert_eq!(server.ask("POST", &path, &Auth::root(), None).await.0, 200);
}
