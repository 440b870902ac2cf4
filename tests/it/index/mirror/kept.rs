//! What is kept of an upstream that tells no hashes: what opens as its name says, and not for ever if it was wrong.

use super::{Story, kind, name};
use crate::kit::names::index_name;
use crate::kit::packages::Package;
use crate::kit::upstream::{Fault, sha256};
use std::path::Path;
use std::process::{Command, Output};

const WHEEL: &str = "six-1.0-py3-none-any.whl";
const SDIST: &str = "six-1.0.tar.gz";
const LOGIN: &str = "<html>Please log in</html>";

fn wheel(version: &str) -> Vec<u8> {
    six(version).wheel().bytes
}

fn six(version: &str) -> Package {
    Package::new("six", version).tag("py3-none-any")
}

/// Other bytes under the same name.
fn other() -> Vec<u8> {
    six("1.0").member("more.py", b"1\n".to_vec()).wheel().bytes
}

async fn without_hashes() -> Story {
    let story = Story::with(|config| config.mirror.cache_expiry = 0).await;
    story.upstream.set(|b| (b.hashes, b.sizes, b.metadata) = (false, false, None));
    story
}

fn wheelwright(data: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wheelwright"));
    command.env_clear().env("PIP_INDEX_URL", "http://127.0.0.1:9/simple/").current_dir(data);
    command.args(arguments).arg("--data").arg(data).output().expect("it runs")
}

#[tokio::test]
async fn half_a_file_or_a_page_is_never_kept_nor_passed_on_as_the_file() {
    let whole = wheel("1.0");
    let sdist = six("1.0").sdist().bytes;
    for (filename, whole) in [(WHEEL, whole), (SDIST, sdist)] {
        let story = without_hashes().await;
        story.upstream.add(filename, whole[..whole.len() / 2].to_vec());
        let located = story.only("six").await;
        for fault in [None, Some(Fault::Instead(LOGIN)), Some(Fault::Instead(""))] {
            story.upstream.set(|b| b.file = fault.clone());
            let error = story.download(&located).await.unwrap_err();
            assert_eq!(kind(&error), "bad upstream", "{error}");
            assert!(!story.is_stored(filename).await, "{fault:?}");
        }
        let listed = story.listed("six").await.remove(0);
        let answer = story.server.get(&listed.href("/").to_string()).await;
        assert!(answer.status() == 502 || answer.bytes().await.is_err());
        assert_eq!(listed.hashes.sha256, None);
        story.upstream.set(|b| b.file = None);
        story.upstream.add(filename, whole.clone());
        assert!(story.download(&located).await.unwrap() == whole, "the upstream is well again");
    }
}

#[tokio::test]
async fn a_hash_that_the_upstream_tells_later_wins_over_one_that_was_computed() {
    let story = without_hashes().await;
    let (first, right) = (wheel("1.0"), other());
    story.upstream.add(WHEEL, first.clone());
    let located = story.only("six").await;
    story.download(&located).await.unwrap();
    assert_eq!(story.listed("six").await[0].hashes.sha256, Some(sha256(&first)));

    story.upstream.add(WHEEL, right.clone());
    story.upstream.set(|b| b.hashes = true);
    let listed = story.listed("six").await.remove(0);
    assert_eq!(listed.hashes.sha256, Some(sha256(&right)));
    let got = story.server.get(&listed.href("/").to_string()).await;
    assert!(got.bytes().await.unwrap() == right);
    // By now it is promised: the first bytes stay.
    story.upstream.add(WHEEL, first);
    assert_eq!(story.listed("six").await[0].hashes.sha256, Some(sha256(&right)));
}

#[tokio::test]
async fn a_computed_hash_that_the_upstream_tells_too_is_a_promise_from_then_on() {
    let story = without_hashes().await;
    let first = wheel("1.0");
    story.upstream.add(WHEEL, first.clone());
    let located = story.only("six").await;
    story.download(&located).await.unwrap();
    story.upstream.set(|b| b.hashes = true);
    assert_eq!(story.listed("six").await[0].hashes.sha256, Some(sha256(&first)));
    let row = story.server.app.db.file(&index_name("root/pypi"), WHEEL).await.unwrap().unwrap();
    assert!(row.hash_told);
    story.upstream.add(WHEEL, other());
    assert_eq!(story.listed("six").await[0].hashes.sha256, Some(sha256(&first)));
}

#[tokio::test]
async fn an_administrator_makes_a_running_server_forget_a_file_or_a_project() {
    let story = Story::with(|config| config.mirror.cache_expiry = 3600).await;
    let bytes = wheel("1.0");
    story.upstream.add(WHEEL, bytes.clone());
    let located = story.only("six").await;
    let data = story.server.data.path();
    story.download(&located).await.unwrap();
    let refused = wheelwright(data, &["mirror", "forget", "root/pypi", "six", "six-9.tar.gz"]);
    assert!(!refused.status.success(), "nothing is kept of it");
    let done = wheelwright(data, &["mirror", "forget", "root/pypi", "Six", WHEEL]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    story.server.app.indexes.refresh().await.unwrap();
    assert!(!story.is_stored(WHEEL).await);
    assert!(story.download(&located).await.unwrap() == bytes);
    assert_eq!(story.upstream.asked("/files/six-1.0-py3-none-any.whl"), 2);

    assert_eq!(story.upstream.asked("/simple/six/"), 1);
    let done = wheelwright(data, &["mirror", "forget", "root/pypi", "six"]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    story.server.app.indexes.refresh().await.unwrap();
    assert!(!story.is_stored(WHEEL).await);
    assert!(story.mirrors().page(&story.index, &name("six"), false).await.unwrap().is_some());
    assert_eq!(story.upstream.asked("/simple/six/"), 2, "the page is asked for again");
    let stage = wheelwright(data, &["mirror", "forget", "root/none", "six"]);
    assert!(String::from_utf8_lossy(&stage.stderr).contains("index root/none does not exist"));
}
