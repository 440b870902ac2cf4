//! Stories of whoever keeps the server running.

use crate::kit::Server;
use crate::kit::backend::on_both;
use crate::kit::packages::{Dist, Package};
use crate::kit::program::Program;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

#[tokio::test]
async fn a_fresh_server_is_healthy() {
    let server = Server::start().await;
    let answer = server.get("/+health").await;
    assert_eq!(answer.status(), 200);
}

/// The command line, about this data folder and nothing else.
fn run(data: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wheelwright"));
    command.args(arguments).arg("--data").arg(data).current_dir(data);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).output().expect("it runs")
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn blob(data: &Path, dist: &Dist) -> PathBuf {
    let sha256 = dist.sha256();
    data.join("blobs").join(&sha256[..2]).join(&sha256[2..])
}

#[tokio::test]
async fn fsck_names_a_damaged_and_a_lost_file() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let program = Program::start_offline(data).await;
    program.make_index("dev").await;
    let [damaged, lost, sound] = ["damaged", "lost", "sound"].map(|name| Package::new(name, "1.0").wheel());
    for dist in [&damaged, &lost, &sound] {
        program.client().upload("root/dev", dist).await.expect("it is taken");
    }
    // Beside the running server, as an administrator would.
    assert!(run(data, &["fsck"]).status.success());
    let mut bytes = std::fs::read(blob(data, &damaged)).unwrap();
    bytes[100] ^= 1;
    std::fs::write(blob(data, &damaged), bytes).unwrap();
    std::fs::remove_file(blob(data, &lost)).unwrap();

    let told = run(data, &["fsck", "--json"]);
    assert_eq!(told.status.code(), Some(1), "{}", text(&told));
    let report: Value = serde_json::from_str(&text(&told)).expect("JSON");
    let faults = report["faults"].as_array().expect("faults");
    let problem = |dist: &Dist| {
        let fault = faults.iter().find(|fault| fault["sha256"] == dist.sha256()).expect("it is named");
        (fault["problem"].as_str().expect("a problem").to_owned(), fault["used_by"][0].clone())
    };
    assert_eq!(problem(&damaged), ("wrong_hash".into(), format!("root/dev {}", damaged.filename).into()));
    assert_eq!(problem(&lost), ("missing".into(), format!("root/dev {}", lost.filename).into()));
    assert_eq!(faults.len(), 2);
    let told = run(data, &["fsck"]);
    assert_eq!(told.status.code(), Some(1));
    assert!(
        text(&told).contains(&damaged.filename) && text(&told).contains(&lost.filename),
        "{}",
        text(&told)
    );
    assert!(!text(&told).contains(&sound.filename), "{}", text(&told));
    // Sizes alone do not show what was damaged.
    let quick: Value = serde_json::from_str(&text(&run(data, &["fsck", "--quick", "--json"]))).expect("JSON");
    assert_eq!(quick["faults"].as_array().expect("faults").len(), 1);
}

#[tokio::test]
async fn status_tells_what_is_here_with_and_without_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let nothing = run(data, &["status"]);
    assert_eq!(nothing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&nothing.stderr).contains("is not a data folder"));
    assert_eq!(std::fs::read_dir(data).unwrap().count(), 0, "looking makes nothing");

    let program = Program::start_offline(data).await;
    program.make_index("dev").await;
    let dist = Package::new("demo", "1.0").wheel();
    program.client().upload("root/dev", &dist).await.expect("it is taken");
    let during = text(&run(data, &["status", "--json"]));
    drop(program);
    let after = text(&run(data, &["status", "--json"]));
    let [during, status]: [Value; 2] = [during, after].map(|text| serde_json::from_str(&text).expect("JSON"));
    assert_eq!((&during["server"]["running"], &status["server"]["running"]), (&true.into(), &false.into()));
    // What the server does, and what is free of the disk, may change at any time.
    for (key, told) in during.as_object().expect("an object") {
        assert!(["server", "disk"].contains(&key.as_str()) || *told == status[key], "{key}: {told}");
    }
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(
        (&status["database"]["engine"], &status["database"]["schema_version"]),
        (&"sqlite".into(), &newest_migration().into())
    );
    for (key, number) in
        [("users", 1), ("indexes", 2), ("projects", 1), ("files", 1), ("mirrored_files", 0), ("serial", 3)]
    {
        assert_eq!(status[key], number, "{key} in {status}");
    }
    assert_eq!(status["bytes"], dist.bytes.len());
    let plain = text(&run(data, &["status"]));
    assert!(
        plain.lines().any(|line| line.starts_with("files") && line.ends_with("1 (0 mirrored)")),
        "{plain}"
    );
}

on_both! {
    async fn everything_is_counted_on_both_engines(server: Server) {
        let counts = server.app.db.counts().await.unwrap();
        assert_eq!((counts.users, counts.indexes, counts.files, counts.bytes), (1, 1, 0, 0));
        assert!(server.app.db.schema_version().await.unwrap() >= 1);
        assert!(server.app.db.engine_version().await.unwrap().starts_with(|c: char| c.is_ascii_digit()));
    }
}

/// The number of the last file in `migrations/`.
fn newest_migration() -> i64 {
    let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations")).expect("a folder");
    let names = folder.map(|entry| entry.expect("an entry").file_name().into_string().expect("text"));
    names.filter_map(|name| name.split('_').next()?.parse().ok()).max().expect("a migration")
}
