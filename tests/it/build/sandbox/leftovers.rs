//! When a run has ended, none of its processes lives.

use super::{Attack, sandbox};
use wheelwright::words::Class;
use wheelwright::worker::log::Log;
use wheelwright::worker::sandbox::RunEnd;

/// Processes of this machine with the mark among their arguments.
fn alive(mark: &str) -> usize {
    let entries = std::fs::read_dir("/proc").expect("processes");
    let lines = entries.flatten().filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    lines.filter(|line| String::from_utf8_lossy(line).contains(mark)).count()
}

fn mark() -> String {
    format!("mark-{}", uuid::Uuid::now_v7())
}

#[tokio::test]
async fn a_daemon_that_ignores_signals_does_not_outlive_its_build() {
    let mark = mark();
    let told = Attack::python(include_str!("hostile/daemon.py")).with(&mark).run().await;
    assert_eq!(alive(&mark), 0);
    assert_eq!((told.end(), told.text), (RunEnd::Exit(0), format!("left behind {mark}\n")));
    let written = || std::fs::metadata(told.out.path().join("later")).expect("what it wrote").len();
    let before = written();
    std::thread::yield_now();
    assert_eq!(before, written());
}

#[tokio::test]
async fn a_build_that_is_stopped_takes_all_its_processes_along() {
    let mark = mark();
    let script = format!("{}\nwhile True: pass", include_str!("hostile/daemon.py"));
    let mut attack = Attack::python(&script).with(&mark);
    attack.plan.limits.seconds = 1;
    let told = attack.run().await;
    assert_eq!(alive(&mark), 0);
    assert_eq!(told.end(), RunEnd::Limit(Class::Timeout), "{}", told.text);
}

#[tokio::test]
async fn processes_that_stop_or_kill_each_other_are_gone_too() {
    let mark = mark();
    let script = "import os, signal, sys\n\
        if os.fork() == 0: os.kill(os.getpid(), signal.SIGSTOP)\n\
        os.kill(-1, signal.SIGSTOP)\n\
        os.kill(os.getpid(), signal.SIGSTOP)";
    let mut attack = Attack::python(script).with(&mark);
    attack.plan.limits.seconds = 1;
    let told = attack.run().await;
    assert_eq!(alive(&mark), 0);
    assert_eq!(told.end(), RunEnd::Limit(Class::Timeout), "{}", told.text);
}

#[tokio::test]
async fn a_run_that_nobody_waits_for_any_more_is_killed() {
    let mark = mark();
    let mut attack = Attack::python("import time; print('up', flush=True); time.sleep(1000)").with(&mark);
    attack.plan.limits.seconds = 600;
    let log = Log::new(1000);
    let sandbox = sandbox();
    tokio::select! {
        ended = sandbox.run(&attack.plan, &log) => panic!("it ended: {ended:?}"),
        () = async { while log.to_text().is_empty() { log.changed().await } } => {}
    }
    assert_eq!(alive(&mark), 0);
}
