//! Who may ask for builds, let them run again, and end them.

use super::{id, stocked};
use crate::kit::Server;
use crate::kit::script::Auth;
use crate::kit::stages::PASSWORD;
use serde_json::{Value, json};
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
