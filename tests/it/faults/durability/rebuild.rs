//! A server that is killed between "all are built" and "all are published": indexes have the whole set, or none of it.

use super::order::strace_runs;
use crate::kit::Server;
use crate::kit::fake_worker::FakeWorker;
use crate::kit::forms::Form;
use crate::kit::names::{index_name, project_name};
use crate::kit::packages::{Dist, Package};
use crate::kit::program::Program;
use crate::kit::script::Auth;
use crate::kit::stages::PASSWORD;
use serde_json::json;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::{Child, Command};
use wheelwright::build::job::{Job, JobOutcome};
use wheelwright::config::Config;
use wheelwright::db::Db;
use wheelwright::words::{Evidence, SetState};

const PROJECTS: [&str; 3] = ["one", "two", "three"];

/// Hands in a wheel that was built against this version of `abi`, and says how to end the job.
async fn handed_in(worker: &FakeWorker<'_>, job: &Job, version: &str) -> (Dist, JobOutcome) {
    let project = job.project.clone().expect("a project");
    let wheel = Package::new(&project, "1.0").member("abi.txt", version).wheel();
    assert_eq!(worker.hand_in(job, &wheel.filename, wheel.bytes.clone()).await.0, 200);
    let requirements = [("abi".to_owned(), version.to_owned())].into_iter().collect();
    let evidence = Box::new(Evidence { requirements, ..Evidence::default() });
    let outcome = JobOutcome::Built { wheel: wheel.filename.clone(), evidence };
    (wheel, outcome)
}

/// A data folder in which all builds of a set have ended well, and nothing of it is published: the disk lost a wheel
/// for a moment. With the number of the set.
async fn all_built() -> (tempfile::TempDir, i64) {
    // What the disk loses is lost: no memory has it.
    let server = Server::start_with(|config| config.limits.file_cache = 0).await;
    server.make_stage().await;
    server.build_nothing_ahead("dev").await;
    let worker = server.worker("carl", "one").await;
    let alice = Auth::basic("alice", PASSWORD);
    for project in PROJECTS {
        let sdist = Package::new(project, "1.0").sdist();
        assert_eq!(server.post("/alice/dev/", Form::of(&sdist), "alice", PASSWORD).await.status, 200);
        let order = json!({"requirement": project, "from": "alice/dev", "targets": ["cp312-test"]});
        assert_eq!(server.ask("POST", "/+builds", &alice, Some(order)).await.0, 200);
        let job = worker.claim().await;
        let (_, outcome) = handed_in(&worker, &job, "1.0").await;
        assert_eq!(worker.outcome(&job, &outcome).await, 200);
    }
    server.publish("alice/dev", &Package::new("abi", "2.0").tag("py3-none-any").wheel()).await;
    let order = json!({"because": "abi==2.0"});
    let (status, body) = server.ask("POST", "/alice/dev/+rebuild", &alice, Some(order)).await;
    assert_eq!(status, 200, "{body}");
    let set = body["result"]["id"].as_i64().expect("a number");
    let copy = tempfile::tempdir().expect("a folder");
    for left in (0..PROJECTS.len()).rev() {
        let job = worker.claim().await;
        let (wheel, outcome) = handed_in(&worker, &job, "2.0").await;
        let sha256 = wheel.sha256();
        let blob = server.data.path().join("blobs").join(&sha256[..2]).join(&sha256[2..]);
        let hidden = server.data.path().join("hidden");
        if left == 0 {
            std::fs::rename(&blob, &hidden).expect("a lost wheel");
        }
        assert_eq!(worker.outcome(&job, &outcome).await, 200);
        if left == 0 {
            copy_folder(server.data.path(), copy.path());
            std::fs::rename(
                copy.path().join("hidden"),
                copy.path().join(blob.strip_prefix(server.data.path()).expect("below")),
            )
            .expect("it is back");
        }
    }
    assert_eq!(stands(copy.path(), set).await, (SetState::Open, [1; 3]));
    (copy, set)
}

fn copy_folder(from: &Path, to: &Path) {
    let done = std::process::Command::new("cp").arg("-a").arg(from.join(".")).arg(to).status();
    assert!(done.expect("cp").success());
}

/// The state of the set, and how many wheels each project has.
async fn stands(data: &Path, set: i64) -> (SetState, [usize; 3]) {
    let config = Config { data: data.to_owned(), ..Config::default() };
    let db = Db::open(&config.database_url()).await.expect("the database");
    let state = db.build_set(set).await.expect("a row").expect("a set").state;
    let mut counts = [0; 3];
    for (count, project) in counts.iter_mut().zip(PROJECTS) {
        let files = db.built_files(&index_name("alice/dev"), &project_name(project)).await.expect("rows");
        *count = files.len();
    }
    (state, counts)
}

/// The program, which is killed when it writes to the log of its database for the `nth` time.
fn killed_at(data: &Path, nth: u32) -> Child {
    let mut command = Command::new("strace");
    let log = data.join("wheelwright.db-wal");
    command.args(["-f", "-o", "/dev/null", "-e", "trace=pwrite64", "-e"]);
    command.arg(format!("inject=pwrite64:signal=KILL:when={nth}")).arg("-P").arg(log);
    command.args(["setpriv", "--pdeathsig", "KILL", env!("CARGO_BIN_EXE_wheelwright"), "serve", "--offline"]);
    command.args(["--listen", "127.0.0.1:0", "--data"]).arg(data).current_dir(data);
    command.env("WHEELWRIGHT_BUILD__PREPARE", "false").env_remove("WHEELWRIGHT_CRASH_CYCLES");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    command.spawn().expect("strace starts")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_set_whose_server_is_killed_before_it_is_published_is_there_as_a_whole_afterwards() {
    if !strace_runs().await {
        eprintln!("strace cannot run here, so no server was killed while it published");
        return;
    }
    let (built, set) = all_built().await;
    let (mut kills, mut nth) = (0, 1);
    loop {
        let data = tempfile::tempdir().expect("a folder");
        copy_folder(built.path(), data.path());
        let mut program = killed_at(data.path(), nth);
        let is_killed = loop {
            if tokio::time::timeout(Duration::from_millis(100), program.wait()).await.is_ok() {
                break true;
            }
            if stands(data.path(), set).await.0 == SetState::Published {
                break false;
            }
        };
        drop(program);
        let stands_after = stands(data.path(), set).await;
        let whole = [(SetState::Open, [1; 3]), (SetState::Published, [2; 3])];
        assert!(whole.contains(&stands_after), "killed at write {nth}: {stands_after:?}");
        if !is_killed {
            break;
        }
        kills += 1;
        nth += 4;
        assert!(nth < 400, "the program ends by itself");
        // The next server goes on where the killed one was.
        if kills == 4 {
            let _next = Program::start_offline(data.path()).await;
            while stands(data.path(), set).await.0 == SetState::Open {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            assert_eq!(stands(data.path(), set).await, (SetState::Published, [2; 3]));
        }
    }
    assert!(kills > 4, "only {kills} servers were killed");
}
