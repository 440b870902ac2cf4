//! The whole way with the program itself: from the command line to pip.

use crate::kit::clients;
use crate::kit::git_host::{GitHost, Repository};
use crate::kit::hired::until_ready;
use crate::kit::nginx::Nginx;
use crate::kit::program::{Program, wheelwright};
use crate::kit::tls;
use reqwest::Method;
use serde_json::{Value, json};
use std::path::Path;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;
use wheelwright::config::upstream::default_upstream;

/// A backend that takes its version from the tag, as setuptools-scm does: by asking git.
const BACKEND: &str = r#"
import base64, hashlib, os, subprocess, zipfile

def build_wheel(folder, config_settings=None, metadata_directory=None):
    tag = subprocess.check_output(["git", "describe", "--tags", "--exact-match", "--dirty"]).decode().strip()
    version = tag.lstrip("v")
    info = "demo-%s.dist-info/" % version
    members = [
        ("demo.py", "version = %r\n" % version),
        (info + "METADATA", "Metadata-Version: 2.1\nName: demo\nVersion: %s\n" % version),
        (info + "WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"),
    ]
    record = ""
    for name, text in members:
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
        record += "%s,sha256=%s,%d\n" % (name, digest, len(text))
    filename = "demo-%s-py3-none-any.whl" % version
    with zipfile.ZipFile(os.path.join(folder, filename), "w") as wheel:
        for name, text in members + [(info + "RECORD", record + info + "RECORD,,\n")]:
            wheel.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), text)
    return filename
"#;

const SYSTEM: &str = "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n";

fn project() -> Repository {
    let repository = Repository::new();
    repository.write("pyproject.toml", SYSTEM);
    repository.write("backend.py", BACKEND);
    repository
}

/// A server as people run it, whose worker is known.
async fn serving(data: &Path) -> Program {
    serving_with(data, "http://127.0.0.1:9/simple/").await
}

/// The same with an upstream.
async fn serving_with(data: &Path, upstream: &str) -> Program {
    serving_as(wheelwright(&["serve", "--upstream", upstream]), data).await
}

async fn serving_as(mut command: Command, data: &Path) -> Program {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    command.stderr(writer);
    let program = Program::run(command, data).await;
    let reader = tokio::net::unix::pipe::Receiver::from_owned_fd_unchecked(reader.into());
    until_ready(BufReader::new(reader.expect("a pipe")).lines()).await;
    program
}

/// `wheelwright watch …` beside the data folder.
async fn watch(data: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wheelwright"));
    command.arg("watch").args(arguments).arg("--data").arg(data).current_dir(data);
    let output = command.output().await.expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

async fn watch_json(data: &Path, arguments: &[&str]) -> Value {
    let (code, said, errors) = watch(data, &[arguments, &["--json"]].concat()).await;
    assert_eq!(code, Some(0), "{said}{errors}");
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
}

/// A tag as the server knows it, once it is as is wanted.
async fn until(program: &Program, id: &Value, tag: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    loop {
        let request = program.client().request(Method::GET, &format!("/+watches/{id}"));
        let answer = request.header("accept", "application/json").send().await.expect("an answer");
        let watch: Value = serde_json::from_str(&answer.text().await.expect("a body")).expect("JSON");
        let tags = watch["result"]["found"].as_array().expect("tags");
        if let Some(found) = tags.iter().find(|found| found["tag"] == tag) {
            assert_ne!(found["state"], "failed", "{found:#}");
            if wanted(found) {
                return found.clone();
            }
        }
    }
}

fn is_published(tag: &Value) -> bool {
    tag["state"] == "published"
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_is_built_and_installed_by_pip_with_the_version_that_git_tells() {
    let data = tempfile::tempdir().expect("a folder");
    let repository = project();
    repository.tag("v0.9");
    let program = serving(data.path()).await;
    program.make_index("dev").await;
    let url = repository.url();
    let added =
        watch_json(data.path(), &["add", "root/dev", &url, "--target", "cp313", "--from", "all"]).await;
    let id = &added["id"];
    until(&program, id, "v0.9", is_published).await;

    repository.tag("v1.0");
    let number = id.to_string();
    let (code, said, errors) = watch(data.path(), &["look", &number]).await;
    assert!(code == Some(0) && said.contains("2 tags"), "{said}{errors}");
    until(&program, id, "v1.0", is_published).await;
    let (_, said, _) = watch(data.path(), &["show", &number]).await;
    assert!(said.contains("v1.0") && said.contains("published"), "{said}");
    let (_, said, _) = watch(data.path(), &["list"]).await;
    assert!(said.contains(&url) && said.contains("ok"), "{said}");

    let pip = clients::Client::new("pip");
    let index = format!("http://{}/root/dev/+simple/", program.address());
    let target = pip.home.path().join("site").display().to_string();
    pip.run("pip", &["install", "--target", &target, "-i", &index, "demo"]).await.succeeded();
    let installed = std::fs::read_to_string(pip.home.path().join("site/demo.py")).expect("a module");
    assert_eq!(installed, "version = '1.0'\n");
    pip.run("pip", &["download", "-i", &index, "demo==0.9"]).await.succeeded();

    let (_, said, _) = watch(data.path(), &["remove", &number]).await;
    assert_eq!(said, format!("watch {id} removed\n"));
    let (code, _, errors) = watch(data.path(), &["show", &number]).await;
    assert!(code == Some(1) && errors.contains(&format!("watch {id} does not exist")), "{errors}");
}

/// A host as a team has it: HTTPS with a certificate of its own authority, and a token.
#[tokio::test(flavor = "multi_thread")]
async fn a_tag_of_a_host_with_https_and_a_token_is_built_where_its_certificate_is_trusted() {
    let data = tempfile::tempdir().expect("a folder");
    let repository = project();
    let host = GitHost::start(repository.path(), Some(("git", "hidden-token"))).await;
    let certified = tls::certificate(data.path());
    let secure = Nginx::encrypting(host.address, &certified);
    let settings = format!(
        "private_hosts = ['127.0.0.1']\n[git.credentials.corp]\nurl = '{}'\ntoken = 'hidden-token'\n",
        secure.url("")
    );
    std::fs::write(data.path().join("wheelwright.toml"), settings).expect("written");
    let send = async |program: &Program, method: Method, path: &str, body: Value| {
        let request = program.client().request(method, path).header("accept", "application/json");
        let request = request.header("content-type", "application/json").body(body.to_string());
        let answer = request.send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("a body"))
    };
    let add = async |program: &Program| {
        let order = json!({
            "index": "root/dev", "url": format!("git+{}", secure.url("/.git")), "targets": ["cp313"], "from": "all",
        });
        send(program, Method::POST, "/+watches", order).await
    };
    repository.tag("v1.0");
    let serve = || wheelwright(&["serve", "--upstream", "http://127.0.0.1:9/simple/"]);
    let program = serving_as(serve(), data.path()).await;
    assert_eq!(send(&program, Method::PUT, "/root/dev", json!({"bases": []})).await.0, 200);
    let (status, said) = add(&program).await;
    assert!(status == 400 && said.contains("certificate"), "{status}: {said}");
    drop(program);

    let mut command = serve();
    command.env("GIT_SSL_CAINFO", certified.certificate.expect("a certificate"));
    let program = serving_as(command, data.path()).await;
    let (status, said) = add(&program).await;
    assert_eq!(status, 201, "{said}");
    let added: Value = serde_json::from_str(&said).expect("JSON");
    until(&program, &added["result"]["id"], "v1.0", is_published).await;
    let page = program.client().get("/root/dev/+simple/demo/").await.expect("a page");
    assert!(String::from_utf8_lossy(&page).contains("demo-1.0-py3-none-any.whl"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_of_setuptools_scm_has_the_version_of_its_tag() {
    let data = tempfile::tempdir().expect("a folder");
    let repository = Repository::new();
    repository.write(
        "lib/pyproject.toml",
        "[build-system]\nrequires = ['setuptools>=64', 'setuptools-scm>=8']\nbuild-backend = 'setuptools.build_meta'\n\
         [project]\nname = 'scmdemo'\ndynamic = ['version']\n[tool.setuptools]\npy-modules = ['scmdemo']\n\
         [tool.setuptools_scm]\nroot = '..'\n",
    );
    repository.write("lib/scmdemo.py", "");
    let upstream = default_upstream(|name| std::env::var(name).ok()).expect("PyPI's address");
    let program = serving_with(data.path(), &upstream).await;
    let mut command = Command::new(env!("CARGO_BIN_EXE_wheelwright"));
    command.args(["index", "create", "root/dev", "--bases", "root/pypi", "--data"]).arg(data.path());
    assert!(command.output().await.expect("it runs").status.success());
    let url = format!("{}#subdirectory=lib", repository.url());
    let added = watch_json(data.path(), &["add", "root/dev", &url, "--target", "cp313"]).await;
    for tag in ["v1.0", "v1.1rc1"] {
        repository.tag(tag);
        watch_json(data.path(), &["look", &added["id"].to_string()]).await;
        until(&program, &added["id"], tag, is_published).await;
    }
    let page = program.client().get("/root/dev/+simple/scmdemo/").await.expect("a page");
    let page: Value = serde_json::from_slice(&page).expect("JSON");
    assert_eq!(page["versions"], json!(["1.0", "1.1rc1"]), "{page:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_goes_on_with_a_release_where_it_was() {
    let data = tempfile::tempdir().expect("a folder");
    let repository = project();
    let program = serving(data.path()).await;
    program.make_index("dev").await;
    let url = repository.url();
    let added =
        watch_json(data.path(), &["add", "root/dev", &url, "--target", "cp313", "--target", "cp312"]).await;
    let id = &added["id"];
    drop(program);

    // Found while no server runs: it waits.
    repository.tag("v1.0");
    let found = watch_json(data.path(), &["look", &id.to_string()]).await;
    assert_eq!(found[0]["found"][0]["state"], "waiting", "{found:#}");
    let program = serving(data.path()).await;
    let building = until(&program, id, "v1.0", |tag| tag["state"] != "waiting").await;
    program.kill();
    drop(program);
    // Killed again as soon as one build has ended, if it is not published by then.
    let program = serving(data.path()).await;
    let first = &building["builds"][0];
    loop {
        let request = program.client().request(Method::GET, &format!("/+builds/{first}?wait=20"));
        let answer = request.header("accept", "application/json").send().await.expect("an answer");
        let build: Value = serde_json::from_str(&answer.text().await.expect("a body")).expect("JSON");
        assert_ne!(build["result"]["state"], "failed", "{build:#}");
        if build["result"]["state"] == "built" {
            break;
        }
    }
    program.kill();
    drop(program);
    let program = serving(data.path()).await;
    let published = until(&program, id, "v1.0", is_published).await;
    assert_eq!(published["builds"].as_array().map(Vec::len), Some(2), "{published:#}");
    let page = program.client().get("/root/dev/+simple/demo/").await.expect("a page");
    let page: Value = serde_json::from_slice(&page).expect("JSON");
    assert_eq!(page["files"].as_array().map(Vec::len), Some(1), "one wheel for both: {page:#}");
}
