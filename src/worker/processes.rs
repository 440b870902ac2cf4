//! What the kernel tells of a run's processes: who they are, what they use.

use rustix::process::{Pid, PidfdFlags, Signal};
use std::collections::HashSet;
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

/// All processes below `root`, parents before children, at most `most`.
pub fn below(root: i32, most: usize) -> Vec<i32> {
    let all = if children_are_listed() { None } else { Some(parents()) };
    let mut found = Vec::new();
    let mut next = 0;
    let mut parent = root;
    loop {
        match &all {
            None => listed_children(parent, &mut found),
            Some(all) => found.extend(all.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid)),
        }
        match found.get(next) {
            Some(pid) if found.len() < most => parent = *pid,
            _ => break,
        }
        next += 1;
    }
    found.truncate(most);
    found
}

/// Kills all that descends from `root`, again and again while more of it appears; a process that makes
/// new ones faster than this wins only where the kernel does not limit their number.
pub fn kill_below(root: i32) {
    for _ in 0..100 {
        let pids = below(root, 1 << 16);
        let alive: Vec<_> = pids.into_iter().filter(|pid| !is_zombie(*pid)).collect();
        if alive.is_empty() {
            return;
        }
        for pid in alive.into_iter().filter_map(Pid::from_raw) {
            let _ = rustix::process::kill_process(pid, Signal::KILL);
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
}

fn is_zombie(pid: i32) -> bool {
    statistics(pid).is_none_or(|fields| fields.first().is_none_or(|state| state == "Z"))
}

/// Whether the kernel was built to list children; else every process has to be asked for its parent.
fn children_are_listed() -> bool {
    static LISTED: OnceLock<bool> = OnceLock::new();
    *LISTED.get_or_init(|| Path::new("/proc/thread-self/children").exists())
}

/// Appends the children of all threads of `pid`; a process that is gone has none.
fn listed_children(pid: i32, found: &mut Vec<i32>) {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return };
    for thread in threads.flatten() {
        let text = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        found.extend(text.split_ascii_whitespace().filter_map(|pid| pid.parse::<i32>().ok()));
    }
}

/// Every process of the machine with its parent.
fn parents() -> Vec<(i32, i32)> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter_map(|pid| Some((pid, statistics(pid)?.get(1)?.parse().ok()?))).collect()
}

/// The fields of `stat` after the program's name: state, parent, …
fn statistics(pid: i32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name can hold anything, parentheses too.
    let (_, fields) = text.rsplit_once(") ")?;
    Some(fields.split_ascii_whitespace().map(str::to_owned).collect())
}

/// Processor time of a process that has ended but was not waited for, and of those it waited for.
pub fn processor_time(pid: i32) -> Duration {
    let fields = statistics(pid).unwrap_or_default();
    let ticks: u64 = fields.iter().skip(11).take(4).filter_map(|field| field.parse::<u64>().ok()).sum();
    let per_second = rustix::param::clock_ticks_per_second().max(1);
    Duration::from_millis(ticks.saturating_mul(1000) / per_second)
}

/// Bytes that a process keeps for itself, in memory or swapped out; what it shares with others by
/// having been forked counts for each.
pub fn memory(pid: i32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    kilobytes(&text, &["RssAnon:", "RssShmem:", "VmSwap:"])
}

/// The same with shared pages divided among those who share; slow for large processes.
pub fn exact_memory(pid: i32) -> u64 {
    match fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) {
        Ok(text) => kilobytes(&text, &["Pss_Anon:", "Pss_Shmem:", "SwapPss:"]),
        // It forbids to be looked at, or the kernel is old.
        Err(_) => memory(pid),
    }
}

fn kilobytes(text: &str, keys: &[&str]) -> u64 {
    let lines = text.lines().filter_map(|line| {
        let key = keys.iter().find(|key| line.starts_with(**key))?;
        line.get(key.len()..)?.trim().strip_suffix(" kB")?.parse::<u64>().ok()
    });
    lines.sum::<u64>().saturating_mul(1024)
}

/// Bytes of open files that have no name any more, in memory and on disks: no walk through a folder
/// finds them. Looks at no more than `most` descriptors.
pub fn nameless_files(pids: &[i32], most: usize) -> (u64, u64) {
    let mut seen = HashSet::new();
    let (mut memory, mut disk) = (0, 0);
    let mut looked = 0;
    for pid in pids {
        let Ok(descriptors) = fs::read_dir(format!("/proc/{pid}/fd")) else { continue };
        for descriptor in descriptors.flatten() {
            looked += 1;
            if looked > most {
                return (memory, disk);
            }
            let Ok(facts) = fs::metadata(descriptor.path()) else { continue };
            if facts.nlink() > 0 || !facts.is_file() || !seen.insert((facts.dev(), facts.ino())) {
                continue;
            }
            // Major number 0: no device behind it.
            match rustix::fs::major(facts.dev()) {
                0 => memory += facts.blocks() * 512,
                _ => disk += facts.blocks() * 512,
            }
        }
    }
    (memory, disk)
}

/// A handle that stays this process, whoever gets its number later; `None` if it is gone.
pub fn handle(pid: i32) -> Option<OwnedFd> {
    rustix::process::pidfd_open(Pid::from_raw(pid)?, PidfdFlags::NONBLOCK).ok()
}
