//! A Debian system with nothing but what it needs, and what happens in it: see the scripts beside this file.

use super::{made, only, ran};
use crate::kit::browser::Browser;
use crate::kit::clients::Client;
use crate::kit::packages::Package;
use crate::kit::program::Program;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the system has beside Debian's essential packages: what ours depends on, and what its people use.
const PACKAGES: &str = "--include=adduser,bubblewrap,ca-certificates,curl,python3-venv,systemd,man-db";

/// The system as an archive; made once, and kept below the target folder.
fn debian() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("guests");
    fs::create_dir_all(&folder).expect("a folder");
    let lock = fs::File::create(folder.join("debian.lock")).expect("a lock");
    lock.lock().expect("locked");
    let (whole, part) = (folder.join("debian.tar"), folder.join("debian.part.tar"));
    if !whole.is_file() {
        let places = ["/etc/apt/sources.list.d/debian.sources", "/etc/apt/sources.list"];
        let sources = places.into_iter().find(|place| Path::new(place).is_file()).expect("sources of apt");
        let release = fs::read_to_string("/etc/os-release").expect("a distribution");
        let name = release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME=")).expect("its name");
        let mut make = Command::new("mmdebstrap");
        ran(make.args(["--quiet", "--variant=apt", PACKAGES, name]).arg(&part).arg(sources));
        fs::rename(part, &whole).expect("kept");
    }
    whole
}

/// Runs a script of this folder as root of a new system without a network; `given` lies in `/given`.
async fn in_debian(script: &'static str, kinds: &'static str) -> String {
    let story = move || {
        assert!(
            rustix::process::getuid().is_root(),
            "installing into a system needs root: run the tests as root"
        );
        let (dist, archive) = (made(kinds), debian());
        let system = tempfile::tempdir().expect("a folder");
        ran(Command::new("tar").arg("--extract").arg("--file").arg(archive).arg("-C").arg(system.path()));
        let given = system.path().join("given");
        ran(Command::new("cp").arg("-r").arg(dist.path()).arg(&given));
        Package::new("my-private-package", "1.0").tag("py3-none-any").wheel().save(&given);
        let scripts = super::root().join("tests/it/packages");
        let mut bwrap = Command::new("bwrap");
        bwrap.arg("--bind").arg(system.path()).arg("/").arg("--ro-bind").arg(scripts).arg("/scripts");
        // This machine's /proc: the kernel lets sandboxes inside mount theirs only where none of it is hidden.
        bwrap.args([
            "--dev", "/dev", "--bind", "/proc", "/proc", "--perms", "1777", "--tmpfs", "/tmp", "--tmpfs",
            "/run",
        ]);
        bwrap.args(["--cap-add", "ALL", "--unshare-net", "--unshare-ipc", "--die-with-parent", "--clearenv"]);
        bwrap.args(["--setenv", "PATH", "/usr/sbin:/usr/bin:/sbin:/bin", "--setenv", "LANG", "C.UTF-8"]);
        ran(bwrap.args(["--chdir", "/root", "bash", &format!("/scripts/{script}")]))
    };
    tokio::task::spawn_blocking(story).await.expect("the story")
}

#[tokio::test]
async fn the_debian_package_installs_runs_upgrades_and_a_purge_takes_nobodys_packages() {
    let said = in_debian("deb.sh", "deb").await;
    assert!(said.contains("ALL GOOD"), "{said}");
}

#[tokio::test]
async fn the_archive_and_the_wheel_run_in_a_clean_system() {
    let said = in_debian("unpacked.sh", "archive wheel").await;
    assert!(said.contains("ALL GOOD"), "{said}");
}

/// Each step is on the page before it: no shell but the one that starts the server.
async fn a_private_package_gets_to_another_machine(home: &str) {
    let mut browser = Browser::start().await;
    browser.open(home, home).await;
    browser.click("main a[href*='+login']").await;
    browser.arrive(&format!("{home}/+login")).await;
    browser.fill("input[name=user]", "root").await;
    browser.fill("input[name=password]", "root-secret").await;
    browser.click("form.login button").await;
    browser.sees("logged in as root").await;
    browser.fill("#new-index input[name=index]", "dev").await;
    browser.click("#new-index form > p > button").await;
    browser.arrive(&format!("{home}/root/dev")).await;
    let package = Package::new("my-private-package", "1.0").tag("py3-none-any").wheel();
    browser.until("document.querySelector('form[data-drop]')").await;
    browser.drop_file("form[data-drop]", &package.filename, &package.bytes).await;
    browser.sees("became my-private-package 1.0").await;
    browser.click("[data-files] a[href$='1.0']").await;
    browser.arrive(&format!("{home}/root/dev/my-private-package/1.0")).await;
    let line = "[...document.querySelectorAll('code')].map(code => code.textContent).find(text => \
                text.startsWith('pip install'))";
    let line =
        browser.evaluate(line).await.and_then(|line| line.as_str().map(str::to_owned)).expect("a line");
    let other = Client::new("pip");
    let site = other.home.path().join("site").display().to_string();
    let words = line.split_whitespace().skip(1).chain(["--no-cache-dir", "--target", &site]);
    other.run("pip", &words.collect::<Vec<_>>()).await.succeeded().says("my-private-package-1.0");
}

#[tokio::test(flavor = "multi_thread")]
async fn uvx_serves_from_the_wheel_and_uv_installs_it_as_a_tool() {
    let dist = tokio::task::spawn_blocking(|| made("wheel")).await.expect("a wheel");
    let wheel = only(dist.path(), ".whl").display().to_string();
    let uv = Client::new("uv");
    let home = uv.home.path();
    let data = tempfile::tempdir().expect("a folder");
    // In processes of its own, so that none outlives the story.
    let mut serve = tokio::process::Command::new("bwrap");
    serve.args(["--die-with-parent", "--unshare-pid", "--dev-bind", "/", "/", "--proc", "/proc"]);
    serve.arg(uv.program("uvx")).args(["--offline", "--from", &wheel, "wheelwright", "serve", "--offline"]);
    serve.env("HOME", home).env("UV_NO_CONFIG", "1").env("UV_PYTHON_DOWNLOADS", "never");
    let server = Program::run(serve, data.path()).await;
    a_private_package_gets_to_another_machine(&server.url("")).await;
    uv.run("uv", &["tool", "install", "--offline", &wheel]).await.succeeded();
    let tool = home.join(".local/bin/wheelwright");
    let said = ran(Command::new(&tool).arg("--data").arg(data.path()).args(["user", "list"]));
    assert!(said.contains("root"), "{said}");
    let shared = home.join(".local/share/uv/tools/wheelwright/share");
    assert!(shared.join("man/man1/wheelwright-serve.1").is_file());
    assert!(shared.join("bash-completion/completions/wheelwright").is_file());
}
