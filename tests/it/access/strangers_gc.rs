//! Stories of what is collected: bytes that nobody needs, and never one that somebody does.

use crate::kit::Server;
use crate::kit::backend::on_both;
use crate::kit::names::{index_name, project_name};
use crate::kit::packages::{Dist, Package};
use crate::kit::resolving::{start_with, wheel};
use crate::kit::upstream::Upstream;
use crate::kit::worker::{built, job};
use bytes::Bytes;
use serde_json::json;
use std::time::{Duration, SystemTime};
use wheelwright::access::Who;
use wheelwright::build::queue::{Ask, Priority, Upload, Wanted};
use wheelwright::db::builds::BuildId;
use wheelwright::db::files::StoredFile;
use wheelwright::index::fsck::fsck;
use wheelwright::index::gc::{Collected, collect, collect_as_of};
use wheelwright::names::IndexName;
use wheelwright::store::{BlobKey, Store};
use wheelwright::tools::time::now;
use wheelwright::words::{BuildSource, Purpose, SourceKind};

const DAY: i64 = 86_400_000_000;

/// What is collected so many days from now.
async fn after_days(server: &Server, days: i64, dry_run: bool) -> Collected {
    let (db, store, settings) = (&server.app.db, &server.app.store, &server.app.config.gc);
    collect_as_of(db, store, settings, dry_run, now() + days * DAY).await.expect("collected")
}

async fn clean(server: &Server) -> bool {
    fsck(&server.app.db, &server.app.store, false, |_, _| {}).await.expect("a report").clean()
}

on_both! {
    async fn what_nothing_refers_to_is_removed_after_the_grace_and_nothing_else(server: Server) {
        server.have_index("alice/dev", json!({"bases": []})).await;
        let hosted = server.host("alice/dev", "demo", "1.0", b"bytes of a wheel").await;
        let orphan = server.app.store.put(Bytes::from_static(b"nobody's")).await.expect("stored");
        let orphan = BlobKey::parse(&orphan).expect("a key");
        let now = collect(&server.app.db, &server.app.store, &server.app.config, false).await.expect("collected");
        assert_eq!((now.blobs, now.young), (0, 1), "it may be about to be referred to");
        let told = after_days(&server, 2, true).await;
        assert_eq!((told.blobs, told.bytes), (1, 8));
        assert!(server.app.store.exists(orphan).await.expect("an answer"), "a dry run removes nothing");
        let done = after_days(&server, 2, false).await;
        assert_eq!((done.blobs, done.bytes), (1, 8));
        assert!(!server.app.store.exists(orphan).await.expect("an answer"));
        assert!(clean(&server).await);
        assert_eq!(server.get(&hosted.path).await.bytes().await.expect("bytes").as_ref(), b"bytes of a wheel");
        assert_eq!(after_days(&server, 2, false).await.blobs, 0, "once is enough");
    }

    async fn names_that_no_upstream_has_are_forgotten(server: Server) {
        let upstream = Upstream::start().await;
        upstream.add("demo-1.0-py3-none-any.whl", Bytes::from_static(b"demo"));
        let options = json!({"type": "mirror", "mirror_url": upstream.simple()});
        server.have_index("alice/mirror", options).await;
        for name in ["demo", "no-1", "no-2", "no-3"] {
            server.get(&format!("/alice/mirror/+simple/{name}/")).await;
        }
        assert_eq!(after_days(&server, 2, true).await.rows.absent, 3);
        assert_eq!(after_days(&server, 2, false).await.rows.absent, 3);
        assert_eq!(server.get("/alice/mirror/+simple/demo/").await.status(), 200);
        assert_eq!(server.get("/alice/mirror/+simple/no-1/").await.status(), 404);
    }
}

/// Asks for a wheel of a source that no index has, as a URL line does once it is fetched.
async fn ask_as(server: &Server, who: &Who, source: &Dist) -> BuildId {
    let kept = server.app.store.put(source.bytes.clone().into()).await.expect("stored");
    let (asker, size) = (who.asker().expect("an asker"), source.bytes.len() as u64);
    server.app.db.keep_source(&kept, &asker, &source.filename, size, now()).await.expect("a row");
    let given =
        BuildSource { kind: SourceKind::Sdist, filename: source.filename.clone(), ..BuildSource::default() };
    let ask = Ask {
        wanted: Wanted::Upload(Upload { sha256: kept, source: given }),
        purpose: Purpose::Wheel,
        targets: vec!["cp312".into()],
        index: IndexName::parse("alice/dev").expect("a name"),
        publish: None,
        priority: Priority::Waiting,
        rebuild: false,
        set: Vec::new(),
    };
    server.app.queue.ask(who, &ask).await.expect("asked")[0]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_strangers_had_built_is_not_kept_for_ever() {
    let server = start_with(|_| {}).await;
    let source = Package::new("demo", "1.0").sdist();
    let stranger = Who::stranger("192.0.2.1".parse().expect("an address"));
    let build = ask_as(&server, &stranger, &source).await;
    let key = BlobKey::parse(&source.sha256()).expect("a key");
    let is_there = async || server.app.store.exists(key).await.expect("an answer");
    let job = job(&server).await;
    after_days(&server, 90, false).await;
    assert!(is_there().await, "a build that runs keeps its source");
    let made = wheel("demo", "1.0").wheel();
    built(&server, &job, &made).await;
    let url = format!("/+builds/{build}/wheel/{}/{}", made.sha256(), made.filename);
    assert_eq!(server.get(&url).await.status(), 200);
    assert_eq!(after_days(&server, 0, false).await.blobs, 0);

    after_days(&server, 2, false).await;
    assert!(!is_there().await, "the source is gone after a day");
    assert_eq!(server.get(&url).await.status(), 200, "its wheel is not");
    assert!(clean(&server).await);
    assert!(server.app.db.kept_sources("@192.0.2.1").await.expect("bytes") > 0, "and counts");
    assert!(
        server.app.queue.rebuild(&Who::person("root"), build).await.is_err(),
        "there is nothing to build"
    );

    // Who asks again brings the source back, and joins.
    assert_eq!(ask_as(&server, &stranger, &source).await, build);
    assert!(is_there().await && clean(&server).await);

    after_days(&server, 40, false).await;
    assert_eq!(server.get(&url).await.status(), 404);
    assert!(!is_there().await);
    assert_eq!(server.app.db.kept_sources("@192.0.2.1").await.expect("bytes"), 0, "nothing counts any more");
    assert!(clean(&server).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_account_had_built_stays_and_its_source_for_a_month() {
    let server = start_with(|_| {}).await;
    let source = Package::new("demo", "1.0").sdist();
    let build = ask_as(&server, &Who::person("alice"), &source).await;
    let key = BlobKey::parse(&source.sha256()).expect("a key");
    let job = job(&server).await;
    built(&server, &job, &wheel("demo", "1.0").wheel()).await;
    after_days(&server, 20, false).await;
    assert!(server.app.store.exists(key).await.expect("an answer"));
    after_days(&server, 40, false).await;
    assert!(!server.app.store.exists(key).await.expect("an answer"));
    assert!(server.app.queue.get(build).await.expect("the build").wheel.is_some());
    assert!(clean(&server).await);
}

/// Makes a blob look as if it had been stored two days ago.
fn age(server: &Server, sha256: &str) {
    let path = server.data.path().join("blobs").join(&sha256[..2]).join(&sha256[2..]);
    let old = SystemTime::now() - Duration::from_secs(2 * 86_400);
    // It may have been collected a moment ago.
    if let Ok(file) = std::fs::File::options().write(true).open(path) {
        file.set_modified(old).expect("an old date");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_blob_is_lost_that_is_stored_again_while_another_process_collects() {
    let server = Server::start().await;
    server.have_index("alice/mirror", json!({"type": "mirror", "volatile": true})).await;
    // What another process has of the same folder.
    let other = Store::open(&server.app.config).await.expect("a store");
    for round in 0..150 {
        let bytes = Bytes::from(format!("round {round}"));
        let sha256 = server.app.store.put(bytes.clone()).await.expect("stored");
        age(&server, &sha256);
        let collecting = collect(&server.app.db, &other, &server.app.config, false);
        let again = collect(&server.app.db, &server.app.store, &server.app.config, false);
        let storing = async {
            for _ in 0..round % 7 {
                tokio::task::yield_now().await;
            }
            server.app.store.put(bytes.clone()).await.expect("stored");
            let mut file = StoredFile::new(
                index_name("alice/mirror"),
                project_name("demo"),
                &format!("demo-{round}.tar.gz"),
            );
            (file.version, file.kind) = (round.to_string(), wheelwright::words::FileKind::Sdist);
            (file.sha256, file.size) = (sha256.clone(), bytes.len() as u64);
            assert!(server.app.db.keep_mirrored(&file).await.expect("a row"));
        };
        let (one, two, ()) = tokio::join!(collecting, again, storing);
        one.and(two).expect("collected");
        let key = BlobKey::parse(&sha256).expect("a key");
        assert!(
            other.exists(key).await.expect("an answer"),
            "round {round}: the row is there, its bytes are not"
        );
    }
    assert!(clean(&server).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_says_what_it_would_remove_and_removes_it() {
    let server = Server::start().await;
    let orphan = server.app.store.put(Bytes::from_static(b"nobody's")).await.expect("stored");
    age(&server, &orphan);
    let run = |arguments: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_wheelwright"));
        command.arg("gc").args(arguments).arg("--data").arg(server.data.path());
        let output = command.output().expect("the program runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let key = BlobKey::parse(&orphan).expect("a key");
    let told = run(&["--dry-run"]);
    assert!(told.starts_with("would be removed: 1 blobs (8 bytes)"), "{told}");
    assert!(server.app.store.exists(key).await.expect("an answer"));
    assert!(run(&["--grace", "7d"]).starts_with("removed: 0 blobs"), "younger than a week");
    let report: serde_json::Value = serde_json::from_str(&run(&["--json"])).expect("JSON");
    assert_eq!((report["blobs"].as_u64(), report["bytes"].as_u64()), (Some(1), Some(8)));
    assert!(!server.app.store.exists(key).await.expect("an answer"));
}

/// Columns whose name ends in `sha256`, as `table.column`.
fn hash_columns() -> Vec<String> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let mut columns = Vec::new();
    for entry in std::fs::read_dir(folder).expect("migrations") {
        let text = std::fs::read_to_string(entry.expect("an entry").path()).expect("SQL");
        let mut table = String::new();
        for line in text.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words[..] {
                ["CREATE", "TABLE", name, ..] => table = name.to_owned(),
                ["ALTER", "TABLE", name, "ADD", "COLUMN", column, ..] if column.ends_with("sha256") => {
                    columns.push(format!("{name}.{column}"));
                }
                [column, "TEXT" | "TEXT,", ..] if column.ends_with("sha256") => {
                    columns.push(format!("{table}.{column}"));
                }
                _ => {}
            }
        }
    }
    columns.sort();
    columns
}

#[test]
fn whoever_adds_a_hash_to_the_schema_says_whether_it_keeps_bytes() {
    // A blob that only such a column names is collected, unless `index::fsck::each_use` knows of it.
    let keep = [
        "attachment.sha256",
        // The manifest of a bundle.
        "bundle_import.manifest_sha256",
        "build.log_sha256",
        "build.metadata_sha256",
        "build.source_sha256",
        "build.wheel_sha256",
        "build_source.sha256",
        "file.metadata_sha256",
        "file.sha256",
        "promised_file.metadata_sha256",
        "promised_file.sha256",
        "remote_metadata.sha256",
    ];
    let others = [
        "build.recipe_sha256",
        "build.secret_sha256",
        // As it was handed in; what is served is the file's.
        "built_file.source_sha256",
        "built_file.wheel_sha256",
        "handover.secret_sha256",
        "promised_file.source_sha256",
        "recipe.sha256",
        "token.secret_sha256",
        // Remembers what a name meant; the bytes went with their index.
        "used_file.sha256",
    ];
    let mut decided: Vec<String> = keep.iter().chain(&others).map(|column| (*column).to_owned()).collect();
    decided.sort();
    let known = hash_columns();
    let new: Vec<&String> = known.iter().filter(|column| !decided.contains(column)).collect();
    assert!(new.is_empty(), "do these keep bytes? {new:?}");
    assert_eq!(known, decided);
}
