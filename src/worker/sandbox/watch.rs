//! Holds a run to its limits, all its processes together.

use super::bubblewrap::MEMORY_FOLDERS;
use super::plan::SandboxPlan;
use super::usage::{Usage, usage};
use crate::config::units::show_bytes;
use crate::words::{Class, Isolation};
use crate::worker::processes;
use parking_lot::Mutex;
use rustix::fs::{Mode, OFlags};
use rustix::process::{Signal, pidfd_send_signal};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Between two looks.
const PERIOD: Duration = Duration::from_millis(100);
/// Every so many looks, open files without names are counted too.
const THOROUGH: u32 = 5;
/// What `statfs` calls a folder in memory.
const TMPFS: rustix::fs::FsWord = 0x0102_1994;
/// A file system that has less left counts as full: builds must not stop the server.
const FREE: u64 = 256 << 20;

/// Why a run is stopped, and the line about it for the log.
#[derive(Debug)]
pub(super) struct LimitReached {
    pub class: Class,
    pub line: String,
}

impl LimitReached {
    pub fn new(class: Class, line: impl Into<String>) -> Self {
        Self { class, line: line.into() }
    }
}

/// What was seen so far; shared with whoever waits for the run's end.
#[derive(Clone, Default)]
pub(super) struct WatchedRun(Arc<Mutex<Facts>>);

#[derive(Default)]
struct Facts {
    peak: u64,
    /// A folder in memory that had nothing left.
    full: Option<&'static str>,
    /// The run's first process, for killing and waiting.
    init: Option<OwnedFd>,
}

impl WatchedRun {
    fn change<T>(&self, change: impl FnOnce(&mut Facts) -> T) -> T {
        change(&mut self.0.lock())
    }

    pub fn peak(&self) -> u64 {
        self.change(|facts| facts.peak)
    }

    pub fn full(&self) -> Option<&'static str> {
        self.change(|facts| facts.full)
    }

    /// Whether the first process is known and was sent the signal.
    pub fn kill_init(&self) -> bool {
        self.change(|facts| {
            facts.init.as_ref().is_some_and(|init| pidfd_send_signal(init, Signal::KILL).is_ok())
        })
    }

    pub fn take_init(&self) -> Option<OwnedFd> {
        self.change(|facts| facts.init.take())
    }
}

pub(super) struct RunWatch {
    pub plan: SandboxPlan,
    pub isolation: Isolation,
    /// `bwrap`, or `inside` where there is no sandbox.
    pub root: i32,
    pub seen: WatchedRun,
}

impl RunWatch {
    /// Looks again and again; returns when a limit is passed.
    pub async fn run(self) -> LimitReached {
        let seconds = self.plan.limits.seconds;
        let watch = Arc::new(self);
        // Each by itself: to ask hundreds of processes that fork for their memory can take long.
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(seconds)) => {
                LimitReached::new(Class::Timeout, format!("stopped after {seconds} s"))
            }
            stop = watch.again_and_again(|watch, _| watch.processes()) => stop,
            stop = watch.again_and_again(RunWatch::memory) => stop,
            stop = watch.folders() => stop,
        }
    }

    /// Looks every [`PERIOD`], on a thread of its own; each look is told its number.
    async fn again_and_again(self: &Arc<Self>, look: fn(&Self, u32) -> Option<LimitReached>) -> LimitReached {
        // The first look comes soon: most runs are short, and the first process is to be known.
        let mut pause = PERIOD / 10;
        let mut number = 0;
        loop {
            tokio::time::sleep(pause).await;
            let watch = self.clone();
            if let Ok(Some(stop)) = tokio::task::spawn_blocking(move || look(&watch, number)).await {
                return stop;
            }
            (pause, number) = (PERIOD, number.wrapping_add(1));
        }
    }

    /// The build's processes, one more than are allowed at most.
    fn pids(&self) -> Vec<i32> {
        let most = usize::try_from(self.plan.limits.processes).unwrap_or(usize::MAX);
        let mut pids = processes::below(self.root, most.saturating_add(2));
        if self.isolation == Isolation::Bubblewrap && !pids.is_empty() {
            // `inside` is no process of the build.
            let init = pids.remove(0);
            self.seen.change(|facts| facts.init = facts.init.take().or_else(|| processes::handle(init)));
        }
        pids
    }

    fn processes(&self) -> Option<LimitReached> {
        let most = self.plan.limits.processes;
        let line = || format!("stopped: more than {most} processes");
        (self.pids().len() as u64 > most).then(|| LimitReached::new(Class::Processes, line()))
    }

    fn memory(&self, look: u32) -> Option<LimitReached> {
        let limits = &self.plan.limits;
        let pids = self.pids();
        let (nameless, disk) = match look % THOROUGH == THOROUGH - 1 {
            true => processes::nameless_files(&pids, 20_000),
            false => (0, 0),
        };
        if disk > limits.disk {
            let most = show_bytes(limits.disk);
            return Some(LimitReached::new(
                Class::Disk,
                format!("stopped: more than {most} in deleted files"),
            ));
        }
        let (folders, entries) = self.memory_folders();
        if entries > limits.files {
            let line = format!("stopped: more than {} files in /tmp and the like", limits.files);
            return Some(LimitReached::new(Class::Disk, line));
        }
        let others = nameless + folders;
        let mut used = others + pids.iter().map(|pid| processes::memory(*pid)).sum::<u64>();
        if used > limits.memory {
            used = others + pids.iter().map(|pid| processes::exact_memory(*pid)).sum::<u64>();
        }
        self.seen.change(|facts| facts.peak = facts.peak.max(used));
        let most = show_bytes(limits.memory);
        (used > limits.memory)
            .then(|| LimitReached::new(Class::Memory, format!("stopped: more than {most} of memory in use")))
    }

    /// Bytes and entries in the sandbox's folders in memory.
    fn memory_folders(&self) -> (u64, u64) {
        let (mut bytes, mut entries) = (0, 0);
        let Some(init) = self.first() else { return (0, 0) };
        for (folder, _) in MEMORY_FOLDERS {
            // Opened once, so that all that is asked is said of the same folder: while the sandbox is
            // being set up, its first process still sees the host's.
            let path = format!("/proc/{init}/root{folder}");
            let Ok(opened) = rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()) else {
                continue;
            };
            let (Ok(place), Ok(facts)) = (rustix::fs::fstat(&opened), rustix::fs::fstatfs(&opened)) else {
                continue;
            };
            let of_host = std::fs::metadata(folder).is_ok_and(|host| host.dev() == place.st_dev);
            if of_host || facts.f_type != TMPFS {
                continue;
            }
            bytes += (facts.f_blocks - facts.f_bfree) * u64::try_from(facts.f_bsize).unwrap_or(0);
            entries += facts.f_files - facts.f_ffree;
            if facts.f_blocks > 0 && facts.f_bfree * 100 < facts.f_blocks {
                self.seen.change(|seen| seen.full = Some(folder));
            }
        }
        (bytes, entries)
    }

    /// The number of the sandbox's first process.
    fn first(&self) -> Option<i32> {
        match self.isolation {
            Isolation::Bubblewrap => processes::below(self.root, 1).first().copied(),
            Isolation::None => None,
        }
    }

    /// Walks through the watched folders, for a small share of the time.
    async fn folders(self: &Arc<Self>) -> LimitReached {
        let mut pause = PERIOD / 10;
        while !self.plan.watched.is_empty() {
            tokio::time::sleep(pause).await;
            let started = Instant::now();
            let (list, files) = (self.plan.watched.clone(), self.plan.limits.files);
            let used = tokio::task::spawn_blocking(move || usage(list, files)).await;
            if let Some(stop) = used.ok().and_then(|used| self.is_too_much(&used)) {
                return stop;
            }
            pause = (started.elapsed() * 10).max(PERIOD);
        }
        std::future::pending().await
    }

    fn is_too_much(&self, used: &Usage) -> Option<LimitReached> {
        let limits = &self.plan.limits;
        if used.files > limits.files {
            return Some(LimitReached::new(
                Class::Disk,
                format!("stopped: more than {} files", limits.files),
            ));
        }
        if used.bytes > limits.disk {
            let most = show_bytes(limits.disk);
            return Some(LimitReached::new(Class::Disk, format!("stopped: more than {most} written")));
        }
        let full = self.plan.watched.iter().filter_map(|folder| rustix::fs::statvfs(folder).ok());
        let full = full.into_iter().any(|facts| facts.f_bavail * facts.f_frsize < FREE);
        full.then(|| LimitReached::new(Class::Worker, "stopped: this machine's disk is nearly full"))
    }
}
