//! Uploads, collections and backups at the same time, each killed again and again: nothing that was acknowledged is
//! lost, neither here nor in a backup that was finished behind it.

use super::{config_at, place, restored};
use crate::kit::packages::Package;
use crate::kit::program::{Client, Program};
use crate::kit::stages::stage;
use rand::random_range;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::process::{Child, Command};
use wheelwright::db::Db;
use wheelwright::index::fsck::fsck;
use wheelwright::index::gc::collect_as_of;
use wheelwright::store::{BlobKey, Store};
use wheelwright::tools::time::{now, seconds};
use wheelwright::transfer::backup::list;

/// What a 2xx was received for: the path that serves it, and its sha256.
type Acknowledged = BTreeMap<String, String>;

const ROUNDS: usize = 4;

fn command(data: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wheelwright"));
    command.args(arguments).arg("--data").arg(data).current_dir(data);
    command.stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

async fn run(data: &Path, arguments: &[&str]) -> (bool, String) {
    let done = command(data, arguments).output().await.expect("it runs");
    (done.status.success(), String::from_utf8_lossy(&done.stderr).into_owned())
}

/// Uploads until told to stop, or the program is gone; deletes every third one again.
async fn upload(client: Client, number: Arc<AtomicU64>, enough: Arc<AtomicBool>) -> Acknowledged {
    let mut kept = Acknowledged::new();
    while !enough.load(Ordering::Relaxed) {
        let number = number.fetch_add(1, Ordering::Relaxed);
        let dist = Package::new(&format!("demo-{number}"), "1.0").wheel();
        let Some((path, sha256)) = client.upload("root/dev", &dist).await else { break };
        if number.is_multiple_of(3) {
            let gone = client.request(reqwest::Method::DELETE, &format!("/root/dev/demo-{number}/1.0"));
            let _ = gone.send().await;
            continue;
        }
        kept.insert(path, sha256);
    }
    kept
}

/// Ends a process amid its work.
async fn killed(mut child: Child) {
    tokio::time::sleep(Duration::from_millis(random_range(0..400))).await;
    let _ = child.start_kill();
    let _ = child.wait().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_while_all_of_them_are_killed() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, backups) = (folder.path().join("data"), folder.path().join("backups"));
    std::fs::create_dir(&data).expect("a folder");
    let to = backups.display().to_string();
    let (mut all, number) = (Acknowledged::new(), Arc::new(AtomicU64::new(1)));
    for round in 0..ROUNDS {
        let program = Program::start_offline(&data).await;
        if round == 0 {
            program.make_index("dev").await;
            let (status, said) = volatile(&program).await;
            assert_eq!(status, 200, "{said}");
        }
        let enough = Arc::new(AtomicBool::new(false));
        let uploads: Vec<_> =
            (0..3).map(|_| tokio::spawn(upload(program.client(), number.clone(), enough.clone()))).collect();
        let collects = tokio::spawn({
            let (data, enough) = (data.clone(), enough.clone());
            async move {
                while !enough.load(Ordering::Relaxed) {
                    let child = command(&data, &["gc", "--grace", "10s"]).spawn().expect("it runs");
                    killed(child).await;
                }
            }
        });
        let db = Db::open(&config_at(&data).database_url()).await.expect("the database");
        for _ in 0..3 {
            killed(command(&data, &["backup", &to]).spawn().expect("it runs")).await;
            // It holds the others off for a while: as if that were over.
            db.forget_fact("backup hold").await.expect("forgotten");
        }
        program.kill();
        enough.store(true, Ordering::Relaxed);
        for uploads in uploads {
            all.extend(uploads.await.expect("it ends"));
        }
        collects.await.expect("it ends");
        drop(program);
        assert_clean(&data).await;
    }
    // All that was acknowledged before a backup began is in it, while uploads and collections go on.
    let program = Program::start_offline(&data).await;
    let enough = Arc::new(AtomicBool::new(false));
    let uploads = tokio::spawn(upload(program.client(), number.clone(), enough.clone()));
    let mut collect = command(&data, &["gc", "--grace", "10s"]).spawn().expect("it runs");
    let (done, said) = run(&data, &["backup", &to, "--verify"]).await;
    assert!(done, "{said}");
    enough.store(true, Ordering::Relaxed);
    uploads.await.expect("it ends");
    collect.wait().await.expect("it ends");
    drop(program);
    assert!(all.len() > ROUNDS, "only {} files were acknowledged", all.len());
    let there = list(&place(&backups)).await.expect("a list");
    assert!(!there.whole.is_empty());

    let new = folder.path().join("new");
    std::fs::create_dir(&new).expect("a folder");
    for _ in 0..3 {
        killed(command(&new, &["restore", &to]).spawn().expect("it runs")).await;
        let unfinished = new.join("restoring.json").exists();
        let (served, said) = run(&new, &["gc", "--dry-run"]).await;
        assert!(served || said.contains("is not finished") || said.contains("no data"), "{said}");
        assert!(!(served && unfinished), "half a restore is no installation");
    }
    if !new.join("wheelwright.db").exists() || new.join("restoring.json").exists() {
        restored(&place(&backups), &config_at(&new)).await.expect("it goes on where it was killed");
    }
    assert_clean(&data).await;
    assert_clean(&new).await;
    let copy = Program::start_offline(&new).await;
    for (path, sha256) in &all {
        let bytes = copy.client().get(path).await.expect("an answer");
        assert_eq!(BlobKey::of(&bytes).to_string(), *sha256, "{path}");
    }
}

#[tokio::test]
async fn bytes_are_not_collected_while_a_backup_may_be_about_to_copy_them() {
    let server = stage().await;
    server.publish("alice/dev", &Package::new("demo", "1.0").wheel()).await;
    let (db, store, gc) = (&server.app.db, &server.app.store, &server.app.config.gc);
    // The backup read its rows; then the release is deleted, and the grace is over.
    assert!(db.hold_for_backup("a backup", now(), now() + seconds(60)).await.expect("held"));
    assert_eq!(server.as_alice("DELETE", "/alice/dev/demo/1.0", "").await.0, 200);
    let later = now() + seconds(gc.grace) + seconds(60);
    let kept = collect_as_of(db, store, gc, false, later).await.expect("collected");
    assert_eq!((kept.held, kept.blobs), (2, 0), "a wheel and its METADATA");
    db.release_backup("a backup").await.expect("released");
    let taken = collect_as_of(db, store, gc, false, later).await.expect("collected");
    assert_eq!((taken.held, taken.blobs), (0, 2));
}

/// Lets releases be deleted.
async fn volatile(program: &Program) -> (u16, String) {
    let request = program.client().request(reqwest::Method::PATCH, "/root/dev");
    let request = request.header("content-type", "application/json").body(r#"["volatile=True"]"#);
    let answer = request.send().await.expect("an answer");
    (answer.status().as_u16(), answer.text().await.expect("text"))
}

async fn assert_clean(data: &Path) {
    let config = config_at(data);
    let db = Db::open(&config.database_url()).await.expect("the database");
    let store = Store::open(&config).await.expect("the store");
    let report = fsck(&db, &store, true, |_, _| {}).await.expect("a report");
    assert!(report.clean() && report.references > 0, "{report:#?}");
}
