//! The whole way with real installers: not there, requested, approved with all it needs, installed; or refused.

use super::Governed;
use crate::kit::clients::Client;
use crate::kit::desk::Desk;
use serde_json::json;
use std::path::Path;

fn version(site: &Path, module: &str) -> String {
    std::fs::read_to_string(site.join(module).join("__init__.py")).unwrap_or_default().trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn pip_asks_in_vain_and_installs_once_the_request_was_approved_with_its_closure() {
    let governed = Governed::start().await;
    let client = Client::new("pip");
    let site = client.home.path().join("site");
    let (target, index) = (site.display().to_string(), governed.safe());
    let install = ["install", "--no-cache-dir", "--index-url", &index, "--target", &target, "demo"];
    let run = client.run("pip", &install).await.failed();
    let request = governed.resolved("demo", "1.1").await;
    let id = request["id"].as_i64().expect("a number");
    run.says(&format!(
        "demo 1.1 is requested, not yet approved: http://{}/+requests/{id}",
        governed.server.address
    ));
    let needed: Vec<&str> = request["closure"]["releases"]
        .as_array()
        .unwrap_or_else(|| panic!("{request}"))
        .iter()
        .map(|one| one["project"].as_str().expect("a name"))
        .collect();
    assert_eq!(needed, ["demo", "lib"], "{request}");
    assert!(!request["target"].is_null(), "{request}");

    let said = json!({"reason": "ticket 7", "with_closure": true, "expires": "90d"});
    let (status, told) = governed.decide(id, "approve", said).await;
    assert_eq!(status, 200, "{told}");
    client.run("pip", &install).await.succeeded();
    assert_eq!(version(&site, "demo"), "__version__ = \"1.1\"");
    assert_eq!(governed.listed("/root/safe/+simple/demo/").await, ["demo-1.1-py3-none-any.whl"]);
    assert_eq!(governed.listed("/root/safe/+simple/lib/").await, ["lib-1.1-py3-none-any.whl"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn uv_asks_in_vain_and_installs_once_the_request_was_approved_with_its_closure() {
    let governed = Governed::start().await;
    let client = Client::new("uv");
    let site = client.home.path().join("site");
    let (target, index) = (site.display().to_string(), governed.safe());
    let install = ["pip", "install", "--no-cache", "--index-url", &index, "--target", &target, "demo==1.0"];
    let run = client.run("uv", &install).await.failed();
    let request = governed.resolved("demo", "1.0").await;
    let id = request["id"].as_i64().expect("a number");
    run.says(&format!("requested, not yet approved: http://{}/+requests/{id}", governed.server.address));
    // By another process; the server hears of it.
    let (desk, data) = (Desk::new(), governed.server.data.path().display().to_string());
    let approve = ["--data", &data, "request", "approve", &id.to_string(), "--with-closure"];
    let said = desk.run("wheelwright", &approve).await.succeeded();
    assert!(said.out.contains(&format!("request {id} is approved")), "{}", said.out);
    while governed.listed("/root/safe/+simple/demo/").await.is_empty() {
        tokio::task::yield_now().await;
    }
    client.run("uv", &install).await.succeeded();
    assert_eq!(version(&site, "demo"), "__version__ = \"1.0\"");
}

#[tokio::test(flavor = "multi_thread")]
async fn installers_show_why_something_is_refused() {
    let governed = Governed::start().await;
    let id = governed.ask_for("other==3.0").await;
    let (status, told) = governed.decide(id, "refuse", json!({"reason": "nobody maintains it"})).await;
    assert_eq!(status, 200, "{told}");
    let (pip, uv) = (Client::new("pip"), Client::new("uv"));
    let (target, index) = (pip.home.path().join("site").display().to_string(), governed.safe());
    let rest = ["--index-url", &index, "--target", &target, "other"];
    let run = pip.run("pip", &[&["install", "--no-cache-dir"][..], &rest].concat()).await.failed();
    run.says("other 3.0 is refused on root/safe: nobody maintains it");
    let run = uv.run("uv", &[&["pip", "install", "--no-cache"][..], &rest].concat()).await.failed();
    run.says("other 3.0 is refused on root/safe: nobody maintains it");
}
