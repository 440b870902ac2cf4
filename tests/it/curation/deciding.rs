//! Requests: who makes and sees them, who decides, and what is refused.

use super::{Governed, PIP, alice};
use crate::kit::backend::on_both;
use crate::kit::script::Auth;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn only_approvers_decide_and_only_they_see_who_asked() {
    let governed = Governed::start().await;
    let server = &governed.server;
    server.make_user("bob", "bob-secret").await;
    let bob = Auth::basic("bob", "bob-secret");
    let wanted = json!({"index": "root/safe", "requirement": "demo==1.0"});
    let (status, told) = server.ask("POST", "/+requests", &bob, Some(wanted)).await;
    assert_eq!((status, told["result"]["state"].as_str()), (201, Some("open")), "{told}");
    let id = told["result"]["id"].as_i64().expect("a number");
    let path = format!("/+requests/{id}");
    let (_, seen) = server.ask("GET", &path, &alice(), None).await;
    assert_eq!(seen["result"]["askers"], json!(["bob"]));
    for other in [bob.clone(), Auth::None] {
        let (status, seen) = server.ask("GET", &path, &other, None).await;
        assert_eq!((status, &seen["result"]["askers"]), (200, &Value::Null), "{seen}");
    }
    let refused = server.ask("POST", &format!("{path}/approve"), &bob, Some(json!({}))).await;
    assert_eq!(refused.0, 403, "{}", refused.1);
    let anonymous = server.ask("POST", &format!("{path}/approve"), &Auth::None, Some(json!({}))).await;
    assert_eq!(anonymous.0, 401, "{}", anonymous.1);
    assert!(governed.listed("/root/safe/+simple/demo/").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_within_specifiers_is_approved_and_a_later_refusal_takes_one_away() {
    let governed = Governed::start().await;
    let id = governed.ask_for("demo==1.0").await;
    let (status, told) = governed.decide(id, "approve", json!({"specifier": ">=1,<2"})).await;
    assert_eq!(status, 200, "{told}");
    assert_eq!(governed.listed("/root/safe/+simple/demo/").await.len(), 2);
    let (status, told) = governed.decide(id, "refuse", json!({"specifier": "==1.1", "reason": "AGPL"})).await;
    assert_eq!(status, 200, "{told}");
    assert_eq!(governed.listed("/root/safe/+simple/demo/").await, ["demo-1.0-py3-none-any.whl"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_that_has_expired_is_none_and_the_next_question_opens_the_request_again() {
    let governed = Governed::start().await;
    let id = governed.ask_for("other==3.0").await;
    let (status, told) = governed.decide(id, "approve", json!({"expires": "1s"})).await;
    assert_eq!(status, 200, "{told}");
    while !governed.listed("/root/safe/+simple/other/").await.is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(governed.ask_for("other==3.0").await, id);
    assert_eq!(governed.request("other", "3.0").await["state"], "open");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_decided_is_refused_with_the_way_out_and_changes_nothing() {
    let governed = Governed::start().await;
    let id = governed.ask_for("other==3.0").await;
    for (how, said, told) in [
        ("refuse", json!({}), "a refusal needs a reason"),
        ("approve", json!({"specifier": "two"}), "'two' is not a version specifier: write it like >=2,<3"),
        ("approve", json!({"expires": "soon"}), "'soon' is not a time like 12h, 90d or 52w"),
        ("approve", json!({"expirse": "90d"}), "unknown field `expirse`"),
        ("approve", json!({"reason": "x".repeat(2000)}), "the reason has more than 1000 characters"),
    ] {
        let (status, answer) = governed.decide(id, how, said).await;
        assert_eq!(status, 400, "{answer}");
        assert!(answer["message"].as_str().expect("a message").contains(told), "{answer}");
    }
    assert_eq!(governed.request("other", "3.0").await["state"], "open");
    let ask = |body: Value| governed.server.ask("POST", "/+requests", &Auth::None, Some(body));
    for (body, status, told) in [
        (json!({"index": "root/safe", "requirement": "demo>=1"}), 400, "one version of it like six==1.16.0"),
        (
            json!({"index": "root/safe", "requirement": "demo==latest"}),
            400,
            "one version of it like six==1.16.0",
        ),
        (json!({"index": "alice/dev", "requirement": "demo==1.0"}), 400, "alice/dev is not curated"),
        (json!({"index": "root/pypi", "requirement": "demo==1.0"}), 404, "you may not read it"),
        (json!({"index": "safe", "requirement": "demo==1.0"}), 400, "write user/index"),
    ] {
        let answer = ask(body).await;
        assert_eq!(answer.0, status, "{}", answer.1);
        assert!(answer.1["message"].as_str().expect("a message").contains(told), "{}", answer.1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_name_that_nobody_has_makes_no_request() {
    let governed = Governed::start().await;
    for name in ["other-99.0-py3-none-any.whl", "nobody-1.0-py3-none-any.whl", "other-3.0-py3-none-any.whl"] {
        let path = format!("/root/safe/+f/abc/0123456789012/{name}");
        let asked = governed.server.http.get(governed.server.url(&path)).header("user-agent", PIP);
        assert_eq!(asked.send().await.expect("an answer").status(), 404, "{name}");
    }
    let (_, all) = governed.server.ask("GET", "/+requests", &alice(), None).await;
    assert_eq!(all["result"], json!([]));
}

on_both! {
    async fn requests_and_decisions_are_kept_in_either_database(server: Server) {
        let root = Auth::root();
        server.have_index("alice/safe", json!({"bases": ["root/pypi"], "curated": true})).await;
        let wanted = || Some(json!({"index": "alice/safe", "requirement": "demo==1.0"}));
        let (status, told) = server.ask("POST", "/+requests", &root, wanted()).await;
        assert_eq!(status, 201, "{told}");
        let id = told["result"]["id"].as_i64().expect("a number");
        for _ in 0..2 {
            let (_, again) = server.ask("POST", "/+requests", &Auth::None, wanted()).await;
            assert_eq!(again["result"]["id"], id);
        }
        let path = format!("/+requests/{id}");
        let (_, seen) = server.ask("GET", &path, &root, None).await;
        assert_eq!((&seen["result"]["asked"], &seen["result"]["askers"]), (&json!(3), &json!(["root"])), "{seen}");
        let said = || Some(json!({"reason": "because"}));
        let (status, told) = server.ask("POST", &format!("{path}/refuse"), &root, said()).await;
        assert_eq!((status, &told["result"]["state"]), (200, &json!("refused")), "{told}");
        let (status, told) = server.ask("POST", "/+requests", &Auth::None, wanted()).await;
        assert_eq!(status, 403, "{told}");
        assert!(told["message"].as_str().expect("a message").contains("because"), "{told}");
        let (status, told) = server.ask("POST", &format!("{path}/approve"), &root, said()).await;
        assert_eq!((status, &told["result"]["state"]), (200, &json!("approved")), "{told}");
        for (query, count) in [("?state=approved&index=alice/safe", 1), ("?state=open", 0), ("", 1)] {
            let (_, all) = server.ask("GET", &format!("/+requests{query}"), &Auth::None, None).await;
            assert_eq!(all["result"].as_array().map(Vec::len), Some(count), "{query}: {all}");
        }
        let page = server.get_with(&path, &[("accept", "text/html,application/xhtml+xml")]).await;
        assert!(page.text().await.expect("a page").contains("demo 1.0"));
    }
}
