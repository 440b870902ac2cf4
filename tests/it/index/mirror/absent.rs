//! Projects that were there: a single "not found" takes nothing away that the upstream does not confirm.

use super::Story;
use crate::kit::Server;
use crate::kit::upstream::{Fault, noise};
use serde_json::json;

const SIX: &str = "six-1.0-py3-none-any.whl";
const OTHER: &str = "other-1.0-py3-none-any.whl";

async fn with_six() -> Story {
    let story = Story::with(|config| config.mirror.cache_expiry = 0).await;
    story.upstream.add(SIX, noise(1, 100)).add(OTHER, noise(2, 100));
    assert_eq!(story.listed("six").await.len(), 1);
    story
}

async fn answer(story: &Story) -> (u16, bool) {
    let answer = story.server.get("/root/pypi/+simple/six/").await;
    let warned =
        answer.headers().get("warning").is_some_and(|text| text.to_str().unwrap().starts_with("110"));
    (answer.status().as_u16(), warned)
}

#[tokio::test]
async fn a_page_stays_while_the_upstream_answers_404_and_lists_the_project() {
    let story = with_six().await;
    story.upstream.set(|b| b.gone = Some("six"));
    for _ in 0..3 {
        let page = story.refreshed("six").await.unwrap().unwrap();
        assert!(page.stale && page.page.files.len() == 1);
        assert_eq!(answer(&story).await, (200, true));
    }
    story.upstream.set(|b| b.gone = None);
    assert!(!story.refreshed("six").await.unwrap().unwrap().stale);
}

#[tokio::test]
async fn a_page_stays_while_everything_of_the_upstream_is_404_or_its_list_is_empty() {
    for fault in [Fault::Status(404), Fault::Status(410)] {
        let story = with_six().await;
        story.upstream.set(|b| b.page = Some(fault.clone()));
        let page = story.refreshed("six").await.unwrap().unwrap();
        assert!(page.stale && page.page.files.len() == 1, "{fault:?}");
    }
    let story = with_six().await;
    story.upstream.remove(SIX);
    story.upstream.remove(OTHER);
    assert!(story.refreshed("six").await.unwrap().unwrap().stale, "an index that lost everything");
}

#[tokio::test]
async fn a_project_that_the_upstream_removed_from_its_list_too_is_gone_at_once() {
    let story = with_six().await;
    story.upstream.remove(SIX);
    assert!(story.refreshed("six").await.unwrap().is_none());
    assert_eq!(answer(&story).await, (404, false));
    story.upstream.add(SIX, noise(1, 100));
    assert_eq!(story.refreshed("six").await.unwrap().unwrap().page.files.len(), 1);
}

#[tokio::test]
async fn statuses_that_an_administrator_named_mean_that_a_project_is_missing() {
    let story = Story::start().await;
    story.upstream.add(SIX, noise(1, 100));
    story.upstream.set(|b| b.missing = 403);
    let make = async |name: &str, more: serde_json::Value| {
        let mut options = json!({"type": "mirror", "mirror_url": story.upstream.simple()});
        options.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        story.server.make_index(&format!("root/{name}"), options).await;
        story.server.get(&format!("/root/{name}/+simple/helper/")).await.status().as_u16()
    };
    assert_eq!(make("plain", json!({"mirror_no_project_list": true})).await, 502, "it may be a refusal");
    let told = json!({"mirror_no_project_list": true, "mirror_missing": [403]});
    assert_eq!(make("told", told).await, 404);
    assert_eq!(story.server.get("/root/told/+simple/six/").await.status(), 200);
    assert_eq!(story.upstream.asked("/simple/") - story.upstream.asked("/simple/s"), {
        let below = |path: &str| story.upstream.asked(path);
        below("/simple/helper/")
            + story.upstream.log().iter().filter(|asked| asked.path == "/simple/").count()
    });
}

#[tokio::test]
async fn a_status_that_cannot_mean_missing_is_refused_when_the_mirror_is_made() {
    let server = Server::start().await;
    server.make_user("alice", "alice-secret").await;
    let auth = crate::kit::script::Auth::root();
    for bad in [json!("200"), json!([500]), json!("401,403"), json!("forbidden"), json!([429])] {
        let given = json!({"type": "mirror", "mirror_missing": bad});
        let (status, told) = server.ask("PUT", "/alice/far", &auth, Some(given)).await;
        assert_eq!(status, 400, "{bad}: {told}");
        assert!(told["message"].as_str().unwrap().contains("'mirror_missing' cannot contain"), "{told}");
    }
    let given = json!({"type": "mirror", "mirror_missing": "403, 400"});
    let (status, told) = server.ask("PUT", "/alice/far", &auth, Some(given)).await;
    assert_eq!((status, &told["result"]["mirror_missing"]), (200, &json!([403, 400])), "{told}");
    let change = json!(["mirror_missing-=400"]);
    let (status, told) = server.ask("PATCH", "/alice/far", &auth, Some(change)).await;
    assert_eq!((status, &told["result"]["mirror_missing"]), (200, &json!([403])), "{told}");
}
