//! Pages of other sites: what they make a browser send changes nothing; people log in by a form.

use crate::kit::Server;
use crate::kit::forms::{BOUNDARY, Form};
use crate::kit::packages::Package;
use crate::kit::script::Auth;
use crate::kit::stages::PASSWORD;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::json;
use wheelwright::access::tokens::form_token;

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
const FORM: &str = "application/x-www-form-urlencoded";

async fn stage() -> Server {
    let server = Server::start().await;
    server.make_user("alice", PASSWORD).await;
    server.make_index("alice/dev", json!({"acl_read": ["alice"]})).await;
    server
}

fn browser(server: &Server, method: Method, path: &str) -> RequestBuilder {
    server.http.request(method, server.url(path)).header("accept", BROWSER)
}

fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Logs in by the form; the cookie as the browser sends it back.
async fn logged_in(server: &Server) -> String {
    let form = format!("user=alice&password={PASSWORD}&to=alice%2Fdev");
    let request = browser(server, Method::POST, "/+login").header("content-type", FORM).body(form);
    let answer = request.header("origin", server.url("")).send().await.expect("an answer");
    assert_eq!((answer.status().as_u16(), header(&answer, "location")), (303, "./alice/dev"));
    let cookie = header(&answer, "set-cookie");
    for part in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.split("; ").any(|told| told == part), "{cookie}");
    }
    cookie.split(';').next().expect("a pair").to_owned()
}

/// What the forms of the pages that this cookie is sent for have in them.
fn token_of(cookie: &str) -> String {
    form_token(cookie.split_once('=').expect("a cookie").1)
}

#[tokio::test]
async fn a_page_of_another_site_uploads_nothing_with_a_stored_password() {
    let server = stage().await;
    let wheel = Package::new("demo", "1.0").wheel();
    let before = server.app.db.serial().await.expect("a serial");
    let foreign: [&[(&str, &str)]; 6] = [
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "cross-site"), ("origin", "OWN")],
        &[("sec-fetch-site", "same-origin"), ("origin", "https://evil.example")],
    ];
    for lines in foreign {
        let own = server.url("");
        let (kind, body) = (format!("multipart/form-data; boundary={BOUNDARY}"), Form::of(&wheel).finish());
        let mut request = server.http.post(server.url("/alice/dev/")).header("content-type", kind).body(body);
        for (name, value) in lines {
            request = request.header(*name, if *value == "OWN" { own.as_str() } else { *value });
        }
        let answer = request.basic_auth("alice", Some(PASSWORD)).send().await.expect("an answer");
        assert_eq!(answer.status(), 403, "{lines:?}");
        let told = answer.text().await.expect("text");
        assert!(told.contains("a page of another site"), "{told}");
    }
    assert_eq!(server.app.db.serial().await.expect("a serial"), before, "nothing happened");
    let answer = server.post("/alice/dev/", Form::of(&wheel), "alice", PASSWORD).await;
    assert_eq!(answer.status, 200, "twine sends neither header: {}", answer.text);
}

#[tokio::test]
async fn json_under_another_type_makes_no_token() {
    let server = stage().await;
    for kind in [Some("text/plain"), Some(FORM), Some("multipart/form-data; boundary=x"), Some(""), None] {
        let request = server.http.post(server.url("/+tokens")).body(r#"{"name": "stolen"}"#);
        let request = kind.into_iter().fold(request, |request, kind| request.header("content-type", kind));
        let answer = request.basic_auth("alice", Some(PASSWORD)).send().await.expect("an answer");
        assert_eq!(answer.status(), 415, "{kind:?}");
        assert!(answer.text().await.expect("text").contains("Content-Type: application/json"));
    }
    assert!(server.app.db.api_tokens(None).await.expect("tokens").is_empty());
    let request = server.http.post(server.url("/+tokens")).body(r#"{"name": "own"}"#);
    let request = request.header("content-type", "Application/JSON; charset=utf-8");
    let answer = request.basic_auth("alice", Some(PASSWORD)).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn a_browser_is_shown_the_login_page_and_never_asks_for_a_password_itself() {
    let server = stage().await;
    let answer = browser(&server, Method::GET, "/alice/dev").send().await.expect("an answer");
    assert_eq!((answer.status().as_u16(), header(&answer, "www-authenticate")), (401, ""));
    let page = answer.text().await.expect("text");
    assert!(page.contains("action=\"../+login\"") && page.contains("value=\"alice/dev\""), "{page}");
    let script = server.http.get(server.url("/alice/dev")).header("accept", "application/json");
    let script = script.header("sec-fetch-mode", "cors").send().await.expect("an answer");
    assert_eq!((script.status().as_u16(), header(&script, "www-authenticate")), (401, ""));
    let pip = server.http.get(server.url("/alice/dev/+simple/demo/")).send().await.expect("an answer");
    assert_eq!(header(&pip, "www-authenticate"), "Basic realm=\"pypi\"", "installers go on being asked");
    let wrong = browser(&server, Method::POST, "/+login").header("content-type", FORM);
    let wrong = wrong.body("user=alice&password=wrong&to=alice%2Fdev").send().await.expect("an answer");
    assert_eq!((wrong.status().as_u16(), header(&wrong, "set-cookie")), (401, ""));
    assert!(wrong.text().await.expect("text").contains("password is wrong"));
}

#[tokio::test]
async fn a_login_cookie_reads_and_changes_only_from_our_own_pages_until_it_ends() {
    let server = stage().await;
    let cookie = logged_in(&server).await;
    let read = async || {
        let request = browser(&server, Method::GET, "/alice/dev").header("cookie", &cookie);
        request.send().await.expect("an answer").status().as_u16()
    };
    assert_eq!(read().await, 200);
    let change = async |lines: &[(&str, &str)]| {
        let request = server.http.patch(server.url("/alice/dev")).header("content-type", "application/json");
        let request = request.header("cookie", &cookie).header("x-csrf-token", token_of(&cookie));
        let request = request.body(r#"["title=x"]"#);
        let request = lines.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        request.send().await.expect("an answer").status().as_u16()
    };
    let own = server.url("");
    assert_eq!(change(&[]).await, 403, "no proof of where it comes from");
    assert_eq!(change(&[("origin", "https://evil.example")]).await, 403);
    assert_eq!(change(&[("sec-fetch-site", "none")]).await, 403);
    assert_eq!(change(&[("origin", &own)]).await, 200);
    assert_eq!(change(&[("sec-fetch-site", "same-origin")]).await, 200);
    let out = browser(&server, Method::POST, "/+logout").header("cookie", &cookie).header("origin", &own);
    let out = out.header("x-csrf-token", token_of(&cookie)).send().await.expect("an answer");
    assert_eq!(out.status(), 303);
    assert!(header(&out, "set-cookie").contains("Max-Age=0"));
    assert_eq!(read().await, 401);
}

#[tokio::test]
async fn a_token_is_no_cookie() {
    let server = stage().await;
    let alice = Auth::basic("alice", PASSWORD);
    let (_, made) = server.ask("POST", "/+tokens", &alice, Some(json!({"name": "t"}))).await;
    let token = made["result"]["token"].as_str().expect("a token");
    let request = browser(&server, Method::GET, "/alice/dev");
    let answer = request.header("cookie", format!("wheelwright_session={token}")).send().await;
    assert_eq!(answer.expect("an answer").status(), 401);
}
