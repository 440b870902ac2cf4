//! Quotas: an upload that does not fit is refused with what to do, and nothing is lost.

use crate::kit::backend::on_both;
use crate::kit::forms::Form;
use crate::kit::packages::Package;
use crate::kit::script::Auth;
use crate::kit::stages::{PASSWORD, stage_with};
use serde_json::json;

on_both! {
    async fn an_upload_beyond_the_quota_of_its_index_is_refused_with_507(server: Server) {
        server.make_stage().await;
        server.build_nothing_ahead("dev").await;
        let first = Package::new("demo", "1.0").wheel();
        server.publish("alice/dev", &first).await;
        let size = first.bytes.len();
        let quota = format!(r#"["quota={}"]"#, size + 10);
        let (status, text) = server.as_alice("PATCH", "/alice/dev", &quota).await;
        assert_eq!(status, 200, "{text}");
        let second = Package::new("demo", "2.0").wheel();
        let refused = server.post("/alice/dev/", Form::of(&second), "alice", PASSWORD).await;
        assert_eq!(refused.status, 507, "{}", refused.text);
        for part in ["alice/dev has ", "(option quota)", "delete releases, or ask the owner of the index"] {
            assert!(refused.text.contains(part), "{part}: {}", refused.text);
        }
        let again = server.post("/alice/dev/", Form::of(&first), "alice", PASSWORD).await;
        assert_eq!(again.status, 200, "the same file is there already");

        server.make_index("alice/prod", json!({"bases": [], "quota": "1"})).await;
        let push = json!({"name": "demo", "version": "1.0", "targetindex": "alice/prod"});
        let alice = Auth::basic("alice", PASSWORD);
        let (status, body) = server.ask("PUSH", "/alice/dev", &alice, Some(push)).await;
        assert_eq!(status, 507, "{body}");

        let (status, _) = server.as_alice("DELETE", "/alice/dev/demo/1.0", "").await;
        assert_eq!(status, 200);
        let fits = server.post("/alice/dev/", Form::of(&second), "alice", PASSWORD).await;
        assert_eq!(fits.status, 200, "{}", fits.text);
    }

    async fn a_quota_that_is_exceeded_already_is_refused_and_changes_nothing(server: Server) {
        server.make_stage().await;
        server.publish("alice/dev", &Package::new("demo", "1.0").wheel()).await;
        let (status, text) = server.as_alice("PATCH", "/alice/dev", r#"["quota=10", "title=x"]"#).await;
        assert_eq!(status, 409, "{text}");
        for part in ["alice/dev has ", "more than the quota 10", "keep_releases", "Nothing was changed"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let (_, index) = server.ask("GET", "/alice/dev", &Auth::root(), None).await;
        assert!(index["result"].get("quota").is_none() && index["result"]["title"].is_null(), "{index}");
        assert_eq!(server.get("/alice/dev/+simple/demo/").await.status(), 200);
    }
}

#[tokio::test]
async fn all_indexes_of_an_account_share_its_quota() {
    let wheel = Package::new("demo", "1.0").wheel();
    let most = wheel.bytes.len() as u64 + 10;
    let server = stage_with(|config| config.quota.uploads = most).await;
    server.make_index("alice/other", json!({"bases": []})).await;
    server.make_index("root/free", json!({"bases": [], "acl_upload": ["alice"]})).await;
    let put = async |index: &str, version: &str| {
        let form = Form::of(&Package::new("demo", version).wheel());
        server.post(&format!("/{index}/"), form, "alice", PASSWORD).await
    };
    assert_eq!(put("alice/dev", "1.0").await.status, 200);
    let refused = put("alice/other", "2.0").await;
    assert_eq!(refused.status, 507);
    assert!(refused.text.contains("setting quota.uploads"), "{}", refused.text);
    for version in ["1.0", "2.0"] {
        assert_eq!(put("root/free", version).await.status, 200, "root's have none");
    }
}
