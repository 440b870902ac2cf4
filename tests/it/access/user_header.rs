//! Stories of a proxy that says who its users are.

use crate::kit::Server;
use crate::kit::script::Auth;
use crate::kit::stages::{PASSWORD, stage_with};
use serde_json::{Value, json};
use wheelwright::access::accounts;
use wheelwright::app::App;
use wheelwright::config::Config;

/// The story's own address is a trusted proxy's, or another's is.
async fn behind(proxy: &str, create: bool) -> Server {
    stage_with(|config| {
        config.trusted_proxies = vec![proxy.parse().expect("an address")];
        config.auth.proxy.user_header = Some("X-Remote-User".into());
        config.auth.proxy.groups_header = Some("X-Remote-Groups".into());
        config.auth.proxy.create = create;
    })
    .await
}

async fn sent(server: &Server, method: &str, path: &str, headers: &[(&str, &str)]) -> (u16, Value) {
    let mut request = server.http.request(method.parse().expect("a method"), server.url(path));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.header("accept", "application/json").send().await.expect("an answer");
    let status = answer.status().as_u16();
    (status, serde_json::from_str(&answer.text().await.expect("text")).unwrap_or_default())
}

async fn status(server: &Server, headers: &[(&str, &str)]) -> Value {
    sent(server, "GET", "/+api", headers).await.1["result"]["authstatus"].clone()
}

#[tokio::test]
async fn a_trusted_proxy_names_the_user_and_nobody_else_does() {
    let (trusting, other) = (behind("127.0.0.1", false).await, behind("10.0.0.1", false).await);
    let alice = ("x-remote-user", "alice");
    assert_eq!(
        status(&trusting, &[alice, ("x-remote-groups", "dev, ops,a b,")]).await,
        json!(["ok", "alice", ["dev", "ops"]])
    );
    assert_eq!(status(&trusting, &[alice]).await, json!(["ok", "alice", []]));
    assert_eq!(status(&other, &[alice]).await, json!(["noauth", "", []]));
    let forwarded = [alice, ("x-forwarded-for", "127.0.0.1")];
    assert_eq!(
        status(&other, &forwarded).await,
        json!(["noauth", "", []]),
        "whatever it says of where it comes from"
    );
    assert_eq!(sent(&other, "GET", "/+tokens", &[alice]).await.0, 401);
}

#[tokio::test]
async fn a_credential_of_the_request_counts_before_the_proxy() {
    let server = behind("127.0.0.1", true).await;
    let request = Auth::basic("alice", PASSWORD).on(server.http.get(server.url("/+tokens")));
    assert_eq!(request.header("x-remote-user", "bob").send().await.expect("an answer").status(), 200);
    assert!(server.app.db.account("bob").await.expect("asked").is_none());
    let request = Auth::basic("alice", "wrong").on(server.http.get(server.url("/+tokens")));
    assert_eq!(request.header("x-remote-user", "alice").send().await.expect("an answer").status(), 401);
}

#[tokio::test]
async fn accounts_are_made_only_if_the_operator_wants_it_and_names_keep_our_rules() {
    let (making, not) = (behind("127.0.0.1", true).await, behind("127.0.0.1", false).await);
    let bob = ("x-remote-user", "bob");
    assert_eq!(status(&making, &[bob, ("x-remote-groups", "dev")]).await, json!(["ok", "bob", ["dev"]]));
    let (code, body) = sent(&not, "GET", "/+tokens", &[bob]).await;
    assert_eq!(
        (code, &body["message"]),
        (401, &json!("there is no account 'bob': ask an administrator to create it"))
    );
    for (name, words) in [
        ("root", "root logs in with the password of this server alone"),
        ("simple", "is reserved"),
        ("a b", "characters that aren't allowed"),
        ("BOB", "there is an account 'bob' already"),
        ("b\u{f6}b", "not as plain text"),
    ] {
        let (code, body) = sent(&making, "GET", "/+tokens", &[("x-remote-user", name)]).await;
        let message = body["message"].as_str().unwrap_or_default();
        assert!(code == 401 && message.contains(words), "{name}: {code} {message}");
    }
    let (code, body) = sent(&making, "GET", "/+tokens", &[bob, ("x-remote-user", "alice")]).await;
    assert!(code == 401 && body["message"].as_str().is_some_and(|text| text.contains("twice")), "{body}");
    assert_eq!(sent(&making, "GET", "/+tokens", &[("x-remote-user", "")]).await.0, 401);
    accounts::disable(&making.app.db, "root", "bob", true).await.expect("disabled");
    making.app.indexes.refresh().await.expect("refreshes");
    assert_eq!(sent(&making, "GET", "/+tokens", &[bob]).await.0, 401);
    assert_eq!(sent(&making, "GET", "/+health", &[bob]).await.0, 200);
}

#[tokio::test]
async fn no_page_of_another_site_changes_anything_through_the_proxy() {
    let server = behind("127.0.0.1", false).await;
    let alice = ("x-remote-user", "alice");
    let (code, body) = sent(&server, "DELETE", "/alice/dev", &[alice]).await;
    assert_eq!(code, 403);
    assert!(body["message"].as_str().is_some_and(|text| text.contains("needs the header Origin")), "{body}");
    for foreign in [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")] {
        assert_eq!(sent(&server, "DELETE", "/alice/dev", &[alice, foreign]).await.0, 403, "{foreign:?}");
    }
    let own = format!("http://{}", server.address);
    assert_eq!(sent(&server, "DELETE", "/alice/dev", &[alice, ("origin", &own)]).await.0, 201);
}

#[tokio::test]
async fn a_header_that_nobody_may_send_is_refused_at_the_start() {
    for (proxies, header, words) in [
        ("", "X-Remote-User", "auth.proxy.user_header needs trusted_proxies"),
        ("10.0.0.1", "not a header", "auth.proxy.user_header must be the name of a header"),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let mut config = Config { data: folder.path().to_owned(), ..Config::default() };
        config.trusted_proxies = proxies.parse().ok().into_iter().collect();
        config.auth.proxy.user_header = Some(header.into());
        let refused = App::open(config).await.err().expect("is refused").to_string();
        assert!(refused.contains(words), "{refused}");
    }
}
