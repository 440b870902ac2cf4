//! How pages look: nothing is wider than its window, whether a telephone's or a wide screen's.

use crate::kit::browser::Browser;
use crate::kit::packages::Package;
use crate::kit::stages::stage_with;
use crate::kit::{ROOT_PASSWORD, Server};
use serde_json::json;

async fn sample() -> Server {
    let server = stage_with(|_| {}).await;
    let long = "a-project-with-a-name-that-is-long-enough-to-be-broken-into-several-lines-on-a-telephone";
    server.publish("alice/dev", &Package::new(long, "1.0").wheel()).await;
    server.publish("alice/dev", &Package::new("demo", "1.0").wheel()).await;
    server.make_index("alice/safe", json!({"curated": true, "bases": ["alice/dev"]})).await;
    server
}

const PAGES: [&str; 17] = [
    "/",
    "/alice",
    "/alice/dev",
    "/alice/dev/demo",
    "/alice/dev/demo/1.0",
    "/alice/dev/+settings",
    "/alice/dev/+access/",
    "/alice/dev/+webhooks",
    "/alice/safe",
    "/alice/safe/+rules",
    "/+requests",
    "/+quarantine",
    "/+who-has",
    "/+watches",
    "/+webhooks",
    "/+recipes",
    "/+builds",
];

#[tokio::test(flavor = "multi_thread")]
async fn no_page_is_wider_than_its_window_and_every_field_has_a_label() {
    let server = sample().await;
    let home = server.url("");
    let mut browser = Browser::start().await;
    browser.log_in(&home, "root", ROOT_PASSWORD).await;
    for path in PAGES {
        assert_eq!(browser.open(&format!("{home}{path}"), &format!("{home}{path}")).await, 200, "{path}");
        browser.evaluate("document.querySelectorAll('details').forEach(fold => { fold.open = true; })").await;
        for width in [390, 1280, 2560] {
            browser.is_wide(width).await;
            let wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
            assert_eq!(browser.evaluate(wide).await, Some(json!(0)), "{path} at {width}");
        }
        let bare = "[...document.querySelectorAll('input:not([type=hidden]), select, textarea:not([hidden])')]\
                    .filter(field => !field.labels.length && !field.ariaLabel).map(field => field.outerHTML)";
        assert_eq!(browser.evaluate(bare).await, Some(json!([])), "{path}");
        let size = "performance.getEntriesByType('navigation')[0].decodedBodySize";
        let size = browser.evaluate(size).await.and_then(|size| size.as_u64()).expect("a size");
        assert!(size < 50_000, "{path} has {size} bytes");
    }
}
