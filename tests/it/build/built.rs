//! Stories of wheels that were built here, on the pages where they belong.

use crate::kit::Server;
use crate::kit::clients::Client;
use crate::kit::forms::Form;
use crate::kit::packages::{Dist, Package};
use crate::kit::stages::{PASSWORD, stage, stage_with};
use bytes::Bytes;
use serde_json::{Value, json};
use wheelwright::index::take_built::Handed;
use wheelwright::names::IndexName;

const OURS: &str = "demo-1.0-1ww-py2.py3-none-any.whl";

/// Another server, and one that mirrors it as `root/pypi`.
struct Story {
    upstream: Server,
    server: Server,
}

/// A run of a build, as the queue tells of it.
#[derive(Clone, Copy)]
struct Run {
    build: i64,
    fence: i64,
    wanted: bool,
    doubts: &'static [String],
}

const FIRST: Run = Run { build: 12, fence: 1, wanted: false, doubts: &[] };
const AGAIN: Run = Run { build: 12, fence: 2, wanted: false, doubts: &[] };
const WANTED: Run = Run { build: 12, fence: 1, wanted: true, doubts: &[] };

fn demo() -> Package {
    Package::new("demo", "1.0")
}

impl Story {
    /// The upstream has the sdist alone.
    async fn start() -> Self {
        let upstream = stage().await;
        upload(&upstream, &demo().requires_python(">=2.7").sdist()).await;
        let mirrored = upstream.url("/alice/dev/+simple/");
        let server = stage_with(|config| {
            config.upstream = Some(mirrored);
            config.mirror.cache_expiry = 0;
        })
        .await;
        Self { upstream, server }
    }

    async fn take(&self, run: Run, wheel: &Dist) -> String {
        let sdist = demo().requires_python(">=2.7").sdist();
        take(&self.server, "root/pypi", run, &sdist, wheel).await
    }

    async fn files(&self) -> Vec<Value> {
        files(&self.server, "/root/pypi/+simple/demo/").await
    }

    async fn url_of(&self, filename: &str) -> String {
        let files = self.files().await;
        let file = files.iter().find(|file| file["filename"] == filename).expect("a listed file");
        let url = file["url"].as_str().expect("a URL").trim_start_matches("../").to_owned();
        format!("/{url}")
    }
}

async fn upload(server: &Server, dist: &Dist) {
    let answer = server.post("/alice/dev/", Form::of(dist), "alice", PASSWORD).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

/// Gives the wheel to an index as the queue does.
async fn take(server: &Server, index: &str, run: Run, source: &Dist, wheel: &Dist) -> String {
    let directory = server.app.indexes.directory();
    let index = directory.indexes.get(&IndexName::parse(index).expect("user/index")).expect("an index");
    let wheel_sha256 = server.app.store.put(Bytes::from(wheel.bytes.clone())).await.expect("a stored wheel");
    let handed = Handed {
        build: run.build,
        fence: run.fence,
        asked_by: "alice",
        source_filename: &source.filename,
        source_sha256: &source.sha256(),
        published_at: Some(1_400_000_000_000_000),
        wheel: &wheel.filename,
        wheel_sha256: &wheel_sha256,
        target: "cp312-manylinux_2_36_x86_64",
        doubts: run.doubts,
        wanted: run.wanted,
    };
    server.app.indexes.take_built(index, handed).await.expect("a taken wheel")
}

async fn files(server: &Server, path: &str) -> Vec<Value> {
    let request = server.http.get(server.url(path)).header("accept", "application/vnd.pypi.simple.v1+json");
    let text = request.send().await.expect("an answer").text().await.expect("a page");
    let page: Value = serde_json::from_str(&text).expect("JSON");
    page["files"].as_array().expect("files").clone()
}

fn names(files: &[Value]) -> Vec<&str> {
    files.iter().filter_map(|file| file["filename"].as_str()).collect()
}

fn arguments<'a>(index: &'a str, target: &'a str) -> Vec<&'a str> {
    vec!["install", "--no-cache-dir", "--no-build-isolation", "--index-url", index, "--target", target]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_adds_what_was_built_and_pip_installs_it_while_the_upstream_is_down() {
    let Story { mut upstream, server } = Story::start().await;
    let before = files(&server, "/root/pypi/+simple/demo/").await;
    let sdist = demo().requires_python(">=2.7").sdist();
    assert_eq!(take(&server, "root/pypi", FIRST, &sdist, &demo().wheel()).await, OURS);
    upstream.stop();
    drop(upstream);
    let after = files(&server, "/root/pypi/+simple/demo/").await;
    assert_eq!(names(&after), [OURS], "the sdist's bytes are not here");
    for key in ["upload-time", "requires-python", "yanked"] {
        assert_eq!(after[0][key], before[0][key], "{key}");
    }
    assert_eq!(after[0]["provenance"], Value::Null);
    let client = Client::new("pip");
    let site = client.home.path().join("site").display().to_string();
    let index = server.url("/root/pypi/+simple/");
    let arguments = arguments(&index, &site);
    client.run("pip", &[&arguments[..], &["--only-binary=:all:", "demo"]].concat()).await.succeeded();
    let wheel = std::fs::read_dir(&site).expect("a folder").flatten();
    let wheel = wheel.map(|entry| entry.path()).find(|path| path.ends_with("demo-1.0.dist-info"));
    let told = std::fs::read_to_string(wheel.expect("an installed package").join("WHEEL")).expect("a WHEEL");
    assert!(told.lines().any(|line| line == "Build: 1ww"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_with_the_sdists_hash_is_still_good() {
    let story = Story::start().await;
    story.take(FIRST, &demo().wheel()).await;
    let client = Client::new("pip");
    let lock = client.home.path().join("lock.txt");
    let sdist = demo().requires_python(">=2.7").sdist();
    std::fs::write(&lock, format!("demo==1.0 --hash=sha256:{}\n", sdist.sha256())).expect("a lock");
    let site = client.home.path().join("site").display().to_string();
    let index = story.server.url("/root/pypi/+simple/");
    let lock = lock.display().to_string();
    let arguments = arguments(&index, &site);
    let run = client.run("pip", &[&arguments[..], &["--require-hashes", "-r", &lock]].concat()).await;
    run.succeeded().says("demo-1.0.tar.gz");
}

#[tokio::test]
async fn its_file_and_metadata_are_served_by_the_mirrors_own_routes() {
    let story = Story::start().await;
    story.take(FIRST, &demo().wheel()).await;
    let listed = story.files().await;
    let url = story.url_of(OURS).await;
    let answer = story.server.get(&url).await;
    assert_eq!(answer.headers()["cache-control"], "public, max-age=31536000, immutable");
    let bytes = answer.bytes().await.expect("a body");
    assert_eq!(crate::kit::upstream::sha256(&bytes), listed[0]["hashes"]["sha256"]);
    assert_eq!(listed[0]["size"], bytes.len());
    let metadata = story.server.get(&format!("{url}.metadata")).await.bytes().await.expect("a body");
    let told = listed[0]["core-metadata"]["sha256"].as_str().expect("a hash");
    assert_eq!(crate::kit::upstream::sha256(&metadata), told);
    assert_eq!(story.server.get(&format!("{url}.provenance")).await.status(), 404);
}

#[tokio::test]
async fn a_yank_upstream_yanks_the_built_wheel_too() {
    let story = Story::start().await;
    story.take(FIRST, &demo().wheel()).await;
    story.upstream.as_alice("PATCH", "/alice/dev/demo/1.0", r#"{"yanked": "broken"}"#).await;
    let files = story.files().await;
    assert_eq!((&files[0]["yanked"], &files[1]["yanked"]), (&json!("broken"), &json!("broken")));
}

#[tokio::test]
async fn once_the_upstream_has_such_a_wheel_ours_is_listed_no_more_and_served_on() {
    let story = Story::start().await;
    story.take(FIRST, &demo().wheel()).await;
    let url = story.url_of(OURS).await;
    let theirs = demo().requires_python(">=2.7").wheel();
    upload(&story.upstream, &theirs).await;
    assert_eq!(names(&story.files().await), [theirs.filename.as_str(), "demo-1.0.tar.gz"]);
    assert_eq!(story.server.get(&url).await.status(), 200);
}

#[tokio::test]
async fn a_doubtful_wheel_steps_back_for_any_that_serves_its_target_and_is_not_doubtful() {
    let story = Story::start().await;
    let doubts: &'static [String] = vec!["importing demo fails".to_owned()].leak();
    let doubtful = Run { build: 13, doubts, ..FIRST };
    let narrow = "demo-1.0-1ww-cp312-none-manylinux_2_36_x86_64.whl";
    assert_eq!(story.take(doubtful, &demo().wheel()).await, narrow);
    assert_eq!(story.take(doubtful, &demo().wheel()).await, narrow, "told twice of the same run");
    assert_eq!(names(&story.files().await), [narrow, "demo-1.0.tar.gz"]);
    let told = story.server.get("/root/pypi/+explain/demo").await.text().await.expect("a body");
    assert!(told.contains("doubtful: importing demo fails"), "{told}");
    // The same bytes from another interpreter, where nothing is doubtful.
    assert_eq!(story.take(FIRST, &demo().wheel()).await, OURS);
    assert_eq!(names(&story.files().await), [OURS, "demo-1.0.tar.gz"]);
    let told = story.server.get("/root/pypi/+explain/demo").await.text().await.expect("a body");
    assert!(told.contains(&format!("{OURS} already serves the same interpreters")), "{told}");
}

#[tokio::test]
async fn a_rebuild_gets_the_next_number_and_the_first_is_served_on() {
    let story = Story::start().await;
    assert_eq!(story.take(FIRST, &demo().wheel()).await, OURS);
    let first = story.url_of(OURS).await;
    let bytes = story.server.get(&first).await.bytes().await.expect("a body");
    assert_eq!(story.take(FIRST, &demo().wheel()).await, OURS, "told twice of the same run");
    let second = story.take(AGAIN, &demo().member("demo/more.py", "").wheel()).await;
    assert_eq!(second, "demo-1.0-2ww-py2.py3-none-any.whl");
    assert_eq!(names(&story.files().await), [OURS, second.as_str(), "demo-1.0.tar.gz"]);
    assert_eq!(story.server.get(&first).await.bytes().await.expect("a body"), bytes);
}

#[tokio::test]
async fn the_same_pure_wheel_from_another_interpreter_is_the_same_file() {
    let story = Story::start().await;
    story.take(FIRST, &demo().wheel()).await;
    let other = Run { build: 13, ..FIRST };
    assert_eq!(story.take(other, &demo().wheel()).await, OURS);
    assert_eq!(story.files().await.len(), 2);
}

#[tokio::test]
async fn what_is_denied_is_neither_listed_nor_served() {
    let story = Story::start().await;
    story.take(FIRST, &demo().wheel()).await;
    let url = story.url_of(OURS).await;
    let deny = r#"["deny+=demo==1.0"]"#;
    let request = story.server.http.patch(story.server.url("/root/pypi"));
    let request = request.basic_auth("root", Some(crate::kit::ROOT_PASSWORD)).body(deny);
    let answer = request.header("content-type", "application/json").send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    assert!(story.files().await.is_empty());
    assert_eq!(story.server.get(&url).await.status(), 403);
}

#[tokio::test]
async fn a_stage_above_shows_it_and_every_page_tells_of_it() {
    let story = Story::start().await;
    story.take(FIRST, &demo().wheel()).await;
    story.server.make_index("alice/team", json!({"bases": ["root/pypi"]})).await;
    let above = files(&story.server, "/alice/team/+simple/demo/").await;
    assert_eq!(names(&above), [OURS, "demo-1.0.tar.gz"]);
    for path in ["/alice/team/+explain/demo", "/alice/team/pypi/demo/json", "/root/pypi/+links/demo"] {
        let text = story.server.get(path).await.text().await.expect("a body");
        assert!(text.contains(OURS), "{path}: {text}");
    }
    let told = story.server.get("/alice/team/+explain/demo").await.text().await.expect("a body");
    assert!(told.contains("built here by build 12 from demo-1.0.tar.gz"), "{told}");
}

#[tokio::test]
async fn on_a_stage_a_wanted_wheel_is_a_file_like_others() {
    let server = stage().await;
    let sdist = demo().sdist();
    upload(&server, &sdist).await;
    let wheel = demo().wheel();
    assert_eq!(take(&server, "alice/dev", WANTED, &sdist, &wheel).await, wheel.filename);
    let listed = files(&server, "/alice/dev/+simple/demo/").await;
    assert_eq!(names(&listed), [wheel.filename.as_str(), "demo-1.0.tar.gz"]);
    assert_eq!(listed[0]["upload-time"], "2014-05-13T16:53:20.000000Z", "its source's");
    server.as_alice("PATCH", "/alice/dev/demo/1.0", r#"{"yanked": "broken"}"#).await;
    assert_eq!(files(&server, "/alice/dev/+simple/demo/").await[0]["yanked"], "broken");
}

#[tokio::test]
async fn a_name_that_was_deleted_from_a_stage_is_not_used_again() {
    let server = stage().await;
    let (sdist, wheel) = (demo().sdist(), demo().wheel());
    upload(&server, &sdist).await;
    take(&server, "alice/dev", WANTED, &sdist, &wheel).await;
    let path = files(&server, "/alice/dev/+simple/demo/").await[0]["url"].as_str().expect("a URL").to_owned();
    let path = format!("/{}", path.trim_start_matches("../"));
    assert_eq!(server.as_alice("DELETE", &path, "").await.0, 200);
    let again = Run { fence: 2, ..WANTED };
    assert_eq!(take(&server, "alice/dev", again, &sdist, &wheel).await, OURS);
    assert_eq!(server.get(&path).await.status(), 410);
}

#[tokio::test]
async fn what_was_built_ahead_on_a_stage_leaves_the_plain_name_to_who_uploads_it() {
    let server = stage().await;
    let (sdist, wheel) = (demo().sdist(), demo().wheel());
    upload(&server, &sdist).await;
    assert_eq!(take(&server, "alice/dev", FIRST, &sdist, &wheel).await, OURS);
    assert_eq!(names(&files(&server, "/alice/dev/+simple/demo/").await), [OURS, "demo-1.0.tar.gz"]);
    upload(&server, &demo().description("by hand\n").wheel()).await;
    let listed = files(&server, "/alice/dev/+simple/demo/").await;
    assert_eq!(names(&listed), [wheel.filename.as_str(), "demo-1.0.tar.gz"]);
}

#[tokio::test]
async fn an_archived_project_takes_no_built_wheel() {
    let server = stage().await;
    let (sdist, wheel) = (demo().sdist(), demo().wheel());
    upload(&server, &sdist).await;
    server.as_alice("PATCH", "/alice/dev/demo", r#"{"status": "archived"}"#).await;
    let directory = server.app.indexes.directory();
    let index = directory.indexes.get(&IndexName::parse("alice/dev").expect("a name")).expect("an index");
    let wheel_sha256 = server.app.store.put(Bytes::from(wheel.bytes.clone())).await.expect("a stored wheel");
    let handed = Handed {
        build: 12,
        fence: 1,
        asked_by: "alice",
        source_filename: &sdist.filename,
        source_sha256: &sdist.sha256(),
        published_at: None,
        wheel: &wheel.filename,
        wheel_sha256: &wheel_sha256,
        target: "cp312-manylinux_2_36_x86_64",
        doubts: &[],
        wanted: true,
    };
    let refused = server.app.indexes.take_built(index, handed).await.expect_err("a refusal").to_string();
    assert!(refused.contains("archived"), "{refused}");
    assert_eq!(files(&server, "/alice/dev/+simple/demo/").await.len(), 1);
}
