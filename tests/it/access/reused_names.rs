//! Names that are used again: of users, groups, roles, indexes, tokens and files.

use crate::kit::Server;
use crate::kit::fake_worker::target;
use crate::kit::forms::Form;
use crate::kit::packages::Package;
use crate::kit::script::Auth;
use serde_json::{Value, json};
use wheelwright::access::{Action, Scope, Who, accounts};
use wheelwright::index::admin;
use wheelwright::names::IndexName;
use wheelwright::words::Role;

const SECRET: &str = "bob-secret";

async fn with_bob(server: &Server) {
    server.make_user("bob", SECRET).await;
}

fn bob() -> Auth {
    Auth::basic("bob", SECRET)
}

async fn status(server: &Server, method: &str, path: &str, auth: &Auth, body: Option<Value>) -> u16 {
    server.ask(method, path, auth, body).await.0
}

#[tokio::test]
async fn a_deleted_users_name_carries_nothing_over_to_the_next_person() {
    let server = Server::start().await;
    server.make_user("alice", "alice-secret").await;
    with_bob(&server).await;
    server.make_index("bob/prod", json!({})).await;
    let lists = json!({
        "acl_read": ["alice", "bob", ":staff"], "acl_upload": ["bob", "alice"], "bases": ["bob/prod", "root/pypi"],
    });
    server.make_index("alice/dev", lists).await;
    accounts::group(&server.app.db, "root", "staff", "bob", true).await.expect("joins");
    accounts::role(&server.app.db, "root", Role::Builder, "bob", true).await.expect("a role");
    let token = Auth::Bearer(server.make_token("bob", Scope::default()).await);
    let build = Scope { actions: vec![Action::Build], ..Scope::default() };
    let worker = Auth::Bearer(server.make_token("bob", build.clone()).await);
    let (_, login) =
        server.ask("POST", "/+login", &Auth::None, Some(json!({"user": "bob", "password": SECRET}))).await;
    let session = Auth::devpi("bob", login["result"]["password"].as_str().expect("a session"));
    for auth in [&token, &session, &bob()] {
        assert_eq!(status(&server, "GET", "/alice/dev", auth, None).await, 200);
    }
    assert_eq!(status(&server, "DELETE", "/bob", &Auth::root(), None).await, 200);
    // Another person.
    let given = Some(json!({"password": SECRET}));
    assert_eq!(status(&server, "PUT", "/bob", &Auth::root(), given).await, 201);
    server.make_index("bob/prod", json!({})).await;
    for auth in [&token, &session, &worker] {
        assert_eq!(status(&server, "GET", "/alice/dev", auth, None).await, 401);
    }
    assert_eq!(status(&server, "GET", "/alice/dev", &bob(), None).await, 404, "neither list nor group");
    let wheel = Package::new("demo", "1.0").wheel();
    assert_eq!(server.post("/alice/dev/", Form::of(&wheel), "bob", SECRET).await.status, 404);
    let again = Auth::Bearer(server.make_token("bob", build).await);
    let described = json!({
        "targets": [target("cp312-test")], "slots": 1, "isolation": "bubblewrap", "version": "0",
    });
    assert_eq!(status(&server, "PUT", "/+workers/w", &again, Some(described)).await, 403, "no role");
    let (_, index) = server.ask("GET", "/alice/dev?no_projects=", &Auth::root(), None).await;
    assert_eq!(index["result"]["bases"], json!(["root/pypi"]), "nothing of the new bob's gets in");
    assert_eq!(index["result"]["acl_upload"], json!(["alice"]));
}

#[tokio::test]
async fn a_stranger_who_registers_gets_no_used_name_and_nothing_that_waits_for_a_name() {
    let server = Server::start_with(|config| config.open_registration = true).await;
    server.make_user("alice", "alice-secret").await;
    server.make_index("alice/dev", json!({"acl_read": ["alice", "carol"]})).await;
    with_bob(&server).await;
    assert_eq!(status(&server, "DELETE", "/bob", &bob(), None).await, 200);
    let given = || Some(json!({"password": SECRET}));
    let (code, told) = server.ask("PUT", "/bob", &Auth::None, given()).await;
    assert_eq!(code, 409);
    assert!(
        told["message"].as_str().is_some_and(|text| text.contains("deleted account: choose another")),
        "{told}"
    );
    assert_eq!(status(&server, "PUT", "/carol", &Auth::None, given()).await, 201);
    let carol = Auth::basic("carol", SECRET);
    assert_eq!(status(&server, "GET", "/alice/dev", &carol, None).await, 404);
}

#[tokio::test]
async fn an_index_that_is_made_again_gives_no_old_file_name_new_bytes() {
    let server = Server::start().await;
    with_bob(&server).await;
    let wheel = |text: &str| Package::new("demo", "1.0").description(text).wheel();
    let name = IndexName::parse("bob/prod").expect("a name");
    let upload = async |text: &str| server.post("/bob/prod/", Form::of(&wheel(text)), "bob", SECRET).await;
    server.make_index("bob/prod", json!({})).await;
    assert_eq!(upload("first").await.status, 200);
    let root = Who { user: Some("root".into()), ..Who::default() };
    admin::delete(&server.app.db, &root, &name).await.expect("is deleted");
    server.app.indexes.refresh().await.expect("refreshes");
    server.make_index("bob/prod", json!({})).await;
    let other = upload("second").await;
    assert_eq!(other.status, 400, "{}", other.text);
    assert!(other.text.contains("This filename was previously used"), "{}", other.text);
    let spelt = Package::new("Demo", "1.0.0").wheel();
    let spelt = server.post("/bob/prod/", Form::of(&spelt), "bob", SECRET).await;
    assert_eq!(spelt.status, 400, "another spelling is the same name: {}", spelt.text);
    assert_eq!(upload("first").await.status, 200, "the same bytes are welcome");
    // And once more, by way of the account.
    assert_eq!(status(&server, "DELETE", "/bob", &Auth::root(), None).await, 200);
    with_bob(&server).await;
    server.make_index("bob/prod", json!({})).await;
    assert_eq!(upload("third").await.status, 400);
    assert_eq!(upload("first").await.status, 200);
}

#[tokio::test]
async fn a_group_of_any_name_makes_nobody_a_worker() {
    let server = Server::start().await;
    with_bob(&server).await;
    for group in ["builders", "builder", "root", "admin", "workers"] {
        accounts::group(&server.app.db, "root", group, "bob", true).await.expect("joins");
    }
    server.app.indexes.refresh().await.expect("refreshes");
    let build = Scope { actions: vec![Action::Build], ..Scope::default() };
    let token = Auth::Bearer(server.make_token("bob", build).await);
    let described = || {
        Some(json!({
            "targets": [target("cp312-test")], "slots": 1, "isolation": "bubblewrap", "version": "0",
        }))
    };
    let (code, told) = server.ask("PUT", "/+workers/w", &token, described()).await;
    assert_eq!(code, 403);
    assert!(
        told["message"].as_str().is_some_and(|text| text.contains("user role add builder bob")),
        "{told}"
    );
    let role = Some(json!({"roles": ["builder"]}));
    assert_eq!(status(&server, "PATCH", "/bob", &bob(), role.clone()).await, 403, "not by oneself");
    assert_eq!(status(&server, "PATCH", "/bob", &Auth::root(), Some(json!({"roles": ["boss"]}))).await, 400);
    assert_eq!(status(&server, "PATCH", "/bob", &Auth::root(), role).await, 200);
    assert_eq!(status(&server, "PUT", "/+workers/w", &token, described()).await, 200);
    let (_, shown) = server.ask("GET", "/bob", &Auth::root(), None).await;
    assert_eq!(shown["result"]["roles"], json!(["builder"]));
    assert!(accounts::group(&server.app.db, "root", "anonymous", "bob", true).await.is_err());
}

#[tokio::test]
async fn a_token_for_an_index_that_is_not_there_is_refused_like_one_that_is_hidden() {
    let server = Server::start().await;
    with_bob(&server).await;
    server.make_user("alice", "alice-secret").await;
    server.make_index("alice/dev", json!({"acl_read": ["alice"]})).await;
    let ask = async |index: &str| {
        let asked = json!({"name": "t", "scope": {"index": index}});
        let (code, told) = server.ask("POST", "/+tokens", &bob(), Some(asked)).await;
        (code, told.to_string().replace(index, "INDEX"))
    };
    let hidden = ask("alice/dev").await;
    assert_eq!(hidden.0, 404);
    assert_eq!(ask("alice/dve").await, hidden);
    assert!(hidden.1.contains("the index INDEX does not exist, or you may not read it"), "{}", hidden.1);
}

#[tokio::test]
async fn an_expired_token_is_marked_in_lists() {
    use wheelwright::access::tokens::{self, NewToken};
    let server = Server::start().await;
    with_bob(&server).await;
    for (name, expires) in [("old", Some(0)), ("young", Some(600)), ("endless", None)] {
        let new = NewToken { owner: "bob".into(), name: name.into(), scope: Scope::default(), expires };
        tokens::create(&server.app.db, "root", &new).await.expect("a token");
    }
    let (_, listed) = server.ask("GET", "/+tokens", &bob(), None).await;
    let listed = listed["result"].as_array().expect("a list").clone();
    for token in listed {
        assert_eq!(token["expired"], json!(token["name"] == "old"), "{token}");
    }
}

#[tokio::test]
async fn a_typo_in_an_index_name_is_told_as_one_possibility() {
    let server = Server::start().await;
    server.make_user("alice", "alice-secret").await;
    server.make_index("alice/dev", json!({"acl_read": ["alice"]})).await;
    for index in ["alice/dev", "alice/dve"] {
        let (code, told) = server.ask("GET", &format!("/{index}/+simple/"), &Auth::None, None).await;
        let told = told["message"].as_str().unwrap_or_default().to_owned();
        assert_eq!(code, 401);
        assert!(told.ends_with(&format!("{index} does not exist, or it is private")), "{told}");
    }
}
