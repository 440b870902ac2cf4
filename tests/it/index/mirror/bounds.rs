//! What anybody may make a mirror do by asking for pages: so many at once, so much kept.

use super::Story;
use crate::kit::upstream::noise;
use futures::StreamExt as _;
use futures::future::join_all;
use wheelwright::names::IndexName;

#[tokio::test]
async fn a_mirror_asks_for_as_many_pages_at_once_as_it_may_and_then_for_the_rest() {
    let story = Story::with(|config| config.mirror.pages = 2).await;
    let names: Vec<String> = (1..=6).map(|number| format!("demo{number}")).collect();
    for name in &names {
        story.upstream.add(&format!("{name}-1.0-py3-none-any.whl"), noise(1, 100));
    }
    let (open, gate) = tokio::sync::watch::channel(false);
    story.upstream.set(|b| b.page_gate = Some(gate));
    let paths: Vec<String> = names.iter().map(|name| format!("/root/pypi/+simple/{name}/")).collect();
    let mut pages = Box::pin(join_all(paths.iter().map(|path| story.server.get(path))));
    while story.upstream.asked("/simple/") < 2 {
        assert!(futures::poll!(&mut pages).is_pending());
        tokio::task::yield_now().await;
    }
    // What comes after them can be answered while they wait.
    for _ in 0..20 {
        assert_eq!(story.server.get("/+health").await.status(), 200);
        assert!(futures::poll!(&mut pages).is_pending());
    }
    assert_eq!(story.upstream.asked("/simple/"), 2);
    open.send(true).unwrap();
    for page in pages.await {
        assert_eq!(page.status(), 200);
    }
    assert_eq!(story.upstream.asked("/simple/demo"), 6);
}

#[tokio::test]
async fn of_names_that_do_not_exist_so_many_are_kept_in_an_hour_and_the_rest_is_forgotten() {
    const KEPT: usize = 2000;
    let story = Story::start().await;
    story.upstream.add("six-1.0-py3-none-any.whl", noise(1, 100));
    story.page("six").await.unwrap().unwrap();
    let names: Vec<String> = (0..KEPT + 50).map(|number| format!("made-up-{number}")).collect();
    let asking = futures::stream::iter(&names).map(|name| story.page(name)).buffer_unordered(32);
    let found: Vec<_> = asking.collect().await;
    assert!(found.iter().all(|found| matches!(found, Ok(None))), "each is answered");
    let is_kept = async |name: &str| {
        let (index, topic) = (IndexName::root_pypi(), name.parse().unwrap());
        story.server.app.db.upstream_checked_at(&index, &topic).await.unwrap().is_some()
    };
    let mut kept = 0;
    for name in &names {
        kept += usize::from(is_kept(name).await);
    }
    assert_eq!(kept, KEPT);
    let asked = story.upstream.log().len();
    for name in &names[KEPT..] {
        assert!(story.page(name).await.unwrap().is_none());
    }
    assert_eq!(story.upstream.log().len(), asked, "what is not kept is remembered all the same");
    story.upstream.add("seven-1.0-py3-none-any.whl", noise(1, 100));
    assert!(story.page("seven").await.unwrap().is_some(), "projects that are there are kept as ever");
    assert!(is_kept("seven").await);
}
