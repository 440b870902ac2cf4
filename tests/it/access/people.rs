//! Stories of credentials: passwords, tokens, sessions, groups.

use crate::kit::Server;
use crate::kit::script::Auth;
use serde_json::{Value, json};

async fn with_alice() -> Server {
    let server = Server::start().await;
    let (status, _) = server.ask("PUT", "/alice", &Auth::root(), Some(json!({"password": "pä:ss"}))).await;
    assert_eq!(status, 201);
    server
}

async fn status_of(server: &Server, auth: &Auth) -> Value {
    server.ask("GET", "/+api", auth, None).await.1["result"]["authstatus"].clone()
}

async fn token(server: &Server, auth: &Auth, asked: Value) -> (String, String) {
    let (status, body) = server.ask("POST", "/+tokens", auth, Some(asked)).await;
    assert_eq!(status, 200, "{body}");
    let text = |key: &str| body["result"][key].as_str().expect("text").to_owned();
    (text("id"), text("token"))
}

#[tokio::test]
async fn every_client_may_send_its_credential_in_its_own_way() {
    let server = with_alice().await;
    let alice = Auth::basic("alice", "pä:ss");
    let (_, token) = token(&server, &alice, json!({"name": "ci"})).await;
    assert!(token.starts_with("ww_"));
    let known = json!(["ok", "alice", []]);
    for auth in [
        alice,
        Auth::devpi("alice", "pä:ss"),
        Auth::basic("__token__", &token),
        Auth::basic("whoever", &token),
        Auth::basic(&token, ""),
        Auth::devpi("alice", &token),
        Auth::Bearer(token.clone()),
    ] {
        assert_eq!(status_of(&server, &auth).await, known, "{auth:?}");
    }
    for auth in
        [Auth::None, Auth::basic("alice", "no"), Auth::basic("nobody", "x"), Auth::Bearer("ww_x".into())]
    {
        assert_eq!(status_of(&server, &auth).await, json!(["noauth", "", []]), "{auth:?}");
    }
}

#[tokio::test]
async fn the_header_of_devpi_alone_counts() {
    let server = with_alice().await;
    let bad = Auth::devpi("alice", "wrong").on(server.http.get(server.url("/+api")));
    let answer = Auth::root().on(server.http.get(server.url("/+api"))).basic_auth("alice", Some("wrong"));
    let text = answer.header("accept", "application/json").send().await.expect("an answer").text().await;
    assert!(text.expect("text").contains("\"root\""));
    let text = bad.basic_auth("alice", Some("pä:ss")).send().await.expect("an answer").text().await;
    assert!(text.expect("text").contains("noauth"));
}

#[tokio::test]
async fn a_wrong_credential_is_told_so_that_installers_ask_for_another() {
    let server = with_alice().await;
    let answer = server.send("GET", "/simple/", &Auth::basic("alice", "wrong"), None).await;
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.headers()["www-authenticate"], "Basic realm=\"pypi\"");
}

#[tokio::test]
async fn guessing_passwords_is_slowed_down_but_tokens_go_on() {
    let server = with_alice().await;
    let alice = Auth::basic("alice", "pä:ss");
    let (_, secret) = token(&server, &Auth::root(), json!({"user": "alice"})).await;
    for guess in 0..10 {
        let wrong = Auth::basic("alice", &format!("guess {guess}"));
        assert_eq!(server.send("GET", "/+tokens", &wrong, None).await.status(), 401);
    }
    let answer = server.send("GET", "/+tokens", &alice, None).await;
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["retry-after"]),
        (429, &"60".parse().expect("a value"))
    );
    let (_, body) = server.ask("GET", "/+tokens", &alice, None).await;
    assert!(body["message"].as_str().expect("a message").starts_with("too many wrong passwords"));
    assert_eq!(server.send("GET", "/+tokens", &Auth::Bearer(secret), None).await.status(), 200);
}

#[tokio::test]
async fn a_new_password_ends_logins_and_a_login_survives_nothing_else() {
    let server = with_alice().await;
    let login = json!({"user": "alice", "password": "pä:ss"});
    let (status, body) = server.ask("POST", "/+login", &Auth::None, Some(login.clone())).await;
    assert_eq!((status, &body["result"]["expiration"]), (200, &json!(36000)));
    let session = Auth::devpi("alice", body["result"]["password"].as_str().expect("a token"));
    assert_eq!(status_of(&server, &session).await[0], "ok");
    let (status, body) = server.ask("PATCH", "/alice", &session, Some(json!({"password": "new"}))).await;
    assert_eq!((status, &body["message"]), (200, &json!("user updated, new proxy auth")));
    assert_eq!(status_of(&server, &session).await[0], "noauth");
    let next = Auth::devpi("alice", body["result"]["password"].as_str().expect("a token"));
    assert_eq!(status_of(&server, &next).await[0], "ok");
    assert_eq!(server.ask("POST", "/+login", &Auth::None, Some(login)).await.0, 401);
    assert_eq!(status_of(&server, &Auth::basic("alice", "new")).await[0], "ok");
}

#[tokio::test]
async fn a_token_is_shown_once_listed_without_its_secret_and_gone_when_revoked() {
    let server = with_alice().await;
    let alice = Auth::basic("alice", "pä:ss");
    server.make_index("alice/dev", json!({})).await;
    let scope = json!({"index": "alice/dev", "project": "Demo_Pkg", "actions": ["read", "upload"]});
    let (id, secret) = token(&server, &alice, json!({"name": "ci", "scope": scope, "expires": "90d"})).await;
    let (_, listed) = server.ask("GET", "/+tokens", &alice, None).await;
    let entry = &listed["result"][0];
    assert_eq!((&entry["id"], &entry["name"], &entry["user"]), (&json!(id), &json!("ci"), &json!("alice")));
    assert_eq!(
        entry["scope"],
        json!({"index": "alice/dev", "project": "demo-pkg", "actions": ["read", "upload"]})
    );
    assert!(entry["expires"].is_string());
    assert!(!listed.to_string().contains(&secret));
    let path = format!("/+tokens/{id}");
    server.ask("PUT", "/bob", &Auth::root(), Some(json!({"password": "b"}))).await;
    assert_eq!(server.ask("DELETE", &path, &Auth::basic("bob", "b"), None).await.0, 404);
    assert_eq!(status_of(&server, &Auth::Bearer(secret.clone())).await[0], "ok");
    assert_eq!(server.ask("DELETE", &path, &alice, None).await.0, 200);
    assert_eq!(status_of(&server, &Auth::Bearer(secret)).await[0], "noauth");
}

#[tokio::test]
async fn a_limited_token_makes_no_tokens() {
    let server = with_alice().await;
    let alice = Auth::basic("alice", "pä:ss");
    let (_, secret) = token(&server, &alice, json!({"scope": {"actions": ["read"]}})).await;
    assert_eq!(server.ask("POST", "/+tokens", &Auth::Bearer(secret), Some(json!({}))).await.0, 403);
    let (status, _) = server.ask("POST", "/+tokens", &alice, Some(json!({"user": "root"}))).await;
    assert_eq!(status, 403);
    let (status, body) = server.ask("POST", "/+tokens", &alice, Some(json!({"expires": "soon"}))).await;
    assert_eq!(status, 400, "{body}");
}

#[tokio::test]
async fn a_group_in_an_acl_lets_its_members_in() {
    let server = with_alice().await;
    server.ask("PUT", "/bob", &Auth::root(), Some(json!({"password": "b"}))).await;
    let options = json!({"acl_read": ":team"});
    let alice = Auth::basic("alice", "pä:ss");
    assert_eq!(server.ask("PUT", "/alice/dev", &alice, Some(options)).await.0, 200);
    let bob = Auth::basic("bob", "b");
    assert_eq!(server.ask("GET", "/alice/dev", &bob, None).await.0, 404);
    let groups = json!({"groups": ["team"]});
    assert_eq!(server.ask("PATCH", "/bob", &bob, Some(groups.clone())).await.0, 403);
    assert_eq!(server.ask("PATCH", "/bob", &Auth::root(), Some(groups)).await.0, 200);
    assert_eq!(server.ask("GET", "/alice/dev", &bob, None).await.0, 200);
}

#[tokio::test]
async fn a_disabled_user_is_nobody() {
    let server = with_alice().await;
    let alice = Auth::basic("alice", "pä:ss");
    assert_eq!(status_of(&server, &alice).await[0], "ok");
    assert_eq!(server.ask("PATCH", "/alice", &Auth::root(), Some(json!({"disabled": true}))).await.0, 200);
    assert_eq!(status_of(&server, &alice).await[0], "noauth");
    let (status, _) = server.ask("PATCH", "/root", &Auth::root(), Some(json!({"disabled": true}))).await;
    assert_eq!(status, 403);
}

#[tokio::test]
async fn each_change_leaves_one_event_that_tells_who() {
    let server = with_alice().await;
    let before = server.app.db.serial().await.expect("a serial");
    let alice = Auth::basic("alice", "pä:ss");
    server.ask("PUT", "/alice/dev", &alice, Some(json!({}))).await;
    server.ask("PATCH", "/alice/dev", &alice, Some(json!(["title=x"]))).await;
    server.ask("DELETE", "/alice/dev", &alice, None).await;
    let events = server.app.db.events_after(before, 10).await.expect("events");
    let told: Vec<_> = events.iter().map(|event| (event.who.as_str(), event.what.name())).collect();
    assert_eq!(told, [("alice", "index created"), ("alice", "index changed"), ("alice", "index deleted")]);
}
