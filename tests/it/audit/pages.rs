//! `/+audit`: the log for administrators.

use crate::kit::packages::Package;
use crate::kit::script::Auth;
use crate::kit::stages::{PASSWORD, stage};
use serde_json::{Value, json};

async fn whats(server: &crate::kit::Server, query: &str) -> Vec<String> {
    let (status, body) = server.ask("GET", &format!("/+audit{query}"), &Auth::root(), None).await;
    assert_eq!(status, 200, "{body}");
    let entries = body["result"].as_array().expect("a list");
    entries.iter().map(|entry| entry["what"].as_str().expect("text").to_owned()).collect()
}

#[tokio::test]
async fn the_log_is_filtered_by_index_project_person_and_kind() {
    let server = stage().await;
    server.build_nothing_ahead("dev").await;
    server.make_user("al_ce", "another").await;
    let demo = Package::new("demo", "1.0").wheel();
    server.publish("alice/dev", &demo).await;
    server.publish("alice/dev", &Package::new("other", "1.0").wheel()).await;
    let token = server.make_token("alice", wheelwright::access::Scope::default()).await;
    let form = crate::kit::forms::Form::of(&Package::new("demo", "2.0").wheel());
    assert_eq!(server.post("/alice/dev/", form, "__token__", &token).await.status, 200);

    assert_eq!(whats(&server, "?index=alice/dev&project=demo").await, ["upload", "upload"]);
    assert_eq!(whats(&server, "?what=user%20created&who=root").await.len(), 2);
    let hers = whats(&server, "?who=alice&project=Demo").await;
    assert_eq!(hers, ["upload", "upload"], "with her password and with her token");
    assert!(whats(&server, "?who=al_ce").await.is_empty(), "'_' is no wildcard");
    let (_, all) = server.ask("GET", "/+audit", &Auth::root(), None).await;
    let newest = &all["result"][0];
    assert_eq!((&newest["index"], &newest["address"]), (&json!("alice/dev"), &json!("127.0.0.1")));
    assert_eq!(newest["after"]["size"].as_u64().map(|size| size > 0), Some(true), "{newest}");
    let older = whats(&server, &format!("?before={}", newest["serial"])).await;
    assert_eq!(older.len(), all["result"].as_array().map_or(0, Vec::len) - 1);
}

#[tokio::test]
async fn a_filter_that_makes_no_sense_is_refused_by_name() {
    let server = stage().await;
    for (query, why) in [
        ("?index=dev", "write user/index"),
        ("?project=%20-", "is not a valid project name"),
        ("?what=explode", "is not a kind of event: use one of installed"),
        ("?before=yesterday", "is not the serial of an entry"),
    ] {
        let (status, body) = server.ask("GET", &format!("/+audit{query}"), &Auth::root(), None).await;
        let message = body["message"].as_str().unwrap_or_default();
        assert!(status == 400 && message.contains(why), "{query}: {status} {body}");
    }
}

#[tokio::test]
async fn only_root_reads_the_log() {
    let server = stage().await;
    for (auth, status) in [(Auth::None, 401), (Auth::basic("alice", PASSWORD), 403), (Auth::root(), 200)] {
        let (answered, body): (u16, Value) = server.ask("GET", "/+audit", &auth, None).await;
        assert_eq!(answered, status, "{body}");
    }
}

#[tokio::test]
async fn a_person_sees_who_changed_what_and_leafs_back() {
    let server = stage().await;
    for _ in 0..120 {
        server.make_token("alice", wheelwright::access::Scope::default()).await;
    }
    let page = async |path: &str| {
        let request = Auth::root().on(server.http.get(server.url(path)).header("accept", "text/html"));
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), 200, "{path}");
        answer.text().await.expect("a page")
    };
    let newest = page("/+audit").await;
    assert!(newest.contains("token created") && newest.contains("Before and after"), "{newest}");
    let next =
        newest.split("href=\"./+audit?").nth(1).and_then(|rest| rest.split('"').next()).expect("a link");
    let older = page(&format!("/+audit?{}", next.replace("&#38;", "&"))).await;
    assert!(older.contains("index created"), "{older}");
    assert!(!older.contains("older →"), "{older}");
    let none = page("/+audit?who=nobody").await;
    assert!(none.contains("No entries match"), "{none}");
}
