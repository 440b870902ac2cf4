//! Stories of `+compile/` and `+resolve/`: requirements in, pins and URLs out.

use crate::kit::Server;
use crate::kit::clients::Client;
use crate::kit::forms::Form;
use crate::kit::packages::{Dist, Package};
use crate::kit::stages::{PASSWORD, stage_with};
use crate::kit::worker;
use serde_json::json;
use wheelwright::build::job::WorkerDescription;
use wheelwright::build::target::Target;

const NEW: &str = "cp312-manylinux_2_36_x86_64";
const TWO: &str = "cp27mu-manylinux_2_36_x86_64";

fn target(name: &str, version: &str, tags: &[&str], system: &str) -> Target {
    let short = version.rsplit_once('.').expect("three numbers").0;
    let markers = [
        ("implementation_name", "cpython"),
        ("implementation_version", version),
        ("os_name", "posix"),
        ("platform_machine", "x86_64"),
        ("platform_python_implementation", "CPython"),
        ("platform_system", "Linux"),
        ("python_full_version", version),
        ("python_version", short),
        ("sys_platform", system),
    ];
    let markers = markers.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    Target { markers, ..worker::target(name, version, tags) }
}

/// A server with alice's stages `dev` and `own`, targets for 3.12 and 2.7, and uv.
pub async fn start_with(change: impl FnOnce(&mut wheelwright::config::Config)) -> Server {
    let uv = tokio::task::spawn_blocking(|| Client::new("uv").program("uv")).await.expect("uv");
    let server = stage_with(|config| {
        config.proxy.uv = Some(uv.display().to_string());
        change(config);
    })
    .await;
    server.make_index("alice/own", json!({"bases": []})).await;
    server.make_index("alice/secret", json!({"bases": [], "acl_read": ["alice"]})).await;
    for index in ["dev", "own", "secret"] {
        // The stories ask for their builds themselves: what is built ahead would be there by chance.
        server.as_alice("PATCH", &format!("/alice/{index}"), r#"["build_ahead=never"]"#).await;
    }
    let targets = vec![
        target(NEW, "3.12.1", &["cp312-cp312-manylinux_2_36_x86_64", "py3-none-any"], "linux"),
        target(TWO, "2.7.18", &["cp27-cp27mu-manylinux_2_36_x86_64", "py2-none-any"], "linux2"),
    ];
    let description = WorkerDescription {
        targets,
        slots: 1,
        isolation: "none".into(),
        version: "1".into(),
        off: None,
        instance: String::new(),
    };
    server.app.builds.register("root", "w", &description).await.expect("a worker");
    server
}

pub async fn start() -> Server {
    start_with(|_| {}).await
}

pub async fn give(server: &Server, index: &str, dist: &Dist) {
    let answer = server.post(&format!("/{index}/"), Form::of(dist), "alice", PASSWORD).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

/// As pip-reqs sends it: text without a type.
pub async fn send_text(server: &Server, path: &str, text: &str, as_alice: bool) -> (u16, String) {
    let mut request = server.http.post(server.url(path)).body(text.to_owned());
    if as_alice {
        request = request.basic_auth("alice", Some(PASSWORD));
    }
    let answer = request.send().await.expect("an answer");
    (answer.status().as_u16(), answer.text().await.expect("a body"))
}

/// Lines that are no comment, and of those what stands before one.
fn pins(text: &str) -> Vec<&str> {
    let lines = text.lines().map(|line| line.split(" #").next().unwrap_or_default().trim());
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
}

pub fn wheel(name: &str, version: &str) -> Package {
    Package::new(name, version).tag("py3-none-any")
}

#[tokio::test(flavor = "multi_thread")]
async fn requirements_are_pinned_for_the_target_and_the_first_index_that_has_a_project_decides() {
    let server = start().await;
    give(
        &server,
        "alice/dev",
        &wheel("app", "1.0").requires("lib>=1").requires("old; python_version < '3'").wheel(),
    )
    .await;
    give(&server, "alice/dev", &wheel("lib", "1.0").wheel()).await;
    give(&server, "alice/own", &wheel("lib", "9.0").wheel()).await;
    give(&server, "alice/own", &wheel("more", "2.0").wheel()).await;
    let path = "/v1/alice.dev+alice.own/cp312-linux/+compile/";
    let (status, text) = send_text(&server, path, "# mine\napp\nmore>=1\n", false).await;
    assert_eq!(status, 200, "{text}");
    assert_eq!(pins(&text), ["app==1.0", "lib==1.0", "more==2.0"]);
    assert!(
        text.contains(&format!(
            "wheelwright compile -w {}",
            server.url("/v1/alice.dev+alice.own/cp312-linux/")
        )),
        "{text}"
    );
    let (_, other) = send_text(&server, "/v1/alice.own+alice.dev/cp312/+compile/", "app\n", false).await;
    assert_eq!(pins(&other), ["app==1.0", "lib==9.0"], "the order of the indexes decides");
}

#[tokio::test(flavor = "multi_thread")]
async fn python_2_is_resolved_by_its_own_markers_and_tags() {
    let server = start().await;
    let old = Package::new("old", "1.0").tag("cp27-cp27mu-manylinux_2_36_x86_64");
    give(&server, "alice/dev", &old.requires("six; sys_platform == 'linux2'").requires_python("<3").wheel())
        .await;
    give(&server, "alice/dev", &Package::new("six", "1.0").tag("py2.py3-none-any").wheel()).await;
    give(&server, "alice/dev", &wheel("six", "2.0").wheel()).await;
    let (status, text) = send_text(&server, "/v1/alice.dev/cp27mu/+compile/", "old\n", false).await;
    assert_eq!(status, 200, "{text}");
    assert_eq!(pins(&text), ["old==1.0", "six==1.0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_is_explained() {
    let server = start().await;
    give(&server, "alice/dev", &wheel("app", "1.0").requires("lib<2").wheel()).await;
    give(&server, "alice/dev", &wheel("lib", "1.0").wheel()).await;
    give(&server, "alice/dev", &wheel("lib", "2.0").wheel()).await;
    let (status, text) = send_text(&server, "/v1/alice.dev/cp312/+compile/", "app\nlib>=2\n", false).await;
    assert_eq!(status, 400);
    assert!(text.contains("app==1.0 depends on lib<2") || text.contains("unsatisfiable"), "{text}");
    assert!(!text.contains("127.0.0.1:") || text.contains(&server.address.to_string()), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resolver_sees_what_its_asker_sees_and_not_more() {
    let server = start().await;
    give(&server, "alice/secret", &wheel("inner", "1.0").wheel()).await;
    let path = "/v1/alice.secret/cp312/+compile/";
    assert_eq!(send_text(&server, path, "inner\n", false).await.0, 401);
    let (status, text) = send_text(&server, path, "inner\n", true).await;
    assert_eq!((status, pins(&text)), (200, vec!["inner==1.0"]), "{text}");
    let (status, text) = send_text(&server, "/v1/alice.secret/cp312/+resolve/", "inner==1\n", true).await;
    assert_eq!(status, 200);
    assert!(text.starts_with(&server.url("/alice/secret/+f/")), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_the_server_and_other_hosts_are_not_read_for_anybody() {
    let server = start().await;
    for (text, says) in [
        ("-r /etc/passwd\n", "names a file"),
        ("--constraint=/etc/passwd\n", "names a file"),
        ("-e file:///etc\n", "on your machine"),
        ("x @ file:///etc/passwd\n", "on your machine"),
        ("git+file:///srv/x#egg=x==1\n", "its own disk"),
        ("git+https://localhost/x#egg=x==1\n", "internal network"),
        ("http://127.0.0.1:1/x-1.0.tar.gz#egg=x==1\n", "internal network"),
        ("http://localhost:1/x-1.0-py3-none-any.whl#egg=x==1\n", "internal network"),
        ("git+https://h.example/x\n", "write git+https://h.example/x#egg=NAME==VERSION"),
        ("what is this\n", "line 1"),
    ] {
        let (status, told) = send_text(&server, "/v1/alice.dev/cp312/+compile/", text, false).await;
        assert_eq!(status, 400, "{text}: {told}");
        assert!(told.contains(says), "{text}: {told}");
        assert!(!told.contains("root:"), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pinned_lines_become_urls_in_their_order() {
    let server = start().await;
    let (demo, six) =
        (wheel("demo", "1.0.0").wheel(), Package::new("six", "1.16").tag("py2.py3-none-any").wheel());
    give(&server, "alice/dev", &demo).await;
    give(&server, "alice/own", &six).await;
    let text = format!(
        "# compiled\nsix[x]==1.16   # via demo\n-e file:///app\ndemo==1.0 \\\n    --hash=sha256:{} \\\n    # via app\n\
         nothing==1.0 ; python_version < '3'\nsix==1.16.0\n",
        demo.sha256()
    );
    let path = "/v1/alice.dev+alice.own/cp312/+resolve/";
    let (status, urls) = send_text(&server, path, &text, false).await;
    assert_eq!(status, 200, "{urls}");
    let line = |index: &str, dist: &Dist| {
        format!("{}#sha256={}", server.url(&format!("/{index}/{}", dist.path())), dist.sha256())
    };
    assert_eq!(
        urls.lines().collect::<Vec<_>>(),
        [line("alice/own", &six), "-e file:///app".into(), line("alice/dev", &demo)]
    );
    let wrong = format!("demo==1.0 --hash=sha256:{}\n", "0".repeat(64));
    let (status, told) = send_text(&server, path, &wrong, false).await;
    assert!(status == 400 && told.contains("has one of the hashes"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_cannot_be_resolved_says_what_to_write() {
    let server = start().await;
    give(&server, "alice/dev", &wheel("demo", "1.0").wheel()).await;
    for (line, says) in [
        ("demo>=1", "line 2: demo>=1 is not pinned: write demo==VERSION"),
        ("demo==3.0", "there is no such version: the newest are 1.0"),
        ("absent==1.0", "has no project absent"),
        ("git+https://h.example/x@v1", "write git+https://h.example/x@v1#egg=NAME==VERSION"),
        ("git+https://h.example/x@v1#egg=x", "write git+https://h.example/x@v1#egg=x==VERSION"),
    ] {
        let (status, told) =
            send_text(&server, "/v1/alice.dev/cp312/+resolve/", &format!("demo==1\n{line}\n"), false).await;
        assert!(status == 400 && told.contains(says), "{line}: {status} {told}");
    }
}
