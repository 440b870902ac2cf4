//! Programs that ask to be let in, and people who decide in a browser.

use crate::kit::Server;
use crate::kit::browser::Browser;
use crate::kit::script::Auth;
use crate::kit::stages::{PASSWORD, stage};
use serde_json::{Value, json};
use wheelwright::access::tokens::{fingerprint, form_token};
use wheelwright::access::{Scope, accounts};
use wheelwright::db::handovers::{HandoverRoom, StoredHandover};
use wheelwright::tools::time::now;

const FORM: &str = "application/x-www-form-urlencoded";

/// Begins; the code and the secret.
async fn begun(server: &Server) -> (String, String) {
    let (status, told) =
        server.ask("POST", "/+device", &Auth::None, Some(json!({"name": "wheelwright on laptop"}))).await;
    assert_eq!(status, 201, "{told}");
    let text = |key: &str| told["result"][key].as_str().expect("text").to_owned();
    assert_eq!(text("url"), format!("{}/+device?code={}", server.url(""), text("code")));
    (text("code"), text("secret"))
}

/// What the program hears.
async fn state(server: &Server, secret: &str) -> (u16, Value) {
    server.ask("POST", "/+device/token", &Auth::None, Some(json!({"secret": secret}))).await
}

/// A login session of alice.
async fn session(server: &Server) -> String {
    let login = json!({"user": "alice", "password": PASSWORD});
    let (_, told) = server.ask("POST", "/+login", &Auth::None, Some(login)).await;
    told["result"]["password"].as_str().expect("a secret").to_owned()
}

/// The form of the page, as alice's browser sends it.
async fn answered(server: &Server, code: &str, answer: &str) -> (u16, String) {
    let session = session(server).await;
    let body = format!("csrf={}&code={code}&answer={answer}&expires=30d", form_token(&session));
    let request = server.http.post(server.url("/+device/confirm")).header("content-type", FORM).body(body);
    let request = request.header("accept", "text/html").header("origin", server.url(""));
    let request = request.header("cookie", format!("wheelwright_session={session}"));
    let answer = request.send().await.expect("an answer");
    (answer.status().as_u16(), answer.text().await.expect("text"))
}

#[tokio::test]
async fn a_program_that_is_let_in_gets_one_token_once() {
    let server = stage().await;
    let (code, secret) = begun(&server).await;
    assert_eq!(state(&server, &secret).await.1["result"]["state"], "waiting");
    let (status, page) = answered(&server, &code, "yes").await;
    assert!(status == 200 && page.contains("wheelwright on laptop is logged in"), "{status} {page}");
    let (status, told) = state(&server, &secret).await;
    assert_eq!(
        (status, &told["result"]["state"], &told["result"]["user"]),
        (200, &json!("given"), &json!("alice"))
    );
    let token = told["result"]["token"].as_str().expect("a token").to_owned();
    assert_eq!(state(&server, &secret).await.0, 410, "it is given once");
    assert!(answered(&server, &code, "yes").await.1.contains("no program waits with this code"));
    let auth = Auth::Bearer(token);
    let (_, account) = server.ask("GET", "/+account", &auth, None).await;
    assert_eq!(account["result"]["user"], "alice", "{account}");
    let (_, tokens) = server.ask("GET", "/+tokens", &auth, None).await;
    let name = tokens["result"][0]["name"].as_str().expect("a name");
    assert!(name.starts_with("wheelwright on laptop at "), "{tokens}");
    assert!(tokens["result"][0]["expires"].is_string(), "30 days were chosen: {tokens}");
}

#[tokio::test]
async fn a_program_that_is_refused_too_late_or_unknown_gets_nothing() {
    let server = stage().await;
    let (code, secret) = begun(&server).await;
    assert!(answered(&server, &code, "no").await.1.contains("got nothing"));
    let (status, told) = state(&server, &secret).await;
    assert!(
        status == 403 && told["message"].as_str().is_some_and(|said| said.contains("alice refused")),
        "{told}"
    );
    assert!(answered(&server, &code, "yes").await.1.contains("no program waits with this code"));
    assert_eq!(state(&server, "ww_unknown").await.0, 410);
    let late = StoredHandover {
        code: "LATE-LATE".into(),
        name: "late".into(),
        address: "127.0.0.1".into(),
        created_at: now() - 20,
        expires_at: now() - 10,
        owner: None,
        seconds: None,
        refused: false,
    };
    let room = HandoverRoom { all: 10, network: 10 };
    let added = server.app.db.add_handover(&late, "n", &fingerprint("late"), room).await.expect("a row");
    assert!(added);
    assert_eq!(state(&server, "late").await.0, 410);
    assert!(answered(&server, "LATE-LATE", "yes").await.1.contains("no program waits with this code"));
    for (body, wrong) in [
        (json!({}), "missing field"),
        (json!({"name": ""}), "1 to 100 bytes"),
        (json!({"name": "a\nb"}), "1 to 100 bytes"),
        (json!({"name": "x".repeat(101)}), "1 to 100 bytes"),
        (json!({"name": "x", "user": "root"}), "unknown field"),
    ] {
        let (status, told) = server.ask("POST", "/+device", &Auth::None, Some(body)).await;
        assert!(status == 400 && told["message"].as_str().is_some_and(|said| said.contains(wrong)), "{told}");
    }
}

#[tokio::test]
async fn only_a_person_confirms_and_only_by_the_form() {
    let server = stage().await;
    let (code, secret) = begun(&server).await;
    let token = server.make_token("alice", Scope::default()).await;
    let session = session(&server).await;
    let body = format!("code={code}&answer=yes");
    let confirm = || {
        let request = server.http.post(server.url("/+device/confirm")).header("content-type", FORM);
        request.header("accept", "application/json").body(body.clone())
    };
    let cookie = || confirm().header("cookie", format!("wheelwright_session={session}"));
    for (who, request, status) in [
        ("nobody", confirm(), 401),
        ("a token", confirm().bearer_auth(&token), 403),
        ("a cookie without the form's token", cookie().header("origin", server.url("")), 403),
        ("another site", cookie().header("origin", "https://evil.example"), 403),
    ] {
        assert_eq!(request.send().await.expect("an answer").status(), status, "{who}");
    }
    let page = server
        .http
        .get(server.url(&format!("/+device?code={code}&answer=yes")))
        .header("accept", "text/html");
    let page =
        page.header("cookie", format!("wheelwright_session={session}")).send().await.expect("an answer");
    assert!(page.text().await.expect("a page").contains("Let it in"), "a link only shows the form");
    assert_eq!(state(&server, &secret).await.1["result"]["state"], "waiting");
}

#[tokio::test]
async fn codes_cannot_be_guessed_nor_hand_overs_be_hoarded() {
    let server = stage().await;
    let (code, _) = begun(&server).await;
    for _ in 0..20 {
        assert!(answered(&server, "BBBB-BBBB", "yes").await.1.contains("no program waits"));
    }
    assert!(answered(&server, &code, "yes").await.1.contains("too many wrong codes"));
    for _ in 1..20 {
        begun(&server).await;
    }
    let (status, told) = server.ask("POST", "/+device", &Auth::None, Some(json!({"name": "more"}))).await;
    assert!(
        status == 429 && told["message"].as_str().is_some_and(|said| said.contains("too many programs")),
        "{told}"
    );
}

#[tokio::test]
async fn a_disabled_account_lets_nobody_in_for_long() {
    let server = stage().await;
    let (code, secret) = begun(&server).await;
    answered(&server, &code, "yes").await;
    accounts::disable(&server.app.db, "root", "alice", true).await.expect("disabled");
    let (_, told) = state(&server, &secret).await;
    let token = told["result"]["token"].as_str().unwrap_or_default().to_owned();
    assert_eq!(server.ask("GET", "/+account", &Auth::Bearer(token), None).await.0, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_lets_a_program_in_with_a_real_browser() {
    let server = stage().await;
    let (code, secret) = begun(&server).await;
    let home = format!("http://wheels.test:{}", server.address.port());
    let page = format!("{home}/+device?code={code}");
    let mut chromium = Browser::start().await;
    assert_eq!(chromium.open(&page, &page).await, 401, "the login form comes first");
    let log_in = format!(
        "document.querySelector('[name=user]').value = 'alice';
        document.querySelector('[name=password]').value = '{PASSWORD}';
        document.querySelector('form.login button').click()"
    );
    chromium.evaluate(&log_in).await;
    let text = loop {
        chromium.arrive(&page).await;
        let text = chromium.text().await;
        if text.contains("Let it in") {
            break text;
        }
    };
    assert!(text.contains("wheelwright on laptop") && text.contains(&code), "{text}");
    chromium.evaluate("document.querySelector('button[value=yes]').click()").await;
    chromium.arrive(&format!("{home}/+device/confirm")).await;
    let text = chromium.text().await;
    assert!(text.contains("is logged in"), "{text}");
    assert!(!chromium.was_asked, "no password dialog");
    assert_eq!(state(&server, &secret).await.1["result"]["state"], "given");
}
