//! Stories of roles in an index, accounts of programs, logins that end, and rules for passwords.

use crate::kit::Server;
use crate::kit::forms::Form;
use crate::kit::packages::Package;
use crate::kit::script::Auth;
use crate::kit::stages::PASSWORD;
use serde_json::{Value, json};
use wheelwright::access::tokens;
use wheelwright::words::EventKind;

async fn with_people(people: &[&str]) -> Server {
    let server = Server::start().await;
    server.make_stage().await;
    for person in people {
        server.make_user(person, PASSWORD).await;
    }
    server
}

fn of(user: &str) -> Auth {
    Auth::basic(user, PASSWORD)
}

async fn set(server: &Server, auth: &Auth, change: Value) -> u16 {
    server.ask("PATCH", "/alice/dev", auth, Some(change)).await.0
}

#[tokio::test]
async fn whom_acl_admin_names_changes_the_index_and_uploads_nothing() {
    let server = with_people(&["carol", "bob"]).await;
    let change = json!({"acl_read": ["alice"], "acl_admin": ["carol"]});
    assert_eq!(set(&server, &of("alice"), change).await, 200);
    assert_eq!(set(&server, &of("carol"), json!({"title": "Carol's"})).await, 200);
    assert_eq!(set(&server, &of("bob"), json!({"title": "Bob's"})).await, 403);
    for path in ["/alice/dev/+webhooks", "/alice/dev/+publishers", "/alice/dev"] {
        assert_eq!(server.ask("GET", path, &of("carol"), None).await.0, 200, "{path}");
        assert_ne!(server.ask("GET", path, &of("bob"), None).await.0, 200, "{path}");
    }
    let form = Form::of(&Package::new("demo", "1.0").sdist());
    let answer = server.post("/alice/dev/", form, "carol", PASSWORD).await;
    assert_eq!(answer.status, 403, "{}", answer.text);
    // Nor does she make indexes for Alice.
    assert_eq!(server.ask("PUT", "/alice/new", &of("carol"), Some(json!({}))).await.0, 403);
}

#[tokio::test]
async fn with_acl_manage_those_who_upload_delete_nothing() {
    let server = with_people(&["erin", "dave"]).await;
    let change = json!({"acl_upload": ["alice", "erin"], "acl_manage": ["dave"]});
    server.publish("alice/dev", &Package::new("demo", "1.0").sdist()).await;
    let yank = || Some(json!({"yanked": "broken"}));
    assert_eq!(set(&server, &of("alice"), json!({"acl_upload": ["alice", "erin"]})).await, 200);
    assert_eq!(server.ask("PATCH", "/alice/dev/demo/1.0", &of("erin"), yank()).await.0, 200);
    assert_eq!(set(&server, &of("alice"), change).await, 200);
    assert_eq!(server.ask("PATCH", "/alice/dev/demo/1.0", &of("erin"), yank()).await.0, 403);
    assert_eq!(server.ask("PATCH", "/alice/dev/demo/1.0", &of("dave"), yank()).await.0, 200);
    assert_eq!(server.ask("DELETE", "/alice/dev/demo/1.0", &of("erin"), None).await.0, 403);
    assert_eq!(server.ask("DELETE", "/alice/dev/demo/1.0", &of("alice"), None).await.0, 200);
}

#[tokio::test]
async fn a_new_person_of_an_old_name_inherits_no_role() {
    let server = with_people(&["carol"]).await;
    assert_eq!(
        set(&server, &of("alice"), json!({"acl_admin": ["carol"], "acl_manage": ["carol"]})).await,
        200
    );
    assert_eq!(server.ask("DELETE", "/carol", &Auth::root(), None).await.0, 200);
    server.make_user("carol", PASSWORD).await;
    assert_eq!(set(&server, &of("carol"), json!({"title": "x"})).await, 403);
}

#[tokio::test]
async fn the_page_of_rights_says_why_to_those_who_administer() {
    let server = with_people(&["carol", "bob"]).await;
    assert_eq!(set(&server, &of("alice"), json!({"acl_upload": ["carol"]})).await, 200);
    let (status, all) = server.ask("GET", "/alice/dev/+access", &of("alice"), None).await;
    assert_eq!(status, 200);
    let users: Vec<&str> =
        all["result"].as_array().unwrap().iter().map(|one| one["user"].as_str().unwrap()).collect();
    assert_eq!(users, [":ANONYMOUS:", "alice", "bob", "carol", "root"]);
    let (_, one) = server.ask("GET", "/alice/dev/+access?user=bob", &of("alice"), None).await;
    let upload = one["result"][0]["rights"].as_array().unwrap().iter().find(|one| one["right"] == "upload");
    assert_eq!(upload.unwrap()["why"], "acl_upload lets only carol");
    assert_eq!(server.ask("GET", "/alice/dev/+access?user=no", &of("alice"), None).await.0, 404);
    assert_eq!(server.ask("GET", "/alice/dev/+access", &of("bob"), None).await.0, 403);
    for path in ["/alice/dev/+access", "/alice/dev/+access?user=bob"] {
        let page = of("alice").on(server.http.get(server.url(path))).header("accept", "text/html");
        let text = page.send().await.expect("an answer").text().await.expect("a page");
        assert!(text.contains("bob") && text.contains("<h1>Access</h1>"), "{text}");
    }
}

#[tokio::test]
async fn an_account_of_programs_has_tokens_and_no_password() {
    let server = Server::start().await;
    let new = || Some(json!({"service": true}));
    assert_eq!(
        server.ask("PUT", "/ci", &Auth::root(), Some(json!({"service": true, "password": "x"}))).await.0,
        400
    );
    assert_eq!(server.ask("PUT", "/ci", &Auth::root(), new()).await.0, 201);
    let asked = json!({"name": "runner", "user": "ci"});
    let (status, made) = server.ask("POST", "/+tokens", &Auth::root(), Some(asked)).await;
    assert_eq!(status, 200, "{made}");
    let token = Auth::Bearer(made["result"]["token"].as_str().expect("a token").into());
    let (_, answer) = server.ask("GET", "/+api", &token, None).await;
    assert_eq!(answer["result"]["authstatus"], json!(["ok", "ci", []]));
    for secret in ["", "ci", "None"] {
        let login = json!({"user": "ci", "password": secret});
        assert_ne!(server.ask("POST", "/+login", &Auth::None, Some(login)).await.0, 200, "{secret}");
    }
    // Neither root nor a token of its own gives it a password by accident.
    let change = || Some(json!({"password": "a password"}));
    assert_eq!(server.ask("PATCH", "/ci", &Auth::root(), change()).await.0, 403);
    assert_eq!(server.ask("PATCH", "/ci", &token, change()).await.0, 403);
    assert_eq!(server.ask("PUT", "/other", &token, new()).await.0, 403);
}

#[tokio::test]
async fn nobody_but_root_makes_accounts_of_programs_where_all_may_register() {
    let server = Server::start_with(|config| config.open_registration = true).await;
    let (status, body) = server.ask("PUT", "/ci", &Auth::None, Some(json!({"service": true}))).await;
    assert_eq!(status, 403, "{body}");
    let plain = Some(json!({"password": "something"}));
    assert_eq!(server.ask("PUT", "/ann", &Auth::None, plain).await.0, 201);
}

#[tokio::test]
async fn a_new_password_follows_the_rule_and_an_old_one_still_opens() {
    let server = Server::start_with(|config| config.auth.password_length = 12).await;
    server.make_user("old", "short").await;
    for (name, password) in [("new", "short"), ("long-user-name", "Long-User-Name")] {
        let given = Some(json!({"password": password}));
        let (status, body) = server.ask("PUT", &format!("/{name}"), &Auth::root(), given).await;
        assert_eq!(status, 400, "{body}");
        assert!(body["message"].as_str().is_some_and(|text| text.contains("password")), "{body}");
    }
    let old = Auth::basic("old", "short");
    assert_eq!(server.ask("PATCH", "/old", &old, Some(json!({"password": "shorter"}))).await.0, 400);
    let longer = Some(json!({"password": "twelve letters"}));
    assert_eq!(server.ask("PATCH", "/old", &old, longer).await.0, 200);
}

#[tokio::test]
async fn a_login_ends_after_its_time_or_when_somebody_ends_it() {
    let server = Server::start_with(|config| config.auth.session = 7200).await;
    server.make_user("ann", PASSWORD).await;
    let login = || Some(json!({"user": "ann", "password": PASSWORD}));
    let (status, answer) = server.ask("POST", "/+login", &Auth::None, login()).await;
    assert_eq!((status, &answer["result"]["expiration"]), (200, &json!(7200)));
    let session = Auth::devpi("ann", answer["result"]["password"].as_str().expect("a session"));
    assert_eq!(server.ask("GET", "/+tokens", &session, None).await.0, 200);
    tokens::end_sessions(&server.app.db, "root", "ann").await.expect("ends");
    server.app.indexes.refresh().await.expect("a fresh directory");
    assert_eq!(server.ask("GET", "/+tokens", &session, None).await.0, 401);
    assert!(tokens::end_sessions(&server.app.db, "root", "nobody").await.is_err());
}

#[tokio::test]
async fn of_a_token_that_ends_soon_others_are_told_once() {
    let server = Server::start().await;
    server.make_stage().await;
    for (name, expires) in [("soon", "2h"), ("later", "90d")] {
        let asked = json!({"name": name, "expires": expires, "scope": {"index": "alice/dev"}});
        assert_eq!(server.ask("POST", "/+tokens", &of("alice"), Some(asked)).await.0, 200);
    }
    let before = server.app.db.serial().await.expect("a serial");
    for _ in 0..2 {
        tokens::tell_of_ending(&server.app.db, 86_400).await.expect("tells");
    }
    let told = server.app.db.events_after(before, 10).await.expect("events");
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].what, EventKind::TokenEnding);
    assert!(
        told[0].detail.as_ref().is_some_and(|detail| detail.contains("(soon) of alice ends 2")),
        "{told:?}"
    );
    assert_eq!(told[0].context.as_ref().map(ToString::to_string), Some("alice/dev".into()));
}

#[tokio::test]
async fn whom_acl_admin_names_approves_nothing_of_the_owners_closed_mirrors() {
    let server = with_people(&["bob"]).await;
    let mirror = json!({"type": "mirror", "mirror_url": "http://127.0.0.1:9/simple/", "acl_read": ["alice"]});
    server.make_index("alice/paid", mirror).await;
    let change = json!({"bases": ["alice/paid"], "acl_admin": ["bob"]});
    assert_eq!(set(&server, &of("alice"), change).await, 200);
    let (status, told) = server
        .ask("PATCH", "/alice/dev", &of("bob"), Some(json!({"curated": true, "acl_approve": ["bob"]})))
        .await;
    assert_eq!(status, 403, "{told}");
    assert!(
        told["message"].as_str().expect("a message").contains("a mirror that bob may not read"),
        "{told}"
    );
    assert_eq!(set(&server, &of("alice"), json!({"curated": true})).await, 200);
    assert_eq!(set(&server, &of("bob"), json!({"acl_approve": ["bob"]})).await, 403);
    assert_eq!(set(&server, &of("bob"), json!({"title": "Bob's"})).await, 200);
    assert_eq!(set(&server, &of("alice"), json!({"acl_approve": ["bob"]})).await, 200);
}
