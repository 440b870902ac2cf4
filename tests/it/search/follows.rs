//! How soon a search knows what changed: on this node, on another one, on a replica, and after its files were lost.

use super::{found, search};
use crate::kit::Server;
use crate::kit::backend::Backend;
use crate::kit::packages::Package;
use crate::kit::script::Auth;
use crate::kit::stages::stage;
use crate::kit::upstream::{Upstream, noise};
use crate::replica::replica_of;
use serde_json::json;
use wheelwright::access::Who;
use wheelwright::app::App;
use wheelwright::index::search::{FoundPart, SearchText};

#[tokio::test]
async fn the_next_search_knows_what_was_uploaded_yanked_and_deleted() {
    let server = stage().await;
    assert_eq!(found(&server, "q=demo").await, [""; 0]);
    for version in ["1.0", "2.0"] {
        let demo = Package::new("demo", version).summary(&format!("version {version}")).wheel();
        server.publish("alice/dev", &demo).await;
        assert_eq!(search(&server, "q=demo").await["results"][0]["version"], version);
    }
    server.publish("alice/dev", &Package::new("demo-other", "1.0").wheel()).await;
    for (version, shown) in [("2.0", "1.0"), ("1.0", "2.0")] {
        let (status, told) =
            server.as_alice("PATCH", &format!("/alice/dev/demo/{version}"), r#"{"yanked": true}"#).await;
        assert_eq!(status, 200, "{told}");
        assert_eq!(search(&server, "q=demo").await["results"][0]["version"], shown);
    }
    let told = search(&server, "q=dem").await;
    assert_eq!((&told["results"][0]["yanked"], &told["results"][1]["yanked"]), (&json!(false), &json!(true)));
    assert_eq!(server.as_alice("DELETE", "/alice/dev/demo", "").await.0, 200);
    assert_eq!(found(&server, "q=demo").await, ["alice/dev/demo-other"]);
    // An index of the same name has nothing of the one before.
    assert_eq!(server.as_alice("DELETE", "/alice/dev", "").await.0, 201);
    assert_eq!(found(&server, "q=demo").await, [""; 0]);
    server.make_index("alice/dev", json!({"bases": []})).await;
    assert_eq!(found(&server, "q=demo").await, [""; 0]);
    server.publish("alice/dev", &Package::new("demo", "9.0").wheel()).await;
    assert_eq!(search(&server, "q=demo").await["results"][0]["version"], "9.0");
}

#[tokio::test]
async fn another_node_finds_it_too() {
    let first = Server::start_on(Backend::Company).await;
    first.make_stage().await;
    let shared = first.app.config.clone();
    let second = Server::start_with(|config| {
        config.database = shared.database.clone();
        config.storage = shared.storage.clone();
        config.s3 = shared.s3.clone();
    })
    .await;
    assert_eq!(found(&second, "q=demo").await, [""; 0]);
    first.publish("alice/dev", &Package::new("demo", "1.0").summary("fresh").wheel()).await;
    assert_eq!(found(&second, "q=fresh").await, ["alice/dev/demo"]);
    assert_eq!(second.as_alice("DELETE", "/alice/dev/demo", "").await.0, 200);
    assert_eq!(found(&first, "q=fresh").await, [""; 0]);
}

#[tokio::test]
async fn a_replica_searches_for_itself() {
    let primary = stage().await;
    primary.publish("alice/dev", &Package::new("demo", "1.0").summary("copied").wheel()).await;
    let (replica, wire) = replica_of(&primary).await;
    wire.cut();
    assert_eq!(found(&replica, "q=copied").await, ["alice/dev/demo"]);
    wire.mend();
    primary.publish("alice/dev", &Package::new("later", "1.0").summary("copied").wheel()).await;
    while found(&replica, "q=copied").await.len() < 2 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn files_that_are_lost_or_damaged_are_made_anew() {
    let server = stage().await;
    server.publish("alice/dev", &Package::new("demo", "1.0").wheel()).await;
    assert_eq!(found(&server, "q=demo").await, ["alice/dev/demo"]);
    let config = server.app.config.clone();
    let folder = server.data.path().join("search");
    assert!(folder.join("meta.json").is_file());
    for damage in 0..3 {
        let other = tempfile::tempdir().expect("a folder");
        let mut config = config.clone();
        config.database = Some(server.app.config.database_url());
        config.data = other.path().to_owned();
        let copy = other.path().join("search");
        std::fs::create_dir(&copy).expect("a folder");
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let entry = entry.expect("an entry");
            let name = entry.file_name();
            let text = name.to_string_lossy();
            if text.ends_with(".lock") || damage == 0 {
                continue;
            }
            std::fs::copy(entry.path(), copy.join(&name)).expect("a copy");
            if damage == 1 && text.ends_with(".store") || damage == 2 && text == "meta.json" {
                std::fs::write(copy.join(&name), "not that").expect("a file");
            }
        }
        let app = App::open(config).await.expect("it opens");
        let text = SearchText::parse("demo").expect("words");
        let part = FoundPart { page: 1, each: 10, ..FoundPart::default() };
        let found = app.finder.find(&Who::default(), &text, None, &part).await.expect("an answer");
        assert_eq!((found.total, found.complete), (1, true), "{damage}");
    }
}

#[tokio::test]
async fn a_project_that_cannot_be_read_keeps_no_other_from_being_found() {
    let server = stage().await;
    for name in ["torn", "whole"] {
        server.publish("alice/dev", &Package::new(name, "1.0").summary("old words").wheel()).await;
    }
    assert_eq!(found(&server, "q=old").await, ["alice/dev/torn", "alice/dev/whole"]);
    sqlx::any::install_default_drivers();
    let pool = sqlx::AnyPool::connect(&server.app.config.database_url()).await.expect("the database");
    let tear = async |with: &str| {
        let text = format!("UPDATE release SET created_at = {with} WHERE project = 'torn'");
        sqlx::query(sqlx::AssertSqlSafe(text)).execute(&pool).await.expect("changed");
    };
    tear("'no time'").await;
    // An event about it, and later ones about others.
    let (status, told) = server.as_alice("PATCH", "/alice/dev/torn", r#"{"status": "archived"}"#).await;
    assert_eq!(status, 200, "{told}");
    server.publish("alice/dev", &Package::new("fresh", "1.0").summary("new words").wheel()).await;
    assert_eq!(found(&server, "q=new").await, ["alice/dev/fresh"]);
    let told = search(&server, "q=torn").await;
    assert_eq!((&told["total"], &told["results"][0]["summary"]), (&json!(1), &json!("")), "its name alone");
    assert_eq!(told["complete"], true);
    // So it is after a new start, and where the files are made anew.
    let mut config = server.app.config.clone();
    let other = tempfile::tempdir().expect("a folder");
    config.database = Some(server.app.config.database_url());
    config.data = other.path().to_owned();
    let app = App::open(config).await.expect("it opens");
    let part = FoundPart { page: 1, each: 10, ..FoundPart::default() };
    for (word, total) in [("torn", 1), ("fresh", 1), ("old", 1)] {
        let text = SearchText::parse(word).expect("words");
        let found = app.finder.find(&Who::default(), &text, None, &part).await.expect("an answer");
        assert_eq!((found.total, found.complete), (total, true), "{word}");
    }
    // It is read again by itself.
    tear("5").await;
    while found(&server, "q=old").await.len() < 2 {
        tokio::task::yield_now().await;
    }
}

/// A mirror of an upstream that has one project with a wheel, of which the server knows the page.
async fn mirror_of(project: &str) -> (Server, Upstream) {
    let upstream = Upstream::start().await;
    upstream.add(&format!("{project}-1.0.tar.gz"), noise(3, 300));
    let server = stage().await;
    server.make_index("alice/mirror", json!({"type": "mirror", "mirror_url": upstream.simple()})).await;
    assert_eq!(server.get(&format!("/alice/mirror/+simple/{project}/")).await.status(), 200);
    while search(&server, &format!("q={project}")).await["results"][0]["version"] != "1.0" {
        tokio::task::yield_now().await;
    }
    (server, upstream)
}

async fn set_mirror_url(server: &Server, url: serde_json::Value) {
    let change = json!({"mirror_url": url});
    let (status, told) = server.ask("PATCH", "/alice/mirror", &Auth::root(), Some(change)).await;
    assert_eq!(status, 200, "{told}");
}

#[tokio::test]
async fn a_mirror_without_a_url_keeps_no_other_index_from_being_searched() {
    let (server, _upstream) = mirror_of("former").await;
    set_mirror_url(&server, serde_json::Value::Null).await;
    server.publish("alice/dev", &Package::new("fresh", "1.0").summary("new words").wheel()).await;
    assert_eq!(found(&server, "q=new").await, ["alice/dev/fresh"]);
    while !found(&server, "q=former").await.is_empty() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_mirror_that_has_another_upstream_shows_that_ones_projects() {
    let (server, _before) = mirror_of("former").await;
    let upstream = Upstream::start().await;
    upstream.add("former_else-1.0.tar.gz", noise(4, 300));
    set_mirror_url(&server, json!(upstream.simple())).await;
    while found(&server, "q=former").await != ["alice/mirror/former-else"] {
        tokio::task::yield_now().await;
    }
}
