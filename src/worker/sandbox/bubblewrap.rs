//! What a run sees, as arguments of `bwrap`.

use super::machine::Sandbox;
use super::plan::{HOME, PROGRAM, SandboxPlan};
use super::seccomp;
use super::spawn::memory_file;
use crate::error::Result;
use std::ffi::OsString;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::process::Command;

/// Where the gate's socket is inside.
const SOCKET: &str = "/gate";
/// Folders in memory, with the share of the memory limit that each may take, in 1/16.
pub(super) const MEMORY_FOLDERS: [(&str, u64); 4] = [("/tmp", 8), ("/dev/shm", 2), ("/run", 1), (HOME, 4)];

/// The number that a PID namespace gave away last; always the namespace's own.
const LAST_PID: &str = "/proc/sys/kernel/ns_last_pid";

const PASSWD: &str = "root:x:0:0:root:/nonexistent:/usr/sbin/nologin\n\
    build:x:1000:1000:build:/home/build:/bin/sh\n\
    nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n";
const GROUP: &str = "root:x:0:\nbuild:x:1000:\nnogroup:x:65534:\n";
const HOSTS: &str = "127.0.0.1 localhost build\n::1 localhost\n";
const NSSWITCH: &str = "passwd: files\ngroup: files\nhosts: files\nservices: files\nprotocols: files\n";

/// Files below `/etc` that compilers, linkers and interpreters read and that tell nothing.
const ETC: [&str; 12] = [
    "alternatives",
    "debian_version",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "mime.types",
    "os-release",
    "protocols",
    "services",
    "ssl/certs",
    "ssl/openssl.cnf",
    "pki/tls/certs",
];

/// The command that runs `plan`, and the descriptors that it inherits.
pub(super) fn command(sandbox: &Sandbox, plan: &SandboxPlan) -> Result<(Command, Vec<OwnedFd>)> {
    let mut list = Arguments::default();
    list.flags("--unshare-all --unshare-user --uid 1000 --gid 1000 --disable-userns --hostname build");
    if plan.network {
        list.flags("--share-net");
    }
    list.flags("--die-with-parent --new-session --as-pid-1 --cap-drop ALL --clearenv");
    list.system(plan.root.as_deref());
    list.etc(plan.root.as_deref(), plan.network)?;
    list.flags("--proc /proc");
    if let Some(most) = sandbox.bound.pid_max(plan.limits.processes) {
        list.with_descriptor("--file", memory_file("pid_max", most.to_string().as_bytes())?);
        list.extend(["/proc/sys/kernel/pid_max"]);
        if Path::new(LAST_PID).exists() {
            let last = super::bound::RESERVED.to_string();
            list.with_descriptor("--file", memory_file("last_pid", last.as_bytes())?);
            list.extend([LAST_PID]);
        }
    }
    // As root of the host, a build owns the switches below /proc/sys: nobody else writes anything there.
    list.flags("--remount-ro /proc --dev /dev");
    for (folder, share) in MEMORY_FOLDERS {
        let size = memory_folder_size(plan.limits.memory, share);
        let mode = if folder == HOME { "0755" } else { "1777" };
        list.extend(["--perms", mode, "--size", &size.to_string(), "--tmpfs", folder]);
    }
    list.flags("--remount-ro /dev");
    list.bind(false, &sandbox.program, Path::new(PROGRAM));
    if let Some(socket) = &plan.index {
        list.bind(false, socket, Path::new(SOCKET));
    }
    let mut mounts: Vec<_> = plan.mounts.iter().collect();
    // What lies below another mount comes after it.
    mounts.sort_by_key(|mount| mount.inside.components().count());
    for mount in mounts {
        list.bind(mount.writable, &mount.host, &mount.inside);
    }
    for (key, value) in super::plain::environment(plan) {
        list.extend(["--setenv", &key, &value]);
    }
    list.flags("--remount-ro /");
    let filter = memory_file("filter", &seccomp::filter()?)?;
    list.with_descriptor("--seccomp", filter);
    let cwd = if plan.cwd.as_os_str().is_empty() { Path::new(HOME) } else { &plan.cwd };
    list.extend([OsString::from("--chdir"), cwd.into()]);
    list.extend(["--"]);
    list.extend(&plan.starter);
    list.extend([PROGRAM]);
    list.extend(super::plain::enter(plan, plan.index.as_ref().map(|_| (Path::new(SOCKET), 3141))));
    let mut command = Command::new(&sandbox.bwrap);
    command.args(list.list).env_clear().current_dir("/");
    Ok((command, list.descriptors))
}

/// Bytes; at least what a compiler's temporary files need.
fn memory_folder_size(memory: u64, share: u64) -> u64 {
    (memory / 16 * share).max(8 << 20)
}

#[derive(Default)]
struct Arguments {
    list: Vec<OsString>,
    descriptors: Vec<OwnedFd>,
}

impl Arguments {
    fn flags(&mut self, flags: &str) {
        self.list.extend(flags.split(' ').map(OsString::from));
    }

    fn extend(&mut self, list: impl IntoIterator<Item = impl Into<OsString>>) {
        self.list.extend(list.into_iter().map(Into::into));
    }

    fn bind(&mut self, writable: bool, host: &Path, inside: &Path) {
        let flag = if writable { "--bind" } else { "--ro-bind" };
        self.extend([OsString::from(flag), host.into(), inside.into()]);
    }

    fn with_descriptor(&mut self, flag: &str, descriptor: OwnedFd) {
        self.extend([flag, &descriptor.as_raw_fd().to_string()]);
        self.descriptors.push(descriptor);
    }

    /// `/usr`, and what distributions have beside it: links into it on most, folders on old ones.
    fn system(&mut self, root: Option<&Path>) {
        let root = root.unwrap_or(Path::new("/"));
        self.bind(false, &root.join("usr"), Path::new("/usr"));
        for name in ["bin", "lib", "lib32", "lib64", "libx32", "sbin"] {
            let (host, inside) = (root.join(name), Path::new("/").join(name));
            if let Ok(target) = std::fs::read_link(&host) {
                self.extend([OsString::from("--symlink"), target.into(), inside.into()]);
            } else if host.is_dir() {
                self.bind(false, &host, &inside);
            }
        }
    }

    /// A root of our own may have a harmless `/etc`; of the host's, only a few files are shown.
    fn etc(&mut self, root: Option<&Path>, network: bool) -> Result<()> {
        for name in ["opt", "var", "etc"] {
            let Some(host) = root.map(|root| root.join(name)).filter(|host| host.is_dir()) else { continue };
            self.bind(false, &host, &Path::new("/").join(name));
            if name == "etc" {
                return Ok(());
            }
        }
        self.flags("--perms 0755 --dir /etc");
        for name in ETC {
            let path = Path::new("/etc").join(name);
            self.extend([OsString::from("--ro-bind-try"), path.clone().into(), path.into()]);
        }
        if network {
            // Through all links: it often leads to /run.
            let real = std::fs::canonicalize("/etc/resolv.conf").unwrap_or_default();
            self.extend([OsString::from("--ro-bind-try"), real.into(), "/etc/resolv.conf".into()]);
        }
        let (hosts, names) = match network {
            true => (std::fs::read_to_string("/etc/hosts").unwrap_or_default(), "hosts: files dns\n"),
            false => (HOSTS.to_owned(), NSSWITCH),
        };
        let own = [("passwd", PASSWD), ("group", GROUP), ("hosts", &hosts), ("nsswitch.conf", names)];
        for (name, content) in own {
            self.with_descriptor("--file", memory_file(name, content.as_bytes())?);
            self.extend([format!("/etc/{name}")]);
        }
        Ok(())
    }
}
