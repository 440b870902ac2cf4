//! The system calls of one upload, in their order: bytes, name, folder, row, and only then the answer.

use crate::kit::packages::Package;
use crate::kit::program::Program;
use std::collections::HashMap;
use std::path::Path;
use tokio::process::Command;

const CALLS: &str = "trace=fsync,fdatasync,rename,renameat,renameat2,write,writev,sendto,sendmsg";

/// A system call: the lines of the trace between which it ran, and what it was.
struct Call {
    began: usize,
    ended: usize,
    text: String,
}

#[tokio::test]
async fn an_upload_is_answered_only_after_every_sync() {
    if !strace_runs().await {
        eprintln!("strace cannot run here, so the order of system calls was not checked");
        return;
    }
    let data = tempfile::tempdir().unwrap();
    let trace = data.path().join("trace");
    let mut command = Command::new("strace");
    command.args(["-f", "-y", "-s", "40", "-e", CALLS, "-o"]).arg(&trace);
    let program = Program::run(traced(command), data.path()).await;
    program.make_index("dev").await;
    let before = std::fs::read_to_string(&trace).unwrap().lines().count();
    let dist = Package::new("demo", "1.0").wheel();
    program.client().upload("root/dev", &dist).await.expect("the upload is taken");
    // The trace is complete up to here once a later answer is in it.
    program.client().get("/+health").await.expect("health");

    let text = std::fs::read_to_string(&trace).unwrap();
    let calls = calls(&text.lines().skip(before).collect::<Vec<_>>());
    let sha256 = dist.sha256();
    let blob = format!("blobs/{}/{}", &sha256[..2], &sha256[2..]);
    let renamed = find(&calls, |text| text.starts_with("rename") && text.contains(&format!("{blob}\"")));
    let staged = renamed.text.split('"').nth(1).expect("the old name").to_owned();
    let staged = Path::new(&staged).file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
    let written = find(&calls, |text| is_sync(text) && text.contains(&format!("{staged}>")));
    let shard = format!("blobs/{}>", &sha256[..2]);
    let folder = after(&calls, renamed, |text| is_sync(text) && text.contains(&shard));
    let row = after(&calls, folder, |text| is_sync(text) && text.contains("wheelwright.db-wal>"));
    let answer = find(&calls, |text| text.contains("HTTP/1.1 200"));
    for (name, first, second) in [
        ("bytes before name", written, renamed),
        ("name before folder", renamed, folder),
        ("folder before row", folder, row),
        ("row before answer", row, answer),
    ] {
        assert!(first.ended < second.began, "{name}: {} | {}", first.text, second.text);
        assert!(first.text.ends_with("= 0"), "{}", first.text);
    }
}

#[tokio::test]
async fn after_a_sync_that_failed_nothing_more_is_acknowledged() {
    if !strace_runs().await {
        eprintln!("strace cannot run here, so no sync was made to fail");
        return;
    }
    let data = tempfile::tempdir().unwrap();
    Program::run(serving(Command::new(env!("CARGO_BIN_EXE_wheelwright"))), data.path())
        .await
        .make_index("dev")
        .await;
    let (lost, next) = (Package::new("lost", "1.0").wheel(), Package::new("next", "1.0").wheel());
    let shard = data.path().join("blobs").join(&lost.sha256()[..2]);
    std::fs::create_dir_all(&shard).unwrap();
    let mut command = Command::new("strace");
    command.args(["-f", "-o", "/dev/null", "-e", "trace=fsync", "-e", "inject=fsync:error=EIO:when=1", "-P"]);
    command.arg(&shard);
    let program = Program::run(traced(command), data.path()).await;

    for dist in [&lost, &lost, &next] {
        let (status, text) = program.client().post("root/dev", dist).await.expect("an answer");
        assert!(status.is_server_error(), "{}: {status} {text}", dist.filename);
    }
    drop(program);
    // After someone looked and restarted, all is as it was before.
    let program = Program::run(serving(Command::new(env!("CARGO_BIN_EXE_wheelwright"))), data.path()).await;
    program.client().upload("root/dev", &lost).await.expect("the upload is taken");
    program.client().upload("root/dev", &next).await.expect("the upload is taken");
}

/// The program below strace, which does not outlive it.
fn traced(mut command: Command) -> Command {
    command.args(["setpriv", "--pdeathsig", "KILL", env!("CARGO_BIN_EXE_wheelwright")]);
    serving(command)
}

fn serving(mut command: Command) -> Command {
    command.args(["serve", "--offline"]);
    command
}

pub(super) async fn strace_runs() -> bool {
    let tried = Command::new("strace").args(["-o", "/dev/null", "true"]).output().await;
    tried.is_ok_and(|tried| tried.status.success())
}

fn is_sync(text: &str) -> bool {
    text.starts_with("fsync(") || text.starts_with("fdatasync(")
}

fn find(calls: &[Call], wanted: impl Fn(&str) -> bool) -> &Call {
    calls.iter().find(|call| wanted(&call.text)).unwrap_or_else(|| panic!("not among\n{}", listing(calls)))
}

fn after<'a>(calls: &'a [Call], earlier: &Call, wanted: impl Fn(&str) -> bool) -> &'a Call {
    let later = calls.iter().filter(|call| call.began > earlier.ended);
    later
        .into_iter()
        .find(|call| wanted(&call.text))
        .unwrap_or_else(|| panic!("not among\n{}", listing(calls)))
}

fn listing(calls: &[Call]) -> String {
    calls.iter().map(|call| format!("{} {}\n", call.began, call.text)).collect()
}

/// Joins what strace tells in two lines when threads take turns.
fn calls(lines: &[&str]) -> Vec<Call> {
    let mut calls: Vec<Call> = Vec::new();
    let mut unfinished: HashMap<&str, usize> = HashMap::new();
    for (number, line) in lines.iter().enumerate() {
        let Some((thread, text)) = line.split_once(' ') else { continue };
        let text = text.trim_start();
        if let Some((_, rest)) = text.split_once(" resumed>") {
            if let Some(call) = unfinished.remove(thread).and_then(|at| calls.get_mut(at)) {
                call.ended = number;
                call.text.push_str(rest);
            }
            continue;
        }
        let begun = text.strip_suffix(" <unfinished ...>");
        if begun.is_some() {
            unfinished.insert(thread, calls.len());
        }
        calls.push(Call { began: number, ended: number, text: begun.unwrap_or(text).to_owned() });
    }
    calls
}
