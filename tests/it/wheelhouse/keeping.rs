//! A server that keeps a wheelhouse current: after changes, on one node, and told of.

use crate::kit::Server;
use crate::kit::packages::Package;
use crate::kit::s3::Bucket;
use crate::kit::stages::stage_with;
use serde_json::Value;
use std::time::Duration;
use wheelwright::config::wheelhouse::WheelhouseSettings;

const OF: &str = "alice/dev";

async fn keeping(bucket: &Bucket) -> Server {
    stage_with(|config| {
        let settings = bucket.settings();
        let house = WheelhouseSettings {
            index: OF.into(),
            to: "s3://wheels/house".into(),
            presign: Some(12 * 3600),
            endpoint: settings.endpoint,
            region: settings.region,
            access_key_id: settings.access_key_id,
            secret_access_key: settings.secret_access_key,
            ..WheelhouseSettings::default()
        };
        config.wheelhouse.insert("public".into(), house);
    })
    .await
}

/// Waits until the flat page is so.
async fn until(bucket: &Bucket, is: impl Fn(&str) -> bool) {
    let page = || std::fs::read_to_string(bucket.file("house/index.html")).unwrap_or_default();
    while !is(&page()) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_on_an_index_is_soon_in_its_bucket() {
    let bucket = Bucket::start().await;
    let server = keeping(&bucket).await;
    server.publish(OF, &Package::new("demo", "1.0").wheel()).await;
    until(&bucket, |page| page.contains("demo-1.0")).await;
    server.publish(OF, &Package::new("demo", "1.1").wheel()).await;
    until(&bucket, |page| page.contains("demo-1.1")).await;
    let (status, said) = server.as_alice("PATCH", "/alice/dev/demo/1.0", r#"{"yanked": "bad"}"#).await;
    assert_eq!(status, 200, "{said}");
    until(&bucket, |page| !page.contains("demo-1.0") && page.contains("demo-1.1")).await;

    // The row is written after the bucket.
    let house = loop {
        let asked =
            server.http.get(server.url("/+status")).basic_auth("root", Some(crate::kit::ROOT_PASSWORD));
        let text = asked.send().await.expect("an answer").text().await.expect("a body");
        let status: Value = serde_json::from_str(&text).expect("JSON");
        let house = status["result"]["wheelhouses"][0].clone();
        if house["published"].is_string() {
            break house;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(
        (house["place"].as_str(), house["index"].as_str(), &house["error"]),
        (Some("s3://wheels/house"), Some(OF), &Value::Null),
        "{house}"
    );
    assert!(house["links_until"].is_string(), "{house}");
    let metrics = server.get("/metrics").await.text().await.expect("a body");
    let failing = "wheelwright_wheelhouse_failing{place=\"s3://wheels/house\"} 0";
    assert!(metrics.contains(failing), "{metrics}");
    assert!(metrics.contains("wheelwright_wheelhouse_links_until_seconds{place="), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_one_process_publishes_another_waits() {
    let bucket = Bucket::start().await;
    let server = crate::kit::stages::stage().await;
    server.publish(OF, &Package::new("demo", "1.0").wheel()).await;
    let (db, house) = (&server.app.db, super::target(&bucket, OF, None));
    let (index, now) = (crate::kit::names::index_name(OF), wheelwright::tools::time::now());
    let until = now + wheelwright::tools::time::seconds(60);
    assert!(db.lease_wheelhouse((&house.to, &index), "another", (now, until)).await.expect("a lease"));
    let busy = server.app.wheelhouses.publish(&house, now).await.expect_err("busy").to_string();
    assert!(busy.contains("another process publishes to s3://wheels/house"), "{busy}");
    assert_eq!(server.app.wheelhouses.look(&house, now).await.expect("looked"), None);
    assert!(!bucket.file("house/index.html").exists());
    // It died: its lease ends.
    assert!(server.app.wheelhouses.look(&house, until).await.expect("published").is_some());
    assert!(bucket.file("house/index.html").exists());
}
