//! A replica knows nothing of approvals: its primary answers for it.

use crate::kit::Server;
use crate::kit::host::json_of;
use crate::kit::packages::Package;
use crate::kit::script::Auth;
use crate::kit::upstream::Upstream;
use crate::replica::replica_of;
use serde_json::json;

#[tokio::test]
async fn a_replica_lists_for_any_installer_what_the_primary_approved_and_hands_on_requests() {
    let upstream = Upstream::start().await;
    for version in ["1.0", "2.0"] {
        let dist = Package::new("demo", version).wheel();
        upstream.add(&dist.filename, dist.bytes);
    }
    let simple = upstream.simple();
    let primary = Server::start_with(|config| config.upstream = Some(simple)).await;
    primary.have_index("alice/safe", json!({"bases": ["root/pypi"], "curated": true})).await;
    let wanted = json!({"index": "alice/safe", "requirement": "demo==1.0"});
    let (status, told) = primary.ask("POST", "/+requests", &Auth::root(), Some(wanted)).await;
    assert_eq!(status, 201, "{told}");
    let approve = format!("/+requests/{}/approve", told["result"]["id"]);
    let (status, told) = primary.ask("POST", &approve, &Auth::root(), Some(json!({}))).await;
    assert_eq!(status, 200, "{told}");
    let (replica, _wire) = replica_of(&primary).await;
    // Neither says which interpreter it installs for.
    for agent in ["poetry/1.8.3", "pdm/2.26.0"] {
        let headers = [("user-agent", agent), ("accept", "application/vnd.pypi.simple.v1+json")];
        let page = json_of(replica.get_with("/alice/safe/+simple/demo/", &headers).await).await;
        let files: Vec<&str> = page["files"]
            .as_array()
            .expect("files")
            .iter()
            .filter_map(|file| file["filename"].as_str())
            .collect();
        assert_eq!(files.len(), 1, "{agent}: {files:?}");
        assert!(files[0].starts_with("demo-1.0"), "{agent}: {files:?}");
    }
    let (status, all) = replica.ask("GET", "/+requests", &Auth::root(), None).await;
    assert_eq!((status, all["result"][0]["state"].as_str()), (200, Some("approved")), "{all}");
}
