//! Stories of the simple API: what installers ask and are answered.

use crate::kit::Server;
use crate::kit::host::json_of;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use wheelwright::db::Tx;

const JSON: &str = "application/vnd.pypi.simple.v1+json";

async fn demo() -> Server {
    let server = Server::start().await;
    server.have_index("alice/dev", json!({})).await;
    server.host("alice/dev", "demo-pkg", "1.0", b"one").await;
    server
}

fn header(headers: &HeaderMap, name: &str) -> String {
    headers.get(name).map(|v| v.to_str().expect("text").to_owned()).unwrap_or_default()
}

#[tokio::test]
async fn a_page_is_told_in_the_form_that_was_asked_for() {
    let server = demo().await;
    for (accept, expected) in [
        ("*/*", "text/html; charset=utf-8"),
        (JSON, JSON),
        ("application/vnd.pypi.simple.v1+html", "application/vnd.pypi.simple.v1+html"),
        ("application/vnd.pypi.simple.v1+json, */*;q=0.1", JSON),
    ] {
        let answer = server.get_with("/alice/dev/+simple/demo-pkg/", &[("accept", accept)]).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(header(answer.headers(), "content-type"), expected);
        let vary = header(answer.headers(), "vary");
        assert_eq!(vary, "Accept, Accept-Encoding, Authorization, Cookie, X-Devpi-Auth");
    }
    let answer = server.get_with("/alice/dev/+simple/demo-pkg/", &[("accept", "application/json")]).await;
    assert_eq!(answer.status(), 406);
    let bare = "GET /alice/dev/+simple/demo-pkg/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let without_accept = server.raw(bare.as_bytes()).await;
    assert!(without_accept.contains("content-type: text/html; charset=utf-8\r\n"), "{without_accept}");
    let query = format!("/alice/dev/+simple/demo-pkg/?format={JSON}");
    assert_eq!(header(server.get(&query).await.headers(), "content-type"), JSON);
}

#[tokio::test]
async fn a_json_page_links_to_what_it_promises() {
    let server = demo().await;
    let answer = server.get_with("/alice/dev/+simple/demo-pkg/", &[("accept", JSON)]).await;
    let page: Value = json_of(answer).await;
    assert_eq!(page["meta"]["api-version"], "1.4");
    assert_eq!(page["versions"], json!(["1.0"]));
    let file = &page["files"][0];
    let url = reqwest::Url::parse(&server.url("/alice/dev/+simple/demo-pkg/")).expect("a URL");
    let url = url.join(file["url"].as_str().expect("a link")).expect("a link");
    let bytes = server.get(url.path()).await;
    assert_eq!(bytes.status(), 200);
    assert_eq!(bytes.bytes().await.expect("bytes"), "one");
    let metadata = server.get(&format!("{}.metadata", url.path())).await;
    let digest = file["core-metadata"]["sha256"].as_str().expect("a digest").to_owned();
    assert_eq!(header(metadata.headers(), "etag"), format!("\"{digest}\""));
    assert!(metadata.text().await.expect("text").contains("Name: demo-pkg"));
}

#[tokio::test]
async fn links_hold_wherever_the_page_is() {
    let server = Server::start_with(|config| config.default_index = "alice/dev".into()).await;
    server.have_index("alice/dev", json!({})).await;
    let hosted = server.host("alice/dev", "demo", "1.0", b"one").await;
    for page in ["/simple/demo/", "/alice/dev/+simple/demo/", "/alice/dev/+at/2100-01-01/+simple/demo/"] {
        let answer = server.get_with(page, &[("accept", JSON)]).await;
        let json: Value = json_of(answer).await;
        let url = reqwest::Url::parse(&server.url(page)).expect("a URL");
        let link = url.join(json["files"][0]["url"].as_str().expect("a link")).expect("a link");
        assert_eq!(link.path(), hosted.path, "{page}");
    }
    let before = server.get("/alice/dev/+at/2001-01-01/+simple/demo/").await;
    assert!(!before.text().await.expect("text").contains(".whl"));
    assert_eq!(server.get("/alice/dev/+at/yesterday/+simple/demo/").await.status(), 400);
}

#[tokio::test]
async fn other_spellings_lead_to_the_one_url_in_one_hop() {
    let server = demo().await;
    for (path, expected) in [
        ("/alice/dev/+simple/Demo_Pkg/", "/alice/dev/+simple/demo-pkg/"),
        ("/alice/dev/+simple/demo.pkg", "/alice/dev/+simple/demo-pkg/"),
        ("/alice/dev/%2Bsimple/demo--pkg/?x=1&y", "/alice/dev/+simple/demo-pkg/?x=1&y"),
        ("/simple/Six", "/simple/six/"),
        ("/alice/dev/+simple", "/alice/dev/+simple/"),
        ("/alice/dev/+simple/demo%2Dpkg", "/alice/dev/+simple/demo-pkg/"),
    ] {
        let answer = server.get(path).await;
        assert_eq!(answer.status(), 301, "{path}");
        let url = reqwest::Url::parse(&server.url(path)).expect("a URL");
        let target = url.join(&header(answer.headers(), "location")).expect("a place");
        let target = target.as_str().replace("%2B", "+");
        assert_eq!(target, server.url(expected), "{path}");
        assert_eq!(header(answer.headers(), "access-control-allow-origin"), "*", "{path}");
    }
    assert_eq!(server.get("/alice/dev/%2Bsimple/demo-pkg/").await.status(), 200);
}

#[tokio::test]
async fn repeated_slashes_lead_to_pages_whose_links_hold() {
    let server = Server::start_with(|config| config.default_index = "alice/dev".into()).await;
    server.have_index("alice/dev", json!({})).await;
    let hosted = server.host("alice/dev", "demo", "1.0", b"one").await;
    for page in ["/simple//demo/", "//alice/dev//+simple/demo/", "/simple/demo//", "/alice//dev/+links/demo"]
    {
        let asked = reqwest::Url::parse(&server.url(page)).expect("a URL");
        let answer = server.get(page).await;
        let place = asked.join(&header(answer.headers(), "location")).expect("a place");
        let answer = server.get(place.path()).await;
        assert_eq!(answer.status(), 200, "{page}");
        let html = answer.text().await.expect("text");
        let link = html.split("href=\"").nth(1).and_then(|rest| rest.split(['#', '"']).next());
        assert_eq!(place.join(link.expect("a link")).expect("a link").path(), hosted.path, "{page}");
    }
    let form = server.http.post(server.url("//alice//dev//")).send().await.expect("an answer");
    assert_eq!(form.status(), 401, "an upload is never redirected");
}

#[tokio::test]
async fn what_publishers_look_for_in_vain_is_404_and_no_question_for_a_password() {
    let server = demo().await;
    for path in ["/_/oidc/audience", "/.well-known/pytp?discover=%2Flegacy%2F", "/upload/2.0/x/y/z/w"] {
        assert_eq!(server.get(path).await.status(), 404, "{path}");
    }
}

#[tokio::test]
async fn what_does_not_exist_is_not_found() {
    let server = demo().await;
    for path in [
        "/alice/dev/+simple/nothing/",
        "/alice/dev/+simple/-demo-/",
        "/alice/dev/+simple/d%C3%A9mo/",
        "/alice/dev/+simple/demo%2Fpkg/",
        "/alice/dev/+nothing/demo/",
    ] {
        let answer = server.get(path).await;
        assert_eq!(answer.status(), 404, "{path}");
        assert_eq!(header(answer.headers(), "cache-control"), "no-store", "{path}");
    }
}

#[tokio::test]
async fn other_methods_are_told_which_there_are() {
    let server = demo().await;
    let request = server.http.delete(server.url("/alice/dev/+simple/demo-pkg/"));
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), 405);
    assert_eq!(header(answer.headers(), "allow"), "GET, HEAD");
}

#[tokio::test]
async fn each_coding_has_its_etag_and_is_confirmed_by_304() {
    let server = demo().await;
    let path = "/alice/dev/+simple/demo-pkg/";
    let mut etags = Vec::new();
    for (coding, accept) in [("", JSON), ("gzip", JSON), ("", "text/html"), ("gzip", "text/html")] {
        let ask =
            [("accept", accept), ("accept-encoding", if coding.is_empty() { "identity" } else { coding })];
        let answer = server.get_with(path, &ask).await;
        assert_eq!(header(answer.headers(), "content-encoding"), coding);
        assert_eq!(header(answer.headers(), "cache-control"), "private, no-cache");
        let etag = header(answer.headers(), "etag");
        assert!(etag.starts_with('"') && !etags.contains(&etag), "{etag}");
        let again = [ask[0], ask[1], ("if-none-match", etag.as_str())];
        let unchanged = server.get_with(path, &again).await;
        assert_eq!(unchanged.status(), 304);
        for name in ["etag", "cache-control", "vary"] {
            assert_eq!(header(unchanged.headers(), name), header(answer.headers(), name), "{name}");
        }
        etags.push(etag);
    }
    server.host("alice/dev", "demo-pkg", "2.0", b"two").await;
    let old = [("accept", JSON), ("accept-encoding", "identity"), ("if-none-match", etags[0].as_str())];
    let answer = server.get_with(path, &old).await;
    assert_eq!(answer.status(), 200, "an upload is seen at once");
    assert!(answer.text().await.expect("text").contains("demo_pkg-2.0-py3-none-any.whl"));
}

#[tokio::test]
async fn head_tells_what_get_would() {
    let server = demo().await;
    for path in ["/alice/dev/+simple/demo-pkg/", "/alice/dev/+simple/"] {
        let get = server.get(path).await;
        let head = server.http.head(server.url(path)).send().await.expect("an answer");
        assert_eq!(head.status(), 200);
        for name in ["etag", "content-type", "content-length", "cache-control"] {
            assert_eq!(header(head.headers(), name), header(get.headers(), name), "{path} {name}");
        }
    }
}

#[tokio::test]
async fn a_yanked_release_says_so_in_both_forms() {
    let server = demo().await;
    let mut tx = Tx::begin(&server.app.db).await.expect("a transaction");
    tx.set_yanked(
        &crate::kit::names::index_name("alice/dev"),
        &crate::kit::names::project_name("demo-pkg"),
        "1.0",
        true,
        Some("a > b"),
    )
    .await
    .expect("yanked");
    server.commit(tx, "alice/dev", "demo-pkg").await;
    let path = "/alice/dev/+simple/demo-pkg/";
    let html = server.get(path).await.text().await.expect("text");
    assert!(html.contains("data-yanked=\"a &gt; b\""), "{html}");
    let json: Value = json_of(server.get_with(path, &[("accept", JSON)]).await).await;
    assert_eq!(json["files"][0]["yanked"], "a > b");
}

#[tokio::test]
async fn the_list_has_every_project_and_links_to_its_page() {
    let server = demo().await;
    server.host("alice/dev", "other", "1.0", b"other").await;
    let html = server.get("/alice/dev/+simple/").await.text().await.expect("text");
    assert!(html.contains("<a href=\"demo-pkg/\">demo-pkg</a>") && html.contains("pypi:repository-version"));
    let answer = server.get_with("/alice/dev/+simple/", &[("accept", JSON)]).await;
    assert_eq!(header(answer.headers(), "content-type"), JSON);
    let json: Value = json_of(answer).await;
    let names: Vec<_> = json["projects"].as_array().expect("a list").iter().map(|p| &p["name"]).collect();
    assert_eq!(names, ["demo-pkg", "other"]);
}

#[tokio::test]
async fn who_may_not_read_an_index_can_not_tell_that_it_exists() {
    let server = Server::start().await;
    server.have_index("alice/dev", json!({"acl_read": ["alice"]})).await;
    let hosted = server.host("alice/dev", "demo", "1.0", b"one").await;
    let metadata = format!("{}.metadata", hosted.path);
    for path in ["/alice/dev/+simple/demo/", "/alice/dev/+simple/", hosted.path.as_str(), metadata.as_str()] {
        let hidden = server.get(path).await;
        let absent = server.get(&path.replace("alice/dev", "alice/none")).await;
        assert_eq!(hidden.status(), absent.status(), "{path}");
        let head = server.http.head(server.url(path)).send().await.expect("an answer");
        assert_eq!(head.status(), hidden.status(), "{path}");
        assert!(hidden.status() == 404 || hidden.status() == 401, "{path}");
        let mine = server.http.get(server.url(path)).basic_auth("alice", Some("secret"));
        let mine = mine.send().await.expect("an answer");
        assert_eq!(mine.status(), 200, "{path}");
        assert_eq!(header(mine.headers(), "access-control-allow-origin"), "", "{path}");
    }
    let public = demo().await;
    let answer = public.get("/alice/dev/+simple/demo-pkg/").await;
    assert_eq!(header(answer.headers(), "access-control-allow-origin"), "*");
}

#[tokio::test]
async fn flat_pages_list_files_with_links_that_hold() {
    let server = demo().await;
    server.have_index("alice/top", json!({"bases": ["alice/dev"]})).await;
    for page in [
        "/alice/dev/+links",
        "/alice/dev/+links/demo-pkg",
        "/alice/top/+links/",
        "/alice/top/+links/demo_pkg/",
    ] {
        // What pip says there too: it would take JSON, other clients of such pages would not.
        let accept = format!("{JSON}, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01");
        let answer = server.get_with(page, &[("accept", &accept)]).await;
        assert_eq!(header(answer.headers(), "content-type"), "text/html; charset=utf-8", "{page}");
        let html = answer.text().await.expect("text");
        for attribute in ["data-requires-python=\"&gt;=3.8\"", "data-core-metadata=\"sha256="] {
            assert!(html.contains(attribute), "{page}: {attribute}");
        }
        let link =
            html.split("href=\"").nth(1).and_then(|rest| rest.split(['#', '"']).next()).expect("a link");
        let url = reqwest::Url::parse(&server.url(page)).expect("a URL").join(link).expect("a link");
        assert_eq!(server.get(url.path()).await.status(), 200, "{page}: {link}");
    }
}

#[tokio::test]
async fn the_legacy_json_tells_releases_and_the_latest() {
    let server = demo().await;
    let hosted = server.host("alice/dev", "demo-pkg", "2.0rc1", b"candidate").await;
    for path in ["/alice/dev/pypi/demo-pkg/json", "/alice/dev/demo-pkg/json"] {
        let body = json_of(server.get(path).await).await;
        assert_eq!(body["info"]["version"], "1.0", "a pre-release is not the latest");
        assert_eq!(body["releases"].as_object().map(|releases| releases.len()), Some(2));
        assert_eq!(body["releases"]["2.0rc1"][0]["url"], server.url(&hosted.path));
    }
    let one = json_of(server.get("/alice/dev/pypi/demo-pkg/v2.0-rc1/json").await).await;
    assert_eq!(
        (&one["info"]["version"], &one["urls"][0]["digests"]["sha256"]),
        (&json!("2.0rc1"), &json!(hosted.sha256))
    );
    assert!(one.get("releases").is_none());
    for path in ["/alice/dev/pypi/none/json", "/alice/dev/pypi/demo-pkg/9/json"] {
        assert_eq!(server.get(path).await.status(), 404, "{path}");
    }
}
