//! A `uv.lock` over promises: what is good before a build stays good after it, and is verified from then on.

use super::{Shop, uv};
use crate::kit::clients::{Client, Run};
use crate::kit::sources::Tree;
use crate::kit::workbench::found;
use std::path::Path;
use wheelwright::worker::interpreters::Interpreter;

/// Somebody's copy of the project, with one of the Pythons.
struct Desk<'a> {
    uv: Client,
    index: String,
    folder: tempfile::TempDir,
    python: &'a Interpreter,
}

impl<'a> Desk<'a> {
    async fn new(shop: &Shop, python: &'a Interpreter, lock: Option<&str>) -> Self {
        let desk = Self {
            uv: uv().await,
            index: shop.simple(),
            folder: tempfile::tempdir().expect("a folder"),
            python,
        };
        let text =
            "[project]\nname = 'app'\nversion = '1'\nrequires-python = '>=3.8'\ndependencies = ['plain']\n";
        std::fs::write(desk.path().join("pyproject.toml"), text).expect("a file");
        if let Some(lock) = lock {
            std::fs::write(desk.path().join("uv.lock"), lock).expect("a file");
        }
        desk
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    async fn run(&self, arguments: &[&str]) -> Run {
        let python = self.python.executable.display().to_string();
        let arguments = [
            arguments,
            &["--no-build-package", "plain", "--python", &python, "--default-index", &self.index],
        ]
        .concat();
        self.uv.run_in(self.path(), "uv", &arguments).await
    }

    async fn lock(&self) -> String {
        self.run(&["lock"]).await.succeeded();
        std::fs::read_to_string(self.path().join("uv.lock")).expect("a lock")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_made_before_a_build_stays_good_and_one_made_after_it_serves_every_python_with_hashes() {
    let shop = Shop::open(&[Tree::new("plain", "1.0")]).await;
    let all = found().await;
    let pythons: Vec<&Interpreter> = all.iter().filter(|one| one.target.python() >= (3, 8)).collect();
    let (first, last) = (pythons[0], pythons[pythons.len() - 1]);
    assert_ne!(first.target.python(), last.target.python(), "one Python alone tells little");
    let desk = Desk::new(&shop, first, None).await;
    let before = desk.lock().await;
    assert!(before.contains("/+w/"), "{before}");
    desk.run(&["sync", "--locked"]).await.succeeded();
    // Good for who made it, for others to check, and the same bytes again.
    for python in [first, last] {
        Desk::new(&shop, python, Some(&before)).await.run(&["lock", "--check"]).await.succeeded();
    }
    Desk::new(&shop, first, Some(&before)).await.run(&["sync", "--locked"]).await.succeeded();
    // From now on a lock names what was built, whoever makes it, with a hash for all that it names.
    for maker in [first, last] {
        let after = Desk::new(&shop, maker, None).await.lock().await;
        let wheels: Vec<&str> = after.lines().filter(|line| line.contains(".whl\"")).collect();
        assert!(wheels.iter().any(|wheel| wheel.contains("-none-any.whl")), "{after}");
        assert!(wheels.iter().all(|wheel| wheel.contains("hash = \"sha256:")), "{after}");
        for python in [first, last] {
            Desk::new(&shop, python, Some(&after)).await.run(&["sync", "--locked"]).await.succeeded();
        }
    }
    // Where nothing is promised, it is one lock whoever makes it.
    let mut plain = Vec::new();
    for maker in [first, last] {
        let mut desk = Desk::new(&shop, maker, None).await;
        desk.index = shop.server.url("/root/pypi/+simple/");
        plain.push(desk.lock().await);
    }
    assert_eq!(plain[0], plain[1]);
    shop.close().await;
}
