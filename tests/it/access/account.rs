//! One's own account: tokens, password, logins.

use crate::kit::Server;
use crate::kit::script::Auth;
use crate::kit::stages::{PASSWORD, stage};
use serde_json::json;
use wheelwright::access::Scope;
use wheelwright::access::methods::vouched;
use wheelwright::access::tokens::{self, form_token};

/// Somebody's browser.
struct Visitor<'a> {
    server: &'a Server,
    session: String,
}

impl<'a> Visitor<'a> {
    async fn log_in(server: &'a Server, user: &str, password: &str) -> Self {
        let login = json!({"user": user, "password": password});
        let (status, told) = server.ask("POST", "/+login", &Auth::None, Some(login)).await;
        assert_eq!(status, 200, "{told}");
        Self { server, session: told["result"]["password"].as_str().expect("a secret").to_owned() }
    }

    fn cookie(&self) -> String {
        format!("wheelwright_session={}", self.session)
    }

    async fn reads(&self) -> (u16, String) {
        let request = self.server.http.get(self.server.url("/+account")).header("accept", "text/html");
        let answer = request.header("cookie", self.cookie()).send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("text"))
    }

    /// Sends a form of the page; a new session is kept.
    async fn sends(&mut self, form: &str, fields: &str) -> String {
        let body = format!("csrf={}&{fields}", form_token(&self.session));
        let request = self.server.http.post(self.server.url(&format!("/+account/{form}"))).body(body);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let request = request.header("accept", "text/html").header("origin", self.server.url(""));
        let answer = request.header("cookie", self.cookie()).send().await.expect("an answer");
        if let Some(cookie) = answer.headers().get("set-cookie").and_then(|cookie| cookie.to_str().ok()) {
            assert!(cookie.contains("HttpOnly; SameSite=Strict"), "{cookie}");
            let value = cookie.split(['=', ';']).nth(1).expect("a value");
            self.session = value.to_owned();
        }
        answer.text().await.expect("text")
    }
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    text.split_once(before).and_then(|(_, rest)| rest.split_once(after)).expect(before).0
}

#[tokio::test]
async fn people_make_and_revoke_their_own_tokens() {
    let server = stage().await;
    server.make_user("bob", "bob-secret").await;
    let foreign = server.make_token("bob", Scope::default()).await;
    let mut alice = Visitor::log_in(&server, "alice", PASSWORD).await;
    let (status, page) = alice.reads().await;
    assert!(status == 200 && page.contains("You have no tokens") && page.contains("alice/dev"), "{page}");
    let made = "name=ci&index=alice%2Fdev&project=Demo&action=read&action=upload&expires=30d";
    let page = alice.sends("tokens", made).await;
    let token = between(&page, "id=\"new-token\">", "<").to_owned();
    assert!(token.starts_with("ww_") && page.contains("read, upload on alice/dev, project demo"), "{page}");
    assert!(!alice.reads().await.1.contains(&token), "it is shown once");
    let (_, told) = server.ask("GET", "/alice/dev?no_projects=", &Auth::Bearer(token.clone()), None).await;
    assert_eq!(told["result"]["type"], "stage", "{told}");
    let (_, account) = server.ask("GET", "/+account", &Auth::basic("alice", PASSWORD), None).await;
    let id = account["result"]["tokens"][0]["id"].as_str().expect("an id").to_owned();
    assert!(alice.sends("revoke", &format!("id={id}")).await.contains("The token is revoked"));
    assert_eq!(
        server.ask("GET", "/+api", &Auth::Bearer(token), None).await.1["result"]["authstatus"][0],
        "noauth"
    );
    let (_, bobs) = server.ask("GET", "/+tokens", &Auth::Bearer(foreign), None).await;
    let bobs = bobs["result"][0]["id"].as_str().expect("an id");
    assert!(
        alice.sends("revoke", &format!("id={bobs}")).await.contains("no token"),
        "another's does not exist"
    );
    for (fields, wrong) in [
        ("name=", "the form has no name"),
        ("name=x&index=alice", "not a valid index name"),
        ("name=x&index=bob%2Fhidden", "does not exist, or you may not read it"),
        ("name=x&project=demo", "needs an index"),
        ("name=x&action=fly", "is not an action"),
        ("name=x&expires=soon", "is not a time like 90d"),
    ] {
        let page = alice.sends("tokens", fields).await;
        assert!(page.contains(wrong) && page.contains("role=\"alert\""), "{fields}: {page}");
    }
}

#[tokio::test]
async fn a_new_password_needs_the_old_one_and_ends_all_other_logins() {
    let server = stage().await;
    let other = Visitor::log_in(&server, "alice", PASSWORD).await;
    let mut alice = Visitor::log_in(&server, "alice", PASSWORD).await;
    let session = alice.session.clone();
    for (fields, wrong) in [
        ("old=wrong&new=long-enough&again=long-enough".to_owned(), "the old password is wrong"),
        (format!("old={session}&new=long-enough&again=long-enough"), "the old password is wrong"),
        (format!("old={PASSWORD}&new=long-enough&again=other"), "the two new passwords differ"),
        (format!("old={PASSWORD}&new=&again="), "password"),
    ] {
        let page = alice.sends("password", &fields).await;
        assert!(page.contains(wrong) && page.contains("role=\"alert\""), "{wrong}: {page}");
    }
    let page = alice.sends("password", &format!("old={PASSWORD}&new=long-enough&again=long-enough")).await;
    assert!(page.contains("Your password is changed"), "{page}");
    assert_ne!(alice.session, session);
    assert!(page.contains(&form_token(&alice.session)), "the page's forms are of the new session");
    assert_eq!(alice.reads().await.0, 200);
    assert_eq!(other.reads().await.0, 401, "other logins ended");
    assert_eq!(server.ask("GET", "/+account", &Auth::basic("alice", PASSWORD), None).await.0, 401);
    let body = json!({"old": "long-enough", "new": "longer-still"});
    let auth = Auth::basic("alice", "long-enough");
    assert_eq!(server.ask("POST", "/+account/password", &auth, Some(body)).await.0, 200);
}

#[tokio::test]
async fn who_logs_out_everywhere_is_nobody_anywhere() {
    let server = stage().await;
    let other = Visitor::log_in(&server, "alice", PASSWORD).await;
    let mut alice = Visitor::log_in(&server, "alice", PASSWORD).await;
    let (_, page) = alice.reads().await;
    assert!(page.matches("this one").count() == 1 && page.matches(", ends ").count() == 2, "{page}");
    alice.sends("logout", "").await;
    assert_eq!((alice.session.as_str(), alice.reads().await.0, other.reads().await.0), ("", 401, 401));
}

#[tokio::test]
async fn an_account_that_another_place_vouches_for_is_told_where_its_password_is() {
    let server = stage().await;
    let mut alice = Visitor::log_in(&server, "alice", PASSWORD).await;
    // The login by a password ends with it.
    vouched::set_source(&server.app.db, "root", "alice", Some("oidc:corp")).await.expect("a source");
    server.app.indexes.refresh().await.expect("fresh");
    assert_eq!(alice.reads().await.0, 401);
    alice.session = tokens::begin_session(&server.app.db, "alice", 3600).await.expect("a session");
    let (_, page) = alice.reads().await;
    assert!(page.contains("Your password is kept by <strong>oidc:corp</strong>"), "{page}");
    let page = alice.sends("password", &format!("old={PASSWORD}&new=long-enough&again=long-enough")).await;
    assert!(page.contains("kept by oidc:corp: change it there"), "{page}");
}

#[tokio::test]
async fn no_browser_is_asked_for_a_password_by_itself() {
    let server = stage().await;
    server.make_index("alice/private", json!({"acl_read": ["alice"]})).await;
    for path in [
        "/+account",
        "/+device",
        "/alice/private",
        "/alice/private/+simple/",
        "/+tokens",
        "/+audit",
        "/+workers",
    ] {
        let request = server.http.get(server.url(path)).header("accept", "text/html,application/xhtml+xml");
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), 401, "{path}");
        assert!(answer.headers().get("www-authenticate").is_none(), "{path}");
        assert!(answer.text().await.expect("a page").contains("<form class=\"login\""), "{path}");
    }
}
