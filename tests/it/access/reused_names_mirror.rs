//! An index that becomes a mirror, or was one, under the name of an older one: no file name gets new bytes.

use crate::kit::Server;
use crate::kit::forms::Form;
use crate::kit::packages::{Dist, Package};
use crate::kit::script::Auth;
use crate::kit::stages::PASSWORD;
use crate::kit::upstream::Upstream;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const SIMPLE: &str = "application/vnd.pypi.simple.v1+json";

fn wheel(name: &str, version: &str, text: &str) -> Dist {
    Package::new(name, version).description(text).wheel()
}

async fn remake(server: &Server, options: Value) {
    let (status, told) = server.ask("DELETE", "/alice/dev", &Auth::root(), None).await;
    assert_eq!(status, 201, "{told}");
    server.make_index("alice/dev", options).await;
}

/// The names and URLs of files of demo.
async fn listed(server: &Server) -> Vec<(String, String)> {
    let answer = server.get_with("/alice/dev/+simple/demo/", &[("accept", SIMPLE)]).await;
    let page: Value = serde_json::from_str(&answer.text().await.expect("text")).expect("JSON");
    let files = page["files"].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    files.iter().map(|file| (text(&file["filename"]), text(&file["url"]))).collect()
}

#[tokio::test]
async fn a_stage_that_is_made_again_as_a_mirror_gives_no_old_file_name_new_bytes() {
    for hashes in [true, false] {
        let upstream = Upstream::start().await;
        let server = Server::start().await;
        server.make_user("alice", PASSWORD).await;
        server.make_index("alice/dev", json!({})).await;
        let (first, same) = (wheel("demo", "1.0", "ours"), wheel("demo", "2.0", "the same"));
        for dist in [&first, &same] {
            assert_eq!(server.post("/alice/dev/", Form::of(dist), "alice", PASSWORD).await.status, 200);
        }
        let (other, spelt) = (wheel("demo", "1.0", "theirs"), wheel("demo", "1.0.0", "theirs"));
        let new = wheel("demo", "3.0", "theirs");
        for dist in [&other, &spelt, &same, &new] {
            upstream.add(&dist.filename, dist.bytes.clone());
        }
        // What an upstream without hashes has cannot be told from what was here.
        upstream.set(|b| (b.hashes, b.metadata) = (hashes, None));
        remake(&server, json!({"type": "mirror", "mirror_url": upstream.simple()})).await;
        let names: BTreeSet<String> = listed(&server).await.into_iter().map(|(name, _)| name).collect();
        let mut expected = BTreeSet::from([new.filename.clone()]);
        expected.extend(hashes.then(|| same.filename.clone()));
        assert_eq!(names, expected);
        let old = server.get(&format!("/alice/dev/{}", other.path())).await;
        assert_eq!(old.status(), 404, "nor under a URL that somebody made up");
        let key = wheelwright::index::mirror::url_key(&upstream.url(&format!("/files/{}", other.filename)));
        let old = server.get(&format!("/alice/dev/+e/{key}/{}", other.filename)).await;
        assert_eq!(old.status(), 404);
    }
}

#[tokio::test]
async fn a_mirror_that_is_made_again_as_a_stage_gives_no_served_file_name_new_bytes() {
    let upstream = Upstream::start().await;
    let server = Server::start().await;
    server.make_user("alice", PASSWORD).await;
    let theirs = wheel("demo", "1.0", "theirs");
    upstream.add(&theirs.filename, theirs.bytes.clone());
    upstream.set(|b| b.metadata = None);
    server.make_index("alice/dev", json!({"type": "mirror", "mirror_url": upstream.simple()})).await;
    let (_, url) = listed(&server).await.remove(0);
    let page = url::Url::parse(&server.url("/alice/dev/+simple/demo/")).expect("a URL");
    let file = server.http.get(page.join(&url).expect("a URL")).send().await.expect("an answer");
    assert_eq!(file.bytes().await.expect("bytes"), theirs.bytes);
    remake(&server, json!({})).await;
    let ours = wheel("demo", "1.0", "ours");
    let sent = server.post("/alice/dev/", Form::of(&ours), "alice", PASSWORD).await;
    assert!(sent.status == 400 && sent.text.contains("This filename was previously used"), "{}", sent.text);
    let sent = server.post("/alice/dev/", Form::of(&theirs), "alice", PASSWORD).await;
    assert_eq!(sent.status, 200, "the same bytes are welcome: {}", sent.text);
    // And as a mirror again, of something that has other bytes.
    upstream.add(&ours.filename, ours.bytes.clone());
    remake(&server, json!({"type": "mirror", "mirror_url": upstream.simple()})).await;
    assert_eq!(listed(&server).await, []);
}
