//! A server that is its own upstream notices at once.

use crate::kit::Server;
use crate::kit::host::json_of;
use serde_json::json;

const JSON: (&str, &str) = ("accept", "application/vnd.pypi.simple.v1+json");

#[tokio::test]
async fn a_mirror_that_leads_back_to_itself_is_told_and_not_waited_for() {
    let server = Server::start().await;
    let over = server.url("/root/over/+simple/");
    server.have_index("root/own", json!({"type": "mirror", "mirror_url": over})).await;
    server.have_index("root/over", json!({"bases": ["root/own"]})).await;
    for path in ["/root/own/+simple/six/", "/root/over/+simple/six/"] {
        let answer = server.get(path).await;
        assert_eq!(answer.status(), 502, "{path}");
        assert!(answer.text().await.unwrap().contains("leads back to this mirror itself"), "{path}");
    }
}

#[tokio::test]
async fn a_mirror_of_another_index_of_its_own_server_is_no_loop() {
    let server = Server::start().await;
    server.have_index("alice/dev", json!({})).await;
    server.host("alice/dev", "mine", "1.0", b"mine").await;
    let stage = server.url("/alice/dev/+simple/");
    server.have_index("root/aged", json!({"type": "mirror", "mirror_url": stage})).await;
    let page = json_of(server.get_with("/root/aged/+simple/mine/", &[JSON]).await).await;
    assert_eq!(page["files"].as_array().expect("files").len(), 1);
}
