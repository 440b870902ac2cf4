//! Builds that run again as a set: begun whole or not at all, published whole or not at all, and seen on pages.

use super::sets::{
    alice, all_wheels, built_against, ended, handed_in, members, rebuild, set, with_old_wheels,
};
use super::{becomes, id};
use crate::kit::Server;
use crate::kit::backend::on_both;
use crate::kit::script::Auth;
use serde_json::{Value, json};
use wheelwright::tools::time::now;
use wheelwright::words::Class;

async fn page(server: &Server, path: &str) -> String {
    let answer = server.get_with(path, &[("accept", "text/html")]).await;
    assert_eq!(answer.status(), 200, "{path}");
    answer.text().await.expect("a page")
}

/// `project: why`, of what is left alone.
fn left_alone(view: &Value) -> Vec<String> {
    let all = view["left_alone"].as_array().expect("a list").iter();
    all.map(|one| {
        format!(
            "{}: {}",
            one["project"].as_str().unwrap_or_default(),
            one["why"].as_str().unwrap_or_default()
        )
    })
    .collect()
}

#[tokio::test]
async fn where_a_quota_is_reached_a_set_is_not_begun_at_all() {
    let server = Server::start_with(|config| config.quota.builds = 2).await;
    let worker = server.worker("carl", "one").await;
    with_old_wheels(&server, &worker).await;
    // One build of hers waits already.
    let order = json!({"requirement": "three", "from": "alice/dev", "targets": ["cp312-test"]});
    let (_, body) = server.ask("POST", "/+builds", &alice(), Some(order)).await;
    let three = id(&body["result"][0]);
    let (status, body) = server.ask("POST", &format!("/+builds/{three}/rebuild"), &alice(), None).await;
    assert_eq!(status, 200, "{body}");
    let order = || Some(json!({"because": "abi==2.0"}));
    let (status, body) = server.ask("POST", "/alice/dev/+rebuild", &alice(), order()).await;
    assert_eq!(status, 429, "{body}");
    let text = body.to_string();
    assert!(
        text.contains("2 builds would wait beside 1 others for the account alice, and at most 2 may"),
        "{text}"
    );
    let waiting = worker.claim().await;
    assert_eq!(waiting.build, three);
    assert!(worker.claim_at_once().await.is_none(), "no build of the set waits");
    built_against(&worker, &waiting, None, &[]).await;

    let begun = rebuild(&server, json!({"because": "abi==2.0"})).await;
    assert_eq!(members(&begun).len(), 2, "{begun:#}");
    for _ in 0..2 {
        built_against(&worker, &worker.claim().await, Some("2.0"), &[]).await;
    }
    assert_eq!(set(&server, &begun["id"]).await["state"], "published");
}

#[tokio::test]
async fn a_wheel_whose_build_ran_again_and_failed_is_named_with_its_reason() {
    let server = Server::start().await;
    let worker = server.worker("carl", "one").await;
    with_old_wheels(&server, &worker).await;
    let plan = rebuild(&server, json!({"because": "abi", "dry_run": true})).await;
    let two = plan["members"][1]["replaces"].as_i64().expect("a build");
    let (status, body) = server.ask("POST", &format!("/+builds/{two}/rebuild"), &alice(), None).await;
    assert_eq!(status, 200, "{body}");
    let plan = rebuild(&server, json!({"because": "abi", "dry_run": true})).await;
    assert_eq!(members(&plan), ["one 1.0 abi==2.0"]);
    assert!(
        left_alone(&plan)[0].starts_with(&format!("two: build {two}, which made it, runs again")),
        "{plan:#}"
    );
    worker.fails(&worker.claim().await, Class::Compiler).await;
    let plan = rebuild(&server, json!({"because": "abi", "dry_run": true})).await;
    let why = format!(
        "two: build {two}, which made it, ran again and failed (compiler: error: no): mend that build first"
    );
    assert_eq!(left_alone(&plan), [why]);
    let other = rebuild(&server, json!({"because": "abi==1.0", "dry_run": true})).await;
    assert_eq!(left_alone(&other).len(), 1, "nobody knows what it used: {other:#}");
}

#[tokio::test]
async fn while_one_wheel_of_a_set_cannot_be_published_none_is() {
    // What the disk loses is lost: no memory has it.
    let server = Server::start_with(|config| config.limits.file_cache = 0).await;
    let worker = server.worker("carl", "one").await;
    with_old_wheels(&server, &worker).await;
    let begun = rebuild(&server, json!({"because": "abi==2.0"})).await;
    let (first, second) = (worker.claim().await, worker.claim().await);
    built_against(&worker, &first, Some("2.0"), &[]).await;
    let wheel = handed_in(&worker, &second, Some("2.0")).await;
    let sha256 = wheel.sha256();
    let blob = server.data.path().join("blobs").join(&sha256[..2]).join(&sha256[2..]);
    let hidden = server.data.path().join("hidden");
    std::fs::rename(&blob, &hidden).expect("the disk loses the wheel");
    ended(&worker, &second, wheel.filename, (Some("2.0"), &[])).await;
    becomes(&server, second.build, "built").await;
    assert_eq!(set(&server, &begun["id"]).await["state"], "open", "all are built, and it waits");
    assert_eq!(all_wheels(&server).await, [1, 1, 1]);
    std::fs::rename(&hidden, &blob).expect("it is back");
    server.app.queue.look_after(now()).await.expect("it is tended");
    let done = set(&server, &begun["id"]).await;
    assert_eq!(done["state"], "published", "{done:#}");
    assert_eq!(all_wheels(&server).await, [2, 2, 1]);
}

on_both! {
    async fn a_wheel_that_the_index_refuses_withholds_its_set_unless_that_keeps_going(server: Server) {
        let worker = server.worker("carl", "one").await;
        with_old_wheels(&server, &worker).await;
        let begun = rebuild(&server, json!({"because": "abi==2.0"})).await;
        let (first, second) = (worker.claim().await, worker.claim().await);
        let closed = second.project.clone().expect("a project");
        let (status, body) = server.as_alice("PATCH", &format!("/alice/dev/{closed}"), r#"{"status": "archived"}"#).await;
        assert_eq!(status, 200, "{body}");
        built_against(&worker, &first, Some("2.0"), &[]).await;
        built_against(&worker, &second, Some("2.0"), &[]).await;
        let done = set(&server, &begun["id"]).await;
        assert_eq!(done["state"], "withheld", "{done:#}");
        let why = |done: &Value| -> Vec<String> {
            let all = done["members"].as_array().expect("members").iter();
            all.filter_map(|one| one["trouble"].as_str().map(str::to_owned)).collect()
        };
        let refused = format!("alice/dev refused the wheel: Project '{closed}' is archived");
        assert!(why(&done).len() == 1 && why(&done)[0].starts_with(&refused), "{done:#}");
        assert_eq!(all_wheels(&server).await, [1, 1, 1]);
        let going = rebuild(&server, json!({"because": "abi==2.0", "keep_going": true})).await;
        let done = set(&server, &going["id"]).await;
        assert_eq!((&done["state"], why(&done).len()), (&json!("published"), 1), "{done:#}");
        assert_eq!(all_wheels(&server).await.iter().sum::<usize>(), 4, "the other one");
    }

    async fn a_page_shows_what_a_rebuild_waits_for_what_fails_and_since_when_it_is_published(server: Server) {
        let worker = server.worker("carl", "one").await;
        with_old_wheels(&server, &worker).await;
        let begun = rebuild(&server, json!({"because": "abi==2.0"})).await;
        let path = format!("/alice/dev/+rebuild/{}", begun["id"]);
        let shown = page(&server, &path).await;
        assert!(shown.contains("because of abi==2.0") && shown.contains(">open<"), "{shown}");
        assert!(shown.contains("http-equiv=\"refresh\"") && shown.contains("<h2>waits"), "{shown}");
        let first = worker.claim().await;
        let (project, old) = (first.project.clone().expect("a project"), &begun["members"][0]["replaces"]);
        built_against(&worker, &first, Some("2.0"), &[]).await;
        let group = |shown: &str, begins: &str| -> String {
            let group = shown.split("<h2>").find(|part| part.starts_with(begins));
            group.unwrap_or_else(|| panic!("no {begins}: {shown}")).to_owned()
        };
        let built = group(&page(&server, &path).await, "built, not published");
        assert!(built.contains(&format!("{project} 1.0")) && built.contains(&format!("+builds/{}\"", first.build)), "{built}");
        assert!(built.contains("against 2.0, before against 1.0"), "{built}");
        worker.fails(&worker.claim().await, Class::Compiler).await;
        let shown = page(&server, &path).await;
        assert!(shown.contains(">withheld<") && shown.contains("1 did not go well") && !shown.contains("refresh"), "{shown}");
        let fails = group(&shown, "fails: compiler");
        assert!(fails.contains("<p>error: no</p>"), "{fails}");

        let again = rebuild(&server, json!({"because": "abi==2.0"})).await;
        built_against(&worker, &worker.claim().await, Some("2.0"), &[]).await;
        let path = format!("/alice/dev/+rebuild/{}", again["id"]);
        let shown = page(&server, &path).await;
        let done = set(&server, &again["id"]).await;
        let ended = done["ended"].as_str().expect("a moment").trim_end_matches('Z').replace('T', " ");
        assert!(shown.contains("2 of 2 new wheels, since <time ") && shown.contains(&format!(">{ended}<")), "{ended}: {shown}");
        assert!(group(&shown, "published").contains(&format!("build {old}")), "{shown}");

        let list = json!({"releases": ["one==1.0"]});
        let (status, body) = server.ask("POST", "/alice/dev/+ready/cp312-test/", &alice(), Some(list)).await;
        assert_eq!(status, 200, "{body}");
        let index = page(&server, "/alice/dev").await;
        for link in ["+ready/cp312-test/".to_owned(), format!("+rebuild/{}", again["id"]), format!("+rebuild/{}", begun["id"])] {
            assert!(index.contains(&format!("alice/dev/{link}\"")), "{link}: {index}");
        }
        server.make_user("eve", "eve-secret").await;
        server.as_alice("PATCH", "/alice/dev", r#"["acl_read=alice"]"#).await;
        assert_eq!(server.ask("GET", &path, &Auth::basic("eve", "eve-secret"), None).await.0, 404);
    }
}
