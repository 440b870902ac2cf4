//! Stories of installers without a compiler: what the world has as source alone, they get as wheels.

mod locks;

use crate::kit::Server;
use crate::kit::clients::{Client, pip_on};
use crate::kit::host::json_of;
use crate::kit::sources::Tree;
use crate::kit::upstream::Upstream;
use crate::kit::workbench::found;
use futures::{StreamExt, stream};
use serde_json::Value;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use wheelwright::worker::inner::Inner;
use wheelwright::worker::interpreters::Interpreter;

/// Installers at once.
const AT_ONCE: usize = 3;

/// A server with its own worker, in front of an upstream that has sources.
struct Shop {
    server: Server,
    worker: Option<Inner>,
    upstream: Upstream,
}

impl Shop {
    async fn open(sources: &[Tree]) -> Self {
        let upstream = Upstream::start().await;
        for source in sources {
            upstream.add(&source.filename(), source.sdist());
        }
        let simple = upstream.simple();
        let server = Server::start_with(|config| config.upstream = Some(simple)).await;
        let worker = Inner::start(&server.app, server.address);
        // Until it has looked for interpreters and tried its sandbox.
        let mut look = tokio::time::interval(Duration::from_millis(50));
        while server.app.targets.offered().await.expect("targets").is_empty() {
            look.tick().await;
        }
        Self { server, worker, upstream }
    }

    /// The client's own target by its `User-Agent`.
    fn simple(&self) -> String {
        self.server.url("/simple/")
    }

    fn for_target(&self, target: &str) -> String {
        self.server.url(&format!("/v1/pypi/{target}/+simple/"))
    }

    async fn files(&self, target: &str, project: &str) -> Vec<Value> {
        let page = format!("/v1/pypi/{target}/+simple/{project}/");
        let accept = ("accept", "application/vnd.pypi.simple.v1+json");
        json_of(self.server.get_with(&page, &[accept]).await).await["files"]
            .as_array()
            .cloned()
            .unwrap_or_default()
    }

    async fn builds(&self) -> usize {
        self.server
            .app
            .queue
            .list(&wheelwright::db::builds::Filter { limit: 100, ..Default::default() })
            .await
            .unwrap()
            .len()
    }

    /// Where the newest build is seen.
    async fn newest_build(&self) -> String {
        let filter = wheelwright::db::builds::Filter { limit: 1, ..Default::default() };
        let builds = self.server.app.queue.list(&filter).await.unwrap();
        self.server.url(&format!("/+builds/{}", builds.first().expect("a build").id))
    }

    /// Of the promised wheel, once it is there.
    async fn promised_hash(&self, target: &str, project: &str) -> String {
        let files = self.files(target, project).await;
        let promised = files.iter().find(|file| file["url"].as_str().is_some_and(|url| url.contains("/+w/")));
        let hash = promised.expect("a promise")["hashes"]["sha256"].as_str();
        hash.expect("a hash").to_owned()
    }

    async fn close(self) {
        if let Some(worker) = self.worker {
            worker.stop().await;
        }
        drop((self.server, self.upstream));
    }
}

/// The pip that an interpreter's users have.
fn pip_of(python: (u32, u32)) -> &'static str {
    match python {
        (2, _) | (3, ..7) => "pip-20",
        (3, 7..=9 | 11) => "pip-23",
        _ => "pip",
    }
}

async fn pip(interpreter: &Interpreter) -> Client {
    let (name, python) = (pip_of(interpreter.target.python()), interpreter.executable.clone());
    tokio::task::spawn_blocking(move || pip_on(name, &python)).await.expect("pip")
}

async fn uv() -> Client {
    let client = tokio::task::spawn_blocking(|| Client::new("uv")).await.expect("uv");
    let empty = client.home.path().display().to_string();
    client.set("PATH", empty)
}

/// What this code prints, run by the interpreter with these modules.
fn prints(interpreter: &Interpreter, site: &Path, code: &str) -> String {
    let done =
        Command::new(&interpreter.executable).env("PYTHONPATH", site).args(["-c", code]).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).trim().to_owned()
}

const ASKS: &str = "import plain, fast; print('%s %d' % (plain.version, fast.answer()))";

#[tokio::test(flavor = "multi_thread")]
async fn every_interpreter_gets_wheels_of_sources_without_a_compiler() {
    let shop = Shop::open(&[Tree::new("plain", "1.0"), Tree::compiled("fast", "2.0")]).await;
    let interpreters = found().await;
    assert!(interpreters.len() > 1, "one interpreter alone tells little");
    let install = async |interpreter: &Interpreter| {
        let (client, uv) = (pip(interpreter).await, uv().await);
        let python = interpreter.executable.display().to_string();
        let site = client.home.path().join("site");
        let target = site.display().to_string();
        let arguments =
            ["install", "--only-binary", ":all:", "-i", &shop.simple(), "--target", &target, "plain", "fast"];
        client.run("pip", &arguments).await.succeeded();
        assert_eq!(prints(interpreter, &site, ASKS), "1.0 42", "{python}");
        if interpreter.target.python() >= (3, 8) {
            let site = uv.home.path().join("site");
            let target = site.display().to_string();
            let index = shop.for_target("auto");
            let uv_arguments = [
                "pip",
                "install",
                "--no-build",
                "--python",
                &python,
                "--index-url",
                &index,
                "--target",
                &target,
                "plain",
                "fast",
            ];
            uv.run("uv", &uv_arguments).await.succeeded();
            assert_eq!(prints(interpreter, &site, ASKS), "1.0 42", "{python}");
        }
    };
    stream::iter(&interpreters).for_each_concurrent(AT_ONCE, install).await;
    let builds = shop.builds().await;
    // Those that began at the same time may each have begun the pure one.
    let most = interpreters.len() + AT_ONCE;
    assert!((interpreters.len() + 1..=most).contains(&builds), "{builds} builds");
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_installer_got_all_others_get_and_the_page_has_its_hash() {
    let shop = Shop::open(&[Tree::compiled("fast", "2.0")]).await;
    let interpreter = found().await.pop().expect("an interpreter");
    let target = interpreter.target.name.as_str();
    let (first, second) = (pip(&interpreter).await, pip(&interpreter).await);
    for client in [&first, &second] {
        let arguments = ["download", "--only-binary", ":all:", "-i", &shop.simple(), "-d", "house", "fast"];
        client.run("pip", &arguments).await.succeeded();
    }
    let wheel = |client: &Client| {
        let mut entries = std::fs::read_dir(client.home.path().join("house")).unwrap().flatten();
        let entry = entries.next().expect("a wheel");
        (entry.file_name().to_string_lossy().into_owned(), std::fs::read(entry.path()).unwrap())
    };
    let ((name, bytes), (_, other)) = (wheel(&first), wheel(&second));
    assert!(bytes == other, "the same bytes for both");
    let files = shop.files(target, "fast").await;
    let listed = files.iter().find(|file| file["filename"] == *name).expect("it is listed");
    assert_eq!(listed["hashes"]["sha256"], crate::kit::upstream::sha256(&bytes));
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_printed_by_pip_and_uv_and_gone_from_the_page() {
    let fails = |name: &str| {
        Tree::new(name, "1.0").does(
            "sys.stderr.write('module.c:1:10: fatal error: nowhere.h: No such file or directory\\n')\nsys.exit(1)",
        )
    };
    let shop = Shop::open(&[fails("broken"), fails("faulty")]).await;
    let interpreter = found().await.pop().expect("an interpreter");
    let target = interpreter.target.name.as_str();
    let page = shop.for_target(target);
    let (pip, uv) = (pip(&interpreter).await, uv().await);
    assert_eq!(shop.files(target, "broken").await.len(), 2, "the source and the promise");
    let install = ["install", "--only-binary", ":all:", "-i", &page, "--target", "site", "broken"];
    let run = pip.run("pip", &install).await.failed();
    let seen = shop.newest_build().await;
    run.says("404 Client Error: Build failed: missing-header: module.c:1:10: fatal error: nowhere.h")
        .says(&seen);
    let python = interpreter.executable.display().to_string();
    let install = [
        "pip",
        "install",
        "--no-build",
        "--python",
        &python,
        "--target",
        "site",
        "--index-url",
        &page,
        "faulty",
    ];
    let run = uv.run("uv", &install).await.failed();
    let seen = shop.newest_build().await;
    let run = run.says("Build failed: missing-header").says(&format!("{seen}/log"));
    run.says("fatal error: nowhere.h: No such file or directory").says("recipe");
    let builds = shop.builds().await;
    for project in ["broken", "faulty"] {
        let files = shop.files(target, project).await;
        assert_eq!(files.len(), 1, "the page stopped promising it: {files:?}");
    }
    let install = ["install", "--only-binary", ":all:", "-i", &page, "--target", "site", "broken"];
    pip.run("pip", &install).await.failed().says("No matching distribution found for broken");
    assert_eq!(shop.builds().await, builds, "and nothing was built again");
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn locks_with_hashes_are_made_against_promises_and_give_the_same_bytes_twice() {
    let names = ["bypip", "byuv", "bylock"];
    let shop = Shop::open(&names.map(|name| Tree::compiled(name, "1.0"))).await;
    let all = found().await;
    // pip-tools resolves for the interpreter that it runs on.
    let (tools, uv) =
        (tokio::task::spawn_blocking(|| Client::new("pip-tools")).await.expect("tools"), uv().await);
    let own =
        tools.run("python", &["-c", "import sys; print('%d.%d' % sys.version_info[:2])"]).await.succeeded();
    let own = own.output.trim();
    let interpreter = all.iter().find(|one| one.target.matches(own)).expect("the interpreter of the tools");
    let (page, python) = (shop.for_target(own), interpreter.executable.display().to_string());
    let pip = pip(interpreter).await;
    let input = |client: &Client, name: &str| {
        std::fs::write(client.home.path().join(format!("{name}.in")), format!("{name}\n")).unwrap();
    };
    // pip-tools fetches what has no hash yet, and so does uv.
    input(&tools, "bypip");
    let compile = [
        "--generate-hashes",
        "-i",
        &page,
        "--pip-args",
        "--only-binary :all:",
        "-o",
        "bypip.txt",
        "bypip.in",
    ];
    tools.run("pip-compile", &compile).await.succeeded();
    input(&uv, "byuv");
    let compile = [
        "pip",
        "compile",
        "--python",
        &python,
        "--no-build",
        "--generate-hashes",
        "--index-url",
        &page,
        "byuv.in",
        "-o",
        "byuv.txt",
    ];
    uv.run("uv", &compile).await.succeeded();
    for (client, name) in [(&tools, "bypip"), (&uv, "byuv")] {
        let lock = std::fs::read_to_string(client.home.path().join(format!("{name}.txt"))).unwrap();
        let promised = shop.promised_hash(own, name).await;
        assert!(lock.contains(&promised), "{promised} is not in\n{lock}");
        let path = client.home.path().join(format!("{name}.txt")).display().to_string();
        for round in ["one", "two"] {
            let site = pip.home.path().join(format!("{name}-{round}"));
            let into = site.display().to_string();
            let install = [
                "install",
                "--no-cache-dir",
                "--require-hashes",
                "--only-binary",
                ":all:",
                "-i",
                &page,
                "--target",
                &into,
                "-r",
                &path,
            ];
            pip.run("pip", &install).await.succeeded();
        }
        let read =
            |round: &str| std::fs::read(pip.home.path().join(format!("{name}-{round}/{name}.so"))).unwrap();
        assert!(read("one") == read("two"));
    }
    // `uv lock` takes what the page says: no hash before the wheel is there, its hash afterwards.
    let project =
        "[project]\nname = 'app'\nversion = '0'\ndependencies = ['bylock']\nrequires-python = '>=3.8'\n";
    std::fs::write(uv.home.path().join("pyproject.toml"), project).unwrap();
    let run = async |command: &[&str]| {
        let more = ["--python", &python, "--no-build-package", "bylock", "--default-index", &page];
        let arguments: Vec<&str> = command.iter().copied().chain(more).collect();
        uv.run("uv", &arguments).await.succeeded();
        std::fs::read_to_string(uv.home.path().join("uv.lock")).unwrap()
    };
    let module = |environment: &str| {
        let folders = glob(&uv.home.path().join(environment).join("lib"));
        let module = folders.into_iter().map(|folder| folder.join("site-packages/bylock.so"));
        module.filter_map(|path| std::fs::read(path).ok()).next().expect("the module")
    };
    let before = run(&["lock"]).await;
    let promised = before.lines().find(|line| line.contains("/+w/")).expect("the promise");
    assert!(!promised.contains("hash"), "{before}");
    run(&["sync"]).await;
    let first = module(".venv");
    // A lock that fits is not looked at again without `--refresh`.
    let after = run(&["lock", "--refresh"]).await;
    assert!(after.contains(&format!("sha256:{}", shop.promised_hash(own, "bylock").await)), "{after}");
    std::fs::remove_dir_all(uv.home.path().join(".venv")).unwrap();
    std::fs::remove_dir_all(uv.home.path().join(".cache/uv")).unwrap();
    run(&["sync"]).await;
    assert!(module(".venv") == first, "the same bytes twice");
    shop.close().await;
}

/// What is in a folder.
fn glob(folder: &Path) -> Vec<std::path::PathBuf> {
    std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}
