//! What is found, in which order, and what is refused.

use super::{found, names, search, search_as, with_private_indexes};
use crate::kit::Server;
use crate::kit::backend::on_both;
use crate::kit::desk::Desk;
use crate::kit::packages::Package;
use crate::kit::script::Auth;
use crate::kit::stages::{PASSWORD, stage};
use crate::kit::upstream::{Upstream, noise};
use serde_json::json;

async fn filled(server: &Server) {
    with_private_indexes(server).await;
    for dist in [
        Package::new("http", "1.0").wheel(),
        Package::new("Http.Client", "2.0").summary("Sends requests").wheel(),
        Package::new("async-http", "1.0").wheel(),
        Package::new("fetch", "1.0").summary("An HTTP tool").header("Keywords", "download,curl").wheel(),
        Package::new("zope-kit", "1.0").description("It can talk http, and much else.\n").wheel(),
        Package::new("asian", "1.0").summary("数据分析工具").wheel(),
        Package::new("typed", "1.0").header("Classifier", "Framework :: Flask").wheel(),
    ] {
        server.publish("alice/dev", &dist).await;
    }
}

on_both! {
    async fn the_name_comes_first_then_its_words_the_summary_and_the_description(server: Server) {
        filled(&server).await;
        let all = ["http", "http-client", "async-http", "fetch", "zope-kit"].map(|name| format!("alice/dev/{name}"));
        assert_eq!(found(&server, "q=http").await, all);
        assert_eq!(found(&server, "q=HTTP_client").await, all[1..2], "any spelling of a name");
        assert_eq!(found(&server, "q=http+much").await, all[4..], "all words are needed");
        assert_eq!(found(&server, "q=curl").await, all[3..4], "a keyword");
        assert_eq!(found(&server, "q=flask").await, ["alice/dev/typed"], "a classifier");
        assert_eq!(found(&server, "q=%E5%88%86%E6%9E%90").await, ["alice/dev/asian"]);
        let told = search(&server, "q=client").await;
        let one = &told["results"][0];
        assert_eq!((one["name"].as_str(), one["version"].as_str()), (Some("Http.Client"), Some("2.0")));
        assert_eq!((one["summary"].as_str(), one["kind"].as_str()), (Some("Sends requests"), Some("hosted")));
        assert_eq!((&told["total"], &told["complete"], &told["near"]), (&json!(1), &json!(true), &json!(false)));
    }

    async fn a_letter_may_be_wrong_if_nothing_else_is_found(server: Server) {
        filled(&server).await;
        let told = search(&server, "q=fecth").await;
        assert_eq!((names(&told), &told["near"]), (vec!["alice/dev/fetch".to_owned()], &json!(true)));
        assert_eq!(found(&server, "q=asinc-http").await, ["alice/dev/async-http"]);
        assert_eq!(found(&server, "q=nothing-like-that").await, [""; 0]);
    }
}

#[tokio::test]
async fn results_come_in_pages_and_are_counted_by_index_and_kind() {
    let server = stage().await;
    server.make_index("alice/other", json!({"bases": []})).await;
    for number in 0..7 {
        server.publish("alice/dev", &Package::new(&format!("part-{number}"), "1.0").wheel()).await;
    }
    server.publish("alice/other", &Package::new("part-3", "2.0").wheel()).await;
    let first = search(&server, "q=part&each=3").await;
    assert_eq!((&first["total"], &first["pages"], &first["page"]), (&json!(8), &json!(3), &json!(1)));
    let mut all = names(&first);
    for page in 2..=3 {
        all.extend(found(&server, &format!("q=part&each=3&page={page}")).await);
    }
    assert_eq!(all, found(&server, "q=part").await, "pages follow each other");
    assert_eq!(
        first["indexes"],
        json!([{"index": "alice/dev", "count": 7}, {"index": "alice/other", "count": 1}])
    );
    let only = search(&server, "q=part&only=alice/other").await;
    assert_eq!((names(&only), only["total"].as_i64()), (vec!["alice/other/part-3".to_owned()], Some(1)));
    assert_eq!(only["indexes"], first["indexes"], "counts are of all");
    assert_eq!(found(&server, "q=part&kind=mirrored").await, [""; 0]);
    assert_eq!(found(&server, "q=part&page=1000").await, [""; 0]);
}

#[tokio::test]
async fn an_index_is_searched_with_its_bases_and_the_first_that_has_a_project_speaks_for_it() {
    let server = stage().await;
    server.make_index("alice/base", json!({"bases": []})).await;
    server.make_index("alice/top", json!({"bases": ["alice/dev", "alice/base"]})).await;
    for (index, name, summary) in
        [("dev", "tool", "near"), ("base", "tool", "far away"), ("base", "tool-box", "far away")]
    {
        server.publish(&format!("alice/{index}"), &Package::new(name, "1.0").summary(summary).wheel()).await;
    }
    assert_eq!(found(&server, "q=tool&index=alice/top").await, ["alice/top/tool", "alice/top/tool-box"]);
    assert_eq!(found(&server, "q=far&index=alice/top").await, ["alice/top/tool-box"], "tool is near there");
    assert_eq!(found(&server, "q=far").await, ["alice/base/tool", "alice/base/tool-box"]);
}

#[tokio::test]
async fn of_a_mirror_all_names_are_found_and_the_words_of_what_it_fetched() {
    let upstream = Upstream::start().await;
    let wheel = Package::new("requests", "2.0").summary("HTTP for humans").wheel();
    upstream.add(&wheel.filename, wheel.bytes.clone());
    upstream.set(|behaviour| behaviour.metadata = None);
    for name in ["requests_mock", "requestlib", "other"] {
        upstream.add(&format!("{name}-1.0.tar.gz"), noise(1, 300));
    }
    let server = Server::start_with(|config| config.upstream = Some(upstream.simple())).await;
    let all = ["root/pypi/requestlib", "root/pypi/requests", "root/pypi/requests-mock"];
    // Its list is fetched while the first search goes on.
    while found(&server, "q=reque").await != all {
        tokio::task::yield_now().await;
    }
    assert_eq!(found(&server, "q=requests").await, all[1..], "the whole name first");
    assert_eq!(found(&server, "q=humans").await, [""; 0], "nobody asked for it yet");
    let page = server.get("/root/pypi/+simple/requests/").await.text().await.expect("a page");
    let href = page.split("href=\"").nth(1).and_then(|rest| rest.split(['#', '"']).next()).expect("a file");
    let path = href.trim_start_matches("../");
    assert_eq!(server.get(&format!("/{path}")).await.status(), 200, "{href}");
    while found(&server, "q=humans").await != all[1..2] {
        tokio::task::yield_now().await;
    }
    let told = search(&server, "q=humans").await;
    assert_eq!(
        (&told["results"][0]["version"], &told["results"][0]["kind"]),
        (&json!("2.0"), &json!("mirrored"))
    );
    // Through an index that inherits from it, too.
    server.make_stage().await;
    server.make_index("alice/top", json!({"bases": ["root/pypi"]})).await;
    assert_eq!(found(&server, "q=humans&index=alice/top").await, ["alice/top/requests"]);
    assert_eq!(found(&server, "q=requestl&index=alice/top").await, ["alice/top/requestlib"]);
    // A private project of that name hides both.
    server.publish("alice/top", &Package::new("requestlib", "9.0").summary("ours").wheel()).await;
    let told = search(&server, "q=requestlib&index=alice/top").await;
    assert_eq!((told["total"].as_i64(), told["results"][0]["kind"].as_str()), (Some(1), Some("hosted")));
}

#[tokio::test]
async fn what_is_wrong_is_refused_and_syntax_means_nothing() {
    let server = stage().await;
    server.publish("alice/dev", &Package::new("demo", "1.0").wheel()).await;
    for (query, why) in [
        ("", "q has no letter"),
        ("q=%2A%2A", "q has no letter"),
        (&*format!("q={}", "x".repeat(201)), "more than 200 characters"),
        (&*format!("q={}", "x+".repeat(21)), "more than 20 words"),
        ("q=demo&page=0", "not a number from 1"),
        ("q=demo&each=51", "not a number from 1 to 50"),
        ("q=demo&kind=all", "write hosted or mirrored"),
        ("q=demo&index=alice", "write user/index"),
    ] {
        let (status, told) = server.ask("GET", &format!("/+search?{query}"), &Auth::None, None).await;
        assert_eq!(status, 400, "{query}: {told}");
        assert!(told["message"].as_str().is_some_and(|text| text.contains(why)), "{query}: {told}");
    }
    for hostile in
        ["name:demo", "demo~1", "%22demo", "demo)", "[demo", "%00demo%07", "demo%5C", "%2B%2Bdemo", "DEMO^3"]
    {
        let told = search(&server, &format!("q={hostile}")).await;
        assert!(told["total"].is_number(), "{hostile}: {told}");
    }
    assert_eq!(found(&server, "q=(%22demo%22%29*").await, ["alice/dev/demo"]);
    let long = server.get(&format!("/+search?q={}", "%F0%9F%90%8D".repeat(1000))).await;
    assert!((400..500).contains(&long.status().as_u16()), "{}", long.status());
}

#[tokio::test]
async fn the_command_line_searches_a_server() {
    let server = stage().await;
    server.make_index("alice/hidden", json!({"acl_read": ["alice"], "bases": []})).await;
    server.publish("alice/dev", &Package::new("demo", "1.0").summary("A small demonstration").wheel()).await;
    server.publish("alice/hidden", &Package::new("demo-two", "2.0").wheel()).await;
    let (desk, at) = (Desk::new(), server.url(""));
    let ran = desk.run("wheelwright", &["search", "small", "demo", "--server", &at]).await.succeeded();
    assert!(ran.out.contains("demo") && ran.out.contains("A small demonstration"), "{}", ran.out);
    assert!(!ran.out.contains("demo-two"), "{}", ran.out);
    let token = server.make_token("alice", wheelwright::access::Scope::default()).await;
    let ran = desk
        .run("wheelwright", &["search", "demo", "--json", "--server", &at, "--token", &token])
        .await
        .succeeded();
    assert_eq!(ran.json()["total"], 2);
    let narrowed = ["search", "demo", "--index", "alice/hidden", "--server", &at, "--token", &token];
    assert!(desk.run("wheelwright", &narrowed).await.succeeded().out.contains("demo-two"));
    let ran = desk.run("wheelwright", &["search", "nothing-like-that", "--server", &at]).await.succeeded();
    assert!(ran.out.contains("no project has these words"), "{}", ran.out);
    desk.run("wheelwright", &["search", "demo", "--index", "alice/none", "--server", &at]).await.failed();
    let auth = Auth::basic("alice", PASSWORD);
    assert_eq!(search_as(&server, &auth, "q=demo").await["total"], 2);
}
