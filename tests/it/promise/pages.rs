//! What pages promise, to whom, and when they stop.

use crate::kit::Server;
use crate::kit::clients::Client;
use crate::kit::fake_worker::FakeWorker;
use crate::kit::packages::Package;
use crate::kit::script::Auth;
use crate::kit::stages::{PASSWORD, stage_with};
use crate::kit::upstream::Upstream;
use crate::kit::worker::hire_for;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;
use wheelwright::build::promise;
use wheelwright::build::target::Target;
use wheelwright::db::promises::{Change, StoredPromise};
use wheelwright::names::ProjectName;
use wheelwright::packaging::tags::{self, InterpreterTags, Libc, Platform};
use wheelwright::packaging::version;
use wheelwright::words::Class;

/// As real installers sent them.
const AGENTS: &str = include_str!("../../../src/packaging/vectors/user_agents.txt");

pub const PROMISE: &str = "demo-1.0-1ww-cp312-cp312-manylinux_2_36_x86_64.whl";

pub fn agent(begins: &str) -> &'static str {
    AGENTS.lines().find(|line| line.starts_with(begins)).expect("a User-Agent")
}

/// CPython 3.`minor` on a Linux with this glibc.
pub fn target(minor: u32, glibc: u32) -> Target {
    let abi = if minor < 8 { format!("cp3{minor}m") } else { format!("cp3{minor}") };
    let platform = Platform::Linux { arch: "x86_64".into(), libc: Libc::Glibc(2, glibc) };
    let of = InterpreterTags { implementation: "cp", major: 3, minor, abi: &abi };
    Target {
        name: format!("cp3{minor}-{}", platform.name()),
        implementation: "cp".into(),
        version: format!("3.{minor}.1"),
        tags: tags::accepted(&of, &platform),
        abi,
        ..Target::default()
    }
}

/// `alice/dev` is the default index; somebody builds for CPython 3.12 and 3.13.
pub async fn house() -> Server {
    let server = stage_with(|config| config.default_index = "alice/dev".into()).await;
    hire_for(&server, "test", vec![target(12, 36), target(13, 36)]).await;
    server
}

pub struct Page {
    pub vary: String,
    pub files: Vec<Value>,
    /// What the page leaves out.
    pub left_out: Vec<Value>,
}

impl Page {
    pub fn names(&self) -> Vec<&str> {
        self.files.iter().filter_map(|file| file["filename"].as_str()).collect()
    }
}

pub async fn page(server: &Server, path: &str, agent: &str) -> Page {
    let request = server.http.get(server.url(path)).header("user-agent", agent);
    let request = request.header("accept", "application/vnd.pypi.simple.v1+json");
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), 200, "{path}");
    let vary = answer.headers()["vary"].to_str().expect("text");
    let by_asker = ", Authorization, Cookie, X-Devpi-Auth";
    let vary = vary.strip_suffix(by_asker).expect("who may keep it").to_owned();
    let page: Value = serde_json::from_str(&answer.text().await.expect("a page")).expect("JSON");
    let left_out = page["_left-out"].as_array().cloned().unwrap_or_default();
    Page { vary, files: page["files"].as_array().expect("files").clone(), left_out }
}

/// Status and message of what an installer is told.
async fn status(server: &Server, path: &str, auth: &Auth) -> (u16, String) {
    let request = auth.on(server.http.get(server.url(path)));
    let accept = "application/vnd.pypi.simple.v1+json";
    let answer = request.header("accept", accept).send().await.expect("an answer");
    let status = answer.status().as_u16();
    let body: Value = serde_json::from_str(&answer.text().await.expect("a body")).expect("JSON");
    (status, body["message"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn an_installer_sees_the_promises_of_its_own_target_and_others_see_none() {
    let server = house().await;
    server.publish("alice/dev", &Package::new("demo", "1.0").requires_python(">=3.6").sdist()).await;
    let own = page(&server, "/simple/demo/", agent("uv/")).await;
    assert_eq!(own.names(), [PROMISE, "demo-1.0.tar.gz"]);
    assert_eq!(own.vary, "Accept, Accept-Encoding, User-Agent");
    let (promise, source) = (&own.files[0], &own.files[1]);
    let url = format!("../../alice/dev/+w/cp312-manylinux_2_36_x86_64/{PROMISE}");
    assert_eq!((promise["url"].as_str(), &promise["core-metadata"]), (Some(&*url), &json!(true)));
    assert_eq!(promise["hashes"], json!({}));
    for key in ["requires-python", "upload-time", "yanked"] {
        assert_eq!(promise[key], source[key], "{key}");
    }
    let newer = page(&server, "/simple/demo/", agent("pip/26")).await;
    assert_eq!(newer.names()[0], "demo-1.0-1ww-cp313-cp313-manylinux_2_36_x86_64.whl");
    for (path, agent) in [
        ("/simple/demo/", agent("pip/23")),
        ("/simple/demo/", "curl/8.0"),
        ("/alice/dev/+simple/demo/", agent("uv/")),
        ("/alice/dev/+at/2100-01-01/+simple/demo/", agent("uv/")),
    ] {
        assert_eq!(page(&server, path, agent).await.names(), ["demo-1.0.tar.gz"], "{path} {agent}");
    }
}

#[tokio::test]
async fn a_target_is_asked_for_by_its_name_whoever_asks() {
    let server = house().await;
    server.publish("alice/dev", &Package::new("demo", "1.0").sdist()).await;
    for name in ["cp312-manylinux_2_36_x86_64", "cp312-linux", "3.12"] {
        let path = format!("/v1/alice.dev/{name}/+simple/demo/");
        let page = page(&server, &path, "curl/8.0").await;
        assert_eq!(page.names(), [PROMISE, "demo-1.0.tar.gz"], "{name}");
        assert_eq!(page.vary, "Accept, Accept-Encoding");
        assert!(
            page.files[0]["url"].as_str().is_some_and(|url| url.starts_with("../../../../../alice/dev/+w/"))
        );
    }
    let auto = page(&server, "/v1/alice.dev/auto/+simple/demo/", agent("uv/")).await;
    assert_eq!((auto.names()[0], &*auto.vary), (PROMISE, "Accept, Accept-Encoding, User-Agent"));
    let none = page(&server, "/v1/alice.dev/auto/+simple/demo/", agent("pip/23")).await;
    assert_eq!(none.names(), ["demo-1.0.tar.gz"]);
    for path in ["/v1/alice.dev/cp311/+simple/demo/", "/v1/alice.dev/cp311/+simple/"] {
        let (status, why) = status(&server, path, &Auth::None).await;
        assert_eq!(status, 404);
        assert!(why.contains("target cp311 does not exist: use one of cp312-manylinux"), "{why}");
    }
    hire_for(&server, "test", vec![target(12, 36), target(12, 31)]).await;
    let (status, why) = status(&server, "/v1/alice.dev/cp312/+simple/demo/", &Auth::None).await;
    assert_eq!(status, 404);
    assert!(why.contains("use one of cp312-manylinux_2_31_x86_64, cp312-"), "{why}");
}

/// The targets of this machine: that of the client's interpreter, and the others.
pub async fn targets_of(server: &Server, client: &Client) -> (Target, Vec<Target>) {
    let found = wheelwright::worker::interpreters::discover(&server.app.config.build).await;
    let version = client.run("python", &["-c", "import sys; print('%d.%d' % sys.version_info[:2])"]).await;
    let version = format!("{}.", version.succeeded().output.trim());
    let targets = found.expect("interpreters").into_iter().map(|one| one.target);
    let (own, others): (Vec<Target>, Vec<Target>) =
        targets.partition(|target| target.version.starts_with(&version));
    (own.into_iter().next().expect("the client's own interpreter"), others)
}

#[tokio::test(flavor = "multi_thread")]
async fn pip_finds_a_version_where_its_target_is_built_for_and_none_where_it_is_not() {
    let server = house().await;
    server.publish("alice/dev", &Package::new("demo", "1.0").sdist()).await;
    let client = Client::new("pip");
    let (own, others) = targets_of(&server, &client).await;
    let index = server.url("/simple/");
    let arguments = ["index", "versions", "demo", "--only-binary=:all:", "--no-cache-dir", "-i", &index];
    hire_for(&server, "test", others).await;
    client.run("pip", &arguments).await.failed().says("No matching distribution found for demo");
    hire_for(&server, "test", vec![own]).await;
    client.run("pip", &arguments).await.succeeded().says("demo (1.0)");
}

#[tokio::test(flavor = "multi_thread")]
async fn uv_resolves_by_a_promise_to_its_own_target_and_not_by_one_to_others() {
    let server = house().await;
    server.publish("alice/dev", &Package::new("demo", "1.0").sdist()).await;
    let client = Client::new("uv");
    let (own, others) = targets_of(&server, &client).await;
    metadata_was_served(&server, "alice/dev", &own).await;
    std::fs::write(client.home.path().join("in.txt"), "demo\n").expect("a written file");
    let index = server.url("/v1/alice.dev/auto/+simple/");
    let arguments = ["--no-cache", "pip", "compile", "--no-build", "--index-url", &index, "in.txt"];
    hire_for(&server, "test", others).await;
    client.run("uv", &arguments).await.failed().says("demo==1.0 has no usable wheels");
    hire_for(&server, "test", vec![own]).await;
    client.run("uv", &arguments).await.succeeded().says("demo==1.0");
}

/// As if somebody had asked for it before.
pub async fn metadata_was_served(server: &Server, index: &str, target: &Target) {
    let (project, version) = (ProjectName::new("demo").expect("a name"), version::parse("1.0").expect("one"));
    let text = "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n";
    let sha256 = server.app.store.put(text.into()).await.expect("a blob");
    let filename = promise::filename(&project, &version, target);
    let row = StoredPromise {
        version: "1.0".into(),
        source_filename: "demo-1.0.tar.gz".into(),
        ..StoredPromise::new(index.parse().expect("an index"), project, &target.name, &filename)
    };
    let change = Change::Metadata { sha256: &sha256 };
    server.app.db.change_promise("test", &row, change).await.expect("a row");
}

#[tokio::test]
async fn what_failed_is_promised_no_more_until_it_is_asked_again() {
    let server = house().await;
    let worker = server.worker("bob", "one").await;
    server.publish("alice/dev", &Package::new("demo", "1.0").sdist()).await;
    server.publish("alice/dev", &Package::new("demo", "2.0").sdist()).await;
    let path = "/v1/alice.dev/cp312-test/+simple/demo/";
    let promised = |page: Page| page.names().iter().filter(|name| name.contains("-1ww-")).count();
    assert_eq!(promised(page(&server, path, "curl").await), 2);
    let asked = server.ask_builds("demo==1.0").await;
    fails(&worker).await;
    let after = page(&server, path, "curl").await;
    let expected =
        ["demo-1.0.tar.gz", "demo-2.0-1ww-cp312-cp312-manylinux_2_17_x86_64.whl", "demo-2.0.tar.gz"];
    assert_eq!(after.names(), expected);
    // For others nothing is known yet.
    assert_eq!(promised(page(&server, "/v1/alice.dev/cp313/+simple/demo/", "curl").await), 2);
    let again = format!("/+builds/{}/rebuild", asked[0]["id"]);
    assert_eq!(server.ask("POST", &again, &Auth::root(), None).await.0, 200);
    assert_eq!(promised(page(&server, path, "curl").await), 2);
    fails(&worker).await;
    assert_eq!(promised(page(&server, path, "curl").await), 1);
    let recipe = server
        .http
        .put(server.url("/+recipes/demo"))
        .body("name = \"demo\"\n[build]\nrequires = [\"wheel\"]\n");
    let answer = Auth::root().on(recipe).send().await.expect("an answer");
    assert_eq!(answer.status(), 200, "{}", answer.text().await.expect("a body"));
    assert_eq!(promised(page(&server, path, "curl").await), 2, "by another recipe it may work");
}

async fn fails(worker: &FakeWorker<'_>) {
    let job = worker.claim().await;
    assert_eq!(worker.fails(&job, Class::Compiler).await, 200);
}

#[tokio::test]
async fn a_promise_goes_when_a_wheel_comes_and_follows_the_yank_of_its_source() {
    let server = house().await;
    server.publish("alice/dev", &Package::new("demo", "1.0").sdist()).await;
    let path = "/simple/demo/";
    assert_eq!(page(&server, path, agent("uv/")).await.names(), [PROMISE, "demo-1.0.tar.gz"]);
    let yank = r#"{"yanked": "broken on Tuesdays"}"#;
    assert_eq!(server.as_alice("PATCH", "/alice/dev/demo/1.0", yank).await.0, 200);
    let yanked = page(&server, path, agent("uv/")).await;
    assert_eq!((yanked.names()[0], &yanked.files[0]["yanked"]), (PROMISE, &json!("broken on Tuesdays")));
    server.publish("alice/dev", &Package::new("demo", "1.0").wheel()).await;
    let page = page(&server, path, agent("uv/")).await;
    assert_eq!(page.names(), ["demo-1.0-py2.py3-none-any.whl", "demo-1.0.tar.gz"]);
}

#[tokio::test]
async fn hundreds_of_releases_are_promised_at_once_and_the_upstream_is_asked_for_its_page_alone() {
    let upstream = Upstream::start().await;
    for number in 0..300 {
        upstream.add(&format!("demo-1.{number}.tar.gz"), format!("source {number}"));
    }
    let simple = upstream.simple();
    let server = stage_with(|config| config.upstream = Some(simple)).await;
    hire_for(&server, "test", vec![target(12, 36), target(13, 36)]).await;
    let rendered = || server.app.indexes.views.rendered.load(Ordering::Relaxed);
    let before = rendered();
    for _ in 0..3 {
        assert_eq!(page(&server, "/simple/demo/", agent("uv/")).await.files.len(), 600);
    }
    assert_eq!(rendered() - before, 1);
    assert_eq!(page(&server, "/simple/demo/", agent("pip/26")).await.files.len(), 600);
    assert_eq!(page(&server, "/simple/demo/", agent("pip/23")).await.files.len(), 300);
    assert_eq!(rendered() - before, 3);
    assert_eq!(upstream.log().len(), 1, "{:?}", upstream.log());
    let deny = json!({"deny": ["demo<1.290"]});
    assert_eq!(server.ask("PATCH", "/root/pypi", &Auth::root(), Some(deny)).await.0, 200);
    let allowed = page(&server, "/simple/demo/", agent("uv/")).await;
    assert_eq!(allowed.files.len(), 20, "{:?}", allowed.names());
    assert_eq!(upstream.log().len(), 1);
}

#[tokio::test]
async fn of_each_project_the_first_index_that_has_it_decides() {
    let upstream = Upstream::start().await;
    upstream.add("demo-99.0.tar.gz", "evil").add("other-1.0.tar.gz", "public");
    let simple = upstream.simple();
    let server = stage_with(|config| config.upstream = Some(simple)).await;
    hire_for(&server, "test", vec![target(12, 36)]).await;
    server.publish("alice/dev", &Package::new("demo", "1.0").sdist()).await;
    let names = async |path: &str| -> Vec<String> {
        page(&server, path, "curl").await.names().into_iter().map(str::to_owned).collect()
    };
    assert_eq!(names("/v1/alice.dev+pypi/cp312/+simple/demo/").await, [PROMISE, "demo-1.0.tar.gz"]);
    assert_eq!(upstream.asked("/simple/demo/"), 0, "nobody is told that there is a demo here");
    let public = names("/v1/alice.dev+pypi/cp312/+simple/other/").await;
    assert_eq!(public, [&PROMISE.replace("demo", "other"), "other-1.0.tar.gz"]);
    let other = names("/v1/pypi+alice.dev/cp312/+simple/demo/").await;
    assert_eq!(other, [&PROMISE.replace("1.0", "99.0"), "demo-99.0.tar.gz"]);
    let list = server.get("/v1/alice.dev+root.pypi/cp312/+simple/").await.text().await.expect("a page");
    assert_eq!(list.matches(">demo<").count(), 1, "{list}");
    assert_eq!(list.matches(">other<").count(), 1, "{list}");
    let (status, why) = status(&server, "/v1/alice.dev+pypi/cp312/+simple/nothing/", &Auth::None).await;
    assert_eq!((status, &*why), (404, "The project nothing does not exist on alice/dev, nor on root/pypi."));
    drop(upstream);
    let (status, _) = self::status(&server, "/v1/pypi+alice.dev/cp312/+simple/third/", &Auth::None).await;
    assert!(status >= 500, "an index that cannot be asked may have it: {status}");
}

#[tokio::test]
async fn an_index_that_is_not_there_or_not_for_the_asker_is_told_as_elsewhere() {
    let server = house().await;
    server.make_index("alice/secret", json!({"bases": [], "acl_read": ["alice"]})).await;
    server.make_index("alice/a.b", json!({"bases": []})).await;
    server.make_user("alice.a", PASSWORD).await;
    server.make_index("alice.a/b", json!({"bases": []})).await;
    let root = Auth::root();
    for name in ["secret", "nope"] {
        let path = format!("/v1/alice.dev+alice.{name}/auto/+simple/demo/");
        assert_eq!(status(&server, &path, &Auth::None).await.0, 401, "{name}");
    }
    let (code, why) = status(&server, "/v1/alice.dev+alice.nope/auto/+simple/demo/", &root).await;
    let expected = "this server has no index alice.nope; it has alice.dev (alice/dev). Write user.index or \
                    an alias (pypi), joined by +";
    assert_eq!((code, &*why), (404, expected));
    let (code, why) = status(&server, "/v1/alice.a.b/auto/+simple/demo/", &Auth::None).await;
    assert_eq!(code, 404);
    assert!(why.starts_with("alice.a.b is ambiguous: it can mean alice/a.b or alice.a/b"), "{why}");
    let moved = server.get("/v1/alice.dev/auto/+simple/Demo?x=1").await;
    assert_eq!(
        (moved.status().as_u16(), &moved.headers()["location"]),
        (301, &"demo/?x=1".parse().expect("text"))
    );
}
