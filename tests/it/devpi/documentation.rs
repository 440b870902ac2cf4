//! Stories of documentation: uploaded as a zip, read as pages that cannot act as their reader.

use super::{alice, links, path_of, with_demo};
use crate::kit::Server;
use crate::kit::forms::{Answer, Form};
use crate::kit::packages::zip;
use crate::kit::stages::PASSWORD;
use serde_json::json;

fn pages() -> Vec<u8> {
    zip(&[
        ("index.html", b"<title>Demo</title><script src=_static/a.js></script><p>Welcome to the demo"),
        ("api/index.html", b"<title>The API</title><p>frobnicate(things)"),
        ("_static/a.js", b"fetch('/')"),
    ])
}

fn form(version: Option<&str>, zip: &[u8]) -> Form {
    let form = Form::default().field(":action", "doc_upload").field("name", "demo");
    let form = match version {
        Some(version) => form.field("version", version),
        None => form,
    };
    form.file("content", "demo.zip", zip)
}

async fn sent(server: &Server, index: &str, form: Form) -> Answer {
    server.post(&format!("/{index}/"), form, "alice", PASSWORD).await
}

/// Alice sends documentation of demo to `alice/dev`.
pub async fn send(server: &Server, version: &str) {
    let answer = sent(server, "alice/dev", form(Some(version), &pages())).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

#[tokio::test]
async fn documentation_is_read_under_its_version_the_latest_and_the_stable_one() {
    let (server, _) = with_demo().await;
    send(&server, "1.0").await;
    let newer = zip(&[("index.html", b"of the release candidate")]);
    assert_eq!(sent(&server, "alice/dev", form(Some("2.0rc1"), &newer)).await.status, 200);
    for (path, text) in [
        ("1.0/+doc/", "Welcome"),
        ("1.0.0/+doc/index.html", "Welcome"),
        ("stable/+doc/", "Welcome"),
        ("latest/+doc/", "candidate"),
        ("1.0/+doc/api/", "frobnicate"),
    ] {
        let answer = server.get(&format!("/alice/dev/demo/{path}")).await;
        assert_eq!(answer.status(), 200, "{path}");
        assert_eq!(answer.headers()["content-type"], "text/html; charset=utf-8", "{path}");
        let told = answer.text().await.expect("a page");
        assert!(told.contains(text), "{path}: {told}");
    }
    for path in ["1.0/+doc", "1.0/+doc/api"] {
        let answer = server.get(&format!("/alice/dev/demo/{path}")).await;
        let place = server.url(&format!("/alice/dev/demo/{path}/"));
        assert_eq!(answer.status(), 302, "{path}");
        assert_eq!(answer.headers()["location"], place, "{path}");
    }
    for path in ["3.0/+doc/", "1.0/+doc/none.html", "1.0/+doc/../x"] {
        assert_eq!(server.get(&format!("/alice/dev/demo/{path}")).await.status(), 404, "{path}");
    }
}

#[tokio::test]
async fn pages_of_documentation_cannot_act_as_their_reader() {
    let (server, _) = with_demo().await;
    send(&server, "1.0").await;
    let policy = async |server: &Server, auth: &crate::kit::script::Auth| {
        let request = server.http.get(server.url("/alice/dev/demo/1.0/+doc/"));
        let answer = auth.on(request).send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
        answer.headers()["content-security-policy"].to_str().expect("text").to_owned()
    };
    let open = policy(&server, &alice()).await;
    assert!(open.starts_with("sandbox allow-scripts ") && !open.contains("allow-same-origin"), "{open}");
    let (status, _) = server.as_alice("PATCH", "/alice/dev", r#"["acl_read=alice"]"#).await;
    assert_eq!(status, 200);
    let private = policy(&server, &alice()).await;
    assert!(
        private.starts_with("sandbox allow-same-origin ") && !private.contains("allow-scripts"),
        "{private}"
    );
    assert!(private.contains("script-src 'none'"), "{private}");
    assert_eq!(server.get("/alice/dev/demo/1.0/+doc/").await.status(), 401);
}

#[tokio::test]
async fn documentation_is_linked_and_searched() {
    let (server, _) = with_demo().await;
    send(&server, "1.0").await;
    let person = [("accept", "text/html,application/xhtml+xml")];
    for path in ["/alice/dev/demo", "/alice/dev/demo/1.0"] {
        let page = server.get_with(path, &person).await.text().await.expect("a page");
        assert!(page.contains("alice/dev/demo/1.0/+doc/\">Documentation of 1.0</a>"), "{page}");
    }
    let found = server.get_with("/alice/dev/demo/latest/+doc/?q=FROBNICATE", &person).await;
    let found = found.text().await.expect("a page");
    assert!(found.contains("<a href=\"api/index.html\">The API</a>"), "{found}");
    assert!(!found.contains(">Demo</a>"), "{found}");
    let none =
        server.get_with("/alice/dev/demo/1.0/+doc/?q=fetch", &person).await.text().await.expect("a page");
    assert!(none.contains("No page has all of these words."), "{none}");
}

#[tokio::test]
async fn a_zip_is_replaced_on_a_volatile_index_alone() {
    let (server, _) = with_demo().await;
    let other = zip(&[("index.html", b"other")]);
    for index in ["alice/dev", "alice/prod"] {
        assert_eq!(sent(&server, index, form(Some("1.0"), &pages())).await.status, 200);
        assert_eq!(sent(&server, index, form(Some("1.0"), &pages())).await.status, 200, "the same again");
    }
    assert_eq!(sent(&server, "alice/dev", form(Some("1.0"), &other)).await.status, 200);
    assert_eq!(sent(&server, "alice/prod", form(Some("1.0"), &other)).await.status, 409);
    let text = server.get("/alice/dev/demo/1.0/+doc/").await.text().await.expect("a page");
    assert_eq!(text, "other");
    let zips: Vec<_> = links(&server, "/alice/dev/demo/1.0").await;
    let zip = zips.iter().find(|link| link["rel"] == "doczip").expect("a zip");
    assert_eq!(server.get(&path_of(&server, &zip["href"])).await.bytes().await.expect("bytes"), other);
}

#[tokio::test]
async fn without_a_version_it_belongs_to_the_newest_release() {
    let (server, _) = with_demo().await;
    assert_eq!(sent(&server, "alice/dev", form(None, &pages())).await.status, 200);
    assert_eq!(server.get("/alice/dev/demo/1.0/+doc/").await.status(), 200);
    let none = sent(&server, "alice/prod", form(None, &pages())).await;
    assert_eq!(none.status, 400);
    assert!(none.text.contains("has no releases to derive one from"), "{}", none.text);
}

#[tokio::test]
async fn hostile_documentation_is_refused_and_leaves_nothing() {
    let (server, _) = with_demo().await;
    let climbs = zip(&[("../index.html", b"x")]);
    let twice = zip(&[("a.html", b"x"), ("A.html", b"y")]);
    let mut broken = pages();
    let middle = broken.len() / 3;
    broken[middle] ^= 0xff;
    let bomb = zip(&[("index.html", &vec![0; 200 << 20])]);
    for (what, bytes) in [
        ("no zip", b"<html>".to_vec()),
        ("climbs", climbs),
        ("twice", twice),
        ("broken", broken),
        ("empty", zip(&[])),
        ("bomb", bomb),
    ] {
        let answer = sent(&server, "alice/dev", form(Some("1.0"), &bytes)).await;
        assert_eq!(answer.status, 400, "{what}: {}", answer.text);
        assert!(answer.text.contains("ZIP archive not accepted"), "{what}: {}", answer.text);
    }
    assert_eq!(links(&server, "/alice/dev/demo/1.0").await.len(), 1);
    let stranger = server.post("/alice/dev/", form(Some("1.0"), &pages()), "nobody", "x").await;
    assert_eq!(stranger.status, 401);
}

#[tokio::test]
async fn documentation_goes_with_its_release() {
    let (server, _) = with_demo().await;
    send(&server, "1.0").await;
    let (status, told) = server.ask("DELETE", "/alice/dev/demo/1.0", &alice(), None).await;
    assert_eq!(status, 200, "{told}");
    assert_eq!(server.get("/alice/dev/demo/1.0/+doc/").await.status(), 404);
    let (status, told) = server.ask("PUT", "/alice/x", &alice(), Some(json!({}))).await;
    assert_eq!(status, 200, "{told}");
}
