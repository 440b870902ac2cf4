//! A real nginx that keeps answers for everybody: what is private never reaches a stranger through it.

use crate::kit::Server;
use crate::kit::forms::Form;
use crate::kit::nginx::Nginx;
use crate::kit::packages::Package;
use crate::kit::script::Auth;
use crate::kit::stages::PASSWORD;
use crate::kit::upstream::{Upstream, noise};
use serde_json::json;
use std::collections::BTreeSet;
use wheelwright::web::routes;

const HTML: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
const SIMPLE: &str = "application/vnd.pypi.simple.v1+json";

/// A private and an open index with the same file; the end of its URL in both.
async fn house() -> (Server, String) {
    let server = Server::start_with(|config| {
        config.default_index = "alice/dev".into();
        config.default_upload_index = Some("alice/dev".into());
    })
    .await;
    server.make_user("alice", PASSWORD).await;
    let wheel = Package::new("demo", "1.0").description("a secret of ours").wheel();
    for (index, options) in [("dev", json!({"acl_read": ["alice"]})), ("open", json!({}))] {
        server.make_index(&format!("alice/{index}"), options).await;
        let sent = server.post(&format!("/alice/{index}/"), Form::of(&wheel), "alice", PASSWORD).await;
        assert_eq!(sent.status, 200, "{}", sent.text);
    }
    (server, wheel.path())
}

/// Where a route's answer about `alice/{index}` is.
fn path(template: &str, index: &str, file: &str) -> String {
    [
        ("+f/{head}/{tail}/{filename}", file),
        ("{indexes}", format!("alice.{index}").as_str()),
        ("{index}", index),
        ("{user}", "alice"),
        ("{project}", "demo"),
        ("{version}", "1.0"),
        ("{date}", "2030-05-03"),
        ("{filename}", "demo-1.0-py3-none-any.whl"),
        ("{target}", "any"),
    ]
    .iter()
    .fold(template.to_owned(), |path, (name, value)| path.replace(name, value))
}

async fn ask(
    nginx: &Nginx,
    server: &Server,
    path: &str,
    accept: &str,
    auth: &[(&str, String)],
) -> (u16, String) {
    let request = server.http.get(nginx.url(path)).header("accept", accept);
    let request = auth.iter().fold(request, |request, (name, value)| request.header(*name, value));
    let answer = request.send().await.expect("an answer");
    let cached = answer.headers().get("x-cache").and_then(|value| value.to_str().ok()).unwrap_or("NONE");
    (answer.status().as_u16(), cached.to_owned())
}

/// Each way of saying that one is alice.
async fn credentials(server: &Server) -> Vec<[(&'static str, String); 1]> {
    use base64::Engine as _;
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("alice:{PASSWORD}"));
    let request = server.http.post(server.url("/+login")).header("accept", HTML);
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let request = request.header("origin", server.url(""));
    let form = request.body(format!("user=alice&password={PASSWORD}"));
    let answer = form.send().await.expect("an answer");
    let cookie = answer.headers()["set-cookie"].to_str().expect("text").to_owned();
    let cookie = cookie.split(';').next().expect("a pair").to_owned();
    vec![[("authorization", format!("Basic {pair}"))], [("x-devpi-auth", pair)], [("cookie", cookie)]]
}

#[tokio::test]
async fn what_is_private_is_not_kept_by_a_cache_that_all_share() {
    let (server, file) = house().await;
    let nginx = Nginx::before(&server);
    let credentials = credentials(&server).await;
    let reads = routes::table().rows.into_iter().filter(|route| route.methods.contains(&"GET"));
    let mut paths: BTreeSet<String> = reads.map(|route| path(route.path, "dev", &file)).collect();
    paths.retain(|path| !path.contains('{'));
    paths.insert(path("/alice/{index}/+f/{head}/{tail}/{filename}.metadata", "dev", &file));
    let mut seen = 0;
    for path in &paths {
        for accept in [HTML, "application/json", SIMPLE, "*/*"] {
            for auth in &credentials {
                let (status, cached) = ask(&nginx, &server, path, accept, auth).await;
                assert!(cached != "HIT" || status >= 400, "{path} {accept}: {status} {cached}");
                let stranger = ask(&nginx, &server, path, accept, &[]).await;
                let plain = server.http.get(server.url(path)).header("accept", accept);
                let plain = plain.send().await.expect("an answer").status().as_u16();
                assert_eq!(stranger.0, plain, "{path} {accept} through the cache: {stranger:?}");
                seen += usize::from(status == 200 && plain == 401);
            }
        }
    }
    assert!(seen > 150, "only {seen} private answers were tried");
}

#[tokio::test]
async fn what_is_open_to_all_is_kept_by_a_shared_cache_as_long_as_it_holds() {
    let upstream = Upstream::start().await;
    upstream.add("far-1.0.tar.gz", noise(1, 2000));
    let (server, file) = house().await;
    let mirror = json!({"type": "mirror", "mirror_url": upstream.simple()});
    server.make_index("alice/pypi", mirror).await;
    let nginx = Nginx::before(&server);
    for template in [
        "/alice/pypi/+simple/far/",
        "/alice/{index}/+f/{head}/{tail}/{filename}",
        "/alice/{index}/+f/{head}/{tail}/{filename}.metadata",
    ] {
        let path = path(template, "open", &file);
        assert_eq!(ask(&nginx, &server, &path, SIMPLE, &[]).await, (200, "MISS".into()), "{path}");
        assert_eq!(ask(&nginx, &server, &path, SIMPLE, &[]).await, (200, "HIT".into()), "{path}");
    }
    // What is kept as JSON is not for those who want HTML, and an upload is seen at once.
    let page = server.http.get(nginx.url("/alice/pypi/+simple/far/")).header("accept", "text/html");
    let page = page.send().await.expect("an answer");
    assert!(page.headers()["content-type"].to_str().expect("text").contains("html"));
    for _ in 0..2 {
        let (status, cached) = ask(&nginx, &server, "/alice/open/+simple/demo/", SIMPLE, &[]).await;
        assert_eq!((status, cached == "HIT"), (200, false), "{cached}");
    }
}

#[tokio::test]
async fn a_private_mirror_is_not_kept_by_a_cache_that_all_share() {
    let upstream = Upstream::start().await;
    upstream.add("demo-1.0.tar.gz", noise(1, 2000));
    let (server, _) = house().await;
    server
        .make_index(
            "alice/far",
            json!({"type": "mirror", "mirror_url": upstream.simple(), "acl_read": ["alice"]}),
        )
        .await;
    let nginx = Nginx::before(&server);
    let alice = Auth::basic("alice", PASSWORD);
    let page = server.http.get(nginx.url("/alice/far/+simple/demo/")).header("accept", SIMPLE);
    let page: serde_json::Value =
        serde_json::from_str(&alice.on(page).send().await.expect("an answer").text().await.expect("text"))
            .expect("JSON");
    let file = page["files"][0]["url"].as_str().expect("a URL");
    let file =
        url::Url::parse(&nginx.url("/alice/far/+simple/demo/")).expect("a URL").join(file).expect("a URL");
    for path in
        ["/alice/far/+simple/demo/", "/alice/far/+simple/", "/alice/far/", "/alice/far/demo/", file.path()]
    {
        for _ in 0..2 {
            let request = alice.on(server.http.get(nginx.url(path)).header("accept", SIMPLE));
            let status = request.send().await.expect("an answer").status();
            assert!(status.is_success() || status.as_u16() == 406, "{path}: {status}");
            assert_eq!(ask(&nginx, &server, path, SIMPLE, &[]).await.0, 401, "{path}");
        }
    }
}
