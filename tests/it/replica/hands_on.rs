//! What a replica does not do itself: its primary does it, and the replica says so where it cannot be reached.

use super::{cut, pair};
use crate::kit::clients::Client;
use crate::kit::forms::Form;
use crate::kit::packages::Package;
use crate::kit::script::Auth;
use crate::kit::stages::PASSWORD;
use serde_json::json;

#[tokio::test]
async fn a_change_by_way_of_the_replica_is_at_the_primary_and_here_when_it_is_answered() {
    let (primary, replica, wire) = pair().await;
    let made = replica
        .ask("PUT", "/alice/more", &Auth::basic("alice", PASSWORD), Some(json!({"bases": ["alice/dev"]})))
        .await;
    assert_eq!(made.0, 200, "{}", made.1);
    let demo = Package::new("demo", "1.0").wheel();
    let answer = replica.post("/alice/more/", Form::of(&demo), "alice", PASSWORD).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let session = replica
        .ask("POST", "/+login", &Auth::None, Some(json!({"user": "alice", "password": PASSWORD})))
        .await;
    let session = session.1["result"]["password"].as_str().expect("a session").to_owned();
    cut(&wire, &replica).await;
    // Without the primary: all of it is on this disk.
    let page = replica.get("/alice/more/+simple/demo/").await.text().await.expect("a page");
    assert!(page.contains(&demo.filename), "{page}");
    assert_eq!(replica.send("GET", "/alice", &Auth::devpi("alice", &session), None).await.status(), 200);
    assert_eq!(primary.get("/alice/more/+simple/demo/").await.status(), 200);
}

#[tokio::test]
async fn a_refusal_of_the_primary_comes_through_as_it_is() {
    let (_primary, replica, _wire) = pair().await;
    let demo = Package::new("demo", "1.0").wheel();
    let form = || Form::of(&demo);
    let wrong = replica.post("/alice/dev/", form(), "alice", "guessed").await;
    assert_eq!(wrong.status, 401, "{}", wrong.text);
    assert_eq!(replica.post("/alice/dev/", form(), "alice", PASSWORD).await.status, 200);
    let other = Package::new("demo", "1.0").description("other bytes").wheel();
    let refused = replica.post("/alice/dev/", Form::of(&other), "alice", PASSWORD).await;
    assert!(
        refused.status == 400 && refused.text.contains("demo-1.0"),
        "{}: {}",
        refused.status,
        refused.text
    );
}

#[tokio::test]
async fn without_its_primary_a_replica_refuses_changes_and_names_it() {
    let (_primary, replica, wire) = pair().await;
    cut(&wire, &replica).await;
    let demo = Package::new("demo", "1.0").wheel();
    let refused = replica.post("/alice/dev/", Form::of(&demo), "alice", PASSWORD).await;
    assert!(
        refused.status == 503 && refused.text.contains(&wire.url()),
        "{}: {}",
        refused.status,
        refused.text
    );
    let builds = replica.get("/+builds").await;
    assert_eq!(builds.status(), 503);
    assert_eq!(replica.get("/+health").await.status(), 200);
}

#[tokio::test]
async fn what_is_not_here_yet_is_asked_of_the_primary() {
    let (primary, replica, wire) = pair().await;
    let demo = Package::new("demo", "1.0").wheel();
    // However far the replica is: whoever read the primary's page finds what stands there.
    primary.publish("alice/dev", &demo).await;
    let file = replica.get(&format!("/alice/dev/{}", demo.path())).await;
    assert_eq!(file.status(), 200);
    assert_eq!(file.bytes().await.expect("bytes").as_ref(), demo.bytes.as_slice());
    cut(&wire, &replica).await;
    assert_eq!(replica.get("/alice/dev/+simple/never-was/").await.status(), 404);
}

#[tokio::test]
async fn pip_and_twine_use_a_replica_as_they_use_its_primary() {
    let (_primary, replica, wire) = pair().await;
    let twine = Client::new("twine").set("TWINE_USERNAME", "alice").set("TWINE_PASSWORD", PASSWORD);
    let demo = Package::new("demo", "1.0").wheel().save(twine.home.path());
    let url = replica.url("/alice/dev/");
    let demo = demo.display().to_string();
    twine.run("twine", &["upload", "--repository-url", &url, &demo]).await.succeeded();
    cut(&wire, &replica).await;
    let pip = Client::new("pip");
    let (index, target) = (replica.url("/alice/dev/+simple/"), pip.home.path().join("target"));
    let target = target.display().to_string();
    pip.run("pip", &["install", "-i", &index, "--target", &target, "demo"]).await.succeeded();
}
