//! What was acknowledged survives a crash: the real program, killed while it works.

mod order;
mod rebuild;

use crate::kit::origin::Origin;
use crate::kit::packages::Package;
use crate::kit::program::Program;
use rand::random_range;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::mpsc;
use wheelwright::db::Db;
use wheelwright::index::fsck::fsck;
use wheelwright::store::{BlobKey, Store};

/// What a 2xx was received for: the path that serves it, and its sha256.
type Acknowledged = BTreeMap<String, String>;

/// `make crash` asks for a hundred.
fn cycles() -> u32 {
    std::env::var("WHEELWRIGHT_CRASH_CYCLES").ok().and_then(|n| n.parse().ok()).unwrap_or(4)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_loses_nothing_that_was_acknowledged() {
    let data = tempfile::tempdir().unwrap();
    let origin = Origin::start().await;
    let mut all = Acknowledged::new();
    for cycle in 0..cycles() {
        let program = Program::start(data.path(), &origin.simple).await;
        if cycle == 0 {
            program.make_index("dev").await;
        }
        let fresh = killed_at_work(&program, cycle).await;
        drop(program);

        let program = Program::start(data.path(), &origin.simple).await;
        // All of the last cycle's, and some of all that went before.
        let earlier = all.iter().filter(|_| random_range(0..20) == 0);
        for (path, sha256) in fresh.iter().chain(earlier) {
            assert_eq!(hash_of(&program, path).await, *sha256, "{path} in cycle {cycle}");
        }
        drop(program);
        all.extend(fresh);
        assert_clean(data.path()).await;
    }
    let offline = Program::start_offline(data.path()).await;
    for (path, sha256) in &all {
        assert_eq!(hash_of(&offline, path).await, *sha256, "{path} at the end");
    }
    assert!(all.len() >= cycles() as usize, "only {} files were acknowledged", all.len());
}

/// Uploads and mirror fills at once, until some of them were acknowledged; then kill -9 amid the rest.
async fn killed_at_work(program: &Program, cycle: u32) -> Acknowledged {
    let (acknowledge, mut acknowledged) = mpsc::unbounded_channel();
    let number = Arc::new(AtomicU64::new(0));
    let mut workers = Vec::new();
    for worker in 0..6 {
        let (program, acknowledge, number) = (program.client(), acknowledge.clone(), number.clone());
        workers.push(tokio::spawn(async move {
            loop {
                let number = number.fetch_add(1, Ordering::Relaxed);
                let done = if worker < 4 {
                    let dist = Package::new(&format!("demo-{cycle}-{number}"), "1.0").wheel();
                    program.upload("root/dev", &dist).await
                } else {
                    program.fill(&format!("up-{cycle}-{number}")).await
                };
                // The program is gone, or nobody listens any more.
                let Some(done) = done else { return };
                if acknowledge.send(done).is_err() {
                    return;
                }
            }
        }));
    }
    drop(acknowledge);
    let mut fresh = Acknowledged::new();
    let enough = random_range(1..40);
    while fresh.len() < enough {
        let (path, sha256) = acknowledged.recv().await.expect("the program works");
        fresh.insert(path, sha256);
    }
    program.kill();
    // Answers that were on their way count, too.
    while let Some((path, sha256)) = acknowledged.recv().await {
        fresh.insert(path, sha256);
    }
    for worker in workers {
        worker.await.unwrap();
    }
    fresh
}

async fn hash_of(program: &Program, path: &str) -> String {
    match program.client().get(path).await {
        Some(bytes) => BlobKey::of(&bytes).to_string(),
        None => "no answer".into(),
    }
}

async fn assert_clean(data: &Path) {
    let config = wheelwright::config::Config { data: data.to_owned(), ..Default::default() };
    let db = Db::open(&config.database_url()).await.unwrap();
    let store = Store::open(&config).await.unwrap();
    let report = fsck(&db, &store, true, |_, _| {}).await.unwrap();
    assert!(report.clean() && report.references > 0, "{report:#?}");
}
