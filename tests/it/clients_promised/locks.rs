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
    folder: tempfile::TempDir,
    python: &'a Interpreter,
}

impl<'a> Desk<'a> {
    async fn new(shop: &Shop, python: &'a Interpreter, lock: Option<&str>) -> Self {
        let desk = Self { uv: uv().await, folder: tempfile::tempdir().expect("a folder"), python };
        let text = format!(
            "[project]\nname = 'app'\nversion = '1'\nrequires-python = '>=3.8'\ndependencies = ['plain']\n\
             [[tool.uv.index]]\nname = 'x'\nurl = '{}'\ndefault = true\n",
            shop.simple()
        );
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
        let arguments = [arguments, &["--no-build-package", "plain", "--python", &python]].concat();
        self.uv.run_in(self.path(), "uv", &arguments).await
    }

    async fn lock(&self) -> String {
        self.run(&["lock"]).await.succeeded();
        std::fs::read_to_string(self.path().join("uv.lock")).expect("a lock")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_made_before_a_build_stays_good_and_one_made_after_it_is_the_same_for_all_and_has_hashes() {
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
    // From now on a lock names what was built, whoever makes it, and its hash is verified.
    let after = Desk::new(&shop, last, None).await.lock().await;
    let wheel = after.lines().find(|line| line.contains("-none-any.whl")).expect("the wheel that was built");
    assert!(wheel.contains("hash = \"sha256:"), "{after}");
    assert_eq!(Desk::new(&shop, first, None).await.lock().await, after);
    for python in [first, last] {
        Desk::new(&shop, python, Some(&after)).await.run(&["sync", "--locked"]).await.succeeded();
    }
    shop.close().await;
}
