//! Pages for people: they answer, link to each other, hide what is private, and let nothing run.

use crate::kit::names::{index_name, project_name};
use crate::kit::{ROOT_PASSWORD, Server};
use html5gum::{Token, Tokenizer};
use reqwest::Response;
use std::collections::BTreeSet;
use std::io::Read;
use wheelwright::access::{Who, accounts};
use wheelwright::db::Tx;
use wheelwright::db::events::NewEvent;
use wheelwright::db::files::StoredFile;
use wheelwright::index::admin;
use wheelwright::names::IndexName;
use wheelwright::packaging::metadata::Metadata;
use wheelwright::words::{EventKind, FileKind};

const ACCEPT: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

/// What a browser sends.
async fn browse(server: &Server, path: &str) -> Response {
    server.http.get(server.url(path)).header("accept", ACCEPT).send().await.expect("an answer")
}

async fn browse_as_root(server: &Server, path: &str) -> Response {
    let request = server.http.get(server.url(path)).header("accept", ACCEPT);
    request.basic_auth("root", Some(ROOT_PASSWORD)).send().await.expect("an answer")
}

fn object(value: serde_json::Value) -> serde_json::Map<String, serde_json::Value> {
    value.as_object().cloned().unwrap_or_default()
}

async fn index(server: &Server, name: &str, options: serde_json::Value) {
    let name = IndexName::parse(name).expect("a name");
    let (app, who) = (&server.app, Who::default());
    app.indexes.refresh().await.expect("a refresh");
    let directory = app.indexes.directory();
    let options = serde_json::from_value(options).expect("options");
    admin::create(&app.db, &directory, &who, &name, &options).await.expect("an index");
    app.indexes.refresh().await.expect("a refresh");
}

/// Puts a release in place as an upload would.
async fn release(server: &Server, index: &str, metadata: &Metadata, files: &[&str]) {
    let (index, project) = (index_name(index), project_name(&metadata.name));
    let mut tx = Tx::begin(&server.app.db).await.expect("a transaction");
    tx.put_project(&index, &project, &metadata.name).await.expect("a project");
    let json = serde_json::to_string(metadata).expect("JSON");
    tx.put_release(&index, &project, &metadata.version, &json, true).await.expect("a release");
    for filename in files {
        let mut file = StoredFile::new(index.clone(), project.clone(), filename);
        let bytes = bytes::Bytes::from(format!("{index} {filename}"));
        file.size = bytes.len() as u64;
        file.sha256 = server.app.store.put(bytes).await.expect("a blob");
        file.version.clone_from(&metadata.version);
        file.kind = if filename.ends_with(".whl") { FileKind::Wheel } else { FileKind::Sdist };
        file.requires_python.clone_from(&metadata.requires_python);
        file.uploader = Some("alice".to_owned());
        tx.put_file(&file, None).await.expect("a file");
    }
    let event = NewEvent::of("alice", EventKind::Upload).on(&index).about(&project);
    tx.commit(event).await.expect("a commit");
}

/// alice/dev (public, two releases), alice/top (above it), alice/secret (private).
async fn sample() -> Server {
    let server = Server::start().await;
    let password = object(serde_json::json!({"password": "alice-secret"}));
    let given = accounts::AccountChange::from_json(password).expect("an account");
    accounts::create(&server.app.db, "root", "alice", &given).await.expect("an account");
    index(&server, "alice/dev", serde_json::json!({"title": "Our <wheels> & sdists"})).await;
    index(&server, "alice/top", serde_json::json!({"bases": ["alice/dev"]})).await;
    index(&server, "alice/secret", serde_json::json!({"acl_read": ["alice"]})).await;
    let first = Metadata { name: "Demo".into(), version: "1.0".into(), ..Metadata::default() };
    release(&server, "alice/dev", &first, &["demo-1.0.tar.gz"]).await;
    release(&server, "alice/dev", &demo(), &["demo-1.1.tar.gz", "demo-1.1-py3-none-any.whl"]).await;
    let odd = Metadata { name: "odd".into(), version: "1!2.0+local.1".into(), ..Metadata::default() };
    release(&server, "alice/dev", &odd, &["odd-1!2.0+local.1.tar.gz"]).await;
    release(&server, "alice/secret", &first, &["demo-1.0.tar.gz"]).await;
    server
}

fn demo() -> Metadata {
    Metadata {
        metadata_version: "2.4".into(),
        name: "Demo".into(),
        version: "1.1".into(),
        summary: Some("<script>alert('summary')</script>".into()),
        description: Some(
            "# Hello\n\n<script>alert(1)</script>\n\n[x](javascript:alert(2)) ![y](https://example.org/p.png)\n\
             | a | b |\n|---|---|\n| 1 | 2 |\n"
                .into(),
        ),
        description_content_type: Some("text/markdown".into()),
        author: Some("<img src=x onerror=alert(3)>".into()),
        author_email: Some("a@example.org, \"><script>\" <b@example.org>".into()),
        license: Some("</dd><script>alert(4)</script>".into()),
        project_urls: vec![
            "Docs, https://example.org/docs".into(),
            "<b>Evil</b>, javascript:alert(5)".into(),
        ],
        home_page: Some("data:text/html,<script>alert(6)</script>".into()),
        keywords: Some("a,\"b\"".into()),
        classifiers: vec!["Topic :: <i>x</i>".into()],
        requires_python: Some(">=3.9".into()),
        requires_dist: vec!["odd>=1 ; python_version < \"3.12\"".into(), "<script>".into()],
        ..Metadata::default()
    }
}

/// What the pages of [`sample`] are.
const PAGES: [&str; 11] = [
    "/",
    "/alice",
    "/alice/dev",
    "/alice/dev/",
    "/alice/dev?q=DE",
    "/alice/top/demo",
    "/alice/dev/Demo/",
    "/alice/dev/demo/1.1",
    "/alice/dev/demo/1.1/demo-1.1-py3-none-any.whl",
    "/alice/dev/odd/1!2.0+local.1/odd-1!2.0+local.1.tar.gz",
    "/+status",
];

/// Elements that have no end tag.
const VOID: [&str; 7] = ["meta", "link", "img", "br", "hr", "input", "wbr"];

/// The elements with their attributes, after checking that they are closed in order.
fn elements(html: &str, path: &str) -> Vec<(String, Vec<(String, String)>)> {
    let (mut open, mut seen): (Vec<String>, Vec<_>) = (Vec::new(), Vec::new());
    for token in Tokenizer::new(html) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match token.expect("a string never fails to be read") {
            Token::StartTag(tag) => {
                let name = text(&tag.name);
                if !VOID.contains(&name.as_str()) {
                    open.push(name.clone());
                }
                let attributes = tag.attributes.iter().map(|(key, value)| (text(key), text(value)));
                seen.push((name, attributes.collect()));
            }
            Token::EndTag(tag) => {
                assert_eq!(open.pop().unwrap_or_default(), text(&tag.name), "on {path}:\n{html}")
            }
            Token::Error(error) => panic!("{error:?} on {path}:\n{html}"),
            _ => {}
        }
    }
    assert!(open.is_empty(), "{open:?} never closed on {path}");
    seen
}

#[tokio::test]
async fn every_page_answers_with_sound_html_and_strict_headers() {
    let server = sample().await;
    for path in PAGES {
        let answer = browse(&server, path).await;
        assert_eq!(answer.status(), 200, "{path}");
        let header =
            |name: &str| answer.headers().get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
        assert_eq!(header("content-type"), "text/html; charset=utf-8", "{path}");
        assert!(
            header("content-security-policy").starts_with("default-src 'none'; script-src 'self';"),
            "{path}"
        );
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header("cache-control"), "private, no-cache", "{path}");
        let html = answer.text().await.expect("text");
        let names: Vec<String> = elements(&html, path).into_iter().map(|(name, _)| name).collect();
        for landmark in ["header", "nav", "main", "footer", "h1", "title"] {
            assert_eq!(
                names.iter().filter(|name| *name == landmark).count().min(1),
                1,
                "{landmark} on {path}"
            );
        }
        assert_eq!(names.iter().filter(|name| *name == "h1").count(), 1, "{path}");
    }
}

#[tokio::test]
async fn nothing_hostile_in_a_release_runs_or_loads() {
    let server = sample().await;
    for path in PAGES.iter().copied().chain(["/alice/dev/%3Cscript%3E", "/alice/dev?q=%22%3E%3Cscript%3E"]) {
        let html = browse(&server, path).await.text().await.expect("text");
        for (name, attributes) in elements(&html, path) {
            let own = |(key, value): &(String, String)| key == "src" && value.contains("+static/");
            if name == "script" && attributes.iter().any(own) {
                continue;
            }
            assert!(
                !["script", "iframe", "object", "style", "b", "i", "base"].contains(&&*name),
                "<{name}> on {path}"
            );
            for (key, value) in attributes {
                assert!(!key.starts_with("on") && key != "style", "{key} on {path}");
                if ["href", "src", "action"].contains(&&*key) {
                    let scheme = value.split_once(':').map(|(scheme, _)| scheme);
                    let harmless =
                        scheme.is_none_or(|s| ["http", "https", "mailto"].contains(&s) || s.contains('/'));
                    assert!(harmless, "{value} on {path}");
                    assert!(name == "a" || scheme.is_none(), "{name} loads {value} on {path}");
                }
            }
        }
    }
    let html = browse(&server, "/alice/dev/demo").await.text().await.expect("text");
    assert!(html.contains("<h3>Hello</h3>") && html.contains("https://example.org/docs"), "{html}");
    assert!(html.contains("javascript:alert(5)"), "what is no link is shown as text: {html}");
}

#[tokio::test]
async fn every_link_leads_somewhere() {
    let server = sample().await;
    let mut known = BTreeSet::new();
    let mut next: Vec<String> = vec!["/".to_owned()];
    while let Some(path) = next.pop() {
        let answer = browse(&server, &path).await;
        assert!(answer.status().is_success(), "{path} answers {}", answer.status());
        if !answer.headers()["content-type"].to_str().unwrap_or_default().starts_with("text/html") {
            continue;
        }
        let html = answer.text().await.expect("text");
        let base = url::Url::parse(&server.url(&path)).expect("a URL");
        for (_, attributes) in elements(&html, &path) {
            for (_, value) in attributes.iter().filter(|(key, _)| key == "href" || key == "src") {
                let Ok(link) = base.join(value) else { panic!("{value} on {path}") };
                // Logging in is refused without a credential.
                let ours = link.host_str() == base.host_str() && link.port() == base.port();
                let other = link.path() == "/+login";
                let target = link[url::Position::BeforePath..url::Position::AfterQuery].to_owned();
                if ours && !other && known.insert(target.clone()) {
                    next.push(target);
                }
            }
        }
    }
    assert!(known.iter().any(|path| path.contains("/+f/")), "no file is linked: {known:?}");
    for path in ["/alice/top", "/alice/dev/demo/1.1", "/alice/dev/odd/1%212.0%2Blocal.1"] {
        assert!(known.contains(path), "{path} is not linked: {known:?}");
    }
}

#[tokio::test]
async fn what_a_stranger_may_not_read_is_on_no_page() {
    let server = sample().await;
    for path in ["/", "/alice"] {
        let html = browse(&server, path).await.text().await.expect("text");
        assert!(html.contains("alice/dev") && !html.contains("secret"), "{path}: {html}");
    }
    let hidden = browse(&server, "/alice/secret").await;
    let status = hidden.status();
    assert!(status == 404 || status == 401, "{status}");
    let answer = browse_as_root(&server, "/alice/secret/demo").await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["cache-control"], "private, no-store");
    let html = browse_as_root(&server, "/").await.text().await.expect("text");
    assert!(html.contains("alice/secret") && html.contains("logged in as"), "{html}");
}

#[tokio::test]
async fn a_browser_gets_errors_as_pages_and_a_script_does_not() {
    let server = sample().await;
    let answer = browse(&server, "/alice/dev/nope/1.0").await;
    assert_eq!(answer.status(), 404);
    assert!(answer.headers().contains_key("content-security-policy"));
    let html = answer.text().await.expect("text");
    assert!(html.contains("href=\"../../../+static/"), "{html}");
    elements(&html, "/alice/dev/nope/1.0");
    let answer = server.get("/alice/dev/nope/1.0").await;
    assert!(!answer.text().await.expect("text").contains("<html"));
}

#[tokio::test]
async fn logging_in_asks_once_and_leads_back() {
    let server = sample().await;
    let answer = browse(&server, "/+login?to=alice%2Fdev").await;
    assert_eq!(answer.status(), 200);
    let html = answer.text().await.expect("text");
    assert!(html.contains("name=\"to\" value=\"alice/dev\""), "{html}");
    elements(&html, "/+login");
    let answer = browse_as_root(&server, "/+login?to=%2F%2Fevil.example%2F").await;
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["location"]),
        (303, &"./evil.example/".parse().unwrap())
    );
}

#[tokio::test]
async fn assets_are_immutable_under_their_hash_and_compressed() {
    let server = Server::start().await;
    let html = browse(&server, "/").await.text().await.expect("text");
    let attributes = elements(&html, "/").into_iter().flat_map(|(_, attributes)| attributes);
    let assets = attributes.filter(|(key, _)| key == "href" || key == "src").map(|(_, path)| path);
    let assets: BTreeSet<String> = assets.filter(|path| path.contains("+static/")).collect();
    let suffixes: Vec<&str> = assets.iter().filter_map(|path| path.rsplit('.').next()).collect();
    assert_eq!(suffixes.iter().filter(|suffix| **suffix == "js").count(), 3, "{assets:?}");
    assert_eq!(suffixes.len(), 5, "a style and an icon, too: {assets:?}");
    for path in assets {
        let path = path.replacen("./", "/", 1);
        let request = server.http.get(server.url(&path)).header("accept-encoding", "gzip");
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.headers()["cache-control"], "public, max-age=31536000, immutable");
        assert_eq!(answer.headers()["content-encoding"], "gzip");
        let packed = answer.bytes().await.expect("bytes");
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(&*packed).read_to_end(&mut unpacked).expect("gzip");
        assert_eq!(unpacked, server.get(&path).await.bytes().await.expect("bytes"));
    }
    assert_eq!(server.get("/+static/0000000000000000/style.css").await.status(), 404);
}

#[tokio::test]
async fn a_release_is_pushed_from_the_index_that_has_it() {
    let server = crate::kit::stages::stage().await;
    for (name, bases) in
        [("alice/team", serde_json::json!(["alice/dev"])), ("alice/prod", serde_json::json!([]))]
    {
        server.make_index(name, serde_json::json!({"bases": bases})).await;
    }
    server.publish("alice/dev", &crate::kit::packages::Package::new("demo", "1.0").wheel()).await;
    for (index, offered) in [("alice/dev", true), ("alice/team", false)] {
        let request = server.http.get(server.url(&format!("/{index}/demo/1.0"))).header("accept", ACCEPT);
        let request = request.basic_auth("alice", Some(crate::kit::stages::PASSWORD));
        let page = request.send().await.expect("an answer").text().await.expect("text");
        assert!(page.contains("<option>") || !offered, "{page}");
        assert_eq!(page.contains("Push it to another index"), offered, "{index}");
    }
}
