//! Several who decide: curated indexes over each other, and rules beside people.

use super::{Governed, alice};
use crate::kit::Server;
use crate::kit::packages::Package;
use crate::kit::script::Auth;
use crate::kit::upstream::Upstream;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn an_index_shows_through_no_base_what_it_refuses_itself() {
    let governed = Governed::start().await;
    let options = json!({"bases": ["root/safe"], "curated": true, "acl_approve": ["alice"]});
    governed.server.make_index("root/prod", options).await;
    governed.approve("other==3.0").await;
    assert_eq!(governed.listed("/root/prod/+simple/other/").await.len(), 1);
    let wanted = json!({"index": "root/prod", "requirement": "other==3.0"});
    let (status, told) = governed.server.ask("POST", "/+requests", &alice(), Some(wanted)).await;
    assert_eq!(status, 201, "{told}");
    let id = told["result"]["id"].as_i64().expect("a number");
    let (status, told) = governed.decide(id, "refuse", json!({"reason": "not in production"})).await;
    assert_eq!(status, 200, "{told}");
    assert!(governed.listed("/root/prod/+simple/other/").await.is_empty());
    assert_eq!(governed.listed("/root/safe/+simple/other/").await.len(), 1);
    let (_, why) = governed.server.ask("GET", "/root/prod/+explain/other", &Auth::root(), None).await;
    assert!(why.to_string().contains("it is refused on root/prod: not in production"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_overrules_nobody_who_decided_while_it_looked() {
    let upstream = Upstream::start().await;
    let demo = Package::new("demo", "1.0").wheel();
    upstream.add(&demo.filename, demo.bytes.clone());
    let simple = upstream.simple();
    let server = Server::start_with(|config| config.upstream = Some(simple)).await;
    server.have_index("alice/safe", json!({"bases": ["root/pypi"], "curated": true})).await;
    let rules = "[[rule]]\nname = \"all\"\ndecide = \"approve\"\nwheel = true\n";
    let put = Auth::root().on(server.http.put(server.url("/alice/safe/+rules"))).body(rules);
    assert_eq!(put.send().await.expect("an answer").status(), 200);
    // The rule waits for the upstream's page.
    let (open, gate) = tokio::sync::watch::channel(false);
    upstream.set(|behaviour| behaviour.page_gate = Some(gate));
    let wanted = json!({"index": "alice/safe", "requirement": "demo==1.0"});
    let root = Auth::root();
    let ask = server.ask("POST", "/+requests", &root, Some(wanted));
    let refuse = async {
        let id = loop {
            let (_, all) = server.ask("GET", "/+requests", &Auth::root(), None).await;
            if let Some(id) = all["result"][0]["id"].as_i64() {
                break id;
            }
            tokio::task::yield_now().await;
        };
        while upstream.log().is_empty() {
            tokio::task::yield_now().await;
        }
        let said = Some(json!({"reason": "malware"}));
        let refused = server.ask("POST", &format!("/+requests/{id}/refuse"), &Auth::root(), said).await;
        open.send(true).expect("somebody waits");
        (id, refused)
    };
    let (asked, (id, refused)) = tokio::join!(ask, refuse);
    assert_eq!(refused.0, 200, "{}", refused.1);
    assert!(matches!(asked.0, 201 | 403), "{}", asked.1);
    let (_, seen) = server.ask("GET", &format!("/+requests/{id}"), &Auth::root(), None).await;
    assert_eq!((&seen["result"]["state"], &seen["result"]["reason"]), (&json!("refused"), &json!("malware")));
    let page = server.get("/alice/safe/+simple/demo/").await;
    assert!(!page.text().await.expect("a page").contains(&demo.filename));
}
