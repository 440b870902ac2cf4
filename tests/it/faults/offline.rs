//! Stories of a server without a network: what it has is installed, what it lacks is named at once, and
//! what it promises can be kept.

use crate::kit::Server;
use crate::kit::clients::Client;
use crate::kit::desk::{Desk, Ran};
use crate::kit::host::json_of;
use crate::kit::packages::Package;
use crate::kit::program::Program;
use crate::kit::sources::Tree;
use crate::kit::upstream::Upstream;
use std::time::Duration;

/// Longer than anything here takes; a story that gets so far has failed.
const LONG: Duration = Duration::from_secs(100);

/// A server on disk that had a network, and has one no more: of `app` and what it needs all is here, of
/// `pure` the source; of `gone` its page alone.
async fn cut_off(data: &std::path::Path) -> Program {
    let upstream = Upstream::start().await;
    for package in
        [Package::new("app", "1.0").requires("dep"), Package::new("dep", "1.0"), Package::new("gone", "1.0")]
    {
        let wheel = package.wheel();
        upstream.add(&wheel.filename, wheel.bytes);
    }
    let pure = Tree::new("pure", "1.0");
    upstream.add(&pure.filename(), pure.sdist());
    let online = Program::start(data, &upstream.simple()).await;
    for project in ["app", "dep", "pure"] {
        online.client().fill(project).await.expect("it is there");
    }
    online.client().get("/root/pypi/+simple/gone/").await.expect("a page");
    drop(online);
    upstream.stop().await;
    let uv = tokio::task::spawn_blocking(|| Client::new("uv").program("uv")).await.expect("uv");
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_wheelwright"));
    command.args(["serve", "--offline"]).env("WHEELWRIGHT_PROXY__UV", uv);
    Program::run(command, data).await
}

async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONG, work).await.expect("it ends soon")
}

async fn run(desk: &Desk, server: &Program, command: &str) -> Ran {
    let address = format!("http://{}", server.address());
    let about = ["--server", &address, "--index", "root/pypi", "--target", "cp313"];
    soon(desk.run("wheelwright", &[&[command], &about[..]].concat())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn offline_compile_and_resolve_give_what_is_here_and_name_what_is_not() {
    let data = tempfile::tempdir().expect("a folder");
    let (server, desk) = (cut_off(data.path()).await, Desk::new());
    desk.write("requirements.in", "app\npure\n");
    run(&desk, &server, "compile").await.succeeded();
    let text = desk.read("requirements.txt");
    let pins: Vec<&str> = text.lines().filter(|line| line.contains("==") && !line.starts_with('#')).collect();
    let names: Vec<&str> = pins.iter().filter_map(|pin| pin.split_whitespace().next()).collect();
    assert_eq!(names, ["app==1.0", "dep==1.0", "pure==1.0"], "{text}");
    // The source is here and nothing else is needed: it is built without a network.
    run(&desk, &server, "resolve").await.succeeded();
    let urls = desk.read("requirements.urls");
    assert!(["app-1.0", "dep-1.0", "pure-1.0"].iter().all(|name| urls.contains(name)), "{urls}");

    for (wanted, named) in [("never-seen", "never-seen"), ("gone", "gone"), ("app==2.0", "app==2.0")] {
        desk.write("requirements.in", &format!("dep\n{wanted}\n"));
        desk.write("requirements.txt", "before\n");
        let ran = run(&desk, &server, "compile").await.failed();
        assert!(ran.err.contains(named) && ran.err.contains("offline"), "{wanted}: {}", ran.err);
        assert_eq!(desk.read("requirements.txt"), "before\n");
    }
    for (wanted, named) in
        [("never-seen==1.0", "never-seen"), ("gone==1.0", "gone"), ("app==2.0", "app==2.0")]
    {
        desk.write("requirements.txt", &format!("dep==1.0\n{wanted}\n"));
        let ran = run(&desk, &server, "resolve").await.failed();
        assert!(ran.err.contains(named), "{wanted}: {}", ran.err);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn offline_pip_downloads_what_is_here_and_fails_soon_for_what_is_not() {
    let data = tempfile::tempdir().expect("a folder");
    let server = cut_off(data.path()).await;
    let client = tokio::task::spawn_blocking(|| Client::new("pip")).await.expect("pip");
    let index = format!("http://{}/simple/", server.address());
    let to = client.home.path().join("wheels");
    let folder = to.display().to_string();
    let about = ["download", "--no-cache-dir", "--only-binary=:all:", "--index-url", &index, "-d", &folder];
    soon(client.run("pip", &[&about[..], &["app", "pure"]].concat())).await.succeeded();
    let here: Vec<String> = std::fs::read_dir(&to)
        .expect("the folder")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(here.len(), 3, "app, dep and what was built of pure: {here:?}");
    for wanted in ["never-seen", "gone", "app==2.0"] {
        let name = wanted.split('=').next().unwrap_or_default();
        soon(client.run("pip", &[&about[..], &[wanted]].concat())).await.failed().says(name);
    }
}

#[tokio::test]
async fn offline_a_release_is_promised_if_its_source_and_what_builds_it_are_here() {
    let upstream = Upstream::start().await;
    let system = |requires: &str| {
        format!("[build-system]\nrequires = {requires}\nbuild-backend = 'backend'\nbackend-path = ['.']\n")
    };
    let elsewhere = "['maker>=2; sys_platform == \"win32\"']";
    for (name, requires) in [
        ("has", "['maker>=1']"),
        ("newer", "['maker>=2']"),
        ("lacks", "['maker', 'never-seen']"),
        ("nothing", "[]"),
        ("elsewhere", elsewhere),
        ("absent", "[]"),
    ] {
        let tree = Tree::new(name, "1.0").file("pyproject.toml", &system(requires));
        upstream.add(&tree.filename(), tree.sdist());
    }
    // Without a word on what builds it: setuptools does.
    let silent = Tree::new("silent", "1.0").file("pyproject.toml", "[tool.nothing]\n");
    upstream.add(&silent.filename(), silent.sdist());
    for (name, version) in [("maker", "1.0"), ("maker", "2.0"), ("pip", "24.0")] {
        let wheel = Package::new(name, version).wheel();
        upstream.add(&wheel.filename, wheel.bytes);
    }
    let simple = upstream.simple();
    let server = Server::start_with(|config| config.upstream = Some(simple)).await;
    let accept = [("accept", "application/vnd.pypi.simple.v1+json")];
    let files = async |server: &Server, path: &str| -> Vec<serde_json::Value> {
        let answer = server.get_with(path, &accept).await;
        match answer.status().as_u16() {
            200 => json_of(answer).await["files"].as_array().expect("files").clone(),
            _ => Vec::new(),
        }
    };
    let all = ["has", "newer", "lacks", "nothing", "elsewhere", "silent", "maker", "pip", "absent"];
    for project in all {
        let listed = files(&server, &format!("/root/pypi/+simple/{project}/")).await;
        // Of maker its first version; of what is absent nothing.
        if let Some(first) = listed.first().filter(|_| project != "absent") {
            let url = first["url"].as_str().expect("a URL").trim_start_matches("../");
            let path = format!("/root/pypi/{}", url.split("root/pypi/").last().expect("a path"));
            assert_eq!(server.get(&path).await.status(), 200, "{path}");
        }
    }
    let promised = async |server: &Server| {
        let mut promised = Vec::new();
        for project in &all[..6] {
            let page = files(server, &format!("/v1/root.pypi/cp312-test/+simple/{project}/")).await;
            if page.iter().any(|file| file["filename"].as_str().is_some_and(|name| name.contains("-1ww-"))) {
                promised.push(*project);
            }
        }
        promised
    };
    server.worker("carl", "one").await;
    assert_eq!(promised(&server).await, &all[..6], "with a network all can be had");
    let mut config = server.app.config.clone();
    config.offline = true;
    let offline = Server::start_with(|own| *own = config).await;
    assert_eq!(promised(&offline).await, ["has", "nothing", "elsewhere"]);
    assert!(files(&offline, "/v1/root.pypi/cp312-test/+simple/absent/").await.is_empty());
}
