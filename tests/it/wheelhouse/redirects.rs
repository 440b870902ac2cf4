//! The server's own signed links: only for those who may read, and never where they would be kept.

use crate::kit::Server;
use crate::kit::backend::Backend;
use crate::kit::stages::PASSWORD;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_private_file_gets_a_signed_link_only_for_its_readers_and_pages_have_none() {
    let server = Server::start_on_with(Backend::Company, |config| config.s3.redirect = true).await;
    server.make_stage().await;
    server.make_index("alice/secret", json!({"bases": [], "acl_read": ["alice"]})).await;
    let bytes = vec![7; 400_000];
    let file = server.host("alice/secret", "demo", "1.0", &bytes).await;

    let stranger = server.get(&file.path).await;
    assert_eq!(stranger.status(), 401);
    assert!(!stranger.headers().contains_key("location"));
    let alice = || server.http.get(server.url(&file.path)).basic_auth("alice", Some(PASSWORD));
    let answer = alice().send().await.expect("an answer");
    assert_eq!(answer.status(), 302);
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let signed = answer.headers()["location"].to_str().expect("text").to_owned();
    assert!(signed.contains("X-Amz-Signature="), "{signed}");
    let got = server.http.get(signed).send().await.expect("an answer").bytes().await.expect("all of it");
    assert!(got == bytes);

    // What pages say is what lock files keep: the URL that stays.
    for (path, accept) in [
        ("/alice/secret/+simple/demo/", "text/html"),
        ("/alice/secret/+simple/demo/", "application/vnd.pypi.simple.v1+json"),
        ("/alice/secret/+links", "text/html"),
    ] {
        let asked = server.http.get(server.url(path)).header("accept", accept);
        let page = asked.basic_auth("alice", Some(PASSWORD)).send().await.expect("an answer");
        let page = page.text().await.expect("a page");
        assert!(page.contains(file.path.trim_start_matches('/')), "{path}: {page}");
        assert!(!page.contains("X-Amz-"), "{path}: {page}");
    }
}
