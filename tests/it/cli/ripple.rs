//! Stories of `wheelwright rebuild --because`: real builds against a helper that gets a new version.

use crate::kit::Server;
use crate::kit::desk::{Desk, Ran};
use crate::kit::hired::Hired;
use crate::kit::packages::Package;
use crate::kit::script::Auth;
use crate::kit::sources::Tree;
use crate::kit::stages::{PASSWORD, stage};
use crate::kit::workbench::bundled_pip;
use serde_json::{Value, json};
use std::time::Duration;
use wheelwright::access::Scope;

/// A project whose module knows the version of `numpyish` that it was built against.
fn tree(name: &str, more: &str) -> Tree {
    let code = format!(
        "import numpyish_abi as numpyish\nmembers['{name}.py'] = 'ABI = %r' % numpyish.VERSION\n{more}"
    );
    Tree::new(name, "1.0").asks_for("['numpyish']").does(&code)
}

async fn host(server: &Server, name: &str, tree: &Tree) {
    server.host_file("alice/dev", name, "1.0", &tree.filename(), &tree.sdist()).await;
}

async fn publish_numpyish(server: &Server, version: &str) {
    let code = format!("VERSION = '{version}'\n");
    let wheel = Package::new("numpyish", version)
        .tag("py3-none-any")
        .member("numpyish_abi.py", code.as_str())
        .wheel();
    server.publish("alice/dev", &wheel).await;
}

async fn build(server: &Server, name: &str) {
    let order = json!({"requirement": name, "from": "alice/dev", "targets": ["cp313"]});
    let (status, body) = server.ask("POST", "/+builds", &Auth::basic("alice", PASSWORD), Some(order)).await;
    assert_eq!(status, 200, "{body}");
    let id = body["result"][0]["id"].as_i64().expect("a build");
    for _ in 0..120 {
        let build = server.app.queue.wait(id, Duration::from_secs(1)).await.expect("a build");
        if build.state.has_ended() {
            assert!(build.failure.is_none(), "{:?}", build.failure);
            return;
        }
    }
    panic!("build {id} does not end");
}

async fn rebuild(server: &Server, desk: &Desk, more: &[&str]) -> Ran {
    let (url, token) = (server.url(""), server.make_token("alice", Scope::default()).await);
    let all = [&["rebuild", "--index", "alice/dev", "--server", &url, "--token", &token], more].concat();
    desk.run("wheelwright", &all).await
}

/// The wheels on the page of a project.
async fn wheels(server: &Server, project: &str) -> Vec<String> {
    let page = server.get(&format!("/alice/dev/+simple/{project}/")).await.text().await.expect("a page");
    let names = page.split("</a>").filter_map(|part| part.rsplit('>').next());
    names.filter(|name| name.ends_with(".whl")).map(str::to_owned).collect()
}

async fn start(more: &str) -> (Server, Hired) {
    let server = stage().await;
    server.build_nothing_ahead("dev").await;
    let (name, pip) = bundled_pip("3.13").await;
    let version = name.split('-').nth(1).expect("a version").to_owned();
    server.host_file("alice/dev", "pip", &version, &name, &pip).await;
    publish_numpyish(&server, "1.0").await;
    host(&server, "one", &tree("one", "")).await;
    host(&server, "two", &tree("two", more)).await;
    host(&server, "three", &Tree::new("three", "1.0")).await;
    let worker = Hired::start(&server, &server.worker_token().await, "one").await;
    for name in ["one", "two", "three"] {
        build(&server, name).await;
    }
    publish_numpyish(&server, "2.0").await;
    (server, worker)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_built_against_the_old_version_is_built_against_the_new_one_and_nothing_else() {
    let ((server, _worker), desk) = (start("").await, Desk::new());
    let plan = rebuild(&server, &desk, &["--because", "numpyish", "--dry-run"]).await.succeeded();
    let rows: Vec<Vec<&str>> = plan.out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[1][..2], ["one", "1.0"], "{}", plan.out);
    assert_eq!(rows[1][3..5], ["1.0", "2.0"], "{}", plan.out);
    assert!(plan.out.ends_with("2 wheels of alice/dev would be built again\n"), "{}", plan.out);
    let ran = rebuild(&server, &desk, &["--because", "numpyish==2.0", "--json"]).await.succeeded();
    let view = &ran.json()["rebuild"];
    assert_eq!(view["state"], "published", "{view:#}");
    assert!(ran.err.contains("one 1.0 cp313-") && ran.err.contains("built in"), "{}", ran.err);
    for (name, count) in [("one", 2), ("two", 2), ("three", 1)] {
        assert_eq!(wheels(&server, name).await.len(), count, "{name}");
    }
    // What an installer gets is the new one.
    let new =
        wheels(&server, "one").await.into_iter().find(|name| name.contains("-2ww-")).expect("a build tag");
    let page = server.get("/alice/dev/+simple/one/").await.text().await.expect("a page");
    let href = page.split("href=\"").find(|part| part.contains(&new)).and_then(|part| part.split('#').next());
    let url = reqwest::Url::parse(&server.url("/alice/dev/+simple/one/"))
        .expect("a URL")
        .join(href.expect("a link"));
    let bytes =
        server.http.get(url.expect("a URL")).send().await.expect("an answer").bytes().await.expect("a wheel");
    let mut wheel = zip::ZipArchive::new(std::io::Cursor::new(bytes)).expect("a wheel");
    let code = std::io::read_to_string(wheel.by_name("one.py").expect("a module")).expect("text");
    assert_eq!(code, "ABI = '2.0'");
    let none = rebuild(&server, &desk, &["--because", "numpyish"]).await.succeeded();
    assert!(none.out.contains("no wheel that was built for alice/dev used another version"), "{}", none.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn if_one_does_not_build_against_the_new_version_none_is_published_until_that_is_wanted() {
    let more = "if numpyish.VERSION == '2.0':\n    raise RuntimeError('this needs the old numpyish')";
    let ((server, _worker), desk) = (start(more).await, Desk::new());
    let ran = rebuild(&server, &desk, &["--because", "numpyish==2.0"]).await.failed();
    assert!(ran.out.contains("nothing is published: 1 of 2 builds failed"), "{}", ran.out);
    let row = ran.out.lines().find(|line| line.starts_with("two ")).expect("a row");
    assert!(row.contains("other: ") && row.contains("this needs the old numpyish"), "{row}");
    assert_eq!((wheels(&server, "one").await.len(), wheels(&server, "two").await.len()), (1, 1));
    let ran =
        rebuild(&server, &desk, &["--because", "numpyish==2.0", "--keep-going", "--json"]).await.failed();
    let published = |view: &Value| -> Vec<String> {
        let all = view["members"].as_array().expect("members").iter();
        all.filter(|one| one["published"] == true).map(|one| one["project"].to_string()).collect()
    };
    assert_eq!(published(&ran.json()["rebuild"]), ["\"one\""], "{}", ran.out);
    assert_eq!((wheels(&server, "one").await.len(), wheels(&server, "two").await.len()), (2, 1));
}
