//! How pages look: nothing is wider than its window, whether a telephone's or a wide screen's.

use crate::kit::browser::Browser;
use crate::kit::clients::Client;
use crate::kit::forms::Form;
use crate::kit::packages::Package;
use crate::kit::stages::{PASSWORD, stage_with};
use crate::kit::{ROOT_PASSWORD, Server};
use serde_json::json;
use wheelwright::words::Class;

/// A server with something to show, and its build that failed.
async fn sample() -> (Server, i64) {
    let server = stage_with(|_| {}).await;
    let long = "a-project-with-a-name-that-is-long-enough-to-be-broken-into-several-lines-on-a-telephone";
    server.publish("alice/dev", &Package::new(long, "1.0").wheel()).await;
    let about = "# Demo\n\nIt [does](https://example.org) `nothing`.\n\n> [!WARNING]\n> Not yet.\n\n| a | b |\n| - | - |\n| 1 | 2 |\n\n```python\nimport demo\n```\n";
    let demo = Package::new("demo", "1.0").summary("Does nothing").requires("six>=1.0");
    let demo = demo.header("Description-Content-Type", "text/markdown").description(about);
    server.publish("alice/dev", &demo.wheel()).await;
    server.build_nothing_ahead("dev").await;
    let source = Package::new("demo", "2.0").sdist();
    assert_eq!(server.post("/alice/dev/", Form::of(&source), "alice", PASSWORD).await.status, 200);
    let worker = server.worker("builder", "w").await;
    server.ask_builds("demo==2.0").await;
    let job = worker.claim().await;
    worker.log(&job, 0, "[wheelwright] building\n\u{1b}[31mgcc demo.c\u{1b}[0m\nerror: no gcc\n").await;
    worker.fails(&job, Class::MissingTool).await;
    let failed = job.build;
    server.make_index("alice/safe", json!({"curated": true, "bases": ["alice/dev"]})).await;
    (server, failed)
}

const PAGES: [&str; 25] = [
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
    "/+account",
    "/+search?q=demo",
    "/+requests",
    "/+quarantine",
    "/+who-has",
    "/+watches",
    "/+webhooks",
    "/+recipes",
    "/+builds",
    "/+builds/FAILED",
    "/+builds/statistics",
    "/+workers",
    "/+status",
    "/+audit",
    "/alice/dev/nothing-of-this-name",
];

/// What people see who are not logged in.
const OPEN_PAGES: [&str; 6] =
    ["/", "/+login", "/alice/dev/demo", "/alice/dev/demo/1.0", "/+search?q=demo", "/+builds/FAILED"];

#[tokio::test(flavor = "multi_thread")]
async fn no_page_is_wider_than_its_window_and_every_field_has_a_label() {
    let (server, failed) = sample().await;
    let home = server.url("");
    let mut browser = Browser::start().await;
    browser.log_in(&home, "root", ROOT_PASSWORD).await;
    for path in PAGES.map(|path| path.replace("FAILED", &failed.to_string())) {
        let status = browser.open(&format!("{home}{path}"), &format!("{home}{path}")).await;
        assert!(status == 200 || path.contains("nothing") && status == 404, "{path}: {status}");
        browser.evaluate("document.querySelectorAll('details').forEach(fold => { fold.open = true; })").await;
        for width in [390, 1280, 2560] {
            browser.is_wide(width).await;
            // The window without the place for the bar, which is kept free on short pages, too.
            let wide = "document.documentElement.scrollWidth - document.documentElement.getBoundingClientRect().width";
            assert_eq!(browser.evaluate(wide).await, Some(json!(0)), "{path} at {width}");
        }
        let bare = "[...document.querySelectorAll('input:not([type=hidden]), select, textarea:not([hidden])')]\
                    .filter(field => !field.labels.length && !field.ariaLabel).map(field => field.outerHTML)";
        assert_eq!(browser.evaluate(bare).await, Some(json!([])), "{path}");
        // What a late style or picture pushes away is what a reader was about to press.
        let shift = "new Promise(done => { new PerformanceObserver(list => done(list.getEntries().flatMap(shift => \
                     shift.sources).map(({node, previousRect, currentRect}) => [node?.parentElement?.className, \
                     node?.nodeName, node?.className, previousRect.toJSON(), currentRect.toJSON()]))).observe({type: 'layout-shift', \
                     buffered: true}); setTimeout(done, 50, []); })";
        browser.open(&format!("{home}{path}"), &format!("{home}{path}")).await;
        assert_eq!(browser.evaluate(shift).await, Some(json!([])), "{path} moves while it loads");
        let size = "performance.getEntriesByType('navigation')[0].decodedBodySize";
        let size = browser.evaluate(size).await.and_then(|size| size.as_u64()).expect("a size");
        assert!(size < 50_000, "{path} has {size} bytes");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn times_are_those_of_the_reader_and_of_utc_without_script() {
    let (server, _) = sample().await;
    let page = server.url("/+audit");
    let mut browser = Browser::start().await;
    browser.lives_in("Asia/Kolkata").await;
    browser.log_in(&server.url(""), "root", ROOT_PASSWORD).await;
    let first = "(() => { const time = document.querySelector('main time'); \
                 return [time.dateTime, time.textContent, time.title, document.querySelector('.zone').textContent]; })()";
    browser.open(&page, &page).await;
    let told = browser.evaluate(first).await.expect("a time");
    let exact: jiff::Timestamp = told[0].as_str().and_then(|text| text.parse().ok()).expect("a time");
    let there = exact.in_tz("Asia/Kolkata").expect("a zone").strftime("%F %T").to_string();
    let utc = exact.strftime("%F %T").to_string();
    assert_eq!(told, json!([told[0], there, told[2], "Times are in your time zone."]));
    assert!(
        told[2].as_str().is_some_and(|title| title.starts_with(&utc) && title.ends_with(" UTC")),
        "{told}"
    );
    browser.runs_scripts(false).await;
    browser.open(&page, &page).await;
    let body = browser.text().await;
    assert!(body.contains(&utc) && body.contains("Times are UTC."), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn axe_finds_no_fault_of_access_in_light_or_dark() {
    let (server, failed) = sample().await;
    let home = server.url("");
    let mut browser = Browser::start().await;
    let axe = Client::new("axe").data("axe_core_python/axe.min.js");
    for path in OPEN_PAGES.map(|path| path.replace("FAILED", &failed.to_string())) {
        look(&mut browser, &home, &path, &axe, "").await;
    }
    browser.prefers("light").await;
    browser.log_in(&home, "root", ROOT_PASSWORD).await;
    for path in PAGES.map(|path| path.replace("FAILED", &failed.to_string())) {
        look(&mut browser, &home, &path, &axe, "root").await;
    }
    let bad = "document.body.append(document.createElement('img'))";
    browser.evaluate(bad).await;
    let told = browser.evaluate(FAULTS).await.expect("what it found");
    assert!(
        told[0].as_str().is_some_and(|fault| fault.starts_with("image-alt")),
        "it finds what is bad: {told}"
    );
}

/// What axe finds.
const FAULTS: &str = "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']}).then(told => \
    told.violations.map(fault => fault.id + ': ' + fault.nodes.map(node => node.html + ' ' + \
    node.any.map(any => any.message).join(' ')).slice(0, 3).join(' | ')))";

/// A page in both modes, with all its folds open. `WHEELWRIGHT_LOOKS` names a folder for pictures of it.
async fn look(browser: &mut Browser, home: &str, path: &str, axe: &str, user: &str) {
    for mode in ["light", "dark"] {
        browser.prefers(mode).await;
        let status = browser.open(&format!("{home}{path}"), &format!("{home}{path}")).await;
        assert!(status == 200 || path.contains("nothing") && status == 404, "{path}: {status}");
        browser.evaluate("document.querySelectorAll('details').forEach(fold => { fold.open = true; })").await;
        browser.evaluate(axe).await;
        assert_eq!(browser.evaluate(FAULTS).await, Some(json!([])), "{path}, {mode}");
        let Some(folder) = std::env::var_os("WHEELWRIGHT_LOOKS") else { continue };
        for width in [390, 1280, 2560] {
            browser.is_wide(width).await;
            let name = format!("{user}{}-{width}-{mode}.png", path.replace('/', "_"));
            browser.taken(&std::path::Path::new(&folder).join(name), true).await;
        }
        browser.is_wide(1280).await;
    }
}
