//! Stories of bases: what is merged, what is hidden.

use crate::kit::Server;
use crate::kit::host::json_of;
use crate::kit::script::Auth;
use crate::kit::upstream::{Upstream, noise};
use serde_json::{Value, json};

const JSON: &str = "application/vnd.pypi.simple.v1+json";

/// The URLs that a page lists, without the way up.
async fn listed(server: &Server, path: &str) -> Vec<String> {
    let answer = server.get_with(path, &[("accept", JSON)]).await;
    assert_eq!(answer.status(), 200, "{path}");
    let page: Value = json_of(answer).await;
    let files = page["files"].as_array().expect("files");
    let url = |file: &Value| file["url"].as_str().expect("a link").trim_start_matches("../").to_owned();
    files.iter().map(url).collect()
}

#[tokio::test]
async fn the_first_of_a_name_wins_and_the_rest_is_merged() {
    let server = Server::start().await;
    server.have_index("alice/base", json!({})).await;
    server.have_index("alice/dev", json!({"bases": ["alice/base"]})).await;
    let mine = server.host("alice/dev", "demo", "1.0", b"mine").await;
    server.host("alice/base", "demo", "1.0", b"theirs").await;
    let older = server.host("alice/base", "demo", "0.9", b"older").await;
    let expected: Vec<String> = [older.path, mine.path].iter().map(|path| path[1..].to_owned()).collect();
    assert_eq!(listed(&server, "/alice/dev/+simple/demo/").await, expected);
    let names = server.get("/alice/dev/+simple/").await.text().await.expect("text");
    assert_eq!(names.matches("demo/").count(), 1);
}

#[tokio::test]
async fn cycles_and_lost_bases_do_no_harm() {
    let server = Server::start().await;
    server.have_index("alice/one", json!({})).await;
    server.have_index("alice/two", json!({"bases": ["alice/one"]})).await;
    let hosted = server.host("alice/one", "demo", "1.0", b"one").await;
    assert_eq!(listed(&server, "/alice/two/+simple/demo/").await, [&hosted.path[1..]]);
}

#[tokio::test]
async fn a_new_upload_to_a_base_is_seen_at_once() {
    let server = Server::start().await;
    server.have_index("alice/base", json!({})).await;
    server.have_index("alice/dev", json!({"bases": ["alice/base"]})).await;
    server.host("alice/base", "demo", "1.0", b"one").await;
    assert_eq!(listed(&server, "/alice/dev/+simple/demo/").await.len(), 1);
    server.host("alice/base", "demo", "2.0", b"two").await;
    assert_eq!(listed(&server, "/alice/dev/+simple/demo/").await.len(), 2);
}

#[tokio::test]
async fn a_base_that_the_asker_may_not_read_gives_nothing() {
    let server = Server::start().await;
    server.have_index("bob/secret", json!({"acl_read": ["bob"]})).await;
    server.have_index("bob/open", json!({"bases": ["bob/secret"]})).await;
    server.host("bob/secret", "demo", "1.0", b"secret").await;
    let path = "/bob/open/+simple/demo/";
    let as_bob = || server.http.get(server.url(path)).basic_auth("bob", Some("secret")).send();
    // Each sees their own page, in whatever order they ask.
    assert_eq!(server.get(path).await.status(), 404);
    assert_eq!(as_bob().await.expect("an answer").status(), 200);
    assert_eq!(server.get(path).await.status(), 404);
}

#[tokio::test]
async fn a_mirror_that_fails_fails_the_page_unless_a_private_project_hides_it() {
    // `root/pypi` has no upstream here, and nothing cached.
    let server = Server::start().await;
    server.have_index("alice/dev", json!({"bases": ["root/pypi"]})).await;
    server.host("alice/dev", "mine", "1.0", b"mine").await;
    assert_eq!(listed(&server, "/alice/dev/+simple/mine/").await.len(), 1);
    let status = server.get("/alice/dev/+simple/unknown/").await.status().as_u16();
    assert!(matches!(status, 404 | 502 | 503), "{status}");
}

#[tokio::test]
async fn explain_tells_each_source_and_why_a_mirror_is_silent() {
    let server = Server::start().await;
    server.have_index("alice/base", json!({"bases": ["root/pypi"]})).await;
    server.have_index("alice/dev", json!({"bases": ["alice/base"]})).await;
    server.host("alice/dev", "demo", "1.0", b"mine").await;
    server.host("alice/base", "demo", "1.0", b"theirs").await;
    let report = json_of(server.get("/alice/dev/+explain/demo").await).await;
    let told: Vec<(&str, bool)> = report["sources"]
        .as_array()
        .expect("sources")
        .iter()
        .map(|source| (source["index"].as_str().expect("a name"), source["shown"] == true))
        .collect();
    assert_eq!(told, [("alice/dev", true), ("alice/base", true), ("root/pypi", false)]);
    assert!(report["sources"][2]["because"].as_str().expect("a reason").contains("mirror_whitelist"));
    assert_eq!(report["sources"][1]["files"][0]["shown"], false, "the first of a name wins");
}

/// A stage on top of a mirror of an upstream that has `demo`, `mine` and `acme-tool`.
async fn above_a_mirror(options: Value) -> (Server, Upstream) {
    let upstream = Upstream::start().await;
    for name in ["demo", "mine", "acme_tool"] {
        upstream.add(&format!("{name}-9.0-py3-none-any.whl"), noise(9, 2000));
    }
    let url = upstream.simple();
    let server = Server::start_with(|config| config.upstream = Some(url)).await;
    server.have_index("alice/dev", options).await;
    server.host("alice/dev", "mine", "1.0", b"mine").await;
    (server, upstream)
}

#[tokio::test]
async fn a_private_or_reserved_name_is_never_asked_upstream_in_any_spelling() {
    let (server, upstream) = above_a_mirror(json!({"bases": ["root/pypi"], "reserved": ["Acme_*"]})).await;
    assert_eq!(listed(&server, "/alice/dev/+simple/mine/").await.len(), 1);
    for path in ["/alice/dev/+simple/Mine", "/alice/dev/+simple/acme-tool/", "/alice/dev/+simple/ACME.tool"] {
        let answer = server.get(path).await;
        assert!(matches!(answer.status().as_u16(), 301 | 404), "{path}: {}", answer.status());
    }
    assert_eq!(upstream.log().len(), 0, "{:?}", upstream.log());
    assert_eq!(listed(&server, "/alice/dev/+simple/demo/").await.len(), 1);
    assert_eq!(upstream.asked("/simple/demo/"), 1);
}

#[tokio::test]
async fn a_whitelisted_project_mixes_with_the_mirrors() {
    let options = json!({"bases": ["root/pypi"], "mirror_whitelist": ["mine"]});
    let (server, _upstream) = above_a_mirror(options).await;
    assert_eq!(listed(&server, "/alice/dev/+simple/mine/").await.len(), 2);
}

#[tokio::test]
async fn an_upstream_that_fails_is_never_fewer_releases_nor_no_project() {
    let options = json!({"bases": ["root/pypi"], "mirror_whitelist": ["mine"]});
    let (server, upstream) = above_a_mirror(options).await;
    assert_eq!(listed(&server, "/alice/dev/+simple/demo/").await.len(), 1);
    upstream.stop().await;
    for project in ["mine", "unheard-of"] {
        let status = server.get(&format!("/alice/dev/+simple/{project}/")).await.status().as_u16();
        assert!(matches!(status, 502..=504), "{project}: {status}");
    }
    assert_eq!(listed(&server, "/alice/dev/+simple/demo/").await.len(), 1, "what is known is served");
}

#[tokio::test]
async fn a_hidden_base_and_a_lost_one_read_the_same_to_whoever_may_not_see_them() {
    let (server, _upstream) = above_a_mirror(json!({})).await;
    server.have_index("bob/secret", json!({"acl_read": ["bob"]})).await;
    server.have_index("bob/lost", json!({})).await;
    server.host("bob/secret", "demo", "1.0", b"secret").await;
    server.have_index("carol/one", json!({"bases": ["bob/secret", "root/pypi"]})).await;
    server.have_index("carol/two", json!({"bases": ["bob/lost", "root/pypi"]})).await;
    let (status, _) = server.ask("DELETE", "/bob/lost", &Auth::root(), None).await;
    assert_eq!(status, 201);
    for asker in [Auth::None, Auth::basic("alice", "secret")] {
        for path in ["/carol/one?no_projects=", "/carol/one/+explain/other", "/carol"] {
            let (status, hidden) = server.ask("GET", path, &asker, None).await;
            let (_, lost) = server.ask("GET", &path.replace("one", "two"), &asker, None).await;
            assert_eq!(status, 200, "{path}: {hidden}");
            assert_eq!(hidden.to_string().replace("carol/one", "carol/two"), lost.to_string(), "{path}");
            assert!(!hidden.to_string().contains("bob/"), "{path}: {hidden}");
        }
        let (_, demo) = server.ask("GET", "/carol/one/+explain/demo", &asker, None).await;
        assert!(!demo.to_string().contains("bob/"), "{demo}");
        assert!(
            demo.to_string().contains("a reserved name hides it, or a base that you may not see"),
            "{demo}"
        );
        let page = asker.on(server.http.get(server.url("/carol/one"))).header("accept", "text/html");
        let page = page.send().await.expect("a page").text().await.expect("text");
        assert!(page.contains("root/pypi") && !page.contains("bob/"), "{page}");
    }
    for asker in [Auth::basic("carol", "secret"), Auth::root()] {
        for (path, named) in [("/carol/one", "bob/secret"), ("/carol/two/+explain/demo", "bob/lost")] {
            let (_, told) = server.ask("GET", path, &asker, None).await;
            assert!(told.to_string().contains(named), "{path}: {told}");
        }
    }
}
