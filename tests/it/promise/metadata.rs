//! Stories of promised metadata: told by the sdist, by the backend's hook, or by a build, and kept.

use crate::kit::Server;
use crate::kit::backend::on_both;
use crate::kit::clients::Client;
use crate::kit::script::Auth;
use crate::kit::sources::Tree;
use serde_json::Value;
use std::io::Read;
use std::time::Duration;
use wheelwright::worker::inner::Inner;

/// A backend for any Python 3 without requirements. Its wheel is told by `wheel.txt`, its hook by
/// `told.txt`; without that file it has none.
const BACKEND: &str = r#"
import base64, hashlib, os, zipfile

NAME, VERSION = open("project.txt").read().split()
INFO = "%s-%s.dist-info" % (NAME, VERSION)

if os.path.exists("told.txt"):
    def prepare_metadata_for_build_wheel(folder, config_settings=None):
        os.mkdir(os.path.join(folder, INFO))
        with open(os.path.join(folder, INFO, "METADATA"), "w") as file:
            file.write(open("told.txt").read())
        return INFO

def build_wheel(folder, config_settings=None, metadata_directory=None):
    wheel = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files = [(NAME + ".py", "version = %r\n" % VERSION), (INFO + "/METADATA", open("wheel.txt").read()), (INFO + "/WHEEL", wheel)]
    record = ""
    for path, text in files:
        data = text.encode()
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        record += "%s,sha256=%s,%d\n" % (path, digest, len(data))
    filename = "%s-%s-py3-none-any.whl" % (NAME, VERSION)
    with zipfile.ZipFile(os.path.join(folder, filename), "w") as archive:
        for path, text in files + [(INFO + "/RECORD", record + INFO + "/RECORD,,\n")]:
            archive.writestr(path, text)
    return filename
"#;

/// Alice's index for CPython 3.12.
const HERE: (&str, &str) = ("alice.dev", "cp312");

fn metadata(version: &str, name: &str, number: &str, more: &str) -> String {
    format!("Metadata-Version: {version}\nName: {name}\nVersion: {number}\n{more}")
}

/// Where the metadata of a release is told.
enum Told {
    /// `PKG-INFO` binds.
    Sdist,
    Hook,
    /// Only by a build.
    Wheel,
}

/// Puts an sdist on alice/dev. What is told and what the wheel says differ in words, not in meaning.
async fn release(server: &Server, name: &str, number: &str, requires: &str, told: Told) {
    let said = metadata("2.2", name, number, &format!("Summary: told\n{requires}"));
    let built = metadata("2.1", name, number, &format!("Summary: built\n{requires}"));
    let mut tree = Tree::new(name, number)
        .file("backend.py", BACKEND)
        .file("project.txt", &format!("{name} {number}"))
        .file("wheel.txt", &built);
    match told {
        Told::Sdist => tree = tree.file("PKG-INFO", &said),
        Told::Hook => tree = tree.file("told.txt", &said),
        Told::Wheel => {}
    }
    server.host_file("alice/dev", name, number, &tree.filename(), &tree.sdist()).await;
}

/// A server with alice's stage and a real worker for CPython 3.12.
async fn house() -> (Server, Inner) {
    house_of(&["cp312"], None).await
}

/// The same for these targets, with an upstream.
pub async fn house_of(targets: &[&str], upstream: Option<String>) -> (Server, Inner) {
    let server = Server::start_with(|config| {
        config.build.targets = targets.iter().map(|name| (*name).to_owned()).collect();
        config.build.slots = Some(2);
        config.upstream = upstream;
    })
    .await;
    server.make_stage().await;
    let worker = Inner::start(&server.app, server.address).expect("a worker");
    while server.app.targets.offered().await.expect("targets").is_empty() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    (server, worker)
}

/// The promises of a project's page for a target: file name and path.
pub async fn promises(server: &Server, at: (&str, &str), project: &str) -> Vec<(String, String)> {
    let (index, target) = at;
    let page = format!("/v1/{index}/{target}/+simple/{project}/");
    let accept = ("accept", "application/vnd.pypi.simple.v1+json");
    let page = crate::kit::host::json_of(server.get_with(&page, &[accept]).await).await;
    let files = page["files"].as_array().expect("files").clone();
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let all = files.iter().map(|file| (text(&file["filename"]), text(&file["url"])));
    let path = |url: String| format!("/{}", url.trim_start_matches("../"));
    all.filter(|(_, url)| url.contains("/+w/")).map(|(name, url)| (name, path(url))).collect()
}

/// Asks until there is an answer that stays.
pub async fn get(server: &Server, path: &str) -> (u16, Vec<u8>) {
    loop {
        let answer = server.get(path).await;
        let status = answer.status().as_u16();
        if status != 503 {
            return (status, answer.bytes().await.expect("a body").to_vec());
        }
        assert!(answer.headers().contains_key("retry-after"), "it says when to come again");
    }
}

pub fn metadata_in(wheel: &[u8]) -> Vec<u8> {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(wheel)).expect("a wheel");
    let names: Vec<String> = archive.file_names().flatten().map(|name| name.into_owned()).collect();
    let name = names.into_iter().find(|name| name.ends_with("/METADATA")).expect("METADATA");
    let mut bytes = Vec::new();
    archive.by_name(&name).expect("a member").read_to_end(&mut bytes).expect("bytes");
    bytes
}

/// What was done, of one purpose: `project version`, sorted.
pub async fn done(server: &Server, purpose: &str) -> Vec<String> {
    let (status, body) = server.ask("GET", &format!("/+builds?purpose={purpose}"), &Auth::root(), None).await;
    assert_eq!(status, 200, "{body}");
    let builds = body["result"].as_array().expect("builds").iter();
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let mut all: Vec<String> =
        builds.map(|build| format!("{} {}", text(&build["project"]), text(&build["version"]))).collect();
    all.sort();
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wheel_contains_the_metadata_that_was_served_wherever_it_came_from() {
    let (server, worker) = house().await;
    release(&server, "bound", "1.0", "Requires-Dist: hooked\n", Told::Sdist).await;
    release(&server, "hooked", "1.0", "Requires-Dist: asked>=1; python_version >= '3'\n", Told::Hook).await;
    release(&server, "asked", "1.0", "", Told::Wheel).await;
    for (project, said) in [("bound", "told"), ("hooked", "told"), ("asked", "built")] {
        let all = promises(&server, HERE, project).await;
        let [(name, path)] = all.as_slice() else { panic!("one promise: {all:?}") };
        let (status, told) = get(&server, &format!("{path}.metadata")).await;
        assert_eq!(status, 200, "{name}: {}", String::from_utf8_lossy(&told));
        let text = String::from_utf8_lossy(&told).into_owned();
        assert!(text.contains(&format!("Summary: {said}\n")), "{text}");
        let (status, wheel) = get(&server, path).await;
        assert_eq!(status, 200, "{name}: {}", String::from_utf8_lossy(&wheel));
        assert_eq!(String::from_utf8_lossy(&metadata_in(&wheel)), text, "{name}");
        assert_eq!(get(&server, &format!("{path}.metadata")).await, (200, told), "and it stays");
    }
    assert_eq!(done(&server, "metadata").await, ["asked 1.0", "hooked 1.0"]);
    assert_eq!(done(&server, "wheel").await, ["asked 1.0", "bound 1.0", "hooked 1.0"]);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_sdist_that_says_one_thing_and_builds_another_breaks_its_promise() {
    let (server, worker) = house().await;
    let tree = Tree::new("liar", "1.0")
        .file("backend.py", BACKEND)
        .file("project.txt", "liar 1.0")
        .file("told.txt", &metadata("2.1", "liar", "1.0", "Requires-Dist: six\n"))
        .file("wheel.txt", &metadata("2.1", "liar", "1.0", "Requires-Dist: six\nRequires-Dist: surprise\n"));
    server.host_file("alice/dev", "liar", "1.0", &tree.filename(), &tree.sdist()).await;
    let all = promises(&server, HERE, "liar").await;
    let (_, path) = all.first().expect("a promise");
    assert_eq!(get(&server, &format!("{path}.metadata")).await.0, 200);
    let (status, body) = get(&server, path).await;
    let body = String::from_utf8_lossy(&body).into_owned();
    assert_eq!(status, 404, "{body}");
    assert!(body.contains("it also requires surprise"), "{body}");
    let (status, body) = get(&server, &format!("{path}.metadata")).await;
    assert_eq!(status, 404, "nobody resolves with it any more: {}", String::from_utf8_lossy(&body));
    assert_eq!(promises(&server, HERE, "liar").await, [], "gone from the page");
    worker.stop().await;
}

/// Eight releases, of which only the third newest goes with what else is wanted.
async fn walkable(server: &Server) {
    for number in 1..=8 {
        let brick = if number == 3 { "==1.0" } else { ">=2" };
        let requires = format!("Requires-Dist: brick{brick}\n");
        release(server, "walker", &format!("{number}.0"), &requires, Told::Hook).await;
    }
    release(server, "brick", "1.0", "", Told::Hook).await;
}

async fn one_build_each(server: &Server) {
    let mut built = done(server, "wheel").await;
    // What an installer asks for first it most likely takes.
    built.retain(|title| title != "walker 8.0");
    assert_eq!(built, ["brick 1.0", "walker 3.0"]);
    let walked = done(server, "metadata").await;
    assert!(walked.len() >= 5, "the resolver walked through versions: {walked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pip_walks_through_versions_and_nothing_is_built_but_the_first_and_what_it_installs() {
    let (server, worker) = house().await;
    walkable(&server).await;
    let client = Client::new("pip");
    let (index, site) = (server.url("/v1/alice.dev/cp312/+simple/"), client.home.path().join("site"));
    let site_text = site.display().to_string();
    let platform = promises(&server, HERE, "brick").await.remove(0).0;
    let platform = platform.trim_end_matches(".whl").rsplit('-').next().expect("a platform").to_owned();
    let arguments = ["--no-cache-dir", "install", "--only-binary", ":all:", "--target", &site_text];
    let target = ["--python-version", "3.12", "--platform", &platform, "-i", &index];
    let wanted = ["walker", "brick<2"];
    let arguments = [&arguments[..], &target[..], &wanted[..]].concat();
    client.run("pip", &arguments).await.succeeded();
    let walker = std::fs::read_to_string(site.join("walker.py")).expect("the module");
    assert!(walker.contains("3.0"), "{walker}");
    one_build_each(&server).await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn uv_walks_through_versions_and_nothing_is_built_but_the_first_and_what_it_installs() {
    let (server, worker) = house().await;
    walkable(&server).await;
    let client = Client::new("uv");
    let (index, site) = (server.url("/v1/alice.dev/cp312/+simple/"), client.home.path().join("site"));
    let site_text = site.display().to_string();
    let arguments = ["--no-cache", "pip", "install", "--no-build", "--target", &site_text];
    let target = ["--python-version", "3.12", "--index-url", &index, "walker", "brick<2"];
    client.run("uv", &[&arguments[..], &target[..]].concat()).await.succeeded();
    let walker = std::fs::read_to_string(site.join("walker.py")).expect("the module");
    assert!(walker.contains("3.0"), "{walker}");
    one_build_each(&server).await;
    worker.stop().await;
}

on_both! {
    async fn metadata_that_binds_needs_no_worker(server: Server) {
        server.make_stage().await;
        release(&server, "bound", "1.0", "Requires-Dist: six\n", Told::Sdist).await;
        let worker = server.worker("carl", "one").await;
        let page = "/v1/alice.dev/cp312-test/+simple/bound/";
        let accept = ("accept", "application/vnd.pypi.simple.v1+json");
        let page = crate::kit::host::json_of(server.get_with(page, &[accept]).await).await;
        let files = page["files"].as_array().expect("files");
        let promise = files.iter().find(|file| file["core-metadata"] == true).expect("a promise");
        let path = format!("/{}", promise["url"].as_str().expect("a URL").trim_start_matches("../"));
        let (status, told) = get(&server, &format!("{path}.metadata")).await;
        let told = String::from_utf8_lossy(&told).into_owned();
        assert_eq!((status, told.contains("Requires-Dist: six")), (200, true), "{told}");
        assert!(worker.claim_at_once().await.is_none(), "nothing is to be done");
        assert_eq!(done(&server, "any").await, Vec::<String>::new());
    }
}
