//! What people without an account can request.

use super::{Governed, alice};
use crate::kit::script::Auth;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn strangers_request_only_what_a_mirror_has() {
    let governed = Governed::start().await;
    let ask = |auth: Auth, requirement: &str| {
        let wanted = json!({"index": "root/safe", "requirement": requirement, "target": "a\u{1b}[31m\nb"});
        let server = &governed.server;
        async move { server.ask("POST", "/+requests", &auth, Some(wanted)).await }
    };
    for requirement in ["invented-name==1.0", "invented-name", "other==99.0"] {
        let (status, told) = ask(Auth::None, requirement).await;
        assert_eq!(status, 404, "{told}");
        assert!(
            told["message"].as_str().expect("a message").contains("no mirror of root/safe has"),
            "{told}"
        );
    }
    for requirement in ["other", "other==3.0"] {
        let (status, told) = ask(Auth::None, requirement).await;
        assert_eq!((status, told["result"]["target"].as_str()), (201, Some("a[31mb")), "{told}");
    }
    // Whoever has an account may know what comes.
    let (status, told) = ask(alice(), "other==99.0").await;
    assert_eq!(status, 201, "{told}");
}
