//! Stories of real installers: a private package from a stage, what it needs from a mirror below.

use crate::kit::Server;
use crate::kit::clients::{Client, old_pip};
use crate::kit::forms::Form;
use crate::kit::packages::Package;
use crate::kit::stages::{PASSWORD, stage, stage_with};
use serde_json::json;
use std::path::Path;

/// A server with `alice/team`, whose base mirrors another server; the other one lives as long.
struct Company {
    server: Server,
    _upstream: Server,
}

impl Company {
    async fn start() -> Self {
        let upstream = stage().await;
        for dist in [
            Package::new("Base.Lib", "1.0").wheel(),
            Package::new("Base.Lib", "1.1").requires_python(">=2.7").wheel(),
            Package::new("Base.Lib", "1.1").requires_python(">=2.7").sdist(),
            Package::new("Base.Lib", "2.0").requires_python(">=3.90").wheel(),
            Package::new("private-thing", "9.9").wheel(),
        ] {
            let answer = upstream.post("/alice/dev/", Form::of(&dist), "alice", PASSWORD).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
        }
        let mirrored = upstream.url("/alice/dev/+simple/");
        let server = stage_with(|config| config.upstream = Some(mirrored)).await;
        server.make_index("alice/team", json!({"bases": ["root/pypi"]})).await;
        for dist in [Package::new("Private_Thing", "1.0").requires("base-lib>=1").wheel()] {
            let answer = server.post("/alice/team/", Form::of(&dist), "alice", PASSWORD).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
        }
        Self { server, _upstream: upstream }
    }

    fn index(&self) -> String {
        self.server.url("/alice/team/+simple/")
    }
}

/// The private package is ours and not the newer one of the same name upstream.
fn assert_installed(site: &Path) {
    let version = |module: &str| {
        std::fs::read_to_string(site.join(module).join("__init__.py")).unwrap_or_default().trim().to_owned()
    };
    assert_eq!(version("private_thing"), "__version__ = \"1.0\"");
    assert_eq!(version("base_lib"), "__version__ = \"1.1\"");
}

#[tokio::test(flavor = "multi_thread")]
async fn pip_installs_a_private_package_and_what_it_needs() {
    let company = Company::start().await;
    let client = Client::new("pip");
    let site = client.home.path().join("site");
    let target = site.display().to_string();
    let arguments = ["install", "--no-cache-dir", "--index-url", &company.index(), "--target", &target];
    client.run("pip", &[&arguments[..], &["private-thing"]].concat()).await.succeeded();
    assert_installed(&site);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pip_of_python_2_installs_a_private_package_and_what_it_needs() {
    let company = Company::start().await;
    let (client, python) = tokio::task::spawn_blocking(old_pip).await.expect("the client");
    println!("pip 20.3.4 on Python {python}");
    let site = client.home.path().join("site");
    let target = site.display().to_string();
    let arguments = ["install", "--no-cache-dir", "--index-url", &company.index(), "--target", &target];
    client.run("pip", &[&arguments[..], &["private-thing"]].concat()).await.succeeded();
    assert_installed(&site);
}

#[tokio::test(flavor = "multi_thread")]
async fn uv_installs_a_private_package_and_what_it_needs() {
    let company = Company::start().await;
    let client = Client::new("uv");
    let site = client.home.path().join("site");
    let target = site.display().to_string();
    let arguments = ["pip", "install", "--index-url", &company.index(), "--target", &target, "private-thing"];
    client.run("uv", &arguments).await.succeeded();
    assert_installed(&site);
}

#[tokio::test(flavor = "multi_thread")]
async fn pip_compile_locks_with_hashes_and_pip_installs_the_lock() {
    let company = Company::start().await;
    let client = Client::new("pip-tools");
    let folder = client.home.path();
    std::fs::write(folder.join("requirements.in"), "private-thing\n").expect("a written file");
    let compile = ["--quiet", "--generate-hashes", "--no-emit-index-url", "--index-url", &company.index()];
    client.run("pip-compile", &[&compile[..], &["requirements.in"]].concat()).await.succeeded();
    let lock = std::fs::read_to_string(folder.join("requirements.txt")).expect("a lock file");
    let wheel = Package::new("Private_Thing", "1.0").requires("base-lib>=1").wheel();
    assert!(lock.contains(&format!("--hash=sha256:{}", wheel.sha256())), "{lock}");
    let sdist = Package::new("Base.Lib", "1.1").requires_python(">=2.7").sdist();
    assert!(lock.contains(&format!("--hash=sha256:{}", sdist.sha256())), "{lock}");
    let site = folder.join("site").display().to_string();
    let install = ["install", "--require-hashes", "-r", "requirements.txt", "--target", &site, "--index-url"];
    client.run("pip", &[&install[..], &[&company.index()]].concat()).await.succeeded();
    assert_installed(Path::new(&site));
}

#[tokio::test(flavor = "multi_thread")]
async fn pipenv_locks_and_installs() {
    let company = Company::start().await;
    let client =
        Client::new("pipenv").set("PIPENV_VENV_IN_PROJECT", "1").set("PIPENV_IGNORE_VIRTUALENVS", "1");
    let folder = client.home.path();
    let pipfile = format!(
        "[[source]]\nname = \"team\"\nurl = \"{}\"\nverify_ssl = true\n[packages]\nprivate-thing = \"*\"\n",
        company.index()
    );
    std::fs::write(folder.join("Pipfile"), pipfile).expect("a written file");
    client.run("pipenv", &["install"]).await.succeeded();
    let lock = std::fs::read_to_string(folder.join("Pipfile.lock")).expect("a lock file");
    let wheel = Package::new("Private_Thing", "1.0").requires("base-lib>=1").wheel();
    assert!(lock.contains(&format!("sha256:{}", wheel.sha256())), "{lock}");
    let library = folder.join(".venv/lib");
    let python = std::fs::read_dir(library).expect("a library").flatten().next().expect("a Python");
    assert_installed(&python.path().join("site-packages"));
}
