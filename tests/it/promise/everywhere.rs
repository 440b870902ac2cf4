//! Stories of promises on an index's own page: by its option, for installers that work for one environment.

use super::pages::{PROMISE, agent, house, metadata_was_served, page, target, targets_of};
use crate::kit::Server;
use crate::kit::clients::Client;
use crate::kit::host::json_of;
use crate::kit::packages::Package;
use crate::kit::workbench::found;
use crate::kit::worker::{self, hire_for};
use serde_json::json;

const PAGE: &str = "/alice/team/+simple/demo/";

/// `alice/team` inherits a mirror, and has the source of `demo`.
async fn team() -> Server {
    let server = house().await;
    server.make_index("alice/team", json!({"bases": ["root/pypi"]})).await;
    server.publish("alice/team", &Package::new("demo", "1.0").sdist()).await;
    server
}

/// The real uv's `User-Agent`, as if it had been asked for something else.
fn uv(subcommand: &str) -> String {
    agent("uv/").replace(r#"["pip","install"]"#, subcommand)
}

#[tokio::test]
async fn the_page_of_a_new_stage_above_a_mirror_promises_to_installers_and_to_nobody_else() {
    let server = team().await;
    let own = page(&server, PAGE, agent("uv/")).await;
    assert_eq!(own.names(), [PROMISE, "demo-1.0.tar.gz"]);
    assert_eq!(own.vary, "Accept, Accept-Encoding, User-Agent");
    assert!(page(&server, PAGE, agent("pip/26")).await.names()[0].contains("-1ww-cp313-"));
    for one in [r#"["tool","run"]"#, r#"["uvx"]"#] {
        assert_eq!(page(&server, PAGE, &uv(one)).await.files.len(), 2, "{one}");
    }
    let silent = uv("null");
    let may_lock = [r#"["lock"]"#, r#"["sync"]"#, r#"["run"]"#, r#"["add"]"#].map(uv);
    for agent in may_lock.iter().map(String::as_str).chain([silent.as_str(), "curl/8.0"]) {
        let plain = page(&server, PAGE, agent).await;
        assert_eq!((plain.names(), &*plain.vary), (vec!["demo-1.0.tar.gz"], &*own.vary), "{agent}");
    }
    // For one request it is turned off by the URL.
    let plain = page(&server, &format!("{PAGE}?plain"), agent("uv/")).await;
    assert_eq!((plain.names(), &*plain.vary), (vec!["demo-1.0.tar.gz"], "Accept, Accept-Encoding"));
    // Together with a date.
    let at = |date: &str| format!("/alice/team/+at/{date}/+simple/demo/");
    assert_eq!(page(&server, &at("2100-01-01"), agent("uv/")).await.names(), [PROMISE, "demo-1.0.tar.gz"]);
    assert_eq!(page(&server, &at("2001-01-01"), agent("uv/")).await.files.len(), 0);
}

#[tokio::test]
async fn an_index_says_whether_its_page_promises_and_older_ones_do_not_by_themselves() {
    let server = team().await;
    let option = async |index: &str| json_of(server.get(index).await).await["result"]["promise"].clone();
    assert_eq!(option("/alice/team").await, "auto");
    assert_eq!(option("/alice/dev").await, json!(null), "it inherits no mirror");
    server.make_index("alice/above", json!({"bases": ["alice/team"]})).await;
    assert_eq!(option("/alice/above").await, "auto");
    server.make_index("alice/still", json!({"bases": ["root/pypi"], "promise": "never"})).await;
    assert_eq!(option("/alice/still").await, "never");
    // As those are that were made before.
    for (change, files) in [(r#"["promise-="]"#, 1), (r#"["promise=auto"]"#, 2), (r#"["promise=never"]"#, 1)]
    {
        let (status, told) = server.as_alice("PATCH", "/alice/team", change).await;
        assert_eq!(status, 200, "{told}");
        assert_eq!(page(&server, PAGE, agent("uv/")).await.files.len(), files, "{change}");
    }
    let (status, told) = server.as_alice("PATCH", "/alice/team", r#"["promise=always"]"#).await;
    assert!(status == 400 && told.contains("must be 'auto' or 'never'"), "{told}");
}

#[tokio::test]
async fn a_build_is_told_of_no_promise_whatever_its_pip_says() {
    let server = team().await;
    hire_for(&server, "w", vec![target(12, 36)]).await;
    // What was uploaded is built ahead.
    let secret = worker::job(&server).await.credential.expect("a credential");
    for path in [PAGE, "/v1/alice.team/auto/+simple/demo/"] {
        assert_eq!(page(&server, path, agent("uv/")).await.files.len(), 2, "{path}");
        let request =
            server.http.get(server.url(path)).bearer_auth(&secret).header("user-agent", agent("uv/"));
        let request = request.header("accept", "application/vnd.pypi.simple.v1+json");
        let seen = json_of(request.send().await.expect("an answer")).await;
        assert_eq!(seen["files"].as_array().map(Vec::len), Some(1), "{seen}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_real_pip_and_uv_install_by_promises_and_uv_locks_alike_with_every_python() {
    let server = team().await;
    let (pip, uv) = (Client::new("pip"), Client::new("uv"));
    let (own, _) = targets_of(&server, &pip).await;
    let all: Vec<_> = found().await.into_iter().filter(|one| one.target.python() >= (3, 8)).collect();
    metadata_was_served(&server, "alice/team", &own).await;
    hire_for(&server, "test", all.iter().map(|one| one.target.clone()).collect()).await;
    let index = server.url("/alice/team/+simple/");
    let versions = ["index", "versions", "demo", "--only-binary=:all:", "--no-cache-dir", "-i", &index];
    pip.run("pip", &versions).await.succeeded().says("demo (1.0)");
    std::fs::write(uv.home.path().join("in.txt"), "demo\n").expect("a written file");
    let compile = |index: String| {
        ["--no-cache", "pip", "compile", "--no-build", "--index-url", &index, "in.txt"].map(str::to_owned)
    };
    uv.run("uv", &compile(index.clone())).await.succeeded().says("demo==1.0");
    uv.run("uv", &compile(format!("{index}?plain"))).await.failed().says("no usable wheels");
    let project =
        "[project]\nname = 'app'\nversion = '1'\nrequires-python = '>=3.8'\ndependencies = ['demo']\n";
    let mut locks = Vec::new();
    for python in [&all[0], &all[all.len() - 1]] {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("pyproject.toml"), project).expect("a file");
        let python = python.executable.display().to_string();
        let lock = ["lock", "--no-cache", "--python", &python, "--default-index", &index];
        uv.run_in(folder.path(), "uv", &lock).await.succeeded();
        locks.push(std::fs::read_to_string(folder.path().join("uv.lock")).expect("a lock"));
    }
    assert_eq!(locks[0], locks[1]);
    assert!(locks[0].contains("demo-1.0.tar.gz") && !locks[0].contains("/+w/"), "{}", locks[0]);
}
