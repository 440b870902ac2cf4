//! Upstreams on buckets, which answer 403 for what they do not have.

use super::{Story, kind};
use crate::kit::upstream::noise;

#[tokio::test]
async fn what_a_bucket_refuses_and_does_not_list_is_not_there() {
    let story = Story::start().await;
    story.upstream.add("six-1.0-py3-none-any.whl", noise(1, 100));
    story.upstream.set(|b| b.missing = 403);
    assert!(story.page("helper").await.unwrap().is_none());
    assert!(story.page("another").await.unwrap().is_none());
    assert_eq!(story.server.get("/root/pypi/+simple/helper/").await.status(), 404);
    assert!(story.page("six").await.unwrap().is_some());
    let lists = story.upstream.log().iter().filter(|asked| asked.path == "/simple/").count();
    assert!(lists <= 2, "the list is read once, after a look at its beginning: {lists}");
}

#[tokio::test]
async fn what_is_refused_and_listed_or_known_is_not_missing() {
    let story = Story::with(|config| config.mirror.cache_expiry = 0).await;
    story.upstream.add("six-1.0-py3-none-any.whl", noise(1, 100));
    story.upstream.set(|b| b.refused = Some("six"));
    assert_eq!(kind(&story.page("six").await.unwrap_err()), "bad upstream");
    story.upstream.set(|b| b.refused = None);
    assert_eq!(story.refreshed("six").await.unwrap().unwrap().page.files.len(), 1);
    story.upstream.remove("six-1.0-py3-none-any.whl");
    story.upstream.set(|b| b.missing = 403);
    let page = story.refreshed("six").await.unwrap().unwrap();
    assert!(page.stale && page.page.files.len() == 1, "one that was there is not taken for missing");
}

#[tokio::test]
async fn a_refusal_of_everything_is_no_absence() {
    let story = Story::start().await;
    story.upstream.set(|b| b.page = Some(crate::kit::upstream::Fault::Status(403)));
    assert_eq!(kind(&story.page("six").await.unwrap_err()), "bad upstream");
}
