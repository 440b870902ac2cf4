//! A recorded session is answered with the same bytes by what was restored, whatever keeps it.

use super::{backed_up, config_at, make, opened, place, restored, serving, tree};
use crate::kit::Server;
use crate::kit::backend::{Backend, Company};
use crate::kit::packages::{Package, zip};
use crate::kit::script::Auth;
use crate::kit::stages::{PASSWORD, stage_with};
use crate::kit::upstream::Upstream;
use crate::kit::{forms::Form, worker};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use wheelwright::replica::primary::{Reached, changes};
use wheelwright::transfer::backup::{BackupKey, BackupOrder, BackupPlace, OpenBackup, list, restore};

/// What a URL was answered with, to whom and in which form.
type Session = BTreeMap<(String, &'static str), (u16, Vec<u8>)>;

/// A company that uses everything: releases, yanks, documentation, test results, a build, a mirror, a private index.
async fn busy(upstream: &Upstream) -> Server {
    let mirrored = Package::new("one", "1.0").wheel();
    upstream.add(&mirrored.filename, mirrored.bytes.clone());
    let simple = upstream.simple();
    let server = stage_with(|config| config.upstream = Some(simple)).await;
    server.make_index("alice/secret", json!({"acl_read": ["alice"]})).await;
    assert_eq!(server.get(&format!("/root/pypi/{}", mirrored.path())).await.status(), 200);
    for version in ["1.0", "1.1", "2.0"] {
        server.publish("alice/dev", &Package::new("demo", version).wheel()).await;
    }
    server.publish("alice/secret", &Package::new("hidden", "1.0").wheel()).await;
    let yank = server.as_alice("PATCH", "/alice/dev/demo/1.1", r#"{"yanked": "it breaks"}"#).await;
    assert_eq!(yank.0, 200, "{}", yank.1);
    assert_eq!(server.as_alice("DELETE", "/alice/dev/demo/2.0", "").await.0, 200);
    let pages = zip(&[("index.html", b"<title>Demo</title>Welcome"), ("api/index.html", b"The API")]);
    let form = Form::default().field(":action", "doc_upload").field("name", "demo").field("version", "1.0");
    let form = form.file("content", "demo.zip", &pages);
    assert_eq!(server.post("/alice/dev/", form, "alice", PASSWORD).await.status, 200);
    worker::hire(&server).await;
    let built = Package::new("built", "1.0");
    server.publish("alice/dev", &built.sdist()).await;
    let job = worker::job(&server).await;
    worker::built(&server, &job, &built.wheel()).await;
    server
}

const JSON: &str = "application/vnd.pypi.simple.v1+json";
const HTML: &str = "text/html";

/// Asks for pages, and for every file that they name.
async fn session(server: &Server) -> Session {
    let mut session = Session::new();
    let pages = [
        "/alice/dev/+simple/",
        "/alice/dev/+simple/demo/",
        "/alice/dev/+simple/built/",
        "/alice/secret/+simple/hidden/",
        "/root/pypi/+simple/one/",
        "/alice/dev/+simple/gone/",
    ];
    let mut files = Vec::new();
    for path in pages {
        for form in [JSON, HTML] {
            record(server, &mut session, path, form).await;
        }
        let page = &session[&(path.to_owned(), JSON)].1;
        let page: Value = serde_json::from_slice(page).unwrap_or_default();
        let base = url::Url::parse(&format!("http://host{path}")).expect("a URL");
        for file in page["files"].as_array().into_iter().flatten() {
            let url = base.join(file["url"].as_str().expect("a URL")).expect("a URL").path().to_owned();
            if url.ends_with(".whl") {
                files.push(format!("{url}.metadata"));
            }
            files.push(url);
        }
    }
    assert!(files.len() >= 9, "{files:?}");
    let more = [
        "/alice",
        "/alice/dev",
        "/alice/dev/demo",
        "/alice/dev/demo/1.0",
        "/alice/dev/demo/1.0/+doc/",
        "/alice/dev/demo/1.0/+doc/api/",
        "/alice/dev/+links/demo",
        "/+builds?project=built",
        "/+tokens",
    ];
    for path in files.iter().map(String::as_str).chain(more) {
        record(server, &mut session, path, "application/json, */*;q=0.1").await;
    }
    let builds = &session[&("/+builds?project=built".to_owned(), "application/json, */*;q=0.1")].1;
    let builds: Value = serde_json::from_slice(builds).expect("JSON");
    let id = builds["result"][0]["id"].as_i64().expect("a build");
    for path in [format!("/+builds/{id}"), format!("/+builds/{id}/log")] {
        record(server, &mut session, &path, "*/*").await;
    }
    session
}

/// The session as a server answers it that starts anew on the same data: the running one has prepared pages from before it
/// read the metadata of mirrored files.
async fn recorded(server: &Server) -> Session {
    session(server).await;
    session(&serving(server.app.config.clone()).await).await
}

async fn record(server: &Server, session: &mut Session, path: &str, form: &'static str) {
    let request = server.http.get(server.url(path)).header("accept", form);
    let answer = Auth::basic("alice", PASSWORD).on(request).send().await.expect("an answer");
    let status = answer.status().as_u16();
    let body = answer.bytes().await.expect("a body");
    // Absolute URLs begin with an address that is another one each time.
    let body = match std::str::from_utf8(&body) {
        Ok(text) => text.replace(&server.url(""), "http://host").into_bytes(),
        Err(_) => body.to_vec(),
    };
    session.insert((path.to_owned(), form), (status, body));
}

#[track_caller]
fn assert_same(before: &Session, after: &Session) {
    for (asked, (status, body)) in before {
        let (now, told) = &after[asked];
        let text = String::from_utf8_lossy;
        assert!(status == now && body == told, "{asked:?}: {status} {}\n{now} {}", text(body), text(told));
    }
    let good = before.values().filter(|(status, _)| *status == 200).count();
    assert!(good + 3 >= before.len(), "most of it is there: {good} of {}", before.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_server_answers_a_recorded_session_with_the_same_bytes() {
    let upstream = Upstream::start().await;
    let server = busy(&upstream).await;
    let before = recorded(&server).await;
    let folder = tempfile::tempdir().expect("a folder");
    let (to, data) = (place(&folder.path().join("backups")), folder.path().join("data"));
    let report = backed_up(&server, to.clone()).await;
    assert!(report.lost.is_empty() && report.copied == report.blobs && report.blobs > 9, "{report:?}");
    let serial = server.app.db.serial().await.expect("a serial");
    // What comes later is not in it.
    server.publish("alice/dev", &Package::new("later", "1.0").wheel()).await;
    let faults = opened(&to, None).await.verify(&|_, _, _| {}).await.expect("read");
    assert_eq!(faults, []);

    let done = restored(&to, &config_at(&data)).await.expect("a restore");
    assert!(done.check.clean() && done.faults.is_empty(), "{done:?}");
    assert_eq!(done.serial, serial);
    let copy = serving(config_at(&data)).await;
    assert_same(&before, &session(&copy).await);
    assert_eq!(copy.get("/alice/dev/later").await.status(), 404);
    assert_eq!(copy.app.indexes.uuid(), server.app.indexes.uuid());
    copy.publish("alice/dev", &Package::new("next", "1.0").wheel()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_laptops_server_moves_to_postgres_and_s3_by_a_bucket_and_back() {
    let upstream = Upstream::start().await;
    let server = busy(&upstream).await;
    let before = recorded(&server).await;
    let (company, bucket) = (Company::start().await, crate::kit::s3::Bucket::start().await);
    let to = BackupPlace::parse("s3://wheels/backups/of the laptop", &bucket.settings()).expect("a place");
    backed_up(&server, to.clone()).await;

    let data = tempfile::tempdir().expect("a folder");
    let mut config = config_at(&data.path().join("data"));
    company.configure(&mut config);
    restored(&to, &config).await.expect("a restore");
    let mut grown = serving(config).await;
    assert_same(&before, &session(&grown).await);
    assert_eq!(grown.app.db.engine().name(), "postgres");
    // Not closed before the database is.
    grown.company = Some(company);

    let folder = tempfile::tempdir().expect("a folder");
    let (back, data) = (place(&folder.path().join("backups")), folder.path().join("data"));
    backed_up(&grown, back.clone()).await;
    restored(&back, &config_at(&data)).await.expect("a restore");
    assert_same(&before, &session(&serving(config_at(&data)).await).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_backup_only_adds_and_old_ones_can_be_removed() {
    let server = Server::start_on(Backend::Laptop).await;
    server.make_stage().await;
    let folder = tempfile::tempdir().expect("a folder");
    let to = place(folder.path());
    server.publish("alice/dev", &Package::new("demo", "1.0").wheel()).await;
    let first = backed_up(&server, to.clone()).await;
    server.publish("alice/dev", &Package::new("demo", "2.0").wheel()).await;
    assert_eq!(server.as_alice("DELETE", "/alice/dev/demo/1.0", "").await.0, 200);
    let second = backed_up(&server, to.clone()).await;
    assert_eq!((second.copied, second.blobs), (2, 2), "a wheel and its METADATA");
    let both = list(&to).await.expect("a list");
    let names: Vec<String> = both.whole.iter().map(ToString::to_string).collect();
    assert_eq!(names, [first.backup.clone(), second.backup.clone()]);

    // Back to the first one.
    let older = OpenBackup::open(to.clone(), None, Some(&first.backup)).await.expect("a backup");
    let data = tempfile::tempdir().expect("a folder");
    restore(&config_at(data.path()), &older, false, &|_, _, _| {}).await.expect("a restore");
    let copy = serving(config_at(data.path())).await;
    assert_eq!(copy.get("/alice/dev/demo/1.0").await.status(), 200);
    assert_eq!(copy.get("/alice/dev/demo/2.0").await.status(), 404);

    let before = tree(folder.path()).keys().filter(|path| path.starts_with("blobs/")).count();
    let order = BackupOrder { place: to.clone(), encrypt_to: Vec::new(), keep: Some(1) };
    let third = make(&server, order).await.expect("a backup");
    assert_eq!(third.removed, [first.backup, second.backup]);
    let after = tree(folder.path()).keys().filter(|path| path.starts_with("blobs/")).count();
    assert_eq!((before, after), (4, 2), "nobody names the first release any more");
    assert_eq!(opened(&to, None).await.verify(&|_, _, _| {}).await.expect("read"), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encrypted_backup_shows_nothing_and_comes_back_with_its_key() {
    let upstream = Upstream::start().await;
    let server = busy(&upstream).await;
    let before = recorded(&server).await;
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let key = BackupKey::create(&at("key")).expect("a key");
    let to = place(&at("backups"));
    let order = BackupOrder { place: to.clone(), encrypt_to: vec![key.recipient()], keep: None };
    make(&server, order).await.expect("a backup");
    let hidden = Package::new("hidden", "1.0").wheel();
    let secrets = [hidden.bytes.as_slice(), b"argon2", b"alice/secret", b"hidden"];
    for (path, bytes) in tree(&at("backups")) {
        let shown = secrets.iter().find(|secret| bytes.windows(secret.len()).any(|part| part == **secret));
        assert!(shown.is_none(), "{path}");
    }
    let backup = opened(&to, Some(key)).await;
    restore(&config_at(&at("data")), &backup, false, &|_, _, _| {}).await.expect("a restore");
    assert_same(&before, &session(&serving(config_at(&at("data"))).await).await);

    // The next one adds, too, without the key.
    let key = BackupKey::read(&at("key")).expect("the key");
    let order = BackupOrder { place: to.clone(), encrypt_to: vec![key.recipient()], keep: Some(1) };
    let next = make(&server, order).await.expect("a backup");
    assert_eq!(next.copied, 0);
    assert_eq!(opened(&to, Some(key)).await.verify(&|_, _, _| {}).await.expect("read"), []);
}

#[tokio::test]
async fn what_the_operator_put_into_the_data_folder_comes_along() {
    let server = Server::start().await;
    let own = server.data.path();
    std::fs::create_dir(own.join("recipes")).expect("a folder");
    std::fs::write(own.join("recipes/demo.toml"), "# a recipe").expect("a recipe");
    std::fs::write(own.join("wheelwright.toml"), "database = \"postgres://old\"").expect("a configuration");
    std::fs::File::create(own.join("huge")).and_then(|file| file.set_len(17 << 20)).expect("a file");
    let folder = tempfile::tempdir().expect("a folder");
    let (to, data) = (place(&folder.path().join("backups")), folder.path().join("data"));
    let report = backed_up(&server, to.clone()).await;
    assert_eq!(report.left_out, ["huge"]);
    let done = restored(&to, &config_at(&data)).await.expect("a restore");
    assert!(done.configuration);
    assert_eq!(std::fs::read_to_string(data.join("recipes/demo.toml")).expect("a recipe"), "# a recipe");
    assert!(data.join("wheelwright.toml.from-backup").exists());
    assert!(!data.join("wheelwright.toml").exists() && !data.join("restoring.json").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_is_newer_than_the_backup_hears_that_it_must_be_copied_anew() {
    let server = Server::start_on(Backend::Laptop).await;
    server.make_stage().await;
    let folder = tempfile::tempdir().expect("a folder");
    let (to, data) = (place(&folder.path().join("backups")), folder.path().join("data"));
    backed_up(&server, to.clone()).await;
    for version in ["1.0", "2.0"] {
        server.publish("alice/dev", &Package::new("demo", version).wheel()).await;
    }
    let serial = server.app.db.serial().await.expect("a serial");
    let made_at = server.app.db.event_time(serial).await.expect("a time");
    let reached = Reached { serial, made_at };
    restored(&to, &config_at(&data)).await.expect("a restore");
    let copy = serving(config_at(&data)).await;
    for version in ["5.0", "6.0", "7.0", "8.0"] {
        let told = changes(&copy.app.db, &copy.app.indexes, reached, Duration::ZERO).await;
        let why = told.expect_err("another history").to_string();
        assert!(why.contains("copied anew"), "{why}");
        copy.publish("alice/dev", &Package::new("demo", version).wheel()).await;
    }
    assert!(copy.app.db.serial().await.expect("a serial") > serial);
}
