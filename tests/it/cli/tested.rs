//! Stories of `wheelwright test`: real builds, real runs in the sandbox, and results beside the sdist.

use crate::kit::Server;
use crate::kit::desk::{Desk, Ran};
use crate::kit::hired::Hired;
use crate::kit::packages::Package;
use crate::kit::script::Auth;
use crate::kit::sources::Tree;
use crate::kit::stages::{PASSWORD, stage};
use crate::kit::workbench::bundled_pip;
use crate::promise::metadata::house_of;
use serde_json::{Value, json};
use wheelwright::access::Scope;
use wheelwright::config::upstream::default_upstream;

/// In place of pytest: runs every file of the folder.
const RUNNER: &str = "import glob, runpy, sys\n\
    for path in sorted(glob.glob(sys.argv[1] + '/test_*.py')):\n    \
    print('running', path)\n    runpy.run_path(path)\n";

async fn host(server: &Server, tree: &Tree) {
    let name = tree.filename();
    let (project, version) = name.trim_end_matches(".tar.gz").rsplit_once('-').expect("a version");
    server.host_file("alice/dev", project, version, &name, &tree.sdist()).await;
}

async fn start() -> (Server, Hired, Desk) {
    let server = stage().await;
    server.build_nothing_ahead("dev").await;
    let (name, pip) = bundled_pip("3.13").await;
    let version = name.split('-').nth(1).expect("a version").to_owned();
    server.host_file("alice/dev", "pip", &version, &name, &pip).await;
    let pytest = Package::new("pytest", "9.0").tag("py3-none-any").member("pytest/__main__.py", RUNNER);
    server.publish("alice/dev", &pytest.wheel()).await;
    let helper = Package::new("helper", "1.0").tag("py3-none-any").wheel();
    server.publish("alice/dev", &helper).await;
    let worker = Hired::start(&server, &server.worker_token().await, "one").await;
    (server, worker, Desk::new())
}

/// `wheelwright test` as this user.
async fn test(server: &Server, desk: &Desk, user: &str, more: &[&str]) -> Ran {
    let (url, token) = (server.url(""), server.make_token(user, Scope::default()).await);
    desk.run(
        "wheelwright",
        &[&["test", "--server", &url, "--token", &token, "--target", "cp313"], more].concat(),
    )
    .await
}

/// The results beside the sdist of a release, oldest first.
async fn results(server: &Server, project: &str, version: &str) -> Vec<Value> {
    let path = format!("/alice/dev/{project}/{version}");
    let (status, told) = server.ask("GET", &path, &Auth::basic("alice", PASSWORD), None).await;
    assert_eq!(status, 200, "{told}");
    let mut all = Vec::new();
    for link in told["result"]["+links"].as_array().expect("links") {
        if link["rel"] == "toxresult" {
            assert!(link["for_href"].as_str().is_some_and(|href| href.ends_with(".tar.gz")), "{link}");
            let url = link["href"].as_str().expect("a URL");
            let answer = server.http.get(url).send().await.expect("an answer");
            all.push(serde_json::from_slice(&answer.bytes().await.expect("a body")).expect("JSON"));
        }
    }
    all
}

fn step(result: &Value) -> &Value {
    let environments = result["testenvs"].as_object().expect("environments");
    let (target, environment) = environments.iter().next().expect("one");
    assert!(target.starts_with("cp313-"), "{result:#}");
    &environment["test"][0]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_projects_own_tests_run_against_its_wheel_and_the_result_stands_beside_the_sdist() {
    let (server, _worker, desk) = start().await;
    let asks = "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n\
                [dependency-groups]\ntest = ['helper']\n";
    let test_of = |version: &str| {
        format!(
            "import demo, helper, os\nassert demo.version == {version:?}, demo.version\nassert not os.path.exists('backend.py')\n"
        )
    };
    let tree = |version: &str, expects: &str| {
        let tree = Tree::new("demo", version).file("pyproject.toml", asks);
        tree.file("tests/test_demo.py", &test_of(expects))
    };
    host(&server, &tree("1.0", "1.0")).await;
    host(&server, &tree("2.0", "1.0")).await;

    let passed = test(&server, &desk, "alice", &["alice/dev", "demo==1.0"]).await.succeeded();
    assert!(passed.out.contains("the tests passed for all 1 targets"), "{}", passed.out);
    let told = results(&server, "demo", "1.0").await;
    assert_eq!(told.len(), 1, "{told:#?}");
    assert_eq!(
        (&step(&told[0])["retcode"], &told[0]["installpkg"]["basename"]),
        (&json!("0"), &json!("demo-1.0.tar.gz"))
    );
    assert!(
        step(&told[0])["output"].as_str().is_some_and(|text| text.contains("running tests/test_demo.py"))
    );
    let page = server.get("/alice/dev/+simple/demo/").await.text().await.expect("a page");
    assert!(!page.contains(".whl"), "{page}");

    // The newest version: its tests fail, which is a result too.
    let failed = test(&server, &desk, "alice", &["alice/dev", "demo", "--json"]).await;
    assert_eq!(failed.code, Some(1), "{failed:#?}");
    let document: Value = serde_json::from_str(&failed.out).expect("JSON");
    let run = &document["runs"][0];
    assert_eq!(
        (&document["ok"], &run["failure"]["class"], &run["version"]),
        (&json!(false), &json!("test"), &json!("2.0")),
        "{run:#}"
    );
    let told = results(&server, "demo", "2.0").await;
    assert_eq!((told.len(), &step(&told[0])["retcode"]), (1, &json!("1")));
    assert!(
        step(&told[0])["output"].as_str().is_some_and(|text| text.contains("AssertionError")),
        "{told:#?}"
    );

    // Each run is a result, also if nothing changed.
    test(&server, &desk, "alice", &["alice/dev", "demo==1.0"]).await.succeeded();
    assert_eq!(results(&server, "demo", "1.0").await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_real_pytest_runs_with_the_plugins_that_only_tox_ini_names() {
    let pypi = default_upstream(|name| std::env::var(name).ok()).expect("PyPI's address");
    let (server, _worker) = house_of(&["cp313"], Some(pypi)).await;
    assert_eq!(server.as_alice("PATCH", "/alice/dev", r#"{"bases": ["root/pypi"]}"#).await.0, 200);
    let tests = "import demo, pytest\n\n@pytest.mark.parametrize('wanted', ['1.0', 'other'])\n\
                 def test_version(wanted):\n    assert demo.version == wanted\n";
    let tree = Tree::new("demo", "1.0")
        .file("tox.ini", "[pytest]\naddopts = --cov=demo\n\n[testenv]\ndeps =\n    -r wants.txt\n")
        .file("wants.txt", "pytest>=8\npytest-cov\n")
        .file("tests/test_demo.py", tests);
    host(&server, &tree).await;
    let failed = test(&server, &Desk::new(), "alice", &["alice/dev", "demo"]).await;
    assert_eq!(failed.code, Some(1), "{failed:#?}");
    let told = results(&server, "demo", "1.0").await;
    let output = step(&told[0])["output"].as_str().expect("a text");
    assert_eq!(step(&told[0])["retcode"], "1", "{output}");
    assert!(output.contains("1 failed, 1 passed") && output.contains("coverage"), "{output}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recipe_says_how_else_tests_run_and_what_cannot_be_tested_is_said() {
    let (server, _worker, desk) = start().await;
    host(&server, &Tree::new("bare", "1.0")).await;
    let bare = test(&server, &desk, "alice", &["alice/dev", "bare"]).await;
    assert_eq!(bare.code, Some(1));
    assert!((bare.out.clone() + &bare.err).contains("no folder named tests or test"), "{bare:#?}");
    assert_eq!(results(&server, "bare", "1.0").await.len(), 0);

    let recipe =
        "name = \"bare\"\n[test]\ncommand = \"\\\"$PYTHON\\\" -c 'import bare; print(bare.version)'\"\n";
    let (status, told) =
        server.ask("PUT", "/+recipes/bare", &Auth::root(), Some(json!({"text": recipe}))).await;
    assert_eq!(status, 200, "{told}");
    test(&server, &desk, "alice", &["alice/dev", "bare"]).await.succeeded();
    let told = results(&server, "bare", "1.0").await;
    assert!(step(&told[0])["output"].as_str().is_some_and(|text| text.contains("1.0\n")), "{told:#?}");

    server.make_user("bob", "bob-secret").await;
    for (user, wanted, why) in [
        ("alice", "nothing", "alice/dev has no sdist of its own for nothing"),
        ("alice", "bare==9", "alice/dev has no sdist of its own for bare==9"),
        ("alice", "git+https://host.test/x", "tests need a requirement"),
        ("bob", "bare", "permission to upload"),
    ] {
        let refused = test(&server, &desk, user, &["alice/dev", wanted]).await;
        assert!(refused.code == Some(1) && refused.err.contains(why), "{wanted}: {refused:#?}");
    }
}
