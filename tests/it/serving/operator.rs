//! What those who keep a server running see of it, and what others do not.

use crate::kit::Server;
use crate::kit::backend::on_both;
use crate::kit::script::Auth;
use crate::kit::upstream::Upstream;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;
use wheelwright::access::{Action, Scope};
use wheelwright::app::measures::{Counted, KEPT};
use wheelwright::config::Reserve;
use wheelwright::db::measures::Measure;
use wheelwright::tools::time::{SECOND, now};

async fn status(server: &Server, auth: &Auth) -> Value {
    server.ask("GET", "/+status", auth, None).await.1["result"].clone()
}

fn state<'a>(status: &'a Value, part: &str) -> &'a str {
    let parts = status["health"].as_array().expect("parts");
    let found = parts.iter().find(|one| one["part"] == part);
    found.and_then(|one| one["state"].as_str()).unwrap_or_else(|| panic!("no {part} in {status}"))
}

async fn page(server: &Server, path: &str, auth: &Auth) -> String {
    let request =
        auth.on(server.http.get(server.url(path))).header("accept", "text/html,application/xhtml+xml");
    request.send().await.expect("an answer").text().await.expect("a page")
}

#[tokio::test]
async fn a_broken_upstream_and_a_full_disk_are_seen_by_root_alone() {
    let upstream = Upstream::start().await;
    let simple = upstream.simple();
    let server = Server::start_with(|config| {
        config.upstream = Some(simple);
        config.private_hosts = vec!["127.0.0.1".into()];
    })
    .await;
    let well = status(&server, &Auth::root()).await;
    for part in ["database", "storage", "disk", "upstreams", "queue", "webhooks", "requests", "quarantine"] {
        assert_eq!(state(&well, part), "ok", "{part}");
    }
    assert_eq!(state(&well, "workers"), "warning", "nobody builds");
    upstream.stop().await;
    assert_ne!(server.get("/root/pypi/+simple/demo/").await.status(), 200);
    let broken = status(&server, &Auth::root()).await;
    assert_eq!(state(&broken, "upstream of root/pypi"), "failing");
    let shown = page(&server, "/+status", &Auth::root()).await;
    let first = shown.split("<li>").find(|item| item.contains("class=\"name\"")).expect("a part");
    assert!(
        first.contains("upstream of root/pypi") && first.contains("tag bad"),
        "trouble comes first: {shown}"
    );

    let full = Server::start_with(|config| config.limits.reserve = Reserve::Bytes(1 << 60)).await;
    assert_eq!(state(&status(&full, &Auth::root()).await, "disk"), "failing");
    assert!(page(&full, "/+status", &Auth::root()).await.contains("setting limits.reserve"));
    let stranger = status(&full, &Auth::None).await;
    for secret in ["health", "servers", "slow-requests", "disk"] {
        assert!(stranger[secret].is_null(), "{stranger}");
    }
    let builds = Scope { actions: vec![Action::Build], ..Scope::default() };
    let worker = full.make_token("root", builds).await;
    let worker = status(&full, &Auth::Bearer(worker)).await;
    for secret in ["health", "servers", "slow-requests", "disk", "serverdir", "database"] {
        assert!(worker[secret].is_null(), "a worker's token lies on another machine: {worker}");
    }
    let shown = page(&full, "/+status", &Auth::None).await;
    assert!(!shown.contains("reserve") && shown.contains("versioninfo"), "{shown}");
}

on_both! {
    async fn a_server_keeps_its_last_day_and_no_more(server: Server) {
        let mut before = Counted::now();
        let now = now();
        let silent = now - 600 * SECOND;
        server.app.measure(&mut before, silent).await.expect("a sample");
        assert_eq!(status(&server, &Auth::root()).await["servers"][0]["name"], server.app.node());
        assert_eq!(state(&status(&server, &Auth::root()).await, "servers"), "warning", "it is silent");
        server.app.is_stopping.store(true, Ordering::Relaxed);
        server.app.measure(&mut before, silent).await.expect("its last sample");
        server.app.is_stopping.store(false, Ordering::Relaxed);
        let left = status(&server, &Auth::root()).await;
        assert_eq!((state(&left, "servers"), &left["servers"]), ("ok", &json!([])), "it was told to stop");
        server.app.db.add_measure(&Measure { node: server.app.node(), at: silent, sample: "{}".into() }, now)
            .await
            .expect("forgotten");
        let old = now - KEPT - 60 * SECOND;
        server.app.measure(&mut before, old).await.expect("an old sample");
        assert_eq!(state(&status(&server, &Auth::root()).await, "servers"), "ok", "nobody waits for it any more");
        server.get("/+api").await;
        server.app.measure(&mut before, now).await.expect("a sample");
        assert_eq!(server.app.db.measures(0).await.expect("rows").len(), 1, "the old one is gone");
        let told = status(&server, &Auth::root()).await;
        let sample = &told["servers"][0]["sample"];
        assert!(sample["requests"].as_u64() >= Some(2) && sample["memory"].as_u64() > Some(0), "{told}");
        assert_eq!((&sample["version"], &sample["replica"]), (&json!(env!("CARGO_PKG_VERSION")), &json!(false)));
        assert_eq!(state(&told, "servers"), "ok");
        let shown = page(&server, "/+status", &Auth::root()).await;
        assert_eq!(shown.matches("<svg").count(), shown.matches("</svg>").count());
        assert!(shown.contains("aria-label=\"Requests in a minute, at most "), "{shown}");
        assert!(shown.len() < 50_000, "{} bytes", shown.len());
        let other = page(&server, "/+status?server=nobody", &Auth::root()).await;
        assert!(other.contains("Nothing to show yet"), "{other}");
    }
}
