//! What counts as a download, and advisories that can be read or not.

use crate::kit::Server;
use crate::kit::backend::on_both;
use crate::kit::packages::{Package, zip};
use crate::kit::stages::{PASSWORD, stage_with};
use crate::kit::upstream::Upstream;
use serde_json::json;
use wheelwright::packaging::version;

/// How often a file of `alice/dev` was fetched, and by whom last.
async fn counted(server: &Server, index: &str) -> (i64, Option<String>) {
    server.app.downloads.flush().await.expect("written");
    let (index, project) = (index.parse().expect("a name"), "demo".parse().expect("a name"));
    let files = server.app.db.fetched_files(&index, &project).await.expect("counts");
    let who = server.app.db.fetchers(&project, "1.0", 10).await.expect("rows");
    let who = who.iter().find(|one| one.index == index).map(|one| one.asker.clone());
    (files.values().sum(), who)
}

on_both! {
    async fn a_download_counts_once_wherever_the_bytes_are(server: Server) {
        server.make_stage().await;
        let upstream = Upstream::start().await;
        let demo = Package::new("demo", "1.0").wheel();
        upstream.add(&demo.filename, demo.bytes.clone());
        server.publish("alice/dev", &demo).await;
        server.have_index("alice/mirror", json!({"type": "mirror", "mirror_url": upstream.simple()})).await;
        for index in ["alice/dev", "alice/mirror"] {
            let file = server.url(&format!("/{index}/{}", demo.path()));
            let ask = |method: &str| server.http.request(method.parse().expect("a method"), &file);
            ask("HEAD").send().await.expect("an answer");
            ask("GET").header("range", "bytes=-10").send().await.expect("an answer");
            assert_eq!(counted(&server, index).await, (0, None), "nobody has the file yet");
            let whole = ask("GET").send().await.expect("an answer");
            let etag = whole.headers()["etag"].clone();
            whole.bytes().await.expect("bytes");
            ask("GET").header("if-none-match", etag).send().await.expect("an answer");
            ask("GET").header("range", "bytes=5-").send().await.expect("an answer");
            assert_eq!(counted(&server, index).await, (1, Some(String::new())), "without an address");
            ask("GET").basic_auth("alice", Some(PASSWORD)).send().await.expect("an answer");
            assert_eq!(counted(&server, index).await.0, 2);
        }
    }
}

#[tokio::test]
async fn addresses_are_counted_only_if_the_operator_wants_it_and_nothing_if_not() {
    let demo = Package::new("demo", "1.0").wheel();
    for (count, expected) in [(true, (1, Some("@127.0.0.1".to_owned()))), (false, (0, None))] {
        let server = stage_with(|config| {
            config.downloads.anonymous = true;
            config.downloads.count = count;
        })
        .await;
        server.publish("alice/dev", &demo).await;
        server.get(&format!("/alice/dev/{}", demo.path())).await;
        assert_eq!(counted(&server, "alice/dev").await, expected);
    }
}

/// How often the page of demo 1.0 says that its files were fetched.
async fn told(server: &Server, index: &str) -> Vec<String> {
    server.app.downloads.flush().await.expect("written");
    let page = server.get_with(&format!("/{index}/demo/1.0"), &[("accept", "text/html")]).await;
    let page = page.text().await.expect("a page");
    let each = page.split("data-label=\"Downloads\">").skip(1).filter_map(|rest| rest.split('<').next());
    each.filter(|count| !count.is_empty()).map(str::to_owned).collect()
}

#[tokio::test]
async fn the_page_of_a_release_tells_of_each_file_what_was_fetched_where_it_comes_from() {
    let server = stage_with(|_| {}).await;
    let upstream = Upstream::start().await;
    let (wheel, source) = (Package::new("demo", "1.0").wheel(), Package::new("demo", "1.0").sdist());
    server.make_index("alice/other", json!({"bases": []})).await;
    server.make_index("alice/prod", json!({"bases": ["alice/dev", "alice/other"]})).await;
    server.publish("alice/dev", &wheel).await;
    server.publish("alice/other", &wheel).await;
    server.publish("alice/other", &source).await;
    let fetch = async |index: &str, path: String| {
        let answer = server.get(&format!("/{index}/{path}")).await;
        assert_eq!(answer.status(), 200);
        answer.bytes().await.expect("bytes");
    };
    fetch("alice/other", wheel.path()).await;
    for _ in 0..2 {
        fetch("alice/other", source.path()).await;
    }
    assert_eq!(told(&server, "alice/prod").await, ["2"], "the wheel is alice/dev's, which nobody fetched");

    upstream.add(&wheel.filename, wheel.bytes.clone());
    server.have_index("alice/mirror", json!({"type": "mirror", "mirror_url": upstream.simple()})).await;
    server.make_index("alice/safe", json!({"bases": ["alice/mirror"], "curated": true})).await;
    let asked = json!({"index": "alice/safe", "requirement": "demo==1.0"}).to_string();
    let (status, request) = server.as_alice("POST", "/+requests", &asked).await;
    assert_eq!(status, 201, "{request}");
    let request: serde_json::Value = serde_json::from_str(&request).expect("JSON");
    let path = format!("/+requests/{}/approve", request["result"]["id"]);
    assert_eq!(server.as_alice("POST", &path, r#"{"reason": "seen"}"#).await.0, 200);
    fetch("alice/safe", wheel.path()).await;
    assert_eq!(told(&server, "alice/safe").await, ["1"]);
}

/// An advisory about versions of demo below this one.
fn advisory(id: &str, fixed: &str) -> String {
    json!({"id": id, "modified": "2026-01-01T00:00:00Z", "affected": [{
        "package": {"ecosystem": "PyPI", "name": "demo"},
        "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": fixed}]}],
    }]})
    .to_string()
}

#[tokio::test]
async fn advisories_are_read_from_each_form_and_what_is_none_leaves_what_was_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = stage_with(|config| config.osv.path = Some(folder.path().to_owned())).await;
    let advisories = &server.app.advisories;
    let known = || -> Vec<String> {
        let version = version::parse("1.0").expect("a version");
        let found = advisories.of(&"demo".parse().expect("a name"), &version);
        found.iter().map(|advisory| advisory.id.clone()).collect()
    };
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).expect("written");
    assert!(advisories.snapshot().is_none(), "an empty folder is not a server without advisories");
    write("a.json", advisory("A-1", "2.0").as_bytes());
    write("b.jsonl", format!("{}\n\n{}\n", advisory("B-1", "1.5"), advisory("B-2", "0.5")).as_bytes());
    write("c.zip", &zip(&[("C-1.json", advisory("C-1", "3").as_bytes()), ("readme.txt", b"no advisory")]));
    advisories.refresh().await.expect("read");
    assert_eq!(known(), ["A-1", "B-1", "C-1"]);
    for (name, text, said) in [
        ("d.json", "{\"packages\": []}", "d.json: it is not an advisory in OSV's format"),
        ("d.jsonl", "{}", "line 1 of "),
        ("d.zip", "no zip", "d.zip: "),
    ] {
        write(name, text.as_bytes());
        let error = advisories.refresh().await.expect_err("it is none").to_string();
        assert!(error.contains(said) && error.contains("give osv.path a file of OSV's"), "{error}");
        assert_eq!(known(), ["A-1", "B-1", "C-1"], "what was read before stays");
        assert!(advisories.view().expect("it is set").problem.is_some_and(|problem| problem.contains(said)));
        std::fs::remove_file(folder.path().join(name)).expect("removed");
        advisories.refresh().await.expect("read");
    }
    std::fs::remove_file(folder.path().join("a.json")).expect("removed");
    advisories.refresh().await.expect("read");
    assert_eq!(known(), ["B-1", "C-1"]);
}
