//! Quarantines that are wrong, or nobody's to place.

use super::quarantine;
use crate::kit::desk::Desk;
use crate::kit::packages::Package;
use crate::kit::script::Auth;
use crate::kit::stages::{PASSWORD, stage};
use serde_json::json;

#[tokio::test]
async fn who_may_not_manage_an_index_quarantines_nothing_there() {
    let server = stage().await;
    server.make_user("eve", "eve-secret").await;
    server.make_index("alice/private", json!({"bases": [], "acl_read": ["alice"]})).await;
    let (alice, eve) = (Auth::basic("alice", PASSWORD), Auth::basic("eve", "eve-secret"));
    let asked = |index: Option<&str>| Some(json!({"what": "demo", "why": "because", "index": index}));
    for (auth, index, status) in [
        (&alice, None, 403),
        (&alice, Some("root/pypi"), 403),
        (&eve, Some("alice/dev"), 403),
        (&eve, Some("alice/private"), 404),
        (&eve, Some("alice/none"), 404),
        (&Auth::None, None, 401),
        (&alice, Some("alice/private"), 201),
    ] {
        let (told, answer) = server.ask("POST", "/+quarantine", auth, asked(index)).await;
        assert_eq!(told, status, "{index:?}: {answer}");
    }
    let seen = server.ask("GET", "/+quarantine", &eve, None).await.1;
    assert_eq!(seen["result"], json!([]), "of an index that eve may not read");
    let known = server.ask("GET", "/+quarantine", &alice, None).await.1;
    let id = known["result"][0]["id"].as_str().expect("a number").to_owned();
    assert_ne!(server.ask("DELETE", &format!("/+quarantine/{id}"), &eve, None).await.0, 200);
    assert_eq!(server.ask("DELETE", &format!("/+quarantine/{id}"), &alice, None).await.0, 200);
}

#[tokio::test]
async fn the_page_of_a_project_offers_a_release_to_those_who_may_release() {
    let server = stage().await;
    for project in ["here", "everywhere"] {
        server.publish("alice/dev", &Package::new(project, "1.0").wheel()).await;
    }
    quarantine(&server, "everywhere", "because").await;
    let asked = json!({"what": "here", "why": "because", "index": "alice/dev"});
    let (alice, root) = (Auth::basic("alice", PASSWORD), Auth::root());
    assert_eq!(server.ask("POST", "/+quarantine", &alice, Some(asked)).await.0, 201);
    for (auth, project, offered) in [
        (&alice, "here", true),
        (&alice, "everywhere", false),
        (&root, "here", true),
        (&root, "everywhere", true),
    ] {
        let request = server.http.get(server.url(&format!("/alice/dev/{project}")));
        let answer = auth.on(request.header("accept", "text/html")).send().await.expect("an answer");
        let page = answer.text().await.expect("a page");
        assert!(page.contains("Quarantined."), "{page}");
        assert_eq!(page.contains("Release it from quarantine"), offered, "{auth:?} {project}");
        assert!(!page.contains("<summary>Quarantine it"), "it is already");
    }
}

#[tokio::test]
async fn what_is_wrong_is_named_with_the_way_out() {
    let server = stage().await;
    quarantine(&server, "demo<2", "because").await;
    for (what, why, status, said) in [
        ("demo", " \n", 400, "the reason is missing"),
        ("demo[extra]", "because", 400, "more than a project and versions"),
        ("demo=1", "because", 400, "not a valid requirement"),
        ("demo <2", "again", 409, "already quarantined: because"),
    ] {
        let asked = json!({"what": what, "why": why});
        let (told, answer) = server.ask("POST", "/+quarantine", &Auth::root(), Some(asked)).await;
        assert_eq!(told, status, "{answer}");
        assert!(answer["message"].as_str().expect("a message").contains(said), "{answer}");
    }
    let unknown = json!({"what": "demo", "why": "because", "where": "here"});
    assert_eq!(server.ask("POST", "/+quarantine", &Auth::root(), Some(unknown)).await.0, 400);
    assert_eq!(server.ask("DELETE", "/+quarantine/0", &Auth::root(), None).await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_quarantines_lists_and_releases() {
    let server = stage().await;
    server.publish("alice/dev", &Package::new("demo", "1.0").wheel()).await;
    let desk = Desk::new();
    let data = server.data.path().display().to_string();
    let run =
        async |arguments: &[&str]| desk.run("wheelwright", &[&["--data", &data], arguments].concat()).await;
    assert_eq!(run(&["quarantine", "demo"]).await.code, Some(2), "without --why");
    let placed = run(&["quarantine", "demo==1.0", "--why", "it steals tokens"]).await.succeeded().out;
    assert!(placed.starts_with("demo==1.0 is quarantined on all indexes\n"), "{placed}");
    let listed = run(&["quarantine", "--list"]).await.succeeded().out;
    assert!(listed.contains("demo==1.0") && listed.contains("it steals tokens"), "{listed}");
    let other = run(&["quarantine", "demo", "--release"]).await.failed().err;
    assert!(other.contains("demo is not quarantined. Of demo, these are: demo==1.0"), "{other}");
    run(&["quarantine", "demo==1.0", "--release"]).await.succeeded();
    let listed = run(&["quarantine", "--list", "--json"]).await.succeeded().json();
    assert_eq!(listed, json!([]));
    let none = run(&["quarantine", "demo", "--release"]).await.failed().err;
    assert!(none.contains("nothing of demo is quarantined"), "{none}");
}
