//! Closures: what a requested release needs is found out on the curated index itself, and approved without overruling anybody.

use super::{Governed, alice};
use crate::kit::Server;
use crate::kit::resolving::{self, wheel};
use crate::kit::script::Auth;
use crate::kit::upstream::Upstream;
use serde_json::{Value, json};

/// `name version` of each release of a request's closure.
fn needed(request: &Value) -> Vec<String> {
    let releases = request["closure"]["releases"].as_array().unwrap_or_else(|| panic!("{request}"));
    let text = |one: &Value, key: &str| one[key].as_str().expect("a text").to_owned();
    releases.iter().map(|one| format!("{} {}", text(one, "project"), text(one, "version"))).collect()
}

/// Asks as root; the request once the server knows what it needs.
async fn resolved(server: &Server, requirement: &str) -> Value {
    let wanted = json!({"index": "alice/safe", "requirement": requirement});
    let (status, told) = server.ask("POST", "/+requests", &Auth::root(), Some(wanted)).await;
    assert_eq!(status, 201, "{told}");
    let path = format!("/+requests/{}", told["result"]["id"]);
    loop {
        let (_, seen) = server.ask("GET", &path, &Auth::root(), None).await;
        if !seen["result"]["closure"].is_null() {
            return seen["result"].clone();
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closure_takes_nothing_that_is_refused_and_its_approval_leaves_refusals_alone() {
    let governed = Governed::start().await;
    let lib = governed.ask_for("lib==1.1").await;
    let (status, told) = governed.decide(lib, "refuse", json!({"reason": "malware"})).await;
    assert_eq!(status, 200, "{told}");
    let demo = governed.ask_for("demo==1.0").await;
    assert_eq!(needed(&governed.resolved("demo", "1.0").await), ["demo 1.0", "lib 1.0"]);
    let (status, told) = governed.decide(demo, "approve", json!({"with_closure": true})).await;
    assert_eq!(status, 200, "{told}");
    assert_eq!(governed.listed("/root/safe/+simple/lib/").await, ["lib-1.0-py3-none-any.whl"]);
    assert_eq!(governed.request("lib", "1.1").await["state"], "refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_refused_after_its_closure_was_known_is_named_and_nothing_is_approved() {
    let governed = Governed::start().await;
    let demo = governed.ask_for("demo==1.0").await;
    assert_eq!(needed(&governed.resolved("demo", "1.0").await), ["demo 1.0", "lib 1.1"]);
    let lib = governed.ask_for("lib==1.1").await;
    let (status, told) = governed.decide(lib, "refuse", json!({"reason": "malware"})).await;
    assert_eq!(status, 200, "{told}");
    let (status, told) = governed.decide(demo, "approve", json!({"with_closure": true})).await;
    assert_eq!(status, 409, "{told}");
    assert!(told["message"].as_str().expect("a message").contains("lib 1.1 (malware)"), "{told}");
    assert!(governed.listed("/root/safe/+simple/demo/").await.is_empty());
    assert!(governed.listed("/root/safe/+simple/lib/").await.is_empty());
    // What it needs is not refused with it.
    let said = json!({"reason": "no", "with_closure": true});
    let (status, told) = governed.decide(demo, "refuse", said).await;
    assert_eq!(status, 400, "{told}");
    let any = governed.ask_for("other").await;
    let (status, told) = governed.decide(any, "approve", json!({"with_closure": true})).await;
    assert!(status == 400 && told["message"].as_str().expect("a message").contains("its version"), "{told}");
    let (_, seen) = governed.server.ask("GET", &format!("/+requests/{demo}"), &alice(), None).await;
    assert_eq!(seen["result"]["state"], "open");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closure_asks_no_upstream_for_reserved_names_and_needs_no_approval_of_own_projects() {
    let upstream = Upstream::start().await;
    upstream.set(|behaviour| behaviour.metadata = None);
    for package in [
        wheel("demo", "1.0").requires("acme-tool"),
        wheel("fine", "1.0").requires("mine"),
        wheel("acme-tool", "9.0"),
        wheel("mine", "9.0"),
    ] {
        let dist = package.wheel();
        upstream.add(&dist.filename, dist.bytes);
    }
    let simple = upstream.simple();
    let server = resolving::start_with(|config| config.upstream = Some(simple)).await;
    let options = json!({"bases": ["root/pypi"], "curated": true, "reserved": ["acme-*"]});
    server.make_index("alice/safe", options).await;
    server.publish("alice/safe", &wheel("mine", "1.0").wheel()).await;
    let request = resolved(&server, "demo==1.0").await;
    assert!(request["closure"]["error"].is_string(), "{request}");
    let request = resolved(&server, "fine==1.0").await;
    assert_eq!(needed(&request), ["fine 1.0"], "{request}");
    resolved(&server, "acme-tool==9.0").await;
    for name in ["acme-tool", "mine"] {
        assert_eq!(upstream.asked(&format!("/simple/{name}")), 0, "{name}: {:?}", upstream.log());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closure_takes_from_all_mirrors_what_the_page_shows_of_them() {
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    for (upstream, packages) in [
        (&first, vec![wheel("demo", "1.0").requires("lib>=1"), wheel("lib", "0.5")]),
        (&second, vec![wheel("lib", "1.0")]),
    ] {
        upstream.set(|behaviour| behaviour.metadata = None);
        for package in packages {
            let dist = package.wheel();
            upstream.add(&dist.filename, dist.bytes);
        }
    }
    let simple = second.simple();
    let server = resolving::start_with(|config| config.upstream = Some(simple)).await;
    server.make_index("alice/first", json!({"type": "mirror", "mirror_url": first.simple()})).await;
    let options = json!({"bases": ["alice/first", "root/pypi"], "curated": true});
    server.make_index("alice/safe", options).await;
    let request = resolved(&server, "demo==1.0").await;
    assert_eq!(needed(&request), ["demo 1.0", "lib 1.0"], "{request}");
}
