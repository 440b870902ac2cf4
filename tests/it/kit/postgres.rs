//! A real Postgres: one cluster for all tests of a run, a database for each.
//!
//! Tests are processes of their own, so whoever comes first starts the cluster, under a lock; a
//! small guardian process stops it when the run (the parent of the tests) is over.

use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::parent_id;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// For throw-away data: quick instead of durable, and reached by its socket alone.
const SETTINGS: &str = "-c listen_addresses= -c fsync=off -c full_page_writes=off \
    -c synchronous_commit=off -c max_connections=300 -c shared_buffers=32MB";

/// A fresh, empty database; dropped with this value.
pub struct Database {
    pub url: String,
    name: String,
    cluster: PathBuf,
}

impl Database {
    /// Blocks: the first one in a run takes a second or two.
    pub fn fresh() -> Self {
        let cluster = cluster();
        let name = format!("w{}", uuid::Uuid::now_v7().simple());
        run(client("createdb", &cluster).args(["-T", "template0", "-E", "UTF8", &name]));
        let url = format!("postgres://postgres@localhost/{name}?host={}", cluster.display());
        Self { url, name, cluster }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let mut dropping = client("dropdb", &self.cluster);
        dropping.args(["--force", "--if-exists", &self.name]);
        let _ = dropping.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    }
}

/// The folder of this run's cluster, started if nobody has.
fn cluster() -> PathBuf {
    let run = parent_id();
    let folder = std::env::temp_dir().join(format!("wheelwright-postgres-{run}-{}", started(run)));
    let turn = File::create(folder.with_extension("lock")).expect("a lock file");
    turn.lock().expect("the lock");
    if !folder.join("ready").exists() {
        start(&folder);
        guard(run, &folder);
        File::create(folder.join("ready")).expect("a mark that the cluster is ready");
    }
    folder
}

fn start(folder: &Path) {
    let _ = std::fs::remove_dir_all(folder);
    std::fs::create_dir(folder).expect("a folder for the cluster");
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).expect("its permissions");
    if is_root() {
        run(Command::new("chown").arg("postgres").arg(folder));
    }
    let data = folder.join("data");
    run(as_owner("initdb", folder)
        .args(["-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync"])
        .arg(&data));
    let settings = format!("{SETTINGS} -k {}", folder.display());
    let log = folder.join("log");
    let mut starting = as_owner("pg_ctl", folder);
    run(starting.arg("-D").arg(&data).arg("-l").arg(&log).args(["-w", "-o", &settings, "start"]));
}

/// Leaves a shell behind that stops the cluster once the run has ended.
fn guard(run: u32, folder: &Path) {
    let mut stop = as_owner("pg_ctl", folder);
    stop.arg("-D").arg(folder.join("data")).args(["-m", "immediate", "stop"]);
    let script = r#"run=$1; folder=$2; shift 2
        while kill -0 "$run" 2>/dev/null; do sleep 1; done
        "$@"; rm -rf "$folder" "$folder.lock""#;
    let mut guardian = Command::new("setsid");
    guardian.args(["--fork", "sh", "-c", script, "guardian"]).arg(run.to_string()).arg(folder);
    guardian.arg(stop.get_program()).args(stop.get_args()).current_dir("/");
    guardian.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().expect("a guardian");
}

/// When a process started, so that a number that is used again names another run.
fn started(process: u32) -> String {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    after_name.split_whitespace().nth(19).unwrap_or("0").to_owned()
}

fn client(program: &str, cluster: &Path) -> Command {
    let mut command = Command::new(found(program));
    command.arg("-h").arg(cluster).args(["-U", "postgres"]);
    command
}

/// Postgres refuses to run as root, so then it runs as the user its package makes.
fn as_owner(program: &str, folder: &Path) -> Command {
    let mut command = Command::new(if is_root() { "setpriv".into() } else { found(program) });
    if is_root() {
        command.args(["--reuid", "postgres", "--regid", "postgres", "--clear-groups"]).arg(found(program));
    }
    command.current_dir(folder);
    command
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// In `PATH`, or where Debian puts what is not for everybody's `PATH`.
fn found(program: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    for version in std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten() {
        folders.push(version.path().join("bin"));
    }
    let found = folders.into_iter().map(|folder| folder.join(program)).find(|file| file.is_file());
    found.unwrap_or_else(|| panic!("there is no {program}: install postgresql"))
}

fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
