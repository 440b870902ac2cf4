//! What a build may use, and that it is stopped, with the reason, when it uses more.

use super::{Attack, LIMITS, Told, sandbox};
use wheelwright::words::Class;
use wheelwright::worker::sandbox::{Bound, HOME, RunEnd};

async fn stopped(script: &str) -> Told {
    Attack::python(script).run().await
}

#[track_caller]
fn assert_stopped(told: &Told, class: Class, reason: &str) {
    assert_eq!(told.end(), RunEnd::Limit(class), "{}", told.text);
    assert!(told.text.contains(reason), "{}", told.text);
}

#[tokio::test]
async fn a_fork_bomb_is_stopped() {
    let mut attack = Attack::python(include_str!("hostile/forks.py"));
    attack.plan.limits.processes = 24;
    assert_stopped(&attack.run().await, Class::Processes, "more than 24 processes");
}

/// The most threads that a run had under this bound; its limit is 24, beside what the forwarder needs.
async fn most_threads(bound: Bound) -> u64 {
    let attack = Attack::python(include_str!("hostile/threads.py"));
    let told = attack.run_in(&sandbox().with_bound(bound)).await;
    assert_eq!(told.end(), RunEnd::Exit(0), "{bound:?}: {}", told.text);
    let refused = told.text.starts_with("refused: can't start new thread\nfork: 11 beside ");
    assert!(refused, "the kernel did not refuse under {bound:?}: {}", told.text);
    assert!(told.text.ends_with("pid_max can be changed: False\n"), "{}", told.text);
    let words = told.text.lines().nth(1).and_then(|line| line.rsplit(' ').next());
    words.and_then(|word| word.parse().ok()).expect("a number")
}

/// The watcher does not count threads, so nothing but the kernel can refuse them.
#[tokio::test]
async fn the_kernel_itself_refuses_processes_beyond_the_limit() {
    let before = std::fs::read_to_string("/proc/sys/kernel/pid_max").expect("the machine's");
    let is_root = rustix::process::geteuid().is_root();
    let mut tried = 0;
    if Bound::Namespace.is_there() {
        assert!((24..=24 + 80).contains(&most_threads(Bound::Namespace).await));
        tried += 1;
    }
    if is_root && Bound::Group.is_there() {
        assert!((24..=24 + 80).contains(&most_threads(Bound::Group).await));
        tried += 1;
    }
    if !is_root {
        assert!((24..=24 + 80).contains(&most_threads(Bound::User).await));
        tried += 1;
    }
    assert!(tried > 0, "nothing bounds root's processes on this machine");
    assert_eq!(std::fs::read_to_string("/proc/sys/kernel/pid_max").expect("the machine's"), before);
}

#[tokio::test]
async fn where_nothing_bounds_processes_nothing_is_built() {
    let off = sandbox().with_bound(Bound::User).canary().await;
    // The kernel counts everybody's processes but root's.
    match rustix::process::geteuid().is_root() {
        true => {
            assert!(off.is_some_and(|why| why.contains("cannot limit the number of processes of a build")))
        }
        false => assert_eq!(off, None),
    }
}

#[tokio::test]
async fn memory_in_every_form_is_bounded() {
    for script in [
        include_str!("hostile/memory.py"),
        include_str!("hostile/shared.py"),
        include_str!("hostile/memory_file.py"),
    ] {
        let told = stopped(script).await;
        assert_stopped(&told, Class::Memory, "more than 96 MiB of memory");
        assert!(told.ended.peak_memory > LIMITS.memory, "{:?}", told.ended);
    }
}

#[tokio::test]
async fn the_disk_is_bounded() {
    assert_stopped(&stopped(include_str!("hostile/disk.py")).await, Class::Disk, "more than 32 MiB written");
    let deleted = stopped(include_str!("hostile/deleted.py")).await;
    assert_stopped(&deleted, Class::Disk, "more than 32 MiB in deleted files");
}

#[tokio::test]
async fn one_file_cannot_outgrow_the_disks_bound() {
    let told = stopped("open('/out/giant.whl', 'wb').truncate(1 << 40)").await;
    assert_ne!(told.end(), RunEnd::Exit(0));
    assert!(told.text.contains("File too large"), "{}", told.text);
}

#[tokio::test]
async fn the_number_of_files_is_bounded_wherever_they_are() {
    for place in ["/out", "/tmp", "/dev/shm"] {
        let told = Attack::python(include_str!("hostile/flood_of_files.py")).with(place).run().await;
        assert_stopped(&told, Class::Disk, "more than 500 files");
    }
}

#[tokio::test]
async fn folders_in_memory_are_full_at_some_point() {
    for place in ["/tmp", "/dev/shm", "/run", HOME] {
        let told = Attack::python(include_str!("hostile/fill.py")).with(place).run().await;
        assert!(
            matches!(told.end(), RunEnd::Exit(1) | RunEnd::Limit(Class::Disk)),
            "{:?} {}",
            told.end(),
            told.text
        );
        assert!(told.text.contains("No space left on device"), "{}", told.text);
    }
}

#[tokio::test]
async fn whoever_sleeps_for_ever_is_woken() {
    let mut attack = Attack::python("import time; print('zzz', flush=True); time.sleep(10**6)");
    attack.plan.limits.seconds = 1;
    let told = attack.run().await;
    assert_stopped(&told, Class::Timeout, "stopped after 1 s");
    assert!(told.text.starts_with("zzz\n"), "{}", told.text);
}

#[tokio::test]
async fn a_flood_of_output_is_stopped_and_hardly_any_of_it_kept() {
    let told = stopped(include_str!("hostile/flood_of_output.py")).await;
    assert_stopped(&told, Class::LogSize, "too much output");
    assert!((told.text.len() as u64) < LIMITS.log + 1000, "{} bytes", told.text.len());
}

#[tokio::test]
async fn nothing_is_dumped_when_a_build_crashes() {
    let told = stopped(
        "import os, resource; print(resource.getrlimit(resource.RLIMIT_CORE), flush=True); os.abort()",
    )
    .await;
    assert_eq!(told.end(), RunEnd::Signal(6));
    assert_eq!(told.text, "(0, 0)\n");
}
