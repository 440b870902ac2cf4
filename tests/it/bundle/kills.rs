//! An import that is killed leaves every row as it was, and the next one does all of it.

use super::{Gap, state};
use crate::kit::packages::Package;
use std::process::{Command, Stdio};

const PROJECTS: usize = 30;
const KILLS: u64 = 8;

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_is_killed_leaves_all_rows_as_they_were() {
    let gap = Gap::new().await;
    let mut names = Vec::new();
    for number in 0..PROJECTS {
        let name = format!("demo-{number}");
        gap.publish(&Package::new(&name, "1.0").member("data", vec![b'x'; 100_000])).await;
        names.push(name);
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    gap.create(&[&names[..], &["-o", "drop.wwb"]].concat()).await.succeeded();
    let data = gap.closed.data.path();
    let before = state(data).0;
    let mut killed = 0;
    for kill in 0..KILLS {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wheelwright"));
        command.current_dir(gap.desk.path(".")).env("WHEELWRIGHT_DATA", data);
        command.args(["bundle", "import", "drop.wwb", "--into", "alice/dev", "--public-key", "me.key.pub"]);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        // Somewhere on its way.
        let staging = data.join("staging");
        let started = || std::fs::read_dir(&staging).map_or(0, Iterator::count) > 2;
        while !started() && child.try_wait().expect("a child").is_none() {
            tokio::task::yield_now().await;
        }
        for _ in 0..kill * 2000 {
            tokio::task::yield_now().await;
        }
        if child.try_wait().expect("a child").is_none() {
            child.kill().expect("it runs");
            killed += 1;
        }
        let ended = child.wait().expect("it is gone");
        if ended.success() {
            break;
        }
        assert_eq!(state(data).0, before, "kill {kill}");
    }
    assert!(killed > 0);
    gap.import(&["drop.wwb"]).await.succeeded();
    assert_eq!(gap.listed("demo-0").await.len() + gap.listed("demo-29").await.len(), 2);
}
