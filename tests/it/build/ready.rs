//! Stories of environments: there before a build asks, and shared by those who come to the same bytes.

use super::chain::{NEWEST, build, index_with};
use crate::kit::forms::Form;
use crate::kit::packages::Package;
use crate::kit::sources::Tree;
use crate::kit::workbench::{Done, Workbench};
use crate::kit::{ROOT_PASSWORD, Server};
use serde_json::json;
use std::path::Path;
use std::time::Duration;
use wheelwright::config::upstream::default_upstream;
use wheelwright::worker::inner::Inner;

/// A source whose build prints what the tool says.
fn source(requires: &str) -> Tree {
    Tree::new("demo", "1.0").asks_for(requires).does("import said; print('the tool says ' + said.SAYS)")
}

fn tool(version: &str, says: &str) -> Package {
    Package::new("tool", version).member("said.py", format!("SAYS = '{says}'\n"))
}

/// Uploads it, so that the page tells what it requires.
async fn publish(server: &Server, index: &str, package: &Package) {
    let form = Form::of(&package.wheel());
    let answer = server.post(&format!("/{index}/"), form, "root", ROOT_PASSWORD).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

/// Builds in another context than `alice/tools`.
async fn build_in(bench: &Workbench, context: &str, tree: &Tree) -> Done {
    let change = |job: &mut wheelwright::build::job::Job| job.context = context.to_owned();
    bench.build(&tree.filename(), tree.sdist(), NEWEST, change).await
}

/// Whether something was installed for it.
fn installs(done: &Done) -> bool {
    done.evidence();
    done.log.contains("installing tool")
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_to_the_same_files_has_the_same_environment_and_nobody_else() {
    let server = index_with(&[]).await;
    let bench = Workbench::start(Some(server.url(""))).await;
    for (index, package) in [
        ("alice/tools", tool("1.0", "one")),
        ("alice/same", tool("1.0", "one")),
        ("alice/other", tool("1.0", "other")),
        ("alice/newer", tool("2.0", "two")),
    ] {
        if index != "alice/tools" {
            server.have_index(index, json!({"type": "stage", "bases": []})).await;
        }
        publish(&server, index, &package).await;
    }
    let first = build(&bench, &source("['tool']"), NEWEST).await;
    assert!(installs(&first) && first.log.contains("the tool says one"), "{}", first.log);
    // Another list that comes to the same; an index without pip, which has nothing to install.
    let spelt = build(&bench, &source("['tool>=0.5,<9']"), NEWEST).await;
    assert!(!installs(&spelt) && spelt.log.contains("the tool says one"), "{}", spelt.log);
    assert_eq!(spelt.evidence().requirements, first.evidence().requirements);
    let same = build_in(&bench, "alice/same", &source("['tool']")).await;
    assert!(!installs(&same) && same.log.contains("the tool says one"), "{}", same.log);
    // Other bytes under the same name, and a newer version: not the first one's environment.
    for (index, version) in [("alice/other", "1.0"), ("alice/newer", "2.0")] {
        let done = build_in(&bench, index, &source("['tool']")).await;
        let failure = done.failure();
        assert!(failure.hint.contains(&format!("{index} has no wheel of pip")), "{version}: {}", done.log);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_a_resolver_can_tell_is_left_to_pip() {
    let library = |version: &str| Package::new("lib", version);
    let needs_old = tool("1.0", "one").requires("lib<2");
    let server = index_with(&[]).await;
    for package in [library("1.0"), library("2.0"), needs_old] {
        publish(&server, "alice/tools", &package).await;
    }
    let bench = Workbench::start(Some(server.url(""))).await;
    let done = build(&bench, &source("['lib', 'tool']"), NEWEST).await;
    let versions = &done.evidence().requirements;
    assert_eq!(versions.get("lib").map(String::as_str), Some("1.0"), "{}", done.log);
    // Without pip's help, and the same.
    let done = build(&bench, &source("['tool']"), NEWEST).await;
    assert_eq!(done.evidence().requirements, *versions, "{}", done.log);
}

/// What a worker made of environments: remembered requests.
fn remembered(data: &Path) -> usize {
    let requests = std::fs::read_dir(data.join("worker/environments/requests"));
    requests.map_or(0, |entries| entries.flatten().filter(|entry| entry.path().extension().is_none()).count())
}

/// A server on PyPI with a worker for the newest Python.
async fn workshop(prepare: bool) -> (Server, Inner) {
    let upstream = default_upstream(|name| std::env::var(name).ok()).expect("PyPI's address");
    let server = Server::start_with(|config| {
        config.upstream = Some(upstream);
        config.build.prepare = prepare;
        config.build.targets = vec!["cp313".to_owned()];
    })
    .await;
    let worker = Inner::start(&server.app, server.address).expect("a worker");
    while server.app.targets.offered().await.expect("targets").is_empty() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    (server, worker)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_usual_environments_are_there_before_the_first_build_unless_that_is_switched_off() {
    for prepare in [true, false] {
        let (server, worker) = workshop(prepare).await;
        for _ in 0..if prepare { 1200 } else { 20 } {
            if remembered(server.data.path()) == 2 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(remembered(server.data.path()), if prepare { 2 } else { 0 });
        let page = "/v1/pypi/cp313/+simple/docopt/";
        let page = server.get(page).await.text().await.expect("a page");
        let path = page
            .split('"')
            .find(|text| text.contains("/+w/") && text.contains("/docopt-0.6.2-"))
            .expect("a promise");
        let path = format!("/{}", path.trim_start_matches("../").split('#').next().expect("a path"));
        let wheel = server.get_with(&path, &[("prefer", "wait=120")]).await;
        assert_eq!(wheel.status(), 200, "{path}");
        let build =
            server.app.queue.list(&wheelwright::db::builds::Filter { limit: 1, ..Default::default() }).await;
        let id = build.expect("builds").first().expect("a build").id;
        let log = server.get(&format!("/+builds/{id}/log")).await.text().await.expect("a log");
        assert_eq!(log.contains("installing setuptools"), !prepare, "{log}");
        worker.stop().await;
    }
}
