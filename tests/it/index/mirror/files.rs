//! Files: one download for all, never completed with bytes that are not right.

use super::{Story, kind, name};
use crate::kit::names::index_name;
use crate::kit::packages::Package;
use crate::kit::upstream::{Fault, noise, sha256};
use futures::StreamExt as _;
use futures::future::join_all;
use wheelwright::index::mirror::Key;
use wheelwright::store::Blob;

const WHEEL: &str = "six-1.0-py3-none-any.whl";

#[tokio::test]
async fn fifty_cold_clients_cost_one_page_and_one_download() {
    let story = Story::start().await;
    let bytes = noise(1, 1 << 20);
    story.upstream.add(WHEEL, bytes.clone());
    let client = async || {
        let located = story.only("six").await;
        story.download(&located).await.unwrap()
    };
    for got in join_all((0..50).map(|_| client())).await {
        assert!(got == bytes);
    }
    assert_eq!(story.upstream.asked("/simple/six/"), 1);
    assert_eq!(story.upstream.asked("/files/"), 1);
}

#[tokio::test]
async fn when_the_first_client_leaves_the_others_and_the_store_get_the_file() {
    let story = Story::start().await;
    let bytes = noise(1, 1 << 20);
    story.upstream.add(WHEEL, bytes.clone());
    let (open, gate) = tokio::sync::watch::channel(false);
    story.upstream.set(|b| b.gate = Some(gate));
    let located = story.only("six").await;
    let mut first = Box::pin(story.download(&located));
    assert!(futures::poll!(&mut first).is_pending());
    let mut second = Box::pin(story.download(&located));
    assert!(futures::poll!(&mut second).is_pending());
    drop(first);
    open.send(true).unwrap();
    assert!(second.await.unwrap() == bytes);
    assert!(story.is_stored(WHEEL).await);
    assert_eq!(story.upstream.asked("/files/"), 1);
}

#[tokio::test]
async fn a_file_cut_at_any_eighth_is_never_complete_and_the_next_request_is_good() {
    let bytes = noise(1, 300_000);
    for chunked in [false, true] {
        for eighths in 0..8 {
            for sizes in [false, true] {
                let story = Story::start().await;
                story.upstream.add(WHEEL, bytes.clone());
                story.upstream.set(|b| {
                    b.sizes = sizes;
                    b.file = Some(Fault::Cut { eighths, chunked });
                });
                let located = story.only("six").await;
                let error = story.download(&located).await.unwrap_err();
                assert_eq!(kind(&error), "bad upstream", "{eighths}/8: {error}");
                assert!(!story.is_stored(WHEEL).await);
                assert!(story.server.app.store.size(&sha256(&bytes)).await.unwrap().is_none());
                story.upstream.set(|b| b.file = None);
                assert!(story.download(&located).await.unwrap() == bytes);
            }
        }
    }
}

#[tokio::test]
async fn what_fails_hands_out_less_than_the_whole_file_to_everybody() {
    let story = Story::start().await;
    story.upstream.add(WHEEL, noise(1, 2 << 20));
    story.upstream.set(|b| b.file = Some(Fault::WrongBytes));
    let located = story.only("six").await;
    let mut download = story.mirrors().download(&story.index, &located, "").await.unwrap();
    assert_eq!(download.size, Some(2 << 20));
    let (mut length, mut ended) = (0, false);
    while let Some(part) = download.stream.next().await {
        match part {
            Ok(bytes) => length += bytes.len(),
            Err(_) => ended = true,
        }
    }
    assert!(ended && length < 2 << 20, "{length}");
}

#[tokio::test]
async fn wrong_bytes_are_refused_as_often_as_they_come() {
    let story = Story::start().await;
    let bytes = noise(1, 100_000);
    story.upstream.add(WHEEL, bytes.clone());
    story.upstream.set(|b| b.file = Some(Fault::WrongBytes));
    let located = story.only("six").await;
    for _ in 0..2 {
        let error = story.download(&located).await.unwrap_err();
        assert!(error.to_string().contains("sha256"), "{error}");
        assert!(!story.is_stored(WHEEL).await);
    }
    assert_eq!(story.upstream.asked("/files/"), 2);
    story.upstream.set(|b| b.file = None);
    assert!(story.download(&located).await.unwrap() == bytes);
}

#[tokio::test]
async fn an_upstream_that_falls_silent_is_given_up_on() {
    for after in [0, 100_000] {
        let story = Story::with(|config| config.mirror.timeout = 1).await;
        story.upstream.add(WHEEL, noise(1, 200_000));
        story.upstream.set(|b| b.file = Some(Fault::Stall(after)));
        let located = story.only("six").await;
        let error = story.download(&located).await.unwrap_err();
        assert_eq!(kind(&error), "timeout", "{error}");
    }
}

#[tokio::test]
async fn a_failure_before_the_first_byte_is_an_error_and_not_a_broken_answer() {
    for (fault, expected) in [(404, "missing"), (500, "bad upstream"), (503, "unavailable")] {
        let story = Story::start().await;
        story.upstream.add(WHEEL, noise(1, 100));
        story.upstream.set(|b| b.file = Some(Fault::Status(fault)));
        let located = story.only("six").await;
        let error = story.mirrors().download(&story.index, &located, "").await.err().expect("no download");
        assert_eq!(kind(&error), expected);
    }
}

#[tokio::test]
async fn a_stored_file_needs_no_upstream_and_outlives_its_listing() {
    let story = Story::start().await;
    let bytes = noise(1, 100_000);
    story.upstream.add(WHEEL, bytes.clone()).add("six-2.0.tar.gz", noise(2, 10));
    let located = story.mirrors().locate(&story.index, WHEEL, Key::Hash(&sha256(&bytes)[..16])).await;
    let located = located.unwrap().unwrap();
    story.download(&located).await.unwrap();
    story.upstream.remove(WHEEL);
    assert_eq!(story.refreshed("six").await.unwrap().unwrap().page.files.len(), 1);
    let row = story.server.app.db.file(&index_name("root/pypi"), WHEEL).await.unwrap().unwrap();
    let Some(Blob::Bytes(kept)) = story.server.app.store.get(&row.sha256, None).await.unwrap() else {
        panic!("no bytes");
    };
    assert_eq!(kept, bytes);
    assert_eq!((row.project.as_str(), row.version.as_str(), row.kind.name()), ("six", "1.0", "bdist_wheel"));
    assert!(story.download(&located).await.unwrap() == bytes);
    assert_eq!(story.upstream.asked("/files/"), 1);
}

#[tokio::test]
async fn a_file_without_hash_keeps_its_url_and_tells_its_hash_once_it_is_known() {
    let story = Story::start().await;
    let bytes = Package::new("six", "1.0").tag("py3-none-any").wheel().bytes;
    story.upstream.add(WHEEL, bytes.clone());
    story.upstream.set(|b| (b.hashes, b.sizes) = (false, false));
    let before = story.listed("six").await.remove(0);
    let url = before.href("").to_string();
    assert!(url.starts_with("root/pypi/+e/"), "{url}");
    assert_eq!((before.hashes.sha256, before.size), (None, None));
    let key = url.split('/').nth(3).unwrap();
    let located = story.mirrors().locate(&story.index, WHEEL, Key::Url(key)).await.unwrap().unwrap();
    assert!(story.download(&located).await.unwrap() == bytes);
    let after = story.listed("six").await.remove(0);
    assert_eq!(after.place, before.place);
    assert_eq!((after.hashes.sha256, after.size), (Some(sha256(&bytes)), Some(bytes.len() as u64)));
}

#[tokio::test]
async fn bytes_that_the_upstream_changes_later_do_not_change_here() {
    let story = Story::start().await;
    let bytes = noise(1, 1000);
    story.upstream.add(WHEEL, bytes.clone());
    let first = story.only("six").await;
    story.download(&first).await.unwrap();
    story.upstream.add(WHEEL, noise(2, 1000));
    story.refreshed("six").await.unwrap().unwrap();
    assert_eq!(story.listed("six").await[0].hashes.sha256, Some(sha256(&bytes)));
    let changed = story.only("six").await;
    assert!(story.download(&changed).await.is_err());
    assert!(story.download(&first).await.unwrap() == bytes);
}

#[tokio::test]
async fn a_url_that_no_page_lists_is_no_file_and_a_failing_upstream_says_so() {
    let story = Story::start().await;
    story.upstream.add(WHEEL, noise(1, 1000));
    let wrong = Key::Hash("0123456789abcdef");
    assert!(story.mirrors().locate(&story.index, WHEEL, wrong).await.unwrap().is_none());
    assert!(story.mirrors().locate(&story.index, "no file", wrong).await.unwrap().is_none());
    story.upstream.set(|b| b.page = Some(Fault::Status(500)));
    let unknown = story.mirrors().locate(&story.index, "flask-1.0.tar.gz", wrong).await;
    assert_eq!(kind(&unknown.unwrap_err()), "bad upstream");
}

#[tokio::test]
async fn ensure_waits_until_the_file_is_stored() {
    let story = Story::start().await;
    story.upstream.add(WHEEL, noise(1, 1000));
    let located = story.only("six").await;
    let row = story.mirrors().ensure(&story.index, &located, "").await.unwrap();
    assert_eq!(story.server.app.store.size(&row.sha256).await.unwrap(), Some(1000));
    assert_eq!(row.project, name("six"));
}

#[tokio::test]
async fn a_link_that_expired_is_looked_up_once_more_before_anybody_is_told() {
    let story = Story::start().await;
    let bytes = noise(1, 1000);
    story.upstream.add(WHEEL, bytes.clone());
    story.upstream.set(|b| b.signature = Some("sig=1"));
    let located = story.only("six").await;
    story.upstream.set(|b| b.signature = Some("sig=2"));
    assert!(story.download(&located).await.unwrap() == bytes);
    assert_eq!(story.upstream.asked("/simple/six/"), 2);

    let story = Story::start().await;
    story.upstream.add(WHEEL, bytes);
    let located = story.only("six").await;
    story.upstream.set(|b| b.file = Some(Fault::Status(403)));
    let error = story.download(&located).await.unwrap_err();
    assert_eq!(kind(&error), "bad upstream", "the page tells no other place");
    assert_eq!((story.upstream.asked("/simple/six/"), story.upstream.asked("/files/")), (2, 1));
}

#[tokio::test]
async fn files_without_an_upload_time_are_as_old_as_our_knowledge_of_them() {
    let story = Story::start().await;
    story.upstream.add(WHEEL, noise(1, 1000));
    story.upstream.set(|b| (b.json, b.upload_time) = (false, None));
    let first = story.listed("six").await.remove(0).uploaded.expect("a time");
    story.upstream.add("six-2.0-py3-none-any.whl", noise(2, 1000));
    story.refreshed("six").await.unwrap().unwrap();
    let files = story.listed("six").await;
    assert_eq!(files[0].uploaded, Some(first), "it does not grow younger");
    assert!(files[1].uploaded.expect("a time") >= first);
}
