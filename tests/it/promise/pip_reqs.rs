//! The original pip-reqs against a whole server with a real worker: compile, resolve, install.

use crate::kit::clients::{Client, Run};
use crate::kit::sources::Tree;
use crate::kit::upstream::Upstream;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A process of ours that serves and builds.
struct House {
    child: Child,
    url: String,
    _data: tempfile::TempDir,
}

impl House {
    /// Builds for the interpreter that clients are run with, and mirrors `upstream`.
    async fn start(upstream: Option<String>, uv: Option<String>) -> Self {
        crate::kit::tls::ready();
        let started = tokio::task::spawn_blocking(move || Self::begin(upstream, uv));
        let house = started.await.expect("it starts");
        let until = Instant::now() + Duration::from_secs(120);
        loop {
            let targets = reqwest::Client::new().get(format!("{}/+targets", house.url));
            let targets = targets.basic_auth("root", Some("secret")).send().await.expect("an answer");
            if targets.text().await.expect("a body").contains("\"name\"") {
                return house;
            }
            assert!(Instant::now() < until, "no worker came");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    fn begin(upstream: Option<String>, uv: Option<String>) -> Self {
        let data = tempfile::tempdir().expect("a folder");
        let mut command = Command::new(env!("CARGO_BIN_EXE_wheelwright"));
        command.env_clear().arg("serve").args(["--listen", "127.0.0.1:0", "--data"]).arg(data.path());
        for name in ["HOME", "SSL_CERT_FILE", "PIP_INDEX_URL", "PIP_CONFIG_FILE"] {
            command.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        let path = std::env::var("PATH").expect("a PATH");
        let (python, version) = python();
        let without_uv =
            path.split(':').filter(|folder| uv.is_some() || !Path::new(folder).join("uv").exists());
        command.env("PATH", without_uv.collect::<Vec<_>>().join(":"));
        command.env("WHEELWRIGHT_ROOT_PASSWORD", "secret").env("WHEELWRIGHT_BUILD__TARGETS", version);
        command.env("WHEELWRIGHT_BUILD__INTERPRETERS", python);
        command.envs(upstream.map(|url| ("WHEELWRIGHT_UPSTREAM", url)));
        command.envs(uv.map(|uv| ("WHEELWRIGHT_PROXY__UV", uv)));
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
        let mut line = String::new();
        let out = child.stdout.take().expect("its output");
        BufReader::new(out).read_line(&mut line).expect("a line");
        let url = line.trim().strip_prefix("listening on ").expect("its address").to_owned();
        Self { child, url, _data: data }
    }

    /// `WHEELSPROXY_URL`
    fn proxy(&self) -> String {
        format!("{}/v1/pypi/{}/", self.url, python().1)
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The interpreter of clients, and its target.
fn python() -> (String, String) {
    let code = "import sys; print(sys.executable, 'cp%d%d' % sys.version_info[:2])";
    let done = Command::new("python3").args(["-c", code]).output().expect("python3");
    let text = String::from_utf8(done.stdout).expect("text");
    let (executable, target) = text.trim().split_once(' ').expect("two words");
    (executable.to_owned(), target.to_owned())
}

async fn client(name: &'static str) -> Client {
    tokio::task::spawn_blocking(move || Client::new(name)).await.expect("a client")
}

const SYSTEM: &str = "[build-system]\nrequires = []\nbuild-backend = \"backend\"\nbackend-path = [\".\"]\n";

/// A backend that pip needs nothing from an index for, of a project that requires `alpha<2`.
const BACKEND: &str = r#"
import os

def prepare_metadata_for_build_wheel(folder, config_settings=None):
    os.mkdir(os.path.join(folder, "app-1.dist-info"))
    with open(os.path.join(folder, "app-1.dist-info", "METADATA"), "w") as file:
        file.write("Metadata-Version: 2.1\nName: app\nVersion: 1\nRequires-Dist: alpha<2\n")
    return "app-1.dist-info"

def build_wheel(folder, config_settings=None, metadata_directory=None):
    raise NotImplementedError("only its metadata is asked for")
"#;

async fn pip_reqs(house: &House, folder: &Path, what: &str) -> Run {
    let client = client("pip-reqs").await.set("WHEELSPROXY_URL", house.proxy());
    client.run_in(folder, "pip-reqs", &[what]).await
}

fn read(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).expect("a written file")
}

async fn installs(folder: &Path, module: &str) {
    let arguments = [
        "install",
        "--no-cache-dir",
        "--no-index",
        "--no-deps",
        "--target",
        "site",
        "-r",
        "requirements.urls",
    ];
    client("pip-reqs").await.run_in(folder, "pip", &arguments).await.succeeded();
    assert!(folder.join("site").join(module).exists(), "{module} is installed");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_original_pip_reqs_compiles_resolves_and_pip_installs_what_was_built() {
    let upstream = Upstream::start().await;
    for tree in [Tree::new("alpha", "1.0"), Tree::new("alpha", "2.0"), Tree::new("beta", "1.0")] {
        upstream.add(&tree.filename(), tree.sdist());
    }
    let uv = client("uv").await.program("uv").display().to_string();
    let house = House::start(Some(upstream.simple()), Some(uv)).await;
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    std::fs::create_dir(folder.join("app")).expect("a folder");
    std::fs::write(folder.join("app/pyproject.toml"), SYSTEM).expect("a file");
    std::fs::write(folder.join("app/backend.py"), BACKEND).expect("a file");
    // Without it pip takes no folder as editable whose backend does not speak of that.
    std::fs::write(folder.join("app/setup.cfg"), "").expect("a file");
    std::fs::write(folder.join("requirements.in"), "beta\n-e ./app\n").expect("a file");
    pip_reqs(&house, folder, "compile").await.succeeded();
    let pinned = read(folder, "requirements.txt");
    assert!(pinned.contains("alpha==1.0") && pinned.contains("beta==1.0"), "{pinned}");
    assert!(pinned.contains("\n-e file://"), "{pinned}");
    pip_reqs(&house, folder, "resolve").await.succeeded();
    let urls = read(folder, "requirements.urls");
    assert!(urls.lines().any(|line| line.starts_with("-e file://")), "{urls}");
    let only: String =
        urls.lines().filter(|line| !line.starts_with("-e")).map(|line| format!("{line}\n")).collect();
    std::fs::write(folder.join("requirements.urls"), only).expect("a file");
    installs(folder, "alpha.py").await;
    installs(folder, "beta.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_original_pip_reqs_prints_conflicts_and_failures_and_exits_1() {
    let upstream = Upstream::start().await;
    let bad = Tree::new("bad", "1.0").does("raise RuntimeError('not today')");
    upstream.add(&bad.filename(), bad.sdist());
    let uv = client("uv").await.program("uv").display().to_string();
    let house = House::start(Some(upstream.simple()), Some(uv)).await;
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("requirements.in"), "bad>1\n").expect("a file");
    pip_reqs(&house, folder.path(), "compile").await.failed().says("unsatisfiable");
    std::fs::write(folder.path().join("requirements.txt"), "bad==1.0\n").expect("a file");
    let log = format!("log: {}/+builds/", house.url);
    pip_reqs(&house, folder.path(), "resolve")
        .await
        .failed()
        .says("not today")
        .says(&log)
        .says("line 1: bad==1.0");
}

#[tokio::test(flavor = "multi_thread")]
async fn through_pypi_with_the_resolver_that_comes_from_there() {
    let house = House::start(None, None).await;
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("requirements.in"), "docopt==0.6.2\nwrapt==1.14.1\npython-dateutil\n")
        .expect("a file");
    pip_reqs(&house, folder.path(), "compile").await.succeeded();
    let pinned = read(folder.path(), "requirements.txt");
    assert!(pinned.contains("docopt==0.6.2") && pinned.contains("python-dateutil=="), "{pinned}");
    pip_reqs(&house, folder.path(), "resolve").await.succeeded();
    installs(folder.path(), "docopt.py").await;
    installs(folder.path(), "dateutil").await;
}
