//! Pages: one request for all, fresh, stale, missing, of every kind.

use super::{Story, kind, mirror, name};
use crate::kit::upstream::{Fault, Upstream, noise};
use futures::future::join_all;
use http::header;

#[tokio::test]
async fn fifty_who_ask_for_a_cold_page_cost_one_request() {
    let story = Story::start().await;
    story.upstream.add("six-1.0-py3-none-any.whl", noise(1, 100));
    for page in join_all((0..50).map(|_| story.page("six"))).await {
        assert_eq!(page.unwrap().unwrap().page.files.len(), 1);
    }
    assert_eq!(story.upstream.asked("/simple/six/"), 1);
    assert_eq!(story.upstream.log().len(), 1, "{:?}", story.upstream.log());
}

#[tokio::test]
async fn a_page_is_asked_for_again_only_on_a_condition_and_then_keeps_its_identity() {
    let story = Story::with(|config| config.mirror.cache_expiry = 0).await;
    story.upstream.add("six-1.0-py3-none-any.whl", noise(1, 100));
    let first = story.page("six").await.unwrap().unwrap();
    let second = story.page("six").await.unwrap().unwrap();
    assert!(std::sync::Arc::ptr_eq(&first.page, &second.page));
    let log = story.upstream.log();
    assert_eq!(log.len(), 2);
    assert!(log[1].headers.contains_key(header::IF_NONE_MATCH));
    story.upstream.add("six-2.0-py3-none-any.whl", noise(2, 100));
    assert_eq!(story.page("six").await.unwrap().unwrap().page.files.len(), 2);
}

#[tokio::test]
async fn a_page_outlives_a_restart_and_an_upstream_that_is_gone() {
    let Story { server, upstream, index } = Story::start().await;
    upstream.add("six-1.0-py3-none-any.whl", noise(1, 100));
    server.app.indexes.mirrors.page(&index, &name("six"), false).await.unwrap().unwrap();
    upstream.stop().await;
    let mut config = server.app.config.clone();
    config.mirror.cache_expiry = 0;
    let again = wheelwright::app::App::open(config).await.unwrap();
    let page = again.indexes.mirrors.page(&index, &name("six"), false).await.unwrap().unwrap();
    assert!(page.stale);
    assert_eq!(page.page.files.len(), 1);
    let unknown = again.indexes.mirrors.page(&index, &name("flask"), false).await;
    assert_eq!(kind(&unknown.unwrap_err()), "unavailable");
}

#[tokio::test]
async fn while_the_upstream_fails_pages_are_stale_and_it_is_left_alone() {
    let story = Story::with(|config| config.mirror.cache_expiry = 0).await;
    story.upstream.add("six-1.0-py3-none-any.whl", noise(1, 100));
    assert!(!story.page("six").await.unwrap().unwrap().stale);
    story.upstream.set(|b| b.page = Some(Fault::Status(500)));
    for _ in 0..5 {
        assert!(story.page("six").await.unwrap().unwrap().stale);
    }
    assert_eq!(story.upstream.log().len(), 2, "one good answer, one failure");
    story.upstream.set(|b| b.page = None);
    assert!(!story.refreshed("six").await.unwrap().unwrap().stale);
    assert!(!story.page("six").await.unwrap().unwrap().stale);
}

#[tokio::test]
async fn a_failure_is_never_a_missing_project() {
    let faults = [
        (Fault::Status(500), "bad upstream"),
        (Fault::Status(403), "bad upstream"),
        (Fault::Status(429), "unavailable"),
        (Fault::Status(503), "unavailable"),
        (Fault::ContentType("image/png"), "bad upstream"),
        (Fault::WrongBytes, "bad upstream"),
        (Fault::Cut { eighths: 4, chunked: false }, "bad upstream"),
        (Fault::Cut { eighths: 4, chunked: true }, "bad upstream"),
        (Fault::Stall(10), "timeout"),
        (Fault::Bomb(2 << 20), "bad upstream"),
        (Fault::Redirect("/simple/six/".into()), "bad upstream"),
    ];
    for (fault, expected) in faults {
        let story = Story::with(|config| {
            config.mirror.timeout = if expected == "timeout" { 1 } else { 30 };
            config.limits.upstream_page = 1 << 20;
        });
        let story = story.await;
        story.upstream.add("six-1.0-py3-none-any.whl", noise(1, 100));
        story.upstream.set(|b| b.page = Some(fault.clone()));
        let error = story.page("six").await.unwrap_err();
        assert_eq!(kind(&error), expected, "{fault:?}: {error}");
        story.upstream.set(|b| b.page = None);
        assert!(story.refreshed("six").await.unwrap().is_some(), "{fault:?}");
    }
}

#[tokio::test]
async fn a_missing_project_is_remembered_briefly() {
    let story = Story::start().await;
    story.upstream.add("six-1.0-py3-none-any.whl", noise(1, 100));
    story.page("six").await.unwrap().unwrap();
    for _ in 0..5 {
        assert!(story.page("nothing").await.unwrap().is_none());
    }
    assert_eq!(story.upstream.asked("/simple/nothing/"), 1);
    story.upstream.add("nothing-1.0-py3-none-any.whl", noise(1, 100));
    assert!(story.refreshed("nothing").await.unwrap().is_some());
}

#[tokio::test]
async fn a_page_of_17_megabytes_is_read_and_one_above_the_limit_is_not() {
    let story = Story::start().await;
    story.upstream.add("six-1.0-py3-none-any.whl", noise(1, 100));
    story.upstream.set(|b| b.page = Some(Fault::Padding(17 << 20)));
    assert!(story.page("six").await.unwrap().is_some());

    let story = Story::with(|config| config.limits.upstream_page = 1 << 20).await;
    story.upstream.add("six-1.0-py3-none-any.whl", noise(1, 100));
    story.upstream.set(|b| b.page = Some(Fault::Padding(17 << 20)));
    let error = story.page("six").await.unwrap_err();
    assert!(error.to_string().contains("limits.upstream_page"), "{error}");
}

#[tokio::test]
async fn a_first_request_never_waits_for_the_list_of_names() {
    let story = Story::start().await;
    story.upstream.add("six-1.0-py3-none-any.whl", noise(1, 100));
    story.page("six").await.unwrap().unwrap();
    assert!(story.upstream.log().iter().all(|asked| asked.path != "/simple/"));
    let names = story.mirrors().names(&story.index).await.unwrap();
    assert_eq!(names.as_str(), "six\n");
    story.mirrors().names(&story.index).await.unwrap();
    assert_eq!(story.upstream.log().iter().filter(|asked| asked.path == "/simple/").count(), 1);
}

#[tokio::test]
async fn html_upstreams_are_read_like_json_ones() {
    let story = Story::start().await;
    story.upstream.add("six-1.0-py3-none-any.whl", noise(1, 100)).add("six-1.0.tar.gz", noise(2, 100));
    story.upstream.set(|b| b.json = false);
    let files = story.listed("six").await;
    assert_eq!(files.len(), 2);
    assert!(files.iter().all(|file| file.href("").to_string().starts_with("root/pypi/+f/")), "{files:?}");
    assert_eq!(story.mirrors().names(&story.index).await.unwrap().as_str(), "six\n");
}

#[tokio::test]
async fn a_flat_page_is_a_mirror_too() {
    let upstream = Upstream::start().await;
    upstream.add("six-1.0-py3-none-any.whl", noise(1, 100)).add("my-pkg-2.0.tar.gz", noise(2, 100));
    upstream.set(|b| b.flat = true);
    let url = upstream.url("/");
    let story = Story::of(upstream, &url, |_| {}).await;
    let files = story.listed("my-pkg").await;
    assert_eq!(files.iter().map(|f| f.filename.as_str()).collect::<Vec<_>>(), ["my-pkg-2.0.tar.gz"]);
    assert!(story.page("nothing").await.unwrap().is_none());
    assert_eq!(story.mirrors().names(&story.index).await.unwrap().as_str(), "my-pkg\nsix\n");
    let located = story.only("six").await;
    assert_eq!(story.download(&located).await.unwrap(), noise(1, 100));
    // One project's page that is not there, one look, one reading.
    assert_eq!(story.upstream.log().len(), 4, "{:#?}", story.upstream.log());
}

#[tokio::test]
async fn another_mirror_url_makes_old_pages_stale_but_not_useless() {
    let mut story = Story::start().await;
    story.upstream.add("six-1.0-py3-none-any.whl", noise(1, 100));
    story.page("six").await.unwrap().unwrap();
    let other = Upstream::start().await;
    other.add("six-2.0-py3-none-any.whl", noise(2, 100));
    story.index = mirror(&other.simple());
    let page = story.page("six").await.unwrap().unwrap();
    assert_eq!(page.page.files[0].filename, "six-2.0-py3-none-any.whl");
    assert!(other.log().iter().all(|asked| !asked.headers.contains_key(header::IF_NONE_MATCH)));

    story.index = mirror(&format!("http://{}/simple/", other.stop().await));
    let page = story.page("six").await.unwrap().unwrap();
    assert!(page.page.files.len() == 1);
}

#[tokio::test]
async fn offline_what_is_known_is_fresh_and_the_rest_is_refused_without_a_packet() {
    let Story { server, upstream, index } = Story::with(|config| config.mirror.cache_expiry = 0).await;
    upstream.add("six-1.0-py3-none-any.whl", noise(1, 100)).add("flask-1.0.tar.gz", noise(2, 100));
    let mirrors = &server.app.indexes.mirrors;
    mirrors.page(&index, &name("six"), false).await.unwrap().unwrap();
    let before = upstream.log().len();
    let mut config = server.app.config.clone();
    config.offline = true;
    let offline = wheelwright::app::App::open(config).await.unwrap();
    let mirrors = &offline.indexes.mirrors;
    let page = mirrors.page(&index, &name("six"), true).await.unwrap().unwrap();
    assert!(!page.stale);
    let error = mirrors.page(&index, &name("flask"), false).await.unwrap_err();
    assert!(error.to_string().contains("offline"), "{error}");
    let located = super::Located { project: name("six"), file: page.page.files[0].clone() };
    let error = mirrors.download(&index, &located, "").await.err().expect("no copy");
    assert!(error.to_string().contains("offline"), "{error}");
    assert_eq!(upstream.log().len(), before);
}
