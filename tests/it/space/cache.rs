//! Mirrors that keep no more than they may.

use super::gc;
use crate::kit::Server;
use crate::kit::names::index_name;
use crate::kit::packages::Package;
use crate::kit::script::Auth;
use crate::kit::upstream::Upstream;
use serde_json::json;
use wheelwright::config::Config;
use wheelwright::index::gc::collect;

async fn kept(server: &Server) -> u64 {
    server.app.db.cached_bytes(&index_name("root/pypi")).await.expect("bytes")
}

#[tokio::test]
async fn the_oldest_copies_of_a_mirror_go_and_come_back_when_somebody_asks() {
    let upstream = Upstream::start().await;
    let wheels: Vec<_> = ["1.0", "2.0", "3.0"].map(|version| Package::new("demo", version).wheel()).into();
    for wheel in &wheels {
        upstream.add(&wheel.filename, wheel.bytes.clone());
    }
    let simple = upstream.simple();
    let server = Server::start_with(|config| {
        config.upstream = Some(simple);
        config.private_hosts = vec!["127.0.0.1".into()];
    })
    .await;
    let private = Package::new("own", "1.0").wheel();
    server.make_stage().await;
    server.publish("alice/dev", &private).await;
    let fetch = async |filename: &str| {
        let page = server.get("/root/pypi/+simple/demo/").await.text().await.expect("a page");
        let link = page.split("href=\"").find(|part| part.contains(filename)).expect("a link");
        let link = link.split(['"', '#']).next().expect("a URL");
        let url = reqwest::Url::parse(&server.url("/root/pypi/+simple/demo/")).expect("a URL");
        let answer = server.http.get(url.join(link).expect("a URL")).send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        answer.bytes().await.expect("bytes")
    };
    for wheel in &wheels {
        assert_eq!(fetch(&wheel.filename).await, wheel.bytes);
    }
    let all: u64 = wheels.iter().map(|wheel| wheel.bytes.len() as u64).sum();
    while kept(&server).await < all {
        tokio::task::yield_now().await;
    }
    let size = wheels[0].bytes.len() as u64;
    let change = json!({"cache_size": (all - 1).to_string()});
    let (status, body) = server.ask("PATCH", "/root/pypi", &Auth::root(), Some(change)).await;
    assert_eq!(status, 200, "{body}");

    let dry = gc(&server, true).await.evicted;
    assert_eq!((dry.files, dry.bytes), (1, size));
    assert_eq!(kept(&server).await, all);
    let offline = Config { offline: true, ..server.app.config.clone() };
    let nothing = collect(&server.app.db, &server.app.store, &offline, false).await.expect("a gc").evicted;
    assert_eq!(nothing.files, 0, "offline, nothing could be fetched again");
    assert_eq!(gc(&server, false).await.evicted, dry);
    assert_eq!(kept(&server).await, all - size);
    let left = server.app.db.audit_after(0, 1000).await.expect("entries");
    let forgot = left.iter().find(|entry| entry.what == "mirror forgot").expect("an entry");
    assert!(
        forgot.detail.as_deref().is_some_and(|detail| detail.starts_with(&wheels[0].filename)),
        "{forgot:?}"
    );
    let asked = upstream.asked(&format!("/files/{}", wheels[0].filename));
    assert_eq!(fetch(&wheels[0].filename).await, wheels[0].bytes, "it is fetched again");
    assert!(upstream.asked(&format!("/files/{}", wheels[0].filename)) >= asked);
    assert_eq!(server.get("/alice/dev/+simple/own/").await.status(), 200);
}
