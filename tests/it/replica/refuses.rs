//! What a replica does not take, and what nobody gets by it.

use super::{caught_up, copies, cut, mend, pair, replica_of, replica_serial, token, until};
use crate::kit::Server;
use crate::kit::packages::Package;
use crate::kit::script::Auth;
use crate::kit::stages::{PASSWORD, stage, stage_with};
use crate::kit::upstream::noise;
use serde_json::json;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use wheelwright::access::audit::trim;
use wheelwright::access::{Action, Scope};
use wheelwright::app::App;
use wheelwright::config::Config;
use wheelwright::error::Error;
use wheelwright::tools::time::now;

async fn opened(primary: &str, token: &str, data: &std::path::Path) -> Result<App, Error> {
    let mut config = Config { data: data.to_owned(), ..Config::default() };
    copies(&mut config, primary, token);
    App::open(config).await
}

#[tokio::test]
async fn wrong_bytes_are_not_taken_and_their_release_is_not_shown() {
    let (primary, replica, wire) = pair().await;
    cut(&wire, &replica).await;
    // Too large to be kept in memory, so that it is read from the disk, which rots.
    let demo = Package::new("demo", "1.0").member("demo_data.bin", noise(7, 1 << 20).to_vec()).wheel();
    primary.publish("alice/dev", &demo).await;
    let sha256 = demo.sha256();
    let place = primary.data.path().join("blobs").join(&sha256[..2]).join(&sha256[2..]);
    let rotten = [&demo.bytes[..demo.bytes.len() - 1], b"!"].concat();
    std::fs::remove_file(&place).expect("the file was there");
    std::fs::write(&place, rotten).expect("written");
    mend(&wire, &replica).await;
    let view = || replica.app.replica.as_ref().expect("a replica").view();
    until("the replica refuses", async || view().error.is_some_and(|why| why.contains(&sha256))).await;
    assert_eq!(replica.app.store.size(&sha256).await.expect("a size"), None);
    cut(&wire, &replica).await;
    assert_eq!(replica.get("/alice/dev/+simple/demo/").await.status(), 404);
    // It holds up nothing else.
    mend(&wire, &replica).await;
    let other = Package::new("other", "1.0").wheel();
    primary.publish("alice/dev", &other).await;
    caught_up(&primary, &replica).await;
    cut(&wire, &replica).await;
    let page = replica.get("/alice/dev/+simple/other/").await.text().await.expect("a page");
    assert!(page.contains(&other.filename), "{page}");
    assert!(view().waiting == 1 && view().lag != Some(0), "{:?}", view());
}

#[tokio::test]
async fn a_replica_that_missed_what_the_primary_removed_from_its_log_copies_everything_again() {
    let (primary, replica, wire) = pair().await;
    cut(&wire, &replica).await;
    for name in ["one", "two", "three"] {
        primary.publish("alice/dev", &Package::new(name, "1.0").wheel()).await;
    }
    let later = now() + 7200 * 1_000_000;
    assert!(trim(&primary.app.db, 3600, false, later).await.expect("trims") > 2);
    mend(&wire, &replica).await;
    caught_up(&primary, &replica).await;
    cut(&wire, &replica).await;
    for name in ["one", "two", "three"] {
        assert_eq!(replica.get(&format!("/alice/dev/+simple/{name}/")).await.status(), 200, "{name}");
    }
}

#[tokio::test]
async fn nobody_is_somebody_because_a_replica_hands_on_what_they_say() {
    let primary = stage_with(|config| {
        config.trusted_proxies = vec!["127.0.0.1/32".parse().expect("a network")];
        config.auth.proxy.user_header = Some("x-remote-user".parse().expect("a name"));
    })
    .await;
    let (replica, _wire) = replica_of(&primary).await;
    primary.make_index("alice/private", json!({"bases": [], "acl_read": ["alice"]})).await;
    caught_up(&primary, &replica).await;
    let named = [("x-remote-user", "alice"), ("accept", "application/json")];
    assert_eq!(replica.get_with("/alice/private", &named).await.status(), 401);
    let made = replica.http.put(replica.url("/alice/made")).header("x-remote-user", "alice");
    let made = made.header("origin", replica.url("")).header("content-type", "application/json").body("{}");
    assert_eq!(made.send().await.expect("an answer").status(), 401);
    // What the primary's own proxy says counts.
    assert_eq!(primary.get_with("/alice/private", &named).await.status(), 200);
}

/// Answers everything with this status, as a proxy does before a server that is away.
async fn always(status: u16) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut seen = [0; 4096];
                let _ = stream.read(&mut seen).await;
                let answer =
                    format!("HTTP/1.1 {status} Away\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                let _ = stream.write_all(answer.as_bytes()).await;
            });
        }
    });
    address
}

#[tokio::test]
async fn a_proxy_that_answers_for_a_primary_that_is_away_is_not_taken_for_it() {
    let primary = stage().await;
    let demo = Package::new("demo", "1.0").wheel();
    primary.publish("alice/dev", &demo).await;
    let (mut replica, _wire) = replica_of(&primary).await;
    let secret = token(&primary).await;
    caught_up(&primary, &replica).await;
    replica.stop();
    let away = always(502).await;
    let app = opened(&format!("http://{away}"), &secret, replica.data.path()).await.expect("it opens");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(wheelwright::web::server::serve(app, listener, std::future::pending()));
    let pip = r#"pip/26.3 {"cpu":"x86_64","distro":{"libc":{"lib":"glibc","version":"2.36"}},"implementation":{"name":"CPython","version":"3.12.1"},"python":"3.12.1","system":{"name":"Linux","release":"6.1"}}"#;
    for _ in 0..3 {
        let page = replica.http.get(format!("http://{address}/alice/dev/+simple/demo/"));
        let page = page.header("user-agent", pip).send().await.expect("an answer");
        assert_eq!(page.status(), 200);
        assert!(page.text().await.expect("a page").contains(&demo.filename));
    }
    let none = replica.http.get(format!("http://{address}/alice/dev/+simple/none/")).send().await;
    assert_eq!(none.expect("an answer").status(), 404);
}

#[tokio::test]
async fn a_folder_with_data_of_its_own_becomes_no_replica() {
    let primary = stage().await;
    let secret = token(&primary).await;
    let own = Server::start().await;
    let error = opened(&primary.url(""), &secret, own.data.path()).await.err().expect("a refusal");
    assert!(error.to_string().contains("belongs to a server of its own"), "{error}");
}

#[tokio::test]
async fn only_a_token_that_names_it_may_copy() {
    let primary = stage().await;
    let folder = tempfile::tempdir().expect("a folder");
    let all = primary.make_token("root", Scope::default()).await;
    let of_alice = Scope { actions: vec![Action::Read, Action::Replicate], ..Scope::default() };
    let of_alice = primary.make_token("alice", of_alice).await;
    for secret in [all, of_alice, "ww_nothing".to_owned()] {
        let error = opened(&primary.url(""), &secret, folder.path()).await.err().expect("a refusal");
        assert!(error.to_string().contains("refused the token"), "{error}");
    }
    for path in ["/+replica/directory", "/+replica/changes", "/+replica/projects"] {
        assert_eq!(primary.get(path).await.status(), 401, "{path}");
        let alice = Auth::basic("alice", PASSWORD);
        assert_eq!(primary.send("GET", path, &alice, None).await.status(), 403, "{path}");
    }
}

#[tokio::test]
async fn a_replica_has_no_replicas_and_is_not_its_own() {
    let (primary, replica, _wire) = pair().await;
    let secret = token(&primary).await;
    caught_up(&primary, &replica).await;
    let folder = tempfile::tempdir().expect("a folder");
    let error = opened(&replica.url(""), &secret, folder.path()).await.err().expect("a refusal");
    assert!(error.to_string().contains("is a replica itself"), "{error}");
}

#[tokio::test]
async fn another_server_at_the_primarys_url_gives_nothing() {
    let (primary, mut replica, _wire) = pair().await;
    let other = stage().await;
    let secret = token(&other).await;
    caught_up(&primary, &replica).await;
    replica.stop();
    let error = opened(&other.url(""), &secret, replica.data.path()).await.err().expect("a refusal");
    assert!(error.to_string().contains("a replica of another server"), "{error}");
}

#[tokio::test]
async fn a_primary_restored_from_a_backup_is_copied_anew() {
    let primary = stage().await;
    primary.publish("alice/dev", &Package::new("demo", "1.0").wheel()).await;
    let (replica, wire) = replica_of(&primary).await;
    // Its own follower would note how far it is.
    cut(&wire, &replica).await;
    // The replica has seen more than the primary, which went back.
    let ahead = replica_serial(&replica) + 1000;
    replica.app.db.set_fact("replica_serial", &ahead.to_string()).await.expect("a fact");
    let data = replica.data.path().to_owned();
    let secret = token(&primary).await;
    let mut replica = replica;
    replica.stop();
    let app = opened(&primary.url(""), &secret, &data).await.expect("it opens");
    let again = app.replica.clone().expect("a replica");
    assert_eq!(again.serial(), ahead);
    again.tend();
    until("it is copied anew", async || again.serial() < ahead).await;
}

#[tokio::test]
async fn a_primary_that_grew_on_after_it_was_restored_is_copied_anew_although_its_serial_is_the_same() {
    let primary = stage().await;
    primary.publish("alice/dev", &Package::new("demo", "1.0").wheel()).await;
    let (mut replica, wire) = replica_of(&primary).await;
    let (data, secret) = (replica.data.path().to_owned(), token(&primary).await);
    cut(&wire, &replica).await;
    replica.stop();
    // What the primary has now is not what the replica saw with that serial.
    primary.publish("alice/dev", &Package::new("other", "1.0").wheel()).await;
    let serial = primary.app.db.serial().await.expect("a serial");
    let made_at = primary.app.db.event_time(serial).await.expect("an answer").expect("an event");
    let here = async |app: &App| {
        let (index, project) = ("alice/dev".parse().expect("a name"), "other".parse().expect("a name"));
        !app.db.project_files(&index, &project).await.expect("an answer").is_empty()
    };
    let seen = format!("{serial} {}", made_at - 1);
    replica.app.db.set_fact("replica_serial", &seen).await.expect("a fact");
    let app = opened(&primary.url(""), &secret, &data).await.expect("it opens");
    assert!(!here(&app).await);
    app.replica.clone().expect("a replica").tend();
    until("it is copied anew", async || here(&app).await).await;
}
