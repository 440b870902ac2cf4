//! What nobody finds who may not read it, and what policies hide.

use super::{bob, found, names, search, search_as, with_private_indexes};
use crate::curation::Governed;
use crate::kit::Server;
use crate::kit::backend::on_both;
use crate::kit::forms::Form;
use crate::kit::packages::Package;
use crate::kit::script::Auth;
use crate::kit::stages::stage;
use crate::kit::upstream::{Upstream, noise};
use serde_json::json;
use wheelwright::access::{Action, Scope};

async fn publish_as_bob(server: &Server, index: &str, package: &Package) {
    let form = Form::of(&package.wheel());
    let answer = server.post(&format!("/bob/{index}/"), form, "bob", "bob-secret").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

on_both! {
    async fn nobody_finds_or_counts_what_they_may_not_read(server: Server) {
        with_private_indexes(&server).await;
        server.publish("alice/dev", &Package::new("open-tool", "1.0").wheel()).await;
        publish_as_bob(&server, "own", &Package::new("secret-tool", "1.0").summary("hush")).await;
        let told = search(&server, "q=tool").await;
        assert_eq!((names(&told), &told["total"]), (vec!["alice/dev/open-tool".to_owned()], &json!(1)));
        assert_eq!(told["indexes"], json!([{"index": "alice/dev", "count": 1}]));
        for query in ["q=secret-tool", "q=hush", "q=secrettool", "q=secert-tool", "q=tool&only=bob/own"] {
            let told = search(&server, query).await;
            assert!(!told.to_string().contains("secret"), "{query}: {told}");
        }
        assert_eq!(names(&search_as(&server, &bob(), "q=tool").await), ["alice/dev/open-tool", "bob/own/secret-tool"]);
        // An index that one may not read looks like one that does not exist.
        let ask = async |index: &str| server.ask("GET", &format!("/+search?q=tool&index={index}"), &Auth::None, None).await;
        let (hidden, none) = (ask("bob/own").await, ask("bob/none").await);
        assert_eq!(hidden.0, none.0);
        assert_eq!(hidden.1.to_string().replace("bob/own", "bob/none"), none.1.to_string());
        // Nor is it found through an index that inherits from it.
        server.make_index("alice/top", json!({"bases": ["bob/own", "alice/dev"]})).await;
        assert_eq!(found(&server, "q=tool&index=alice/top").await, ["alice/top/open-tool"]);
        assert_eq!(names(&search_as(&server, &bob(), "q=secret&index=alice/top").await), ["alice/top/secret-tool"]);
        // What was taken away is gone at the next search.
        let (status, told) = server.ask("PATCH", "/alice/dev", &Auth::root(), Some(json!({"acl_read": ["alice"]}))).await;
        assert_eq!(status, 200, "{told}");
        assert_eq!(found(&server, "q=tool").await, [""; 0]);
    }
}

#[tokio::test]
async fn a_token_finds_what_it_is_for() {
    let server = Server::start().await;
    with_private_indexes(&server).await;
    server.make_index("bob/other", json!({"bases": [], "acl_read": ["bob"]})).await;
    publish_as_bob(&server, "own", &Package::new("tool-one", "1.0")).await;
    publish_as_bob(&server, "other", &Package::new("tool-two", "1.0")).await;
    let only = |index: &str, actions: &[Action]| Scope {
        index: Some(index.into()),
        actions: actions.to_vec(),
        ..Scope::default()
    };
    let token = server.make_token("bob", only("bob/other", &[Action::Read])).await;
    let auth = Auth::basic("__token__", &token);
    assert_eq!(names(&search_as(&server, &auth, "q=tool").await), ["bob/other/tool-two"]);
    let token = server.make_token("bob", only("bob/other", &[Action::Upload])).await;
    assert_eq!(names(&search_as(&server, &Auth::basic("__token__", &token), "q=tool").await), [""; 0]);
}

#[tokio::test]
async fn a_quarantined_release_neither_shows_nor_lends_its_words() {
    let server = stage().await;
    server.publish("alice/dev", &Package::new("demo", "1.0").summary("old and good").wheel()).await;
    server.publish("alice/dev", &Package::new("demo", "2.0").summary("steals tokens").wheel()).await;
    assert_eq!(found(&server, "q=steals").await, ["alice/dev/demo"]);
    let place = async |what: &str| {
        let asked = json!({"what": what, "why": "bad"});
        let (status, told) = server.ask("POST", "/+quarantine", &Auth::root(), Some(asked)).await;
        assert_eq!(status, 201, "{told}");
        told["result"]["id"].as_str().expect("a number").to_owned()
    };
    let one = place("demo==2.0").await;
    assert_eq!(found(&server, "q=steals").await, [""; 0]);
    let told = search(&server, "q=demo").await;
    assert_eq!(told["results"][0]["version"], "1.0");
    assert_eq!(found(&server, "q=good").await, ["alice/dev/demo"], "the older one speaks");
    place("demo").await;
    assert_eq!(found(&server, "q=demo").await, [""; 0]);
    assert_eq!(search(&server, "q=demo").await["total"], 0);
    let _ = one;
}

#[tokio::test]
async fn a_project_that_is_quarantined_by_its_status_is_not_found_and_keeps_its_place() {
    let server = stage().await;
    server.make_index("alice/base", json!({"bases": []})).await;
    server.make_index("alice/top", json!({"bases": ["alice/dev", "alice/base"]})).await;
    for index in ["alice/dev", "alice/base"] {
        server.publish(index, &Package::new("demo", "1.0").wheel()).await;
    }
    let put = async |status: &str| {
        let status = format!(r#"{{"status": "{status}"}}"#);
        assert_eq!(server.as_alice("PATCH", "/alice/dev/demo", &status).await.0, 200);
        (found(&server, "q=demo").await, found(&server, "q=demo&index=alice/top").await)
    };
    assert_eq!(put("quarantined").await, (vec!["alice/base/demo".to_owned()], vec![]));
    assert_eq!(put("active").await.1, ["alice/top/demo"]);
}

#[tokio::test]
async fn a_mirror_shows_only_what_its_lists_let_through() {
    let upstream = Upstream::start().await;
    for name in ["demo-1.0", "demo-2.0", "demo_evil-1.0", "demo_young-1.0"] {
        upstream.add(&format!("{name}.tar.gz"), noise(3, 300));
    }
    let server = Server::start_with(|config| config.upstream = Some(upstream.simple())).await;
    for name in ["demo", "demo-evil"] {
        assert_eq!(server.get(&format!("/root/pypi/+simple/{name}/")).await.status(), 200);
    }
    while found(&server, "q=demo&index=root/pypi").await.len() < 3
        || search(&server, "q=demo").await["results"][0]["version"] != "2.0"
    {
        tokio::task::yield_now().await;
    }
    let options = json!({"deny": ["demo==2.0", "demo-evil"]});
    let (status, told) = server.ask("PATCH", "/root/pypi", &Auth::root(), Some(options)).await;
    assert_eq!(status, 200, "{told}");
    let told = search(&server, "q=demo").await;
    assert_eq!(names(&told), ["root/pypi/demo", "root/pypi/demo-young"]);
    assert_eq!(told["results"][0]["version"], "1.0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_curated_index_shows_what_was_approved_and_its_closed_mirror_nothing() {
    let governed = Governed::start().await;
    let server = &governed.server;
    let mirrored = Auth::root().on(server.http.get(server.url("/root/pypi/+simple/demo/"))).send().await;
    assert_eq!(mirrored.expect("an answer").status(), 200);
    while names(&search_as(server, &Auth::root(), "q=demo&index=root/pypi").await) != ["root/pypi/demo"] {
        tokio::task::yield_now().await;
    }
    for query in ["q=demo", "q=demo&index=root/safe", "q=other&index=root/safe"] {
        assert_eq!(found(server, query).await, [""; 0], "{query}");
    }
    governed.approve("demo==1.0").await;
    for query in ["q=demo", "q=demo&index=root/safe"] {
        let told = search(server, query).await;
        assert_eq!(names(&told), ["root/safe/demo"], "{query}");
        assert_eq!(told["results"][0]["version"], "1.0", "{query}");
    }
    assert_eq!(found(server, "q=other").await, [""; 0]);
}
