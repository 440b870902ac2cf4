//! A primary that is away for long, while people work at both sites; seconds here, an hour by `make outage`.

use super::{until, until_within};
use crate::kit::clients::Client;
use crate::kit::packages::Package;
use crate::kit::program::{self, Program, wheelwright};
use crate::kit::wire::Wire;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use wheelwright::store::BlobKey;

/// How long the primary is away.
fn seconds() -> u64 {
    std::env::var("WHEELWRIGHT_OUTAGE_SECONDS").ok().and_then(|n| n.parse().ok()).unwrap_or(6)
}

/// What goes on until it is over, and how often it was done.
#[derive(Clone, Default)]
struct Work {
    over: Arc<AtomicBool>,
    done: Arc<AtomicUsize>,
}

impl Work {
    fn goes_on(&self) -> bool {
        !self.over.load(Ordering::Relaxed)
    }

    fn count(&self) {
        self.done.fetch_add(1, Ordering::Relaxed);
    }

    fn done(&self) -> usize {
        self.done.load(Ordering::Relaxed)
    }
}

async fn token(data: &Path) -> String {
    let mut command =
        wheelwright(&["token", "create", "root", "--action", "read", "--action", "replicate", "--data"]);
    let done = command.arg(data).output().await.expect("the program runs");
    let said = String::from_utf8(done.stdout).expect("text");
    said.lines().last().expect("the token alone").to_owned()
}

/// `serial` of a primary, `replica-serial` of what follows it.
async fn serial(client: &program::Client, name: &str) -> i64 {
    let request = client.request(reqwest::Method::GET, "/+status").header("accept", "application/json");
    let status = request.send().await.expect("an answer").bytes().await.expect("whole");
    let status: serde_json::Value = serde_json::from_slice(&status).expect("JSON");
    let status = status.get("result").unwrap_or(&status);
    status[name].as_i64().unwrap_or_else(|| panic!("no {name} in {status}"))
}

/// Releases of many projects, one after the other; answers what was acknowledged: path and hash.
async fn publish(primary: program::Client, work: Work) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    while work.goes_on() {
        let (project, version) = (work.done() % 50, work.done() / 50);
        let package = Package::new(&format!("busy{project}"), &format!("1.{version}"));
        let (path, sha256) = primary.upload("root/dev", &package.wheel()).await.expect("the primary runs");
        all.insert(path, sha256);
        work.count();
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    all
}

/// The page and the file of what the replica had before.
async fn read(replica: program::Client, path: String, sha256: String, work: Work) {
    while work.goes_on() {
        let page = replica.get("/root/dev/+simple/demo/").await.expect("a page");
        assert!(String::from_utf8_lossy(&page).contains("demo-1.0"));
        let file = replica.get(&path).await.expect("a file");
        assert_eq!(BlobKey::of(&file).to_string(), sha256);
        work.count();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Real installers, each time into a folder of its own.
async fn install(index: String, work: Work) {
    let (pip, uv) = (Client::new("pip"), Client::new("uv"));
    while work.goes_on() {
        let into = tempfile::tempdir().expect("a folder");
        let (pips, uvs) =
            (into.path().join("pip").display().to_string(), into.path().join("uv").display().to_string());
        let arguments = ["install", "--no-cache-dir", "-i", &index, "--target", &pips, "demo"];
        pip.run("pip", &arguments).await.succeeded();
        let arguments = ["pip", "install", "--no-cache", "--index-url", &index, "--target", &uvs, "demo"];
        uv.run("uv", &arguments).await.succeeded();
        work.count();
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_serves_through_a_long_outage_and_has_everything_after_it() {
    let folders = [tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder")];
    let primary = Program::start_offline(folders[0].path()).await;
    primary.make_index("dev").await;
    let demo = Package::new("demo", "1.0").requires("helper").wheel();
    let (path, sha256) = primary.client().upload("root/dev", &demo).await.expect("an answer");
    let helper = Package::new("helper", "1.0").wheel();
    primary.client().upload("root/dev", &helper).await.expect("an answer");
    let wire = Wire::to(primary.address()).await;
    let command =
        wheelwright(&["serve", "--replica-of", &wire.url(), "--token", &token(folders[0].path()).await]);
    let replica = Program::run(command, folders[1].path()).await;
    let behind = async || {
        serial(&replica.client(), "replica-serial").await < serial(&primary.client(), "serial").await
    };
    until("the replica has all", async || !behind().await).await;

    let (uploads, reads, installs) = (Work::default(), Work::default(), Work::default());
    let publishing = tokio::spawn(publish(primary.client(), uploads.clone()));
    let mut asking: Vec<_> = (0..4)
        .map(|_| tokio::spawn(read(replica.client(), path.clone(), sha256.clone(), reads.clone())))
        .collect();
    asking.push(tokio::spawn(install(replica.url("/root/dev/+simple/"), installs.clone())));
    wire.cut();
    let away = tokio::time::Instant::now() + Duration::from_secs(seconds());
    while tokio::time::Instant::now() < away {
        assert!(
            !publishing.is_finished() && asking.iter().all(|asker| !asker.is_finished()),
            "somebody failed"
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(behind().await, "nothing came through a wire that is cut");
    let mended = tokio::time::Instant::now();
    wire.mend();
    // It may take as long as the outage did.
    let limit = Duration::from_secs(60 + seconds());
    // People go on while it fetches what it missed.
    let missed = uploads.done();
    let missing = serial(&primary.client(), "serial").await;
    until_within(limit, "the replica has what it missed", async || {
        serial(&replica.client(), "replica-serial").await >= missing
    })
    .await;
    let after = mended.elapsed();
    uploads.over.store(true, Ordering::Relaxed);
    let all = publishing.await.expect("it published on");
    until_within(limit, "the replica has all again", async || !behind().await).await;
    for work in [&reads, &installs] {
        work.over.store(true, Ordering::Relaxed);
    }
    for asker in asking {
        asker.await.expect("it read on");
    }
    wire.cut();
    for (path, sha256) in &all {
        let file = replica.client().get(path).await.expect("a file");
        assert_eq!(BlobKey::of(&file).to_string(), *sha256, "{path}");
    }
    assert!(installs.done() > 0, "somebody installed meanwhile");
    println!(
        "{} s away: {missed} uploads missed and there {after:.0?} later; meanwhile {} reads and {} installs by pip and uv, none failed",
        seconds(),
        reads.done() * 2,
        installs.done(),
    );
}
