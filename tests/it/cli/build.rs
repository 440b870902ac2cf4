//! Stories of `wheelwright build`: what is typed, what lies in the wheelhouse afterwards.

use crate::kit::clients::Client;
use crate::kit::packages::{Dist, Package};
use crate::kit::upstream::Upstream;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use wheelwright::config::Config;
use wheelwright::db::Db;
use wheelwright::db::builds::Filter;

/// A backend in the source itself, for any Python: no build requirement, so no network.
const BACKEND: &str = r#"
import os, zipfile

def build_wheel(folder, config_settings=None, metadata_directory=None):
    values = {}
    with open("project.txt") as lines:
        for line in lines:
            key, _, value = line.strip().partition("=")
            values.setdefault(key, []).append(value)
    if "fail" in values:
        raise RuntimeError(values["fail"][0])
    name, version = values["name"][0], values["version"][0]
    info = "%s-%s.dist-info" % (name, version)
    metadata = "Metadata-Version: 2.1\nName: %s\nVersion: %s\n" % (name, version)
    metadata += "".join("Requires-Dist: %s\n" % text for text in values.get("requires", []))
    wheel = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py2-none-any\nTag: py3-none-any\n"
    files = [(name + ".py", "VERSION = %r\n" % version), (info + "/METADATA", metadata), (info + "/WHEEL", wheel)]
    record = "".join("%s,,\n" % path for path, _ in files) + info + "/RECORD,,\n"
    filename = "%s-%s-py2.py3-none-any.whl" % (name, version)
    import base64, hashlib
    record = ""
    for path, text in files:
        data = text.encode("utf-8")
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        record += "%s,sha256=%s,%d\n" % (path, digest, len(data))
    record += info + "/RECORD,,\n"
    with zipfile.ZipFile(os.path.join(folder, filename), "w") as archive:
        for path, text in files + [(info + "/RECORD", record)]:
            archive.writestr(zipfile.ZipInfo(path, (2020, 1, 1, 0, 0, 0)), text)
    return filename
"#;

/// An index without metadata beside its wheels: the wheels themselves say what they require.
async fn upstream() -> Upstream {
    let upstream = Upstream::start().await;
    upstream.set(|behaviour| behaviour.metadata = None);
    upstream
}

fn add(upstream: &Upstream, dist: Dist) {
    upstream.add(&dist.filename, dist.bytes);
}

/// A machine of its own: a cache, a folder to work in.
pub struct Machine {
    folder: tempfile::TempDir,
}

impl Machine {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn house(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.path("house")).into_iter().flatten().flatten();
        let mut names: Vec<String> =
            entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.retain(|name| name.ends_with(".whl"));
        names.sort();
        names
    }

    /// A project with the backend above.
    pub fn project(&self, name: &str, lines: &str) -> PathBuf {
        let folder = self.path(name);
        std::fs::create_dir_all(&folder).expect("a folder");
        let system = "[build-system]\nrequires = []\nbuild-backend = \"backend\"\nbackend-path = [\".\"]\n";
        std::fs::write(folder.join("pyproject.toml"), system).expect("a file");
        std::fs::write(folder.join("backend.py"), BACKEND).expect("a file");
        std::fs::write(folder.join("project.txt"), lines).expect("a file");
        folder
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wheelwright"));
        command.current_dir(self.folder.path()).env_clear();
        for name in ["PATH", "HOME", "HTTPS_PROXY", "HTTP_PROXY", "SSL_CERT_FILE"] {
            command.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        command.env("XDG_CACHE_HOME", self.path("cache"));
        command.args(["build", "--json"]).args(arguments);
        command
    }

    /// Has the server at this address build, for `alice/dev`.
    pub async fn build_at(&self, server: &str, token: &str, arguments: &[&str]) -> Built {
        let mut command = self.command(arguments);
        command.args(["--server", server, "--for-index", "alice/dev"]).env("WHEELWRIGHT_TOKEN", token);
        let output = tokio::task::spawn_blocking(move || command.output().expect("it runs"));
        Built::of(output.await.expect("it ends"))
    }

    pub async fn build(&self, upstream: &str, arguments: &[&str]) -> Built {
        self.build_with(upstream, arguments, &[]).await
    }

    /// The same with variables.
    pub async fn build_with(
        &self,
        upstream: &str,
        arguments: &[&str],
        variables: &[(&str, String)],
    ) -> Built {
        let mut command = self.command(arguments);
        command.args(["--upstream", upstream, "-w", "house"]).envs(variables.iter().cloned());
        let output = tokio::task::spawn_blocking(move || {
            command.env("WHEELWRIGHT_PROXY__UV", Client::new("uv").program("uv"));
            command.output().expect("it runs")
        });
        Built::of(output.await.expect("it ends"))
    }
}

pub struct Built {
    code: Option<i32>,
    said: String,
    json: Value,
}

impl Built {
    fn of(output: Output) -> Self {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let json = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
        Self { code: output.status.code(), said, json }
    }

    /// `name target-half outcome`, in order.
    pub fn outcomes(&self) -> Vec<String> {
        let text = |item: &Value, key: &str| item[key].as_str().unwrap_or_default().to_owned();
        let items = self.json["items"].as_array().cloned().unwrap_or_default();
        let told = items.iter().map(|item| {
            let target = text(item, "target");
            format!(
                "{} {} {}",
                text(item, "name"),
                target.split('-').next().unwrap_or_default(),
                text(item, "outcome")
            )
        });
        told.collect()
    }

    /// What it printed for people.
    pub fn said(&self) -> &str {
        &self.said
    }

    /// What `--json` printed.
    pub fn json(&self) -> &Value {
        &self.json
    }

    pub fn succeeded(self) -> Self {
        assert_eq!(self.code, Some(0), "{}\n{:#}", self.said, self.json);
        self
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_and_what_it_requires_become_a_wheelhouse_for_two_interpreters() {
    let machine = Machine::new();
    let upstream = upstream().await;
    add(&upstream, Package::new("helper", "1.0").wheel());
    add(&upstream, Package::new("helper", "2.0").wheel());
    add(&upstream, Package::new("backport", "0.5").wheel());
    let lines = "name=demo\nversion=1.5\nrequires=helper<2\nrequires=backport; python_version < \"3\"\n";
    machine.project("proj", lines);
    let arguments = ["./proj", "--target", "cp27-linux", "--target", "cp313-linux"];
    let built = machine.build(&upstream.simple(), &arguments).await.succeeded();
    let (of_helper, others): (Vec<String>, Vec<String>) =
        built.outcomes().into_iter().partition(|told| told.starts_with("helper"));
    assert_eq!(others, ["backport cp27mu fetched", "demo cp27mu built", "demo cp313 built"]);
    // Whichever target is done first fetches it; the other may find it there.
    assert_eq!(of_helper.len(), 2, "{of_helper:?}");
    assert!(of_helper.iter().any(|told| told.ends_with(" fetched")), "{of_helper:?}");
    let house = [
        "backport-0.5-py2.py3-none-any.whl",
        "demo-1.5-py2.py3-none-any.whl",
        "helper-1.0-py2.py3-none-any.whl",
    ];
    assert_eq!(machine.house(), house);
    // Again: nothing is fetched, even while nobody answers; the tree is known by its bytes.
    drop(upstream);
    let again = machine.build("http://127.0.0.1:9/simple/", &arguments).await.succeeded();
    assert_eq!(again.outcomes()[0], "backport cp27mu held");
    assert_eq!(machine.house(), house);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_told_and_the_rest_goes_on() {
    let machine = Machine::new();
    let upstream = upstream().await;
    add(&upstream, Package::new("helper", "1.0").wheel());
    machine.project("broken", "name=broken\nversion=1\nfail=the moon is not in reach\n");
    let arguments = ["./broken", "helper", "nowhere-to-be-found", "--target", "cp313-linux"];
    let built = machine.build(&upstream.simple(), &arguments).await;
    assert_eq!(built.code, Some(1), "{}", built.said);
    assert_eq!(
        built.outcomes(),
        ["./broken cp313 failed", "helper cp313 fetched", "nowhere-to-be-found cp313 failed"]
    );
    let broken = &built.json["items"][0];
    assert!(broken["failure"]["line"].as_str().unwrap_or_default().contains("the moon"), "{broken:#}");
    let log = std::fs::read_to_string(broken["log"].as_str().expect("a path")).expect("a log");
    assert!(log.contains("the moon is not in reach"), "{log}");
    assert!(built.said.contains("hint: "), "{}", built.said);
    assert_eq!(machine.house(), ["helper-1.0-py2.py3-none-any.whl"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_names_who_wants_what() {
    let machine = Machine::new();
    let upstream = upstream().await;
    add(&upstream, Package::new("app", "1.0").requires("helper<2").wheel());
    add(&upstream, Package::new("helper", "1.0").wheel());
    add(&upstream, Package::new("helper", "2.0").wheel());
    let built = machine.build(&upstream.simple(), &["app", "helper>=2", "--target", "cp313-linux"]).await;
    assert_eq!(built.code, Some(1));
    assert_eq!(built.outcomes(), ["requirements cp313 failed"]);
    for part in ["you want app, you want helper>=2", "app depend on helper<2"] {
        assert!(built.said.contains(part), "{part}: {}", built.said);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_version_is_taken_where_the_newest_cannot_be_installed_with_the_rest() {
    let machine = Machine::new();
    let upstream = upstream().await;
    add(&upstream, Package::new("app", "1.0").requires("helper<2").wheel());
    add(&upstream, Package::new("app", "2.0").requires("helper>=2").wheel());
    add(&upstream, Package::new("helper", "1.0").wheel());
    add(&upstream, Package::new("helper", "2.0").wheel());
    add(&upstream, Package::new("pinned", "1.0").requires("helper<2").wheel());
    let built = machine.build(&upstream.simple(), &["app", "pinned", "--target", "cp313-linux"]).await;
    assert_eq!(built.succeeded().outcomes().len(), 3);
    let house = [
        "app-1.0-py2.py3-none-any.whl",
        "helper-1.0-py2.py3-none-any.whl",
        "pinned-1.0-py2.py3-none-any.whl",
    ];
    assert_eq!(machine.house(), house);
    // What the wheelhouse has is enough: nobody is asked, and nothing newer is wanted.
    let again = machine.build("http://127.0.0.1:9/simple/", &["pinned", "--target", "cp313-linux"]).await;
    assert_eq!(again.succeeded().outcomes(), ["helper cp313 held", "pinned cp313 held"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_mistyped_exits_with_2_and_touches_nothing() {
    let machine = Machine::new();
    for arguments in
        [&["not a requirement"][..], &["./nowhere"], &["git+https://h/r@--x"], &["-r", "nowhere.txt"], &[]]
    {
        let built = machine.build("http://127.0.0.1:9/simple/", arguments).await;
        assert_eq!(built.code, Some(2), "{arguments:?}: {}", built.said);
    }
    assert!(!machine.path("house").exists() && !machine.path("cache").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn recipes_that_are_not_there_or_wrong_are_told_of_before_anything_is_made() {
    let machine = Machine::new();
    let upstream = "http://127.0.0.1:9/simple/";
    let built = machine.build(upstream, &["demo", "--recipes", "nowhere"]).await;
    assert!(
        built.code == Some(2) && built.said.contains("--recipes nowhere is not a folder"),
        "{}",
        built.said
    );
    std::fs::create_dir(machine.path("recipes")).expect("a folder");
    std::fs::write(machine.path("recipes/demo.toml"), "[build]\nwhatever = 1\n").expect("a file");
    let built = machine.build(upstream, &["other", "--recipes", "recipes"]).await;
    assert!(built.code == Some(2) && built.said.contains("demo.toml:2"), "{}", built.said);
    assert!(!machine.path("cache").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_tree_of_the_same_version_gives_the_wheelhouse_its_new_bytes() {
    let machine = Machine::new();
    let upstream = upstream().await;
    let folder = machine.project("proj", "name=demo\nversion=1.5\n");
    let wheel = || std::fs::read(machine.path("house/demo-1.5-py2.py3-none-any.whl")).expect("a wheel");
    let arguments = ["./proj", "--target", "cp313-linux"];
    machine.build(&upstream.simple(), &arguments).await.succeeded();
    let before = wheel();
    std::fs::write(folder.join("backend.py"), BACKEND.replace("VERSION = %r", "CHANGED = %r"))
        .expect("a file");
    machine.build(&upstream.simple(), &arguments).await.succeeded();
    assert_ne!(before, wheel());
    std::fs::write(folder.join("project.txt"), "name=demo\nversion=1.5\nfail=no luck\n").expect("a file");
    machine.build(&upstream.simple(), &arguments).await;
    let again = machine.build(&upstream.simple(), &arguments).await;
    assert!(again.said.contains("it failed before (build "), "{}", again.said);
    assert!(again.said.contains("use --rebuild"), "{}", again.said);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_broken_off_leaves_no_build_behind() {
    let machine = Machine::new();
    let upstream = upstream().await;
    let folder = machine.project("slow", "name=slow\nversion=1\n");
    std::fs::write(folder.join("backend.py"), "import time\ntime.sleep(600)\n").expect("a file");
    let mut command = machine.command(&["./slow", "--target", "cp313-linux", "-w", "house"]);
    command.args(["--upstream", &upstream.simple()]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it runs");
    let config = Config { data: machine.path("cache/wheelwright"), ..Config::default() };
    let running =
        Filter { state: Some(wheelwright::words::BuildState::Running), limit: 9, ..Filter::default() };
    let db = loop {
        assert!(child.try_wait().expect("a process").is_none(), "it ended early");
        if let Ok(db) = Db::open(&config.database_url()).await
            && db.builds(&running).await.is_ok_and(|builds| builds.len() == 1)
        {
            break db;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    };
    let signal = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill");
    assert!(signal.success());
    let ended = tokio::task::spawn_blocking(move || child.wait().expect("it ends")).await.expect("it ends");
    assert_eq!(ended.code(), Some(130));
    let left = db.builds(&Filter { limit: 9, ..Filter::default() }).await.expect("builds");
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_of_a_repository_is_built_from_its_folder() {
    let machine = Machine::new();
    let upstream = upstream().await;
    let repository = machine.path("repository");
    machine.project("repository/lib", "name=demo\nversion=1.2\n");
    git(&repository, &["init", "-q", "."]);
    git(&repository, &["add", "."]);
    git(&repository, &["commit", "-q", "-m", "x"]);
    git(&repository, &["tag", "v1.2"]);
    std::fs::write(repository.join("lib/project.txt"), "name=demo\nversion=9\n").expect("a file");
    git(&repository, &["commit", "-q", "-a", "-m", "y"]);
    let url = format!("git+file://{}@v1.2#subdirectory=lib&egg=demo", repository.display());
    machine.build(&upstream.simple(), &[&url, "--target", "cp313-linux"]).await.succeeded();
    assert_eq!(machine.house(), ["demo-1.2-py2.py3-none-any.whl"]);
    let unknown = url.replace("@v1.2", "@v1.3");
    let built = machine.build(&upstream.simple(), &[&unknown, "--target", "cp313-linux"]).await;
    assert_eq!(built.code, Some(1));
    assert!(built.said.contains("no tag or branch \"v1.3\": did you mean v1.2?"), "{}", built.said);
}

pub fn git(folder: &Path, arguments: &[&str]) {
    let identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"];
    let output =
        Command::new("git").current_dir(folder).args(identity).args(arguments).output().expect("git");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn requirements_that_an_interpreter_decided_are_not_given_to_another() {
    let machine = Machine::new();
    let upstream = upstream().await;
    add(&upstream, Package::new("backport", "0.5").wheel());
    let folder = machine.project("proj", "name=demo\nversion=1.0\n");
    // As a setup.py that looks at sys.version_info.
    let deciding = BACKEND.replace(
        "    name, version =",
        "    import sys\n    if sys.version_info < (3,): values[\"requires\"] = [\"backport\"]\n    name, version =",
    );
    std::fs::write(folder.join("backend.py"), deciding).expect("a file");
    let arguments = ["./proj", "--target", "cp27-linux", "--target", "cp313-linux"];
    let built = machine.build(&upstream.simple(), &arguments).await.succeeded();
    assert_eq!(built.outcomes(), ["backport cp27mu fetched", "demo cp27mu built", "demo cp313 built"]);
    assert_eq!(
        machine.house(),
        ["backport-0.5-py2.py3-none-any.whl", "demo-1.0-py27-none-any.whl", "demo-1.0-py313-none-any.whl"]
    );
}
