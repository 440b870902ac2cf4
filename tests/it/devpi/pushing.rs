//! Stories of releases that are pushed: to another index, and to another server.

use super::{alice, links, path_of, with_demo};
use crate::kit::Server;
use crate::kit::packages::Package;
use crate::kit::script::Auth;
use crate::kit::stages::{PASSWORD, stage, stage_with};
use crate::kit::upstream::{Upstream, noise};
use serde_json::{Value, json};

fn to(target: &str) -> Value {
    json!({"name": "demo", "version": "1.0", "targetindex": target})
}

async fn push(server: &Server, from: &str, auth: &Auth, body: Value) -> (u16, Value) {
    server.ask("PUSH", from, auth, Some(body)).await
}

fn message(told: &Value) -> &str {
    told["message"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn a_push_takes_files_results_and_documentation_along_and_tells_their_way() {
    let (server, demo) = with_demo().await;
    let file = path_of(&server, &links(&server, "/alice/dev/demo/1.0").await[0]["href"]);
    let result = json!({"testenvs": {"py3": {"test": [{"retcode": "0"}]}}});
    assert_eq!(server.ask("POST", &file, &alice(), Some(result)).await.0, 200);
    super::documentation::send(&server, "1.0").await;
    let (status, told) = push(&server, "/alice/dev", &alice(), to("alice/prod")).await;
    assert_eq!((status, &told["type"]), (200, &json!("actionlog")), "{told}");
    let steps: Vec<(i64, &str)> = told["result"]
        .as_array()
        .expect("steps")
        .iter()
        .map(|step| (step[0].as_i64().expect("a status"), step[1].as_str().expect("a word")))
        .collect();
    let words = ["register", "store_releasefile", "store_toxresult", "store_doczip"];
    assert_eq!(steps, words.map(|word| (200, word)));
    let pushed = links(&server, "/alice/prod/demo/1.0").await;
    assert_eq!(
        pushed.iter().map(|link| &link["rel"]).collect::<Vec<_>>(),
        ["releasefile", "toxresult", "doczip"]
    );
    for link in &pushed {
        let log = link["log"].as_array().expect("a log");
        let whats: Vec<&Value> = log.iter().map(|step| &step["what"]).collect();
        assert_eq!(whats, ["upload", "push"], "{link}");
        assert_eq!(
            (&log[0]["dst"], &log[1]["src"], &log[1]["dst"]),
            (&json!("alice/dev"), &json!("alice/dev"), &json!("alice/prod"))
        );
        let answer = server.get(&path_of(&server, &link["href"])).await;
        assert_eq!(answer.status(), 200, "{link}");
    }
    let file = server.get(&path_of(&server, &pushed[0]["href"])).await;
    assert_eq!(file.bytes().await.expect("bytes"), demo.bytes);
    let page = server.get("/alice/prod/+simple/demo/").await.text().await.expect("a page");
    assert!(page.contains(&demo.filename), "{page}");
}

#[tokio::test]
async fn of_a_release_the_documentation_can_stay_behind_or_go_alone() {
    let (server, _) = with_demo().await;
    super::documentation::send(&server, "1.0").await;
    let mut body = to("alice/prod");
    body["only_docs"] = json!(true);
    assert_eq!(push(&server, "/alice/dev", &alice(), body.clone()).await.0, 200);
    let rels = |links: Vec<Value>| links.iter().map(|link| link["rel"].clone()).collect::<Vec<_>>();
    assert_eq!(rels(links(&server, "/alice/prod/demo/1.0").await), ["doczip"]);
    server.make_index("alice/other", json!({})).await;
    let mut body = to("alice/other");
    body["no_docs"] = json!(true);
    assert_eq!(push(&server, "/alice/dev", &alice(), body.clone()).await.0, 200);
    assert_eq!(rels(links(&server, "/alice/other/demo/1.0").await), ["releasefile"]);
    body["only_docs"] = json!(true);
    let (status, told) = push(&server, "/alice/dev", &alice(), body).await;
    assert_eq!((status, message(&told)), (400, "can't use 'no_docs' and 'only_docs' together"));
}

#[tokio::test]
async fn a_push_gives_all_or_nothing() {
    let (server, _) = with_demo().await;
    server.publish("alice/dev", &Package::new("demo", "1.0").sdist()).await;
    // The sdist comes after the wheel, whose name has other bytes in prod.
    server.publish("alice/prod", &Package::new("demo", "1.0").requires("other").wheel()).await;
    let before = links(&server, "/alice/prod/demo/1.0").await;
    let (status, told) = push(&server, "/alice/dev", &alice(), to("alice/prod")).await;
    assert_eq!(status, 409, "{told}");
    assert!(message(&told).contains("demo-1.0-py2.py3-none-any.whl already exists in alice/prod"), "{told}");
    assert_eq!(links(&server, "/alice/prod/demo/1.0").await, before);
    // The same bytes are no conflict.
    server.make_index("alice/same", json!({"volatile": false})).await;
    for _ in 0..2 {
        assert_eq!(push(&server, "/alice/dev", &alice(), to("alice/same")).await.0, 200);
    }
    assert_eq!(links(&server, "/alice/same/demo/1.0").await.len(), 2);
}

#[tokio::test]
async fn a_mirrors_release_is_fetched_and_pushed() {
    let upstream = Upstream::start().await;
    upstream.add("demo-1.0-py3-none-any.whl", noise(1, 1000));
    let url = upstream.simple();
    let server = stage_with(|config| config.upstream = Some(url)).await;
    let (status, told) = push(&server, "/root/pypi", &alice(), to("alice/dev")).await;
    assert_eq!(status, 200, "{told}");
    let links = links(&server, "/alice/dev/demo/1.0").await;
    let answer = server.get(&path_of(&server, &links[0]["href"])).await;
    assert_eq!(answer.bytes().await.expect("bytes"), noise(1, 1000));
    assert_eq!(links[0]["log"][0]["what"], "push");
}

#[tokio::test]
async fn what_was_taken_back_is_not_new_where_it_is_pushed_to() {
    let (server, _) = with_demo().await;
    let (status, told) = server.as_alice("PATCH", "/alice/dev/demo/1.0", r#"{"yanked": "it burns"}"#).await;
    assert_eq!(status, 200, "{told}");
    assert_eq!(push(&server, "/alice/dev", &alice(), to("alice/prod")).await.0, 200);
    let page = server.get("/alice/prod/+simple/demo/").await.text().await.expect("a page");
    assert!(page.contains("data-yanked=\"it burns\""), "{page}");
    // What its keepers decided since then stays.
    let (status, told) = server.as_alice("PATCH", "/alice/prod/demo/1.0", r#"{"yanked": false}"#).await;
    assert_eq!(status, 200, "{told}");
    assert_eq!(push(&server, "/alice/dev", &alice(), to("alice/prod")).await.0, 200);
    let page = server.get("/alice/prod/+simple/demo/").await.text().await.expect("a page");
    assert!(!page.contains("data-yanked"), "{page}");
}

#[tokio::test]
async fn a_project_is_deleted_under_its_url_with_a_slash() {
    let (server, _) = with_demo().await;
    let (status, told) = server.ask("DELETE", "/alice/dev/demo/", &alice(), None).await;
    assert_eq!((status, message(&told)), (200, "project demo deleted from stage alice/dev"));
    assert_eq!(server.get("/alice/dev/+simple/demo/").await.status(), 404);
}

#[tokio::test]
async fn who_may_not_push_is_told_and_a_hidden_index_is_none() {
    let (server, _) = with_demo().await;
    server.make_user("carl", "carl-secret").await;
    server.make_index("alice/hidden", json!({"acl_read": ["alice"]})).await;
    let carl = Auth::devpi("carl", "carl-secret");
    let (status, told) = push(&server, "/alice/dev", &carl, to("alice/prod")).await;
    assert_eq!((status, message(&told)), (403, "user 'carl' cannot upload to 'alice/prod'"));
    let (status, told) = push(&server, "/alice/dev", &carl, to("alice/hidden")).await;
    let (absent, other) = push(&server, "/alice/dev", &carl, to("alice/absent")).await;
    assert_eq!((status, absent), (404, 404), "{told}");
    assert_eq!(message(&told).replace("hidden", "absent"), message(&other));
    let (status, _) = push(&server, "/alice/hidden", &carl, to("carl/dev")).await;
    assert_eq!(status, 404);
    let (status, _) = push(&server, "/alice/dev", &Auth::None, to("alice/prod")).await;
    assert_eq!(status, 401);
}

#[tokio::test]
async fn a_wrong_order_says_what_is_wrong() {
    let (server, _) = with_demo().await;
    for (body, status, why) in [
        (json!({"version": "1.0", "targetindex": "alice/prod"}), 400, "the push has no 'name'"),
        (
            json!({"name": "demo", "version": "5.0", "targetindex": "alice/prod"}),
            404,
            "no release/files found",
        ),
        (json!({"name": "demo", "version": "1.0", "targetindex": "prod"}), 400, "targetindex not in format"),
        (json!({"name": "demo", "version": "1.0", "targetindex": "alice/zzz"}), 404, "alice/zzz"),
        (
            json!({"name": "demo", "version": "1.0", "targetindex": "alice/prod", "foo": 1}),
            400,
            "unknown additional options: foo",
        ),
        (json!({"name": "demo", "version": "1.0", "targetindex": "root/pypi"}), 404, "is a mirror"),
        (json!({"name": ["demo"]}), 400, "'name' must be text"),
        (json!({"name": "demo", "version": "1.0"}), 400, "'targetindex' or 'posturl'"),
        (json!({"name": "demo", "version": "1.0", "posturl": "ftp:x"}), 400, "posturl"),
    ] {
        let (told_status, told) = push(&server, "/alice/dev", &alice(), body).await;
        assert_eq!(told_status, status, "{told}");
        assert!(message(&told).contains(why), "{told}");
    }
}

#[tokio::test]
async fn a_release_is_pushed_to_another_server_as_a_publisher_would() {
    let there = stage().await;
    let here = stage_with(|config| config.private_hosts = vec!["127.0.0.1".into()]).await;
    let demo = Package::new("demo", "1.0").wheel();
    here.publish("alice/dev", &demo).await;
    super::documentation::send(&here, "1.0").await;
    let body = json!({
        "name": "demo", "version": "1.0", "posturl": there.url("/alice/dev/"), "username": "alice",
        "password": PASSWORD, "register_project": true,
    });
    let (status, told) = push(&here, "/alice/dev", &alice(), body.clone()).await;
    assert_eq!(status, 200, "{told}");
    let pushed = links(&there, "/alice/dev/demo/1.0").await;
    assert_eq!(pushed.iter().map(|link| &link["rel"]).collect::<Vec<_>>(), ["releasefile", "doczip"]);
    let file = there.get(&path_of(&there, &pushed[0]["href"])).await;
    assert_eq!(file.bytes().await.expect("bytes"), demo.bytes);
    // What the other server refuses is told, with its words.
    let mut wrong = body.clone();
    wrong["password"] = json!("wrong");
    let (status, told) = push(&here, "/alice/dev", &alice(), wrong).await;
    assert_eq!((status, &told["result"][0][0]), (502, &json!(401)), "{told}");
    // A reader cannot make the server send anything.
    here.make_user("carl", "carl-secret").await;
    let (status, _) = push(&here, "/alice/dev", &Auth::devpi("carl", "carl-secret"), body).await;
    assert_eq!(status, 403);
}

#[tokio::test]
async fn nothing_is_pushed_into_the_inner_network() {
    let (server, _) = with_demo().await;
    let body = json!({"name": "demo", "version": "1.0", "posturl": "http://127.0.0.1:1/", "username": "a", "password": "b"});
    let (status, told) = push(&server, "/alice/dev", &alice(), body).await;
    assert_eq!(status, 403, "{told}");
    assert!(message(&told).contains("private_hosts"), "{told}");
}
