//! What a login cookie changes, it changes by forms of our own pages, which have the session's token in them.

use crate::kit::Server;
use crate::kit::forms::{BOUNDARY, Form};
use crate::kit::packages::Package;
use crate::kit::stages::{PASSWORD, stage};
use reqwest::RequestBuilder;
use serde_json::json;
use wheelwright::access::tokens::form_token;

const PLAIN: &str = "application/x-www-form-urlencoded";

/// Logs in; the session's secret.
async fn session(server: &Server) -> String {
    let login = json!({"user": "alice", "password": PASSWORD}).to_string();
    let request = server.http.post(server.url("/+login")).header("content-type", "application/json");
    let request = request.header("accept", "application/json").body(login);
    let answer = request.send().await.expect("an answer");
    let text = answer.text().await.expect("text");
    let told: serde_json::Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"));
    told["result"]["password"].as_str().expect("a secret").to_owned()
}

/// As a browser sends it from a page of ours.
fn from_our_page(server: &Server, request: RequestBuilder, session: &str) -> RequestBuilder {
    let request = request.header("origin", server.url("")).header("sec-fetch-site", "same-origin");
    request.header("cookie", format!("wheelwright_session={session}"))
}

async fn status(request: RequestBuilder) -> (u16, String) {
    let answer = request.send().await.expect("an answer");
    (answer.status().as_u16(), answer.text().await.expect("text"))
}

#[tokio::test]
async fn every_page_of_a_session_has_its_token_and_no_other_page_has_one() {
    let server = stage().await;
    let session = session(&server).await;
    let read = async |session: &str| {
        let request = server.http.get(server.url("/alice/dev")).header("accept", "text/html");
        let request = request.header("cookie", format!("wheelwright_session={session}"));
        request.send().await.expect("an answer").text().await.expect("text")
    };
    let token = form_token(&session);
    let field = format!("<input type=\"hidden\" name=\"csrf\" value=\"{token}\">");
    assert!(read(&session).await.contains(&field));
    assert!(!read("ww_nobodys").await.contains("name=\"csrf\""));
    assert!(!token.contains(&session) && token != form_token("ww_other"));
}

#[tokio::test]
async fn json_of_a_session_needs_the_token_in_its_header() {
    let server = stage().await;
    let (one, other) = (session(&server).await, session(&server).await);
    let change = async |token: Option<&str>| {
        let request = server.http.patch(server.url("/alice/dev")).header("content-type", "application/json");
        let request = from_our_page(&server, request, &one).body(r#"["title=x"]"#);
        status(token.into_iter().fold(request, |request, token| request.header("x-csrf-token", token))).await
    };
    for wrong in [None, Some(""), Some("x"), Some(&*form_token(&other)), Some(&*one)] {
        let (status, told) = change(wrong).await;
        assert_eq!(status, 403, "{wrong:?}: {told}");
        assert!(told.contains("reload its page"), "{told}");
    }
    assert_eq!(change(Some(&form_token(&one))).await.0, 200);
    let request = server.http.patch(server.url("/alice/dev")).header("content-type", "application/json");
    let script = request.basic_auth("alice", Some(PASSWORD)).body(r#"["title=y"]"#);
    let script = script.header("cookie", format!("wheelwright_session={one}"));
    assert_eq!(status(script).await.0, 200, "a script that names its credential needs none");
}

#[tokio::test]
async fn a_form_has_the_token_in_a_field_and_reaches_its_page_whole() {
    let server = stage().await;
    let session = session(&server).await;
    let token = form_token(&session);
    let register = async |fields: String| {
        let request = server.http.post(server.url("/alice/dev/")).header("content-type", PLAIN);
        status(from_our_page(&server, request, &session).body(fields)).await
    };
    let form = ":action=submit&name=demo&version=1.0";
    assert_eq!(register(form.into()).await.0, 403);
    assert_eq!(register(format!("{form}&csrf=wrong")).await.0, 403);
    assert_eq!(register(format!("{form}&csrf={token}&summary={}", "x".repeat(70_000))).await.0, 413);
    let (code, told) = register(format!("{form}&csrf={token}")).await;
    assert_eq!(code, 200, "{told}");
}

#[tokio::test]
async fn a_form_with_a_file_has_the_token_in_its_first_field() {
    let server = stage().await;
    let session = session(&server).await;
    let wheel = Package::new("demo", "1.0").wheel();
    let send = async |form: Form| {
        let kind = format!("multipart/form-data; boundary={BOUNDARY}");
        let request = server.http.post(server.url("/alice/dev/")).header("content-type", kind);
        status(from_our_page(&server, request, &session).body(form.finish())).await
    };
    let filled = |form: Form| {
        let form = wheel.fields().iter().fold(form, |form, (name, value)| form.field(name, value));
        form.file("content", &wheel.filename, &wheel.bytes)
    };
    assert_eq!(send(Form::of(&wheel)).await.0, 403);
    assert_eq!(send(filled(Form::default().field("csrf", "wrong"))).await.0, 403);
    let late = Form::of(&wheel).field("csrf", &form_token(&session));
    assert_eq!(send(late).await.0, 403, "behind the file");
    let (code, told) = send(filled(Form::default().field("csrf", &form_token(&session)))).await;
    assert_eq!(code, 200, "{told}");
    let page = server.get("/alice/dev/+simple/demo/").await.text().await.expect("a page");
    assert!(page.contains(&wheel.filename), "{page}");
}
