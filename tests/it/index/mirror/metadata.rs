//! METADATA: passed on, read from afar, read from what is stored, and never advertised in vain.

use super::{Story, kind};
use crate::kit::upstream::{noise, sha256};
use futures::future::join_all;
use std::io::Write as _;
use wheelwright::packaging::page::CoreMetadata;

const WHEEL: &str = "six-1.0-py3-none-any.whl";
const METADATA: &str = "Metadata-Version: 2.1\nName: six\nVersion: 1.0\nRequires-Dist: flask\n";

/// A wheel whose METADATA follows `padding` bytes that do not compress.
fn wheel(padding: usize) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    archive.start_file("six.py", options).expect("a member");
    archive.write_all(&noise(7, padding)).expect("bytes");
    archive.start_file("six-1.0.dist-info/METADATA", options).expect("a member");
    archive.write_all(METADATA.as_bytes()).expect("bytes");
    archive.finish().expect("an archive").into_inner()
}

#[tokio::test]
async fn metadata_that_the_upstream_offers_is_verified_and_fetched_once() {
    let story = Story::start().await;
    story.upstream.add(WHEEL, wheel(10));
    story.upstream.set(|b| b.metadata = Some(METADATA));
    let listed = story.listed("six").await.remove(0);
    assert_eq!(listed.core_metadata, CoreMetadata::Yes, "its hash has not proved right yet");
    let located = story.only("six").await;
    let all = join_all((0..20).map(|_| story.mirrors().metadata(&story.index, &located))).await;
    assert!(all.into_iter().all(|bytes| bytes.unwrap() == METADATA));
    assert_eq!(story.upstream.asked("/files/"), 1);
    let listed = story.listed("six").await.remove(0);
    assert_eq!(listed.core_metadata, CoreMetadata::Sha256(sha256(METADATA.as_bytes())));
}

#[tokio::test]
async fn advertised_metadata_that_is_missing_or_wrong_gives_way_to_the_wheels_own() {
    for ranges in [true, false] {
        for wrong in
            [None, Some("<html>log in</html>"), Some("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")]
        {
            let story = Story::start().await;
            story.upstream.add(WHEEL, wheel(10));
            story.upstream.set(|b| {
                (b.metadata, b.ranges, b.sizes) = (Some(METADATA), ranges, false);
                b.beside = Some(wrong);
            });
            let located = story.only("six").await;
            let got = story.mirrors().metadata(&story.index, &located).await.unwrap();
            assert_eq!(got, METADATA, "ranges: {ranges}, beside: {wrong:?}");
        }
    }
}

#[tokio::test]
async fn metadata_that_the_upstream_does_not_offer_is_read_by_ranges_and_then_advertised() {
    let story = Story::start().await;
    story.upstream.add(WHEEL, wheel(1 << 20));
    story.upstream.set(|b| b.metadata = None);
    let located = story.only("six").await;
    assert_eq!(story.mirrors().metadata(&story.index, &located).await.unwrap(), METADATA);
    let listed = story.listed("six").await.remove(0);
    assert_eq!(listed.core_metadata, CoreMetadata::Sha256(sha256(METADATA.as_bytes())));
    assert!(!story.is_stored(WHEEL).await);
    let whole = story.upstream.log().into_iter().filter(|asked| {
        asked.path.starts_with("/files/") && !asked.headers.contains_key(http::header::RANGE)
    });
    assert_eq!(whole.count(), 0, "the wheel itself was not fetched");
}

#[tokio::test]
async fn without_ranges_metadata_is_advertised_once_the_wheel_is_stored() {
    let story = Story::start().await;
    story.upstream.add(WHEEL, wheel(1000));
    story.upstream.set(|b| (b.metadata, b.ranges) = (None, false));
    assert_eq!(story.listed("six").await[0].core_metadata, CoreMetadata::No);
    let located = story.only("six").await;
    let error = story.mirrors().metadata(&story.index, &located).await.unwrap_err();
    assert_eq!(kind(&error), "missing");
    story.download(&located).await.unwrap();
    assert_eq!(story.mirrors().metadata(&story.index, &located).await.unwrap(), METADATA);
    let listed = story.listed("six").await.remove(0);
    assert_eq!(listed.core_metadata, CoreMetadata::Sha256(sha256(METADATA.as_bytes())));
}

#[tokio::test]
async fn a_wheel_that_is_no_archive_has_no_metadata() {
    let story = Story::start().await;
    story.upstream.add(WHEEL, noise(1, 5000));
    story.upstream.set(|b| b.metadata = None);
    let located = story.only("six").await;
    let error = story.mirrors().metadata(&story.index, &located).await.unwrap_err();
    assert_eq!(kind(&error), "missing");
    assert_eq!(story.listed("six").await[0].core_metadata, CoreMetadata::No);
}
