//! What happens at the primary is there at the replica, and stays when the primary is gone.

use super::{caught_up, cut, mend, pair, replica_of};
use crate::devpi::documentation;
use crate::kit::backend::on_both;
use crate::kit::packages::Package;
use crate::kit::script::Auth;
use crate::kit::stages::PASSWORD;
use serde_json::json;

#[tokio::test]
async fn what_was_published_is_served_while_the_primary_is_away() {
    let (primary, replica, wire) = pair().await;
    let demo = Package::new("demo", "1.0").requires("lib>=2").wheel();
    primary.publish("alice/dev", &demo).await;
    documentation::send(&primary, "1.0").await;
    let file = format!("/alice/dev/{}", demo.path());
    let tested = primary.http.post(primary.url(&file)).body(r#"{"testenvs": {}}"#).send().await;
    assert_eq!(tested.expect("an answer").status(), 200);
    caught_up(&primary, &replica).await;
    cut(&wire, &replica).await;

    let page = replica.get("/alice/dev/+simple/demo/").await.text().await.expect("a page");
    assert!(page.contains(&demo.filename), "{page}");
    let bytes = replica.get(&file).await.bytes().await.expect("bytes");
    assert_eq!(bytes.as_ref(), demo.bytes.as_slice());
    let metadata = replica.get(&format!("{file}.metadata")).await.text().await.expect("text");
    assert!(metadata.contains("Requires-Dist: lib"), "{metadata}");
    let doc = replica.get("/alice/dev/demo/1.0/+doc/").await.text().await.expect("a page");
    assert!(doc.contains("Welcome"), "{doc}");
    let release = replica.get_with("/alice/dev/demo/1.0", &[("accept", "application/json")]).await;
    let release = release.text().await.expect("JSON");
    assert!(release.contains("toxresult"), "{release}");
}

#[tokio::test]
async fn who_has_an_account_or_a_token_has_it_at_the_replica_too() {
    let (primary, replica, wire) = pair().await;
    let private = json!({"bases": [], "acl_read": ["alice"]});
    primary.make_index("alice/private", private).await;
    primary.publish("alice/private", &Package::new("secret", "1.0").wheel()).await;
    let session = primary
        .ask("POST", "/+login", &Auth::None, Some(json!({"user": "alice", "password": PASSWORD})))
        .await;
    let session = session.1["result"]["password"].as_str().expect("a session").to_owned();
    caught_up(&primary, &replica).await;
    cut(&wire, &replica).await;
    let page = "/alice/private/secret";
    for (auth, status) in [
        (Auth::None, 401),
        (Auth::basic("alice", PASSWORD), 200),
        (Auth::basic("alice", "guessed"), 401),
        (Auth::devpi("alice", &session), 200),
    ] {
        assert_eq!(replica.send("GET", page, &auth, None).await.status(), status, "{auth:?}");
    }
}

#[tokio::test]
async fn a_replica_that_was_away_finds_what_changed_and_what_is_gone() {
    let (primary, replica, wire) = pair().await;
    primary.make_index("alice/old", json!({"bases": []})).await;
    for name in ["kept", "removed", "yanked"] {
        primary.publish("alice/dev", &Package::new(name, "1.0").wheel()).await;
    }
    primary.publish("alice/old", &Package::new("with-it", "1.0").wheel()).await;
    caught_up(&primary, &replica).await;
    assert_eq!(replica.get("/alice/old/+simple/with-it/").await.status(), 200);
    cut(&wire, &replica).await;

    primary.as_alice("DELETE", "/alice/dev/removed", "{}").await;
    primary.as_alice("PATCH", "/alice/dev/yanked/1.0", r#"{"yanked": "broken"}"#).await;
    primary.as_alice("DELETE", "/alice/old", "{}").await;
    primary.make_user("bob", "bob-secret").await;
    primary.make_index("bob/new", json!({"bases": ["alice/dev"]})).await;
    primary.publish("alice/dev", &Package::new("added", "2.0").sdist()).await;
    assert_eq!(replica.get("/alice/dev/+simple/removed/").await.status(), 200, "it cannot know");

    mend(&wire, &replica).await;
    caught_up(&primary, &replica).await;
    cut(&wire, &replica).await;
    let removed = replica.get("/alice/dev/+simple/removed/").await;
    assert_eq!(removed.status(), 404);
    let yanked = replica.get("/alice/dev/+simple/yanked/").await.text().await.expect("a page");
    assert!(yanked.contains(r#"data-yanked="broken""#), "{yanked}");
    let added = replica.get("/bob/new/+simple/added/").await.text().await.expect("a page");
    assert!(added.contains("added-2.0.tar.gz"), "{added}");
    // Anonymous askers are asked who they are where there is no such index.
    assert_eq!(replica.get("/alice/old/+simple/with-it/").await.status(), 401);
}

#[tokio::test]
async fn an_index_that_was_made_again_has_nothing_of_the_first_one() {
    let (primary, replica, wire) = pair().await;
    primary.make_index("alice/again", json!({"bases": [], "acl_read": ["alice"], "volatile": true})).await;
    primary.publish("alice/again", &Package::new("private", "1.0").wheel()).await;
    caught_up(&primary, &replica).await;
    cut(&wire, &replica).await;
    let (status, text) = primary.as_alice("DELETE", "/alice/again", "{}").await;
    assert!(matches!(status, 200 | 201), "{status}: {text}");
    primary.make_index("alice/again", json!({"bases": []})).await;
    mend(&wire, &replica).await;
    caught_up(&primary, &replica).await;
    cut(&wire, &replica).await;
    assert_eq!(replica.get("/alice/again/+simple/private/").await.status(), 404);
    let list = replica.get("/alice/again/+simple/").await.text().await.expect("a page");
    assert!(!list.contains("private"), "{list}");
}

on_both! {
    async fn a_new_replica_copies_all_that_was_there_before(server: Server) {
        server.make_stage().await;
        for version in ["1.0", "1.1", "2.0"] {
            server.publish("alice/dev", &Package::new("demo", version).wheel()).await;
            server.publish("alice/dev", &Package::new("other", version).sdist()).await;
        }
        server.as_alice("DELETE", "/alice/dev/demo/1.1", "{}").await;
        let (replica, wire) = replica_of(&server).await;
        cut(&wire, &replica).await;
        let json = [("accept", "application/vnd.pypi.simple.v1+json")];
        for project in ["demo", "other"] {
            let path = format!("/alice/dev/+simple/{project}/");
            let theirs = server.get_with(&path, &json).await.text().await.expect("a page");
            let ours = replica.get_with(&path, &json).await.text().await.expect("a page");
            let plain = |text: &str| {
                let mut page: serde_json::Value = serde_json::from_str(text).expect("JSON");
                page["meta"].as_object_mut().expect("an object").remove("_last-serial");
                page
            };
            assert_eq!(plain(&ours), plain(&theirs), "{project}");
        }
        let status = replica.get_with("/+status", &[("accept", "application/json")]).await;
        let status: serde_json::Value = serde_json::from_str(&status.text().await.expect("text")).expect("JSON");
        let status = &status["result"];
        assert_eq!((&status["role"], &status["primary-reachable"]), (&json!("REPLICA"), &json!(false)));
        assert!(status["replica-lag-seconds"].is_i64() && status["primary-url"].is_string(), "{status}");
        let metrics = replica.get("/metrics").await.text().await.expect("text");
        assert!(metrics.contains("\nwheelwright_replica_reaches_primary 0\n"), "{metrics}");
    }
}
