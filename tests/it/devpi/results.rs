//! Stories of test results: sent by tox's users, kept beside the file that was tested.

use super::{alice, links, path_of, with_demo};
use crate::kit::host::json_of;
use crate::kit::packages::Package;
use crate::kit::script::Auth;
use crate::kit::worker;
use serde_json::json;
use wheelwright::words::Evidence;

const PERSON: [(&str, &str); 1] = [("accept", "text/html,application/xhtml+xml")];

#[tokio::test]
async fn a_result_is_kept_as_it_came_and_shown_with_its_file() {
    let (server, _) = with_demo().await;
    let href = links(&server, "/alice/dev/demo/1.0").await[0]["href"].clone();
    let file = path_of(&server, &href);
    let text = r#"{ "testenvs": {"py39": {"test": [{"retcode": "1", "output": "<b>"}]}} }"#;
    // As devpi's client sends it: without a type.
    let answer = server.http.post(server.url(&file)).body(text).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    let told = json_of(answer).await;
    assert_eq!(told["type"], "toxresultpath");
    let path = told["result"].as_str().expect("a path");
    assert!(
        path.contains("/demo-1.0-py2.py3-none-any.whl.toxresult-") && path.contains("-0#sha256="),
        "{path}"
    );
    let all = links(&server, "/alice/dev/demo/1.0").await;
    assert_eq!((all.len(), &all[1]["rel"], &all[1]["for_href"]), (2, &json!("toxresult"), &href));
    assert_eq!(all[1]["log"][0]["who"], json!(null));
    let kept = server.get(&path_of(&server, &all[1]["href"])).await;
    assert_eq!(kept.text().await.expect("text"), text);
    let page = server.get_with("/alice/dev/demo/1.0", &PERSON).await.text().await.expect("a page");
    assert!(page.contains("Test results") && page.contains(">failed</span>"), "{page}");
    let (status, _) = server.ask("DELETE", &file, &alice(), None).await;
    assert_eq!(status, 200);
    assert_eq!(links(&server, "/alice/dev/demo/1.0").await.len(), 0);
}

#[tokio::test]
async fn what_the_tests_of_a_build_came_to_stands_beside_the_wheel() {
    let (server, _) = with_demo().await;
    worker::hire(&server).await;
    let package = Package::new("tested", "1.0");
    server.publish("alice/dev", &package.sdist()).await;
    let job = worker::job(&server).await;
    let target = job.target.clone();
    let checked = vec!["imported tested".to_owned(), "tested by recipe: pytest -q".to_owned()];
    let evidence = Evidence { target, checked, ..worker::evidence() };
    worker::built_with(&server, &job, &package.wheel(), evidence).await;
    let links = links(&server, "/alice/dev/tested/1.0").await;
    let result = links.iter().find(|link| link["rel"] == "toxresult").expect("a result");
    assert_eq!(result["log"][0]["who"], ":server");
    assert!(result["for_href"].as_str().is_some_and(|href| href.ends_with(".whl")), "{result}");
    let told = json_of(server.get(&path_of(&server, &result["href"])).await).await;
    let (_, environment) = told["testenvs"].as_object().expect("environments").iter().next().expect("one");
    assert_eq!(
        (&environment["test"][0]["command"], &environment["test"][0]["retcode"]),
        (&json!(["pytest -q"]), &json!("0"))
    );
    let page = server.get_with("/alice/dev/tested/1.0", &PERSON).await.text().await.expect("a page");
    assert!(page.contains(">passed</span>"), "{page}");
}

#[tokio::test]
async fn the_index_says_who_may_send_results() {
    let (server, _) = with_demo().await;
    let file = path_of(&server, &links(&server, "/alice/dev/demo/1.0").await[0]["href"]);
    let result = Some(json!({"foo": "bar"}));
    server.make_user("carl", "carl-secret").await;
    let carl = Auth::devpi("carl", "carl-secret");
    for (list, strangers, of_carl, of_alice) in [
        (":AUTHENTICATED:", 401, 200, 200),
        ("carl", 401, 200, 403),
        ("", 401, 403, 403),
        (":ANONYMOUS:", 200, 200, 200),
    ] {
        let body = json!({"acl_toxresult_upload": list}).to_string();
        assert_eq!(server.as_alice("PATCH", "/alice/dev", &body).await.0, 200);
        for (who, expected) in [(&Auth::None, strangers), (&carl, of_carl), (&alice(), of_alice)] {
            let (status, told) = server.ask("POST", &file, who, result.clone()).await;
            assert_eq!(status, expected, "{list} {who:?}: {told}");
            if status == 403 {
                let message = told["message"].as_str().expect("a message");
                assert!(message.starts_with("No permission to upload tox results"), "{message}");
            }
        }
    }
}

#[tokio::test]
async fn what_is_no_result_is_refused() {
    let (server, _) = with_demo().await;
    let file = path_of(&server, &links(&server, "/alice/dev/demo/1.0").await[0]["href"]);
    let send = async |path: &str, kind: &str, body: String| {
        let request = server.http.post(server.url(path)).header("content-type", kind).body(body);
        request.send().await.expect("an answer").status().as_u16()
    };
    assert_eq!(send(&file, "application/json", "no json".into()).await, 400);
    assert_eq!(send(&file, "application/x-www-form-urlencoded", "{}".into()).await, 415);
    assert_eq!(send(&file, "application/json", format!("\"{}\"", "x".repeat(9 << 20))).await, 413);
    let other = file.replace("demo-1.0", "demo-9.9");
    assert_eq!(send(&other, "application/json", "{}".into()).await, 404);
    assert_eq!(links(&server, "/alice/dev/demo/1.0").await.len(), 1);
}

#[tokio::test]
async fn of_one_file_the_newest_results_are_kept() {
    let (server, _) = with_demo().await;
    let file = path_of(&server, &links(&server, "/alice/dev/demo/1.0").await[0]["href"]);
    for number in 0..205 {
        let (status, told) = server.ask("POST", &file, &Auth::None, Some(json!({"number": number}))).await;
        assert_eq!(status, 200, "{told}");
    }
    let results = links(&server, "/alice/dev/demo/1.0").await;
    assert_eq!(results.len(), 1 + 200);
    assert_eq!(server.ask("POST", &file, &alice(), Some(json!({"of": "alice"}))).await.0, 200);
    assert_eq!(server.ask("POST", &file, &Auth::None, Some(json!({"number": 205}))).await.0, 200);
    let all = links(&server, "/alice/dev/demo/1.0").await;
    assert_eq!(all.len(), 1 + 200 + 1, "no stranger ends what an account sent");
    let last = server.get(&path_of(&server, &results[200]["href"])).await;
    assert_eq!(last.text().await.expect("text"), r#"{"number":204}"#);
}
