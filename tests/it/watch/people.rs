//! Who may do what with watches.

use super::{alice, order};
use crate::kit::Server;
use crate::kit::git_host::{GitHost, Repository};
use crate::kit::script::Auth;
use crate::kit::stages::stage_with;
use serde_json::{Value, json};
use wheelwright::access::{Action, Scope};
use wheelwright::config::Config;

fn on_loopback(config: &mut Config) {
    config.private_hosts = vec!["127.0.0.1".into()];
}

#[tokio::test(flavor = "multi_thread")]
async fn watches_are_seen_by_readers_and_changed_by_uploaders() {
    let server = stage_with(on_loopback).await;
    server.make_user("bob", "bob-secret").await;
    let bob = Auth::basic("bob", "bob-secret");
    let repository = Repository::new();
    repository.tag("v1.0");
    let host = GitHost::start(repository.path(), None).await;
    let url = host.url(".git");
    let (status, refused) = server.ask("POST", "/+watches", &bob, Some(order(&url))).await;
    assert!(status == 403 && refused.to_string().contains("permission to upload"), "{refused}");
    let limited = Scope {
        index: Some("alice/dev".into()),
        project: Some("demo".into()),
        actions: vec![Action::Upload, Action::Read],
        ..Scope::default()
    };
    let token = Auth::Bearer(server.make_token("alice", limited).await);
    let (status, refused) = server.ask("POST", "/+watches", &token, Some(order(&url))).await;
    assert!(status == 403 && refused.to_string().contains("one project"), "{refused}");
    let (status, made) = server.ask("POST", "/+watches", &alice(), Some(order(&url))).await;
    assert_eq!(status, 201, "{made}");
    let path = format!("/+watches/{}", made["result"]["id"]);

    // Everybody reads alice/dev, so everybody sees the watch; without its secret.
    for who in [Auth::None, bob.clone(), alice()] {
        let (status, watch) = server.ask("GET", &path, &who, None).await;
        assert_eq!((status, &watch["result"]["found"][0]["state"]), (200, &json!("older")), "{watch}");
        assert!(!watch.to_string().contains(made["result"]["secret"].as_str().expect("a secret")));
    }
    for (method, below) in [("DELETE", ""), ("POST", "/look")] {
        let (status, _) = server.ask(method, &format!("{path}{below}"), &bob, None).await;
        assert_eq!(status, 403, "{method}");
        let (status, _) = server.ask(method, &format!("{path}{below}"), &Auth::None, None).await;
        assert_eq!(status, 401, "{method}");
    }
    let (status, text) = server.as_alice("PATCH", "/alice/dev", r#"["acl_read=alice"]"#).await;
    assert_eq!(status, 200, "{text}");
    let (_, list) = server.ask("GET", "/+watches", &bob, None).await;
    assert_eq!(list["result"], json!([]));
    for (method, below) in [("GET", ""), ("DELETE", ""), ("POST", "/look")] {
        let (status, _) = server.ask(method, &format!("{path}{below}"), &bob, None).await;
        assert_eq!(status, 404, "{method}");
    }
    let (status, _) = server.ask("POST", &format!("{path}/look"), &alice(), None).await;
    assert_eq!(status, 200);
    let (status, _) = server.ask("DELETE", &path, &alice(), None).await;
    assert_eq!(status, 200);
    let (status, _) = server.ask("GET", &path, &alice(), None).await;
    assert_eq!(status, 404);
}

/// A repository of which bob, who may upload to alice/dev, made a watch.
async fn watched_by_bob() -> (Server, Repository, GitHost, i64) {
    let server = stage_with(on_loopback).await;
    server.make_user("bob", "bob-secret").await;
    let (status, text) = server.as_alice("PATCH", "/alice/dev", r#"["acl_upload=alice,bob"]"#).await;
    assert_eq!(status, 200, "{text}");
    let repository = Repository::new();
    let host = GitHost::start(repository.path(), None).await;
    let bob = Auth::basic("bob", "bob-secret");
    let (status, made) = server.ask("POST", "/+watches", &bob, Some(order(&host.url(".git")))).await;
    assert_eq!(status, 201, "{made}");
    let id = made["result"]["id"].as_i64().expect("an id");
    (server, repository, host, id)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_acts_with_the_rights_that_its_owner_has_now() {
    let (server, repository, _host, id) = watched_by_bob().await;
    let (status, text) = server.as_alice("PATCH", "/alice/dev", r#"["acl_upload=alice"]"#).await;
    assert_eq!(status, 200, "{text}");
    repository.tag("v1.0");
    server.look(id).await;
    let watch = loop {
        let watch = server.watched(id).await;
        if watch["failures"] != 0 {
            break watch;
        }
    };
    assert!(watch["error"].as_str().is_some_and(|why| why.contains("permission to upload")), "{watch:#}");
    assert_eq!(watch["found"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_ends_with_the_account_of_its_owner() {
    let (server, _repository, _host, _id) = watched_by_bob().await;
    let (status, _) = server.ask("DELETE", "/bob", &Auth::root(), None).await;
    assert_eq!(status, 200);
    let (_, list) = server.ask("GET", "/+watches", &alice(), None).await;
    assert_eq!(list["result"], json!([]), "the next bob has none");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_watched_is_refused_with_the_way_out() {
    let server = stage_with(on_loopback).await;
    let repository = Repository::new();
    let host = GitHost::start(repository.path(), None).await;
    let url = host.url(".git");
    let mirror = json!({"type": "mirror", "mirror_url": "http://127.0.0.1:9/simple/", "volatile": false});
    server.make_index("alice/mirror", mirror).await;
    let with = |key: &str, value: Value| {
        let mut asked = order(&url);
        asked[key] = value;
        asked
    };
    for (asked, words) in [
        (with("url", json!(repository.url())), "beside the data folder"),
        (with("url", json!("git+http://127.0.0.1:1/x")), "cannot reach the repository"),
        (with("url", json!(host.url("nothing"))), "repository does not exist"),
        (with("url", json!(format!("{url}@v1.0"))), "write the URL without it"),
        (with("url", json!(format!("{url}?token=hidden"))), "git.credentials"),
        (with("url", json!("https://host/x")), "not a valid repository URL"),
        (with("tags", json!("v*")), "write {version} once"),
        (with("every", json!("1s")), "must be from 5s to 30d"),
        (with("every", json!("soon")), "not a time"),
        (with("from", json!("yesterday")), "neither a version nor the word all"),
        (with("targets", json!(["a,b"])), "like cp312"),
        (with("index", json!("alice")), "write user/index"),
        (with("index", json!("alice/none")), "does not exist"),
        (with("index", json!("alice/mirror")), "permission to upload"),
    ] {
        let (status, refused) = server.ask("POST", "/+watches", &alice(), Some(asked.clone())).await;
        let why = refused["message"].as_str().unwrap_or_default();
        assert!(
            status >= 400 && why.contains(words) && !why.contains("hidden"),
            "{asked}: {status} {refused}"
        );
    }
    let (_, list) = server.ask("GET", "/+watches", &alice(), None).await;
    assert_eq!(list["result"], json!([]), "nothing was added");
    let (status, _) = server.ask("POST", "/+watches", &alice(), Some(order(&url))).await;
    assert_eq!(status, 201);
    let (status, refused) = server.ask("POST", "/+watches", &alice(), Some(order(&url))).await;
    assert!(status == 409 && refused.to_string().contains("looks for the same tags"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_shows_each_tag_and_lets_uploaders_look_now() {
    let server = stage_with(on_loopback).await;
    let repository = Repository::new();
    repository.tag("v1.0");
    repository.tag("<b>");
    let id = server.watch_repository(&repository).await;
    let page = async |path: &str, who: &Auth| {
        let request = who.on(server.http.get(server.url(path)).header("accept", "text/html"));
        request.send().await.expect("an answer").text().await.expect("a page")
    };
    let list = page("/+watches", &Auth::None).await;
    assert!(list.contains(&format!("+watches/{id}")) && list.contains("<h1>Watches</h1>"), "{list}");
    let own = page(&format!("/+watches/{id}"), &alice()).await;
    for text in ["v1.0", "older", "&#60;b&#62;", "the tag does not match", "Look now", "Last look"] {
        assert!(own.contains(text), "{text}: {own}");
    }
    let stranger = page(&format!("/+watches/{id}"), &Auth::None).await;
    assert!(stranger.contains("v1.0") && !stranger.contains("Look now"), "{stranger}");
}
