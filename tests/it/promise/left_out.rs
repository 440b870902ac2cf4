//! Stories of what a page for installers leaves out, and says so.

use super::pages::{agent, house, metadata_was_served, page, targets_of};
use crate::kit::clients::{Client, old_pip};
use crate::kit::packages::{Dist, Package};
use crate::kit::script::Auth;
use crate::kit::sources::Tree;
use crate::kit::stages::stage_with;
use crate::kit::upstream::Upstream;
use crate::kit::worker::hire_for;
use serde_json::json;
use wheelwright::build::job::JobOutcome;
use wheelwright::words::{Class, Failure, Step};

const PAGE: &str = "/v1/alice.dev/cp312-test/+simple/demo/";

/// A line of a log that would end a comment.
const LINE: &str = "lber.h: no such file --> <script>";

#[tokio::test]
async fn a_page_says_which_release_it_leaves_out_and_why_until_that_is_over() {
    let server = house().await;
    let worker = server.worker("bob", "one").await;
    server.publish("alice/dev", &Package::new("demo", "1.0").sdist()).await;
    assert!(page(&server, PAGE, "curl").await.left_out.is_empty());
    let asked = server.ask_builds("demo==1.0").await;
    let job = worker.claim().await;
    let failure =
        Failure { line: Some(LINE.into()), ..Failure::new(Class::MissingHeader, Step::Build, "get it") };
    assert_eq!(worker.outcome(&job, &JobOutcome::Failed(failure)).await, 200);
    let after = page(&server, PAGE, "curl").await;
    assert_eq!(after.names(), ["demo-1.0.tar.gz"]);
    let id = &asked[0]["id"];
    let expected = json!({
        "version": "1.0",
        "source": "demo-1.0.tar.gz",
        "why": format!("its build for cp312-test failed: missing-header: {LINE}"),
        "build": format!("../../../../../+builds/{id}"),
    });
    assert_eq!(after.left_out, [expected]);
    let build = format!("{PAGE}../../../../../+builds/{id}");
    assert_eq!(server.get(&build).await.status(), 200);
    let html = server.get(PAGE).await.text().await.expect("a page");
    let comment = "<!-- left out: 1.0 exists as source (demo-1.0.tar.gz), but its build for cp312-test failed: \
                   missing-header: lber.h: no such file --&gt; &lt;script&gt;: ../../../../../+builds/";
    assert!(html.contains(comment), "{html}");
    let ends = html.matches("-->").count();
    assert_eq!(ends, 2, "its own, and that of the serial: {html}");
    // Others know nothing of it, and the page of the index promises nothing.
    for path in ["/v1/alice.dev/cp313/+simple/demo/", "/alice/dev/+simple/demo/"] {
        assert!(page(&server, path, "curl").await.left_out.is_empty(), "{path}");
    }
    let again = format!("/+builds/{id}/rebuild");
    assert_eq!(server.ask("POST", &again, &Auth::root(), None).await.0, 200);
    assert!(page(&server, PAGE, "curl").await.left_out.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn pip_and_uv_read_a_page_that_leaves_something_out() {
    let server = house().await;
    let (pip, uv) = (Client::new("pip"), Client::new("uv"));
    let (own, _) = targets_of(&server, &pip).await;
    let name = own.name.clone();
    server.publish("alice/dev", &Package::new("demo", "1.0").tag("py2.py3-none-any").wheel()).await;
    server.publish("alice/dev", &Package::new("demo", "2.0").sdist()).await;
    metadata_was_served(&server, "alice/dev", &own).await;
    hire_for(&server, "w", vec![own]).await;
    let order = json!({"requirement": "demo==2.0", "index": "alice/dev", "targets": [name]});
    let (status, body) = server.ask("POST", "/+builds", &Auth::root(), Some(order)).await;
    assert_eq!(status, 200, "{body}");
    let job = crate::kit::worker::job(&server).await;
    // Who reads this as a part of the page finds a version that there is not.
    let link = "--> <a href=\"demo-9.0-py2.py3-none-any.whl\">demo-9.0-py2.py3-none-any.whl</a>";
    let failure =
        Failure { line: Some(link.into()), ..Failure::new(Class::Compiler, Step::Build, "mend it") };
    let outcome = JobOutcome::Failed(failure);
    server.app.queue.end("root", job.build, job.fence, outcome).await.expect("an end");
    let index = server.url("/simple/");
    let for_target = format!("/v1/alice.dev/{name}/+simple/");
    let left_out = page(&server, &format!("{for_target}demo/"), "curl").await.left_out;
    assert_eq!(left_out.len(), 1, "{left_out:?}");
    let arguments = ["index", "versions", "demo", "--only-binary=:all:", "--no-cache-dir", "-i", &index];
    pip.run("pip", &arguments).await.succeeded().says("demo (1.0)");
    std::fs::write(uv.home.path().join("in.txt"), "demo\n").expect("a written file");
    let arguments = ["--no-cache", "pip", "compile", "--no-build", "--index-url", &index, "in.txt"];
    uv.run("uv", &arguments).await.succeeded().says("demo==1.0");
    // An old one reads the HTML, and all that it says.
    let (old, _) = tokio::task::spawn_blocking(old_pip).await.expect("the client");
    let (to, from) = (old.home.path().join("to").display().to_string(), server.url(&for_target));
    let binary = "--only-binary=:all:";
    let arguments = ["download", "--no-cache-dir", "--no-deps", binary, "-i", &from, "-d", &to, "demo"];
    old.run("pip", &arguments).await.succeeded().says("demo-1.0");
}

#[tokio::test]
async fn nothing_is_promised_where_no_build_could_begin() {
    let upstream = Upstream::start().await;
    upstream.add("other-1.0.tar.gz", "a source");
    let simple = upstream.simple();
    let server = stage_with(|config| {
        config.default_index = "alice/dev".into();
        config.upstream = Some(simple);
    })
    .await;
    hire_for(&server, "test", vec![super::pages::target(12, 36)]).await;
    let tree = Tree::new("demo", "1.0").file("pyproject.toml", "[build-system]\nrequires = ['hatchling']\n");
    let dist = Dist { filename: tree.filename(), bytes: tree.sdist(), package: Package::new("demo", "1.0") };
    server.publish("alice/dev", &dist).await;
    server.publish("alice/dev", &Package::new("plain", "1.0").sdist()).await;
    let path = "/simple/demo/";
    let alone = page(&server, path, agent("uv/")).await;
    assert_eq!(alone.names(), ["demo-1.0.tar.gz"]);
    let why = "what builds it is not on alice/dev: it inherits from no mirror that has pip";
    assert_eq!(alone.left_out[0]["why"], why);
    assert_eq!(page(&server, "/simple/plain/", agent("uv/")).await.files.len(), 2, "it needs nothing");
    let change = r#"["bases=root/pypi"]"#;
    assert_eq!(server.as_alice("PATCH", "/alice/dev", change).await.0, 200);
    let above = page(&server, path, agent("uv/")).await;
    assert_eq!((above.names().len(), above.left_out.len()), (2, 0), "{:?}", above.names());
    // A mirror that refuses pip lets nothing be built of its own, nor above it.
    let allow = json!({"allow": ["other"]});
    assert_eq!(server.ask("PATCH", "/root/pypi", &Auth::root(), Some(allow)).await.0, 200);
    let refused = page(&server, "/simple/other/", agent("uv/")).await;
    assert_eq!(refused.names(), ["other-1.0.tar.gz"]);
    assert_eq!(refused.left_out[0]["why"], "every build needs pip: pip is not in this mirror's allow list");
    assert_eq!(page(&server, path, agent("uv/")).await.left_out[0]["why"], why);
    assert_eq!(upstream.asked("/simple/pip/"), 0, "{:?}", upstream.log());
}
