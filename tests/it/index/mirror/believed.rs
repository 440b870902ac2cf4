//! Answers with 200 that are not what was asked for: they replace nothing, and nothing is made of them.

use super::{Story, kind, mirror};
use crate::kit::upstream::{Fault, Upstream, noise};
use http::header;

const SIX: &str = "/root/pypi/+simple/six/";

/// What filters, portals, applications and broken caches say in place of a project's page.
const NO_PAGES: [&str; 9] = [
    "<html><title>Access blocked</title><h1>Access blocked</h1><p>Category: Software</p></html>",
    "<!doctype html><div id=root></div><script src=/a.js></script>",
    "<html><body><form action=login><input name=user></form></body></html>",
    "",
    " \n",
    r#"{"meta":{"api-version":"1.0"},"name":"other","files":[]}"#,
    r#"{"meta":{"api-version":"1.0"},"files":[]}"#,
    "<!DOCTYPE html><html><body><a href=\"/files/six-1.0-py3-none-any.whl\">six</a>",
    "<html><title>Links for flask</title><body><a href=/files/flask-1.0.tar.gz>flask</a></body></html>",
];

#[tokio::test]
async fn an_answer_that_is_no_page_of_the_project_never_replaces_one_and_makes_none() {
    for json in [true, false] {
        let story = Story::with(|config| config.mirror.cache_expiry = 0).await;
        story.upstream.add("six-1.0-py3-none-any.whl", noise(1, 100));
        story.upstream.add("six-2.0-py3-none-any.whl", noise(2, 100));
        story.upstream.set(|b| b.json = json);
        assert_eq!(story.page("six").await.unwrap().unwrap().page.files.len(), 2);
        for answer in NO_PAGES {
            story.upstream.set(|b| b.page = Some(Fault::Instead(answer)));
            let page = story.refreshed("six").await.unwrap().unwrap();
            assert!(page.stale && page.page.files.len() == 2, "{answer}");
            let error = story.refreshed("django").await.unwrap_err();
            assert_eq!(kind(&error), "bad upstream", "{answer}: {error}");
        }
        let page = story.server.get(SIX).await;
        let warning = page.headers().get(header::WARNING).expect("a warning").to_str().unwrap().to_owned();
        assert!(warning.starts_with("110"), "{warning}");
        assert!(page.text().await.unwrap().contains("six-2.0"));
        assert_eq!(story.server.get("/root/pypi/+simple/django/").await.status(), 502);
        story.upstream.set(|b| b.page = None);
        assert!(!story.refreshed("six").await.unwrap().unwrap().stale);
    }
}

#[tokio::test]
async fn an_older_page_of_a_cache_that_stands_still_replaces_no_newer_one() {
    let story = Story::with(|config| config.mirror.cache_expiry = 0).await;
    story.upstream.add("six-1.0-py3-none-any.whl", noise(1, 100));
    story.upstream.add("six-2.0-py3-none-any.whl", noise(2, 100));
    story.upstream.set(|b| b.serial = Some(7));
    assert_eq!(story.page("six").await.unwrap().unwrap().page.files.len(), 2);
    story.upstream.remove("six-2.0-py3-none-any.whl");
    story.upstream.set(|b| b.serial = Some(6));
    let page = story.refreshed("six").await.unwrap().unwrap();
    assert!(page.stale && page.page.files.len() == 2);
    story.upstream.set(|b| b.serial = Some(8));
    let page = story.refreshed("six").await.unwrap().unwrap();
    assert!(!page.stale && page.page.files.len() == 1);
}

#[tokio::test]
async fn lists_of_projects_and_pages_of_files_are_kept_from_nonsense_too() {
    let upstream = Upstream::start().await;
    upstream.add("six-1.0-py3-none-any.whl", noise(1, 100)).add("my-pkg-2.0.tar.gz", noise(2, 100));
    let url = upstream.simple();
    let simple = Story::of(upstream, &url, |config| config.mirror.cache_expiry = 0).await;
    let upstream = Upstream::start().await;
    upstream.add("six-1.0-py3-none-any.whl", noise(1, 100)).add("my-pkg-2.0.tar.gz", noise(2, 100));
    upstream.set(|b| b.flat = true);
    let url = upstream.url("/");
    let flat = Story::of(upstream, &url, |config| config.mirror.cache_expiry = 0).await;
    for story in [simple, flat] {
        let names = async || story.mirrors().names(&story.index).await.unwrap().as_str().to_owned();
        assert_eq!(names().await, "my-pkg\nsix\n");
        assert_eq!(story.page("six").await.unwrap().unwrap().page.files.len(), 1);
        for answer in NO_PAGES.iter().take(5) {
            story.upstream.set(|b| b.page = Some(Fault::Instead(answer)));
            assert_eq!(names().await, "my-pkg\nsix\n", "{answer}");
            let page = story.refreshed("six").await.unwrap().unwrap();
            assert!(page.stale && page.page.files.len() == 1, "{answer}");
        }
    }
}

#[tokio::test]
async fn a_mirror_url_that_is_no_index_is_told_and_its_links_are_no_projects() {
    let upstream = Upstream::start().await;
    let url = upstream.url("/");
    let story = Story::of(upstream, &url, |_| {}).await;
    let front = "<html><h1>Find packages</h1><a href='/help/'>help</a><form><input name=q></form></html>";
    story.upstream.set(|b| b.page = Some(Fault::Instead(front)));
    let error = story.page("six").await.unwrap_err();
    assert!(error.to_string().contains("check mirror_url of root/pypi"), "{error}");
    assert!(story.mirrors().names(&story.index).await.is_err());
    let list = story.server.get("/root/pypi/+simple/").await.text().await.unwrap();
    assert!(!list.contains("help"), "{list}");
    let other = mirror(&story.upstream.simple());
    story.upstream.set(|b| b.page = None);
    story.upstream.add("six-1.0-py3-none-any.whl", noise(1, 100));
    assert!(story.mirrors().page(&other, &super::name("six"), true).await.unwrap().is_some());
}
