//! Stories of people who log in with a browser at a provider of OpenID Connect.

use crate::kit::Server;
use crate::kit::browser;
use crate::kit::issuer::{CLIENT, Documents, Forge, OidcIssuer, SigningKey, seconds};
use crate::kit::stages::stage_with;
use reqwest::Response;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use wheelwright::access::accounts;
use wheelwright::access::methods::vouched;
use wheelwright::config::auth::OidcSettings;

async fn server(issuer: &OidcIssuer) -> Server {
    let provider = OidcSettings {
        issuer: issuer.url().into(),
        client_id: CLIENT.0.into(),
        client_secret: Some(CLIENT.1.into()),
        groups_claim: Some("groups".into()),
        label: Some("Corp & Co".into()),
        ..OidcSettings::default()
    };
    stage_with(|config| drop(config.auth.oidc.insert("corp".into(), provider))).await
}

/// A browser: it keeps cookies, and follows where the story lets it.
#[derive(Default)]
struct Browser(BTreeMap<String, String>);

impl Browser {
    async fn get(&mut self, server: &Server, url: &str) -> Response {
        let url = if url.starts_with('/') { server.url(url) } else { url.to_owned() };
        let cookies: Vec<String> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let own = url.starts_with(&server.url("/"));
        let mut request = server.http.get(&url).header("accept", "text/html,application/xhtml+xml");
        if own && !cookies.is_empty() {
            request = request.header("cookie", cookies.join("; "));
        }
        let answer = request.send().await.expect("an answer");
        for cookie in answer.headers().get_all("set-cookie") {
            let cookie = cookie.to_str().expect("text");
            let (name, rest) = cookie.split_once('=').expect("a cookie");
            assert!(
                rest.contains("HttpOnly; SameSite=Lax") || rest.contains("HttpOnly; SameSite=Strict"),
                "{cookie}"
            );
            match rest.contains("Max-Age=0;") {
                true => drop(self.0.remove(name)),
                false => drop(self.0.insert(name.into(), rest.split(';').next().unwrap_or_default().into())),
            }
        }
        answer
    }

    /// Follows the login to the callback's URL.
    async fn until_back(&mut self, server: &Server, path: &str) -> String {
        let begun = self.get(server, path).await;
        assert_eq!(begun.status(), 303);
        let there = self.get(server, &place(&begun)).await;
        assert_eq!(there.status(), 303, "{}", there.text().await.expect("text"));
        place(&there)
    }

    /// The whole login; the last answer.
    async fn login(&mut self, server: &Server) -> Response {
        let back = self.until_back(server, "/+login/corp?to=alice%2Fdev").await;
        self.get(server, &back).await
    }

    async fn status(&mut self, server: &Server) -> Value {
        let session = self.0.get("wheelwright_session").cloned().unwrap_or_default();
        let request = server.http.get(server.url("/+api")).header("accept", "application/json");
        let answer = request.header("cookie", format!("wheelwright_session={session}")).send().await;
        let text = answer.expect("an answer").text().await.expect("text");
        serde_json::from_str::<Value>(&text).expect("JSON")["result"]["authstatus"].clone()
    }
}

fn place(answer: &Response) -> String {
    let place = answer.headers()["location"].to_str().expect("text");
    answer.url().join(place).expect("a URL").to_string()
}

#[track_caller]
fn is_refused(status: u16, text: &str, words: &str) {
    assert!(status == 403 && text.contains(words), "{words}: {status} {text}");
}

async fn refused(answer: Response, words: &str) {
    let status = answer.status().as_u16();
    is_refused(
        status,
        &answer.text().await.expect("text").replace("&#39;", "'").replace("&#x27;", "'"),
        words,
    );
}

#[tokio::test]
async fn a_person_logs_in_with_the_button_and_comes_back_to_the_page() {
    let issuer = OidcIssuer::with(SigningKey::rsa()).await;
    let server = server(&issuer).await;
    let mut browser = Browser::default();
    let page = browser.get(&server, "/+login?to=alice/dev").await.text().await.expect("a page");
    let link = r#"<a href="./+login/corp?to=alice%2Fdev">Log in with Corp &#38; Co</a>"#;
    assert!(page.contains(link), "{page}");
    let done = browser.login(&server).await;
    let (status, page) = (done.status(), done.text().await.expect("a page"));
    assert!(status == 200 && page.contains(r#"content="0;url=../../alice/dev""#), "{status} {page}");
    assert_eq!(
        browser.status(&server).await,
        json!(["ok", "olga", ["dev"]]),
        "without 'a b', which is no name here"
    );
    assert!(!browser.0.contains_key("wheelwright_login"), "what began is over");
    issuer.claims(json!({"groups": [], "preferred_username": "renamed"}));
    browser.login(&server).await;
    assert_eq!(
        browser.status(&server).await,
        json!(["ok", "olga", []]),
        "she is who she was, whatever her name"
    );
    for to in ["//evil.example", "https%3A%2F%2Fevil.example", "%5C%5Cevil.example"] {
        let back = browser.until_back(&server, &format!("/+login/corp?to={to}")).await;
        let done = browser.get(&server, &back).await;
        let from = done.url().clone();
        let page = done.text().await.expect("a page");
        let led = page.split_once("0;url=").and_then(|(_, rest)| rest.split('"').next()).expect("a way on");
        let there = from.join(led).expect("a URL").to_string();
        assert!(there.starts_with(&server.url("/")), "{to}: {there}");
    }
}

#[tokio::test]
async fn every_lie_about_a_login_is_refused_by_name() {
    let issuer = OidcIssuer::start().await;
    let server = server(&issuer).await;
    let now = seconds();
    for (lie, words) in [
        (json!({"aud": "another"}), "for the audience"),
        (json!({"aud": [CLIENT.0, "another"]}), "to another program (azp)"),
        (json!({"azp": "another"}), "to another program (azp)"),
        (json!({"iss": "https://evil.example"}), "of the issuer"),
        (json!({"exp": now - 120}), "expired at"),
        (json!({"nonce": null}), "its nonce does not fit"),
        (json!({"nonce": "another"}), "its nonce does not fit"),
        (json!({"sub": null}), "no claim 'sub'"),
        (json!({"preferred_username": null}), "no claim 'preferred_username'"),
        (json!({"preferred_username": "a b"}), "characters that aren't allowed"),
        (json!({"preferred_username": "root"}), "root logs in with the password"),
    ] {
        issuer.claims(lie);
        refused(Browser::default().login(&server).await, words).await;
    }
    issuer.claims(json!({}));
    for (forge, words) in [
        (Forge::AlgNone, "the algorithm 'none'"),
        (Forge::HmacByPublicKey, "the algorithm 'HS256'"),
        (Forge::OtherKey, "of no key of"),
        (Forge::Changed, "of no key of"),
        (Forge::UnknownKey, "of no key of"),
    ] {
        issuer.forge(forge);
        refused(Browser::default().login(&server).await, words).await;
    }
    assert!(server.app.db.account("olga").await.expect("asked").is_none());
}

#[tokio::test]
async fn what_began_in_one_browser_does_not_end_in_another_nor_twice() {
    let issuer = OidcIssuer::start().await;
    let server = server(&issuer).await;
    let (mut mine, mut other) = (Browser::default(), Browser::default());
    let back = mine.until_back(&server, "/+login/corp").await;
    refused(other.get(&server, &back).await, "did not begin in this browser").await;
    other.until_back(&server, "/+login/corp").await;
    refused(other.get(&server, &back).await, "its state does not fit").await;
    let kept = mine.0["wheelwright_login"].clone();
    assert_eq!(mine.get(&server, &back).await.status(), 200);
    refused(mine.get(&server, &back).await, "did not begin in this browser").await;
    mine.0.insert("wheelwright_login".into(), kept.clone());
    refused(mine.get(&server, &back).await, "invalid_grant").await;
    let (text, signature) = kept.split_once('.').expect("a signature");
    for forged in
        [format!("{text}x.{signature}"), format!("{text}."), text.to_owned(), format!(".{signature}")]
    {
        mine.0.insert("wheelwright_login".into(), forged);
        refused(mine.get(&server, &back).await, "did not begin in this browser").await;
    }
    let fresh = mine.until_back(&server, "/+login/corp").await;
    for (from, to, words) in [
        ("code=", "error=access_denied&x=", "did not log you in: access_denied"),
        ("iss=", "iss=https://evil.example&x=", "another provider than corp answered"),
        ("code=", "y=", "sent no code"),
    ] {
        refused(mine.get(&server, &fresh.replace(from, to)).await, words).await;
    }
    assert_eq!(mine.get(&server, "/+login/nobody").await.status(), 404);
}

#[tokio::test]
async fn a_replayed_token_of_another_login_is_refused() {
    let issuer = OidcIssuer::start().await;
    let server = server(&issuer).await;
    issuer.nonce("of a login before");
    refused(Browser::default().login(&server).await, "its nonce does not fit").await;
}

#[tokio::test]
async fn no_claim_takes_over_an_account_and_a_disabled_one_stays_out() {
    let issuer = OidcIssuer::start().await;
    let server = server(&issuer).await;
    let db = &server.app.db;
    issuer.claims(json!({"preferred_username": "alice"}));
    let taken = "the account 'alice' does not belong to this login (oidc:corp)";
    refused(Browser::default().login(&server).await, taken).await;
    issuer.claims(json!({"preferred_username": "ALICE"}));
    refused(Browser::default().login(&server).await, "there is an account 'alice' already").await;
    issuer.claims(json!({}));
    Browser::default().login(&server).await;
    issuer.claims(json!({"sub": "id-2"}));
    let taken = "the account 'olga' does not belong to this login";
    refused(Browser::default().login(&server).await, taken).await;
    issuer.claims(json!({}));
    accounts::disable(db, "root", "olga", true).await.expect("disabled");
    refused(Browser::default().login(&server).await, "your account is disabled").await;
    // An administrator hands Alice's account over.
    vouched::set_source(db, "root", "alice", Some("oidc:corp")).await.expect("is set");
    issuer.claims(json!({"preferred_username": "alice", "sub": "id-3"}));
    let mut browser = Browser::default();
    browser.login(&server).await;
    assert_eq!(browser.status(&server).await[1], "alice");
}

#[tokio::test]
async fn a_provider_that_cannot_be_asked_is_named_and_passwords_still_work() {
    for (documents, words) in [
        (Documents::Huge, "is longer than"),
        (Documents::OfAnotherIssuer, "is of another issuer"),
        (Documents::Fail, "answered 500"),
    ] {
        let issuer = OidcIssuer::start().await;
        let server = server(&issuer).await;
        issuer.documents(documents);
        let answer = Browser::default().get(&server, "/+login/corp").await;
        let status = answer.status().as_u16();
        let text = answer.text().await.expect("text");
        assert!(status == 502 && text.contains(words), "{documents:?}: {status} {text}");
        assert_eq!(server.as_alice("GET", "/+tokens", "").await.0, 200);
    }
}

#[tokio::test]
async fn a_new_key_of_the_provider_is_found() {
    let issuer = OidcIssuer::start().await;
    issuer.rotate(SigningKey::ed25519(), "key-2");
    let server = server(&issuer).await;
    let mut browser = Browser::default();
    assert_eq!(browser.login(&server).await.status(), 200);
    assert_eq!(issuer.asked_for_keys(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_browser_goes_to_the_provider_of_another_site_and_comes_back_logged_in() {
    let issuer = OidcIssuer::start().await;
    let server = server(&issuer).await;
    server.make_index("alice/private", json!({"bases": [], "acl_read": [":dev"]})).await;
    // Another site than the provider's: what is kept of the login must come back from there.
    let home = format!("http://wheels.test:{}", server.address.port());
    let mut chromium = browser::Browser::start().await;
    let (form, page) = (format!("{home}/+login?to=alice/private"), format!("{home}/alice/private"));
    assert_eq!(chromium.open(&form, &form).await, 200);
    chromium.evaluate(r#"document.querySelector('a[href*="+login/corp"]').click()"#).await;
    assert_eq!(chromium.arrive(&page).await, 200);
    let text = chromium.text().await;
    assert!(text.contains("alice/private"), "{text}");
}
