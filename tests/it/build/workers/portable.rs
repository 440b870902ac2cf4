//! Stories of the portable worker, one Python file that the server hands out, on the interpreters of this machine.

mod old;
mod recipes;
mod server;

use super::{Following, ask, built, host, marked, waiting, wake};
use crate::kit::Server;
use crate::kit::hired::Hired;
use crate::kit::sources::Tree;
use crate::kit::stages::{stage, stage_with};
use rustix::process::{Pid, Signal};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use wheelwright::build::queue::LEASE;
use wheelwright::config::upstream::default_upstream;
use wheelwright::tools::time::now;

/// Waits until the build is over, and has failed.
async fn failed(server: &Server, id: i64) -> Value {
    for _ in 0..120 {
        let build = server.build(id).await;
        if build["state"] == "failed" {
            return build["failure"].clone();
        }
        assert_ne!(build["state"], "built", "{build:#}");
        let _ = server.app.queue.wait(id, Duration::from_secs(1)).await;
    }
    panic!("build {id} does not end: {:#}", server.build(id).await);
}

async fn log(server: &Server, id: i64) -> String {
    Following::of(server, id).await.rest().await
}

/// The newest pyenv has of this version.
fn python(version: &str) -> PathBuf {
    let root = std::env::var_os("PYENV_ROOT").map(PathBuf::from);
    let root = root.or_else(|| std::env::home_dir().map(|home| home.join(".pyenv"))).expect("pyenv");
    let versions = std::fs::read_dir(root.join("versions")).expect("pyenv's versions").flatten();
    let named =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(version));
    versions.map(|entry| entry.path()).filter(named).max().expect("this version").join("bin/python")
}

#[test]
fn its_parts_that_need_no_other_system_are_right() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools/portable_test.py");
    let output = Command::new("python3").arg(tests).output().expect("python3 runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("\nOK"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_it_compiled_for_two_pythons_is_installed_by_their_pips() {
    let upstream = default_upstream(|name| std::env::var(name).ok()).expect("PyPI's address");
    let server = stage_with(|config| config.upstream = Some(upstream)).await;
    // auditwheel comes through the index.
    let (status, said) = server.as_alice("PATCH", "/alice/dev", r#"["bases=root/pypi"]"#).await;
    assert_eq!(status, 200, "{said}");
    server.build_nothing_ahead("dev").await;
    host(&server, "answers", &Tree::compiled("answers", "1.0")).await;
    let _worker = Hired::portable(&server, &server.worker_token().await, "portable", &[]).await;
    for (target, version) in [("cp39", "3.9."), ("cp312", "3.12.")] {
        let id = ask(&server, "answers", target).await;
        let build = built(&server, id).await;
        let (filename, evidence) =
            (build["wheel"]["filename"].as_str().expect("a wheel"), &build["evidence"]);
        assert!(filename.contains(&format!("-{target}-{target}-manylinux")), "{filename}");
        assert_eq!(evidence["sandbox"], "none", "{evidence:#}");
        assert!(evidence["interpreter"].as_str().expect("a version").starts_with(version), "{evidence:#}");
        assert!(evidence["tools"]["auditwheel"].is_string(), "{evidence:#}");
        let checked = json!(["nothing in the wheel needs a C library", "imported answers"]);
        assert_eq!(evidence["checked"], checked);

        let folder = tempfile::tempdir().expect("a folder");
        let mut pip = tokio::process::Command::new(python(version));
        pip.args([
            "-m",
            "pip",
            "install",
            "--no-cache-dir",
            "--only-binary=:all:",
            "--target",
            "site",
            "answers",
        ]);
        pip.args(["--index-url", &server.url("/alice/dev/+simple/")]).current_dir(folder.path()).env_clear();
        let output = pip.output().await.expect("pip runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let mut asks = tokio::process::Command::new(python(version));
        asks.args(["-c", "import answers; print(answers.answer())"])
            .env("PYTHONPATH", folder.path().join("site"));
        assert_eq!(asks.output().await.expect("it runs").stdout, b"42\n");
    }
}

/// A build that waits on a portable worker.
struct Begun {
    server: Server,
    token: String,
    worker: Hired,
    mark: String,
    id: i64,
}

impl Begun {
    async fn on(name: &str) -> Self {
        let server = stage().await;
        let (slow, mark) = waiting();
        host(&server, "slow", &slow).await;
        let token = server.worker_token().await;
        let worker = Hired::portable(&server, &token, name, &[]).await;
        let id = ask(&server, "slow", "cp312").await;
        drop(Following::of(&server, id).await.until("the build began").await);
        // It says so before it starts what waits.
        while marked(&mark).is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Self { server, token, worker, mark, id }
    }
}

/// Another worker, which begins a build anew.
async fn again_on(name: &str, server: &Server, token: &str, id: i64) -> Hired {
    let worker = Hired::portable(server, token, name, &[]).await;
    drop(Following::of(server, id).await.until("the build began").await);
    worker
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_whose_portable_worker_was_killed_runs_again_on_another() {
    let Begun { server, token, worker: first, mark, id } = Begun::on("first").await;
    first.kill().await;
    // What it started ends with it, although nobody is left to say so.
    while !marked(&mark).is_empty() {
        tokio::task::yield_now().await;
    }
    server.app.queue.look_after(now() + LEASE + 1_000_000).await.expect("a look");
    let _second = again_on("second", &server, &token, id).await;
    wake(&mark).await;
    let build = built(&server, id).await;
    assert_eq!(build["worker"], "second", "{build:#}");
    assert_eq!(log(&server, id).await.matches("the build began").count(), 1, "its log began anew");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_portable_worker_that_lost_its_lease_stops_the_build_and_reports_nothing_of_it() {
    let Begun { server, token, worker: first, mark, id } = Begun::on("first").await;
    let stalled = marked(&mark);
    // The worker is stopped for longer than its lease, and its build is given to another.
    let pid = |worker: &Hired| i32::try_from(worker.pid()).ok().and_then(Pid::from_raw).expect("a pid");
    rustix::process::kill_process(pid(&first), Signal::STOP).expect("it runs");
    server.app.queue.look_after(now() + LEASE + 1_000_000).await.expect("a look");
    let _second = again_on("second", &server, &token, id).await;
    rustix::process::kill_process(pid(&first), Signal::CONT).expect("it runs");
    while stalled.iter().any(|pid| marked(&mark).contains(pid)) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    wake(&mark).await;
    let build = built(&server, id).await;
    assert_eq!(build["worker"], "second", "{build:#}");
    let log = log(&server, id).await;
    assert_eq!(log.matches("the build began").count(), 1, "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_portable_worker_that_is_stopped_gives_its_build_and_its_name_back() {
    let server = stage().await;
    let (slow, mark) = waiting();
    host(&server, "slow", &slow).await;
    let token = server.worker_token().await;
    let worker = Hired::portable(&server, &token, "same", &[]).await;
    let program = server.get("/+worker.py").await.text().await.expect("a program");
    let said = Hired::portable_refused(&program, &server.url(""), &token, "same").await;
    assert!(said.contains("another worker named same is running"), "{said}");
    let id = ask(&server, "slow", "cp312").await;
    drop(Following::of(&server, id).await.until("the build began").await);
    worker.stop().await;
    assert_eq!(server.build(id).await["state"], "queued");
    assert_eq!(marked(&mark), []);
    let _second = again_on("same", &server, &token, id).await;
    wake(&mark).await;
    built(&server, id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_hostile_build_leaves_is_no_wheel_of_the_index() {
    let server = stage().await;
    let _worker = Hired::portable(&server, &server.worker_token().await, "portable", &[]).await;
    let two = "open(os.path.join(folder, 'other-1.0-py3-none-any.whl'), 'wb').close()";
    let code = "members['lie/x.so'] = 'ELF'";
    let up = "members['../escaped.py'] = 'x = 1'";
    for (project, tree, class, word) in [
        ("two", Tree::new("two", "1.0").does(two), "wrong-wheel", "exactly one wheel"),
        ("other", Tree::new("wrongly", "1.0"), "wrong-wheel", "requested project other"),
        ("newer", Tree::new("newer", "2.0"), "wrong-wheel", "requested version 1.0"),
        ("lie", Tree::new("lie", "1.0").does(code), "wrong-wheel", "compiled here"),
        ("escapes", Tree::new("escapes", "1.0").does(up), "bad-wheel", ""),
        (
            "broken",
            Tree::new("broken", "1.0").does("members['broken.py'] = 'import broken.y'"),
            "import",
            "broken",
        ),
        ("quits", Tree::new("quits", "1.0").does("os._exit(0)"), "other", "see the log"),
    ] {
        let filename = format!("{project}-1.0.tar.gz");
        server.host_file("alice/dev", project, "1.0", &filename, &tree.sdist()).await;
        let id = ask(&server, project, "cp312").await;
        let why = failed(&server, id).await;
        assert_eq!(why["class"], class, "{project}: {why}\n{}", log(&server, id).await);
        assert!(why["hint"].as_str().expect("a hint").contains(word), "{project}: {why}");
        let page = server.get(&format!("/alice/dev/+simple/{project}/")).await.text().await.expect("a page");
        assert!(!page.contains(".whl"), "{page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_reads_its_log_for_the_class_of_a_failure() {
    let server = stage().await;
    let _worker = Hired::portable(&server, &server.worker_token().await, "portable", &[]).await;
    let compiles = "import subprocess
with open('x.c', 'w') as file: file.write('#include <ldap_of_nobody.h>\\n')
subprocess.check_call(['cc', '-c', 'x.c'])";
    let raises = "raise RuntimeError('this is for another system')";
    for (project, build, class, line) in [
        ("lacks", compiles, "missing-header", "ldap_of_nobody.h"),
        ("raises", raises, "other", "this is for another system"),
    ] {
        host(&server, project, &Tree::new(project, "1.0").does(build)).await;
        let id = ask(&server, project, "cp39").await;
        let why = failed(&server, id).await;
        assert_eq!(why["class"], class, "{why}\n{}", log(&server, id).await);
        assert_eq!(why["step"], "build", "{why}");
        assert!(why["line"].as_str().unwrap_or_default().contains(line), "{why}");
    }
}
