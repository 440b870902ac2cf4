//! Stories of whoever checks that nothing was lost.

use crate::kit::Server;
use crate::kit::backend::on_both;
use crate::kit::names::{index_name, project_name};
use bytes::Bytes;
use std::fs::File;
use std::time::{Duration, SystemTime};
use wheelwright::db::files::StoredFile;
use wheelwright::index::fsck::{BlobProblem, FsckReport, fsck};
use wheelwright::store::BlobKey;

const INDEX: &str = "root/pypi";

async fn check(server: &Server, deep: bool) -> FsckReport {
    fsck(&server.app.db, &server.app.store, deep, |_, _| {}).await.unwrap()
}

/// A row and its bytes, as a mirror keeps them.
async fn stored(server: &Server, filename: &str, bytes: &'static [u8]) -> String {
    let sha256 = server.app.store.put(Bytes::from_static(bytes)).await.unwrap();
    make_index(server).await;
    let metadata = server.app.store.put(Bytes::from(format!("METADATA of {filename}"))).await.unwrap();
    let mut file = StoredFile::new(index_name(INDEX), project_name("demo"), filename);
    file.version = "1.0".into();
    file.kind = wheelwright::words::FileKind::Sdist;
    file.sha256.clone_from(&sha256);
    file.size = bytes.len() as u64;
    file.metadata_sha256 = Some(metadata);
    assert!(server.app.db.keep_mirrored(&file).await.unwrap());
    sha256
}

/// The rows that files hang from, if the first start did not make them.
async fn make_index(server: &Server) {
    sqlx::any::install_default_drivers();
    let pool = sqlx::AnyPool::connect(&server.app.config.database_url()).await.unwrap();
    for sql in [
        "INSERT INTO account (name, profile, created_at) VALUES ('root', '{}', 0) ON CONFLICT (name) DO NOTHING",
        "INSERT INTO namespace (name, owner, options, created_at) VALUES ('root/pypi', 'root', '{}', 0) \
         ON CONFLICT (name) DO NOTHING",
    ] {
        sqlx::query(sql).execute(&pool).await.unwrap();
    }
}

fn path_of(server: &Server, sha256: &str) -> std::path::PathBuf {
    match &server.company {
        Some(company) => company.s3.object(sha256),
        None => server.data.path().join("blobs").join(&sha256[..2]).join(&sha256[2..]),
    }
}

on_both! {
    async fn a_sound_store_is_clean(server: Server) {
        stored(&server, "demo-1.0.tar.gz", b"one").await;
        stored(&server, "demo-2.0.tar.gz", b"two").await;
        for deep in [false, true] {
            let report = check(&server, deep).await;
            assert!(report.clean(), "{report:?}");
            assert_eq!((report.references, report.blobs, report.in_flight), (4, 4, 0));
            assert_eq!((report.orphans.len(), report.leftovers.len()), (0, 0));
        }
    }

    async fn lost_and_changed_bytes_are_named_with_who_misses_them(server: Server) {
        let lost = stored(&server, "lost-1.0.tar.gz", b"lost").await;
        let short = stored(&server, "short-1.0.tar.gz", b"short").await;
        let rotten = stored(&server, "rotten-1.0.tar.gz", b"rotten").await;
        std::fs::remove_file(path_of(&server, &lost)).unwrap();
        std::fs::write(path_of(&server, &short), b"sho").unwrap();
        std::fs::write(path_of(&server, &rotten), b"rOtten").unwrap();
        // The check reads past the caches of the running server.
        let mut other = server.app.config.clone();
        other.data = server.data.path().to_owned();
        let cold = wheelwright::store::Store::open(&other).await.unwrap();
        let report = fsck(&server.app.db, &cold, true, |_, _| {}).await.unwrap();

        assert!(!report.clean());
        let problem = |sha256: &str| {
            let fault = report.faults.iter().find(|fault| fault.sha256 == sha256).expect("a fault");
            (fault.problem, fault.used_by.join(", "))
        };
        assert_eq!(problem(&lost), (BlobProblem::Missing, "root/pypi lost-1.0.tar.gz".into()));
        assert_eq!(problem(&short), (BlobProblem::WrongSize { expected: 5, found: 3 }, "root/pypi short-1.0.tar.gz".into()));
        assert_eq!(problem(&rotten), (BlobProblem::WrongHash, "root/pypi rotten-1.0.tar.gz".into()));
        assert_eq!(report.faults.len(), 3);
        let shallow = fsck(&server.app.db, &cold, false, |_, _| {}).await.unwrap();
        assert_eq!(shallow.faults.len(), 2, "{shallow:?}");
    }
}

#[tokio::test]
async fn an_unreferenced_blob_is_an_orphan_only_after_an_hour() {
    let server = Server::start().await;
    let young = server.app.store.put(Bytes::from_static(b"young")).await.unwrap();
    let old = server.app.store.put(Bytes::from_static(b"old")).await.unwrap();
    let yesterday = SystemTime::now() - Duration::from_secs(86_400);
    File::options().write(true).open(path_of(&server, &old)).unwrap().set_modified(yesterday).unwrap();
    let report = check(&server, true).await;
    assert!(report.clean());
    assert_eq!(report.in_flight, 1);
    assert_eq!(report.orphans.iter().map(|orphan| &orphan.sha256).collect::<Vec<_>>(), [&old]);
    assert_ne!(young, old);
}

#[tokio::test]
async fn what_a_stopped_process_left_is_told_and_the_next_start_removes_it() {
    let server = Server::start().await;
    let left = server.data.path().join("staging/left");
    std::fs::create_dir(&left).unwrap();
    std::fs::write(left.join("half"), b"half").unwrap();
    assert_eq!(check(&server, false).await.leftovers, [left.display().to_string()]);
    wheelwright::store::Store::open(&server.app.config).await.unwrap();
    assert!(!left.exists());
}

#[tokio::test]
async fn a_report_is_json() {
    let server = Server::start().await;
    let lost = stored(&server, "lost-1.0.tar.gz", b"lost").await;
    assert!(BlobKey::parse(&lost).is_some());
    std::fs::remove_file(path_of(&server, &lost)).unwrap();
    let report = serde_json::to_value(check(&server, false).await).unwrap();
    assert_eq!(report["faults"][0]["problem"], "missing");
    assert_eq!(report["faults"][0]["used_by"][0], "root/pypi lost-1.0.tar.gz");
}
