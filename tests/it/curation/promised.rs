//! Wheels that a curated index promises of a mirror's sources: no longer than these are approved.

use super::Governed;
use crate::kit::fake_worker::FakeWorker;
use crate::kit::host::json_of;
use crate::kit::script::Auth;
use serde_json::json;

const WHEEL: &str = "/root/safe/+w/cp312-test/source_only-1.0-1ww-cp312-cp312-manylinux_2_17_x86_64.whl";

/// Builds the source, and nothing else that comes before.
async fn build(worker: &FakeWorker<'_>, meanwhile: impl AsyncFn()) {
    loop {
        let job = worker.claim().await;
        let is_it = job.project.as_deref() == Some("source-only");
        if is_it {
            meanwhile().await;
        }
        worker.builds(&job).await;
        if is_it {
            return;
        }
    }
}

async fn get(governed: &Governed, path: &str) -> reqwest::Response {
    governed.server.get_with(path, &[("prefer", "wait=60")]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_while_its_wheel_is_built_is_not_served() {
    let governed = Governed::start().await;
    let worker = governed.server.worker("carl", "one").await;
    governed.approve("source-only==1.0").await;
    let id = governed.request("source-only", "1.0").await["id"].as_i64().expect("a number");
    let refuse = async || {
        let (status, told) = governed.decide(id, "refuse", json!({"reason": "malware"})).await;
        assert_eq!(status, 200, "{told}");
    };
    let (answer, ()) = tokio::join!(get(&governed, WHEEL), build(&worker, refuse));
    assert_eq!(answer.status(), 403);
    let told = answer.text().await.expect("a reason");
    assert!(told.contains("source-only 1.0 is refused on root/safe: malware"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn caches_ask_before_each_use_of_a_promised_wheel_whether_its_source_is_still_approved() {
    let governed = Governed::start().await;
    let worker = governed.server.worker("carl", "one").await;
    governed.approve("source-only==1.0").await;
    let (answer, ()) = tokio::join!(get(&governed, WHEEL), build(&worker, async || {}));
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["cache-control"], "private, no-cache");
    for path in [WHEEL.to_owned(), format!("{WHEEL}.metadata")] {
        let answer = get(&governed, &path).await;
        assert_eq!(answer.status(), 200, "{path}");
        assert_eq!(answer.headers()["cache-control"], "private, no-cache", "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_mirror_built_for_itself_is_no_file_of_the_release_that_was_approved() {
    let governed = Governed::start().await;
    let server = &governed.server;
    let worker = server.worker("carl", "one").await;
    let order = json!({"requirement": "source-only==1.0", "index": "root/pypi", "targets": ["cp312-test"]});
    let (status, told) = server.ask("POST", "/+builds", &Auth::root(), Some(order)).await;
    assert_eq!(status, 200, "{told}");
    build(&worker, async || {}).await;
    let there = loop {
        let page = Auth::root().on(server.http.get(server.url("/root/pypi/+simple/source-only/")));
        let page = page.header("accept", "application/vnd.pypi.simple.v1+json").send().await;
        let page = json_of(page.expect("an answer")).await;
        let files = page["files"].as_array().expect("files").iter();
        let urls = files.filter_map(|file| file["url"].as_str());
        if let Some(url) =
            urls.map(|url| url.split('#').next().unwrap_or(url)).find(|url| url.ends_with(".whl"))
        {
            break format!("/{}", url.trim_start_matches("../"));
        }
        tokio::task::yield_now().await;
    };
    assert!(there.starts_with("/root/pypi/+f/"), "{there}");
    governed.approve("source-only==1.0").await;
    let here = there.replace("/root/pypi/", "/root/safe/");
    assert_eq!(server.get(&here).await.status(), 404, "{here}");
}
