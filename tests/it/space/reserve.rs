//! A disk that is nearly full: mirrors pass files on, uploads are refused, and the status says so.

use crate::kit::Server;
use crate::kit::forms::Form;
use crate::kit::names::index_name;
use crate::kit::packages::Package;
use crate::kit::script::Auth;
use crate::kit::stages::PASSWORD;
use crate::kit::upstream::Upstream;
use serde_json::json;
use wheelwright::config::Reserve;

#[tokio::test]
async fn below_the_reserve_mirrors_store_nothing_and_uploads_get_507() {
    let upstream = Upstream::start().await;
    let wheel = Package::new("demo", "1.0").wheel();
    upstream.add(&wheel.filename, wheel.bytes.clone());
    let simple = upstream.simple();
    let server = Server::start_with(|config| {
        config.upstream = Some(simple);
        config.private_hosts = vec!["127.0.0.1".into()];
        // No disk has so much.
        config.limits.reserve = Reserve::Bytes(1 << 60);
    })
    .await;
    server.make_stage().await;
    let page = server.get("/root/pypi/+simple/demo/").await.text().await.expect("a page");
    let link = page.split("href=\"").nth(1).and_then(|rest| rest.split(['"', '#']).next()).expect("a link");
    let url = reqwest::Url::parse(&server.url("/root/pypi/+simple/demo/")).expect("a URL");
    for _ in 0..2 {
        let answer = server.http.get(url.join(link).expect("a URL")).send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.bytes().await.expect("bytes"), wheel.bytes);
    }
    // A part of what is not here and must not be stored, and the upstream knows no parts: the whole of it.
    upstream.set(|behaviour| behaviour.ranges = false);
    let url = url.join(link).expect("a URL");
    let answer = server.http.get(url.clone()).header("range", "bytes=5-").send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.bytes().await.expect("bytes"), wheel.bytes);
    assert_eq!(server.http.head(url).send().await.expect("an answer").status(), 200);
    assert_eq!(server.app.db.cached_bytes(&index_name("root/pypi")).await.expect("bytes"), 0);
    // What must be stored to be given on is refused at once, and not downloaded for nobody.
    let asked = upstream.asked(&format!("/files/{}", wheel.filename));
    let order = json!({"name": "demo", "version": "1.0", "targetindex": "alice/dev"});
    let (status, body) = server.ask("PUSH", "/root/pypi", &Auth::basic("alice", PASSWORD), Some(order)).await;
    assert!(
        status == 507 && body["message"].as_str().is_some_and(|why| why.contains("limits.reserve")),
        "{body}"
    );
    assert_eq!(upstream.asked(&format!("/files/{}", wheel.filename)), asked);

    let refused = server.post("/alice/dev/", Form::of(&wheel), "alice", PASSWORD).await;
    assert_eq!(refused.status, 507, "{}", refused.text);
    assert!(refused.text.contains("setting limits.reserve"), "{}", refused.text);
    let (_, status) = server.ask("GET", "/+status", &Auth::root(), None).await;
    assert_eq!(status["result"]["disk"]["low"], true, "{status}");
    let metrics = server.get("/metrics").await.text().await.expect("metrics");
    assert!(metrics.contains(&format!("wheelwright_disk_reserve_bytes {}\n", 1u64 << 60)), "{metrics}");
}

#[test]
fn a_reserve_is_a_size_or_a_share() {
    assert_eq!(Reserve::Share(5).of(1000), 50);
    assert_eq!(Reserve::Bytes(7).of(1000), 7);
    assert!(Reserve::Share(0).is_off() && !Reserve::Share(1).is_off());
}
