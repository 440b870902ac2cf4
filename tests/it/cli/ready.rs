//! Stories of `wheelwright ready`: lock files in, wheels for a new target out, and a page that says what is missing.

use crate::kit::Server;
use crate::kit::backend::on_both;
use crate::kit::desk::{Desk, Ran};
use crate::kit::hired::Hired;
use crate::kit::packages::Package;
use crate::kit::script::Auth;
use crate::kit::sources::Tree;
use crate::kit::stages::{PASSWORD, stage};
use serde_json::{Value, json};
use wheelwright::access::Scope;

fn alice() -> Auth {
    Auth::basic("alice", PASSWORD)
}

async fn host(server: &Server, name: &str, version: &str, tree: &Tree) {
    server.host_file("alice/dev", name, version, &tree.filename(), &tree.sdist()).await;
}

/// A server on which one project has a wheel, one builds, two fail for one reason, and one is doubtful.
async fn start() -> Server {
    let server = stage().await;
    server.build_nothing_ahead("dev").await;
    server.publish("alice/dev", &Package::new("wheeled", "3.0").tag("py3-none-any").wheel()).await;
    host(&server, "good", "1.0", &Tree::new("good", "1.0")).await;
    for name in ["bad", "worse"] {
        let tree = Tree::new(name, "1.0").does("raise RuntimeError('this cannot be')");
        host(&server, name, "1.0", &tree).await;
    }
    let doubtful = Tree::new("odd", "1.0").does("members['odd.py'] = 'import only_at_run_time'");
    host(&server, "odd", "1.0", &doubtful).await;
    server
}

/// A lock file of uv for a project that needs all of these, `absent` only on Windows.
fn lock(names: &[(&str, &str)]) -> String {
    let needs = names.iter().map(|(name, _)| format!("{{ name = \"{name}\" }}, ")).collect::<String>();
    let mut text = format!(
        "version = 1\nrequires-python = \">=3.9\"\n\n[[package]]\nname = \"app\"\nversion = \"0.1\"\n\
         source = {{ virtual = \".\" }}\ndependencies = [{needs}{{ name = \"absent\", marker = \"sys_platform == 'win32'\" }}]\n"
    );
    for (name, version) in names.iter().chain(&[("absent", "9")]) {
        text.push_str(&format!(
            "\n[[package]]\nname = \"{name}\"\nversion = \"{version}\"\nsource = {{ registry = \"https://host/simple\" }}\n"
        ));
    }
    text
}

async fn ready(server: &Server, desk: &Desk, more: &[&str]) -> Ran {
    let (url, token) = (server.url(""), server.make_token("alice", Scope::default()).await);
    let all =
        [&["ready", "cp313", "--index", "alice/dev", "--server", &url, "--token", &token], more].concat();
    desk.run("wheelwright", &all).await
}

/// `project state`, in order.
fn states(view: &Value) -> Vec<String> {
    let releases = view["releases"].as_array().expect("releases");
    let text = |release: &Value, key: &str| release[key].as_str().unwrap_or_default().to_owned();
    releases
        .iter()
        .map(|release| format!("{} {}", text(release, "project"), text(release, "state")))
        .collect()
}

async fn page(server: &Server, accept: &str, auth: &Auth) -> (u16, String) {
    let request = server.http.get(server.url("/alice/dev/+ready/cp313/")).header("accept", accept);
    let answer = auth.on(request).send().await.expect("an answer");
    (answer.status().as_u16(), answer.text().await.expect("a body"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_lock_file_names_is_built_for_a_new_python_and_a_page_shows_what_is_missing() {
    let (server, desk) = (start().await, Desk::new());
    let _worker = Hired::start(&server, &server.worker_token().await, "one").await;
    // Somebody else's list, which nobody looked for yet.
    server.make_user("bob", "bob-secret").await;
    let other = json!({"list": "web", "releases": ["good==1.0", "later==2.0"]});
    let bob = Auth::basic("bob", "bob-secret");
    let (status, body) = server.ask("POST", "/alice/dev/+ready/cp313/", &bob, Some(other)).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(states(&body["result"]), ["good not-tried", "later not-tried"]);

    let named = [
        ("wheeled", "3.0"),
        ("good", "1.0"),
        ("bad", "1.0"),
        ("worse", "1.0"),
        ("odd", "1.0"),
        ("gone", "7"),
    ];
    desk.write("uv.lock", &lock(&named));
    let ran = ready(&server, &desk, &["--lock", "uv.lock", "--json"]).await.failed();
    let told = ran.json();
    let own = ["bad failed", "gone failed", "good built", "odd doubtful", "wheeled wheel", "worse failed"];
    assert_eq!(states(&told["readiness"]), own, "{told:#}");
    assert_eq!(told["ok"], false);
    let bad = &told["readiness"]["releases"][0];
    assert!(bad["failure"]["line"].as_str().is_some_and(|line| line.contains("this cannot be")), "{bad:#}");
    assert!(ran.err.contains("good 1.0") && ran.err.contains("built in"), "{}", ran.err);
    assert!(ran.err.contains("this cannot be"), "{}", ran.err);

    let (status, text) = page(&server, "application/json", &Auth::None).await;
    let view: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(status, 200, "{text}");
    let counts = json!({"built": 1, "doubtful": 1, "failed": 3, "not-tried": 1, "wheel": 1});
    assert_eq!(view["result"]["counts"], counts, "{view:#}");
    let good = &view["result"]["releases"][2];
    assert_eq!(good["lists"], json!(["alice", "bob/web"]), "one look is for all lists: {good:#}");
    let (_, shown) = page(&server, "text/html", &Auth::None).await;
    assert!(shown.contains("3 of 7 releases"), "{shown}");
    let group = shown.split("<h2>").find(|part| part.starts_with("fails: other")).expect("a cause");
    assert!(
        group.contains("bad 1.0") && group.contains("worse 1.0") && group.contains("this cannot be"),
        "{group}"
    );
    assert!(group.contains(&format!("+builds/{}\"", bad["build"])), "{group}");
    let nothing = shown.split("<h2>").find(|part| part.contains("gone 7")).expect("a group");
    assert!(nothing.starts_with("fails: the index does not have the project"), "{nothing}");
    assert!(shown.contains("<h2>not tried") && shown.contains("later 2.0"), "{shown}");

    // What is mended is seen by the next run, and words say the same as JSON.
    host(&server, "bad", "1.1", &Tree::new("bad", "1.1")).await;
    desk.write("requirements.txt", "bad==1.1\ngood==1.0\nwheeled==3.0\nabsent==9; sys_platform == 'win32'\n");
    let ran = ready(&server, &desk, &["--lock", "requirements.txt"]).await.succeeded();
    assert!(ran.out.contains("3 of 3 have a wheel for cp313-"), "{}", ran.out);
    assert!(
        ran.out.trim_end().ends_with("/alice/dev/+ready/") || ran.out.contains("/alice/dev/+ready/cp313-")
    );
    let (_, text) = page(&server, "application/json", &Auth::None).await;
    assert!(
        !text.contains("\"odd\"") && text.contains("\"later\""),
        "her list is another, his is as it was: {text}"
    );
}

on_both! {
    async fn a_list_is_its_owners_and_a_page_is_for_those_who_read_the_index(server: Server) {
        server.make_stage().await;
        server.build_nothing_ahead("dev").await;
        host(&server, "good", "1.0", &Tree::new("good", "1.0")).await;
        let worker = server.worker("carl", "one").await;
        let path = "/alice/dev/+ready/cp312-test/";
        let send = |list: &str, releases: Value| Some(json!({"list": list, "releases": releases}));
        let (status, _) = server.ask("POST", path, &Auth::None, send("", json!([]))).await;
        assert_eq!(status, 401);
        server.make_user("bob", "bob-secret").await;
        let bob = Auth::basic("bob", "bob-secret");
        for (auth, name) in [(alice(), "good"), (bob.clone(), "bad")] {
            let (status, body) = server.ask("POST", path, &auth, send("", json!([format!("{name}==1.0.0")]))).await;
            assert_eq!(status, 200, "{body}");
        }
        let (_, body) = server.ask("GET", path, &Auth::None, None).await;
        assert_eq!(states(&body["result"]), ["bad not-tried", "good not-tried"]);
        for wrong in [send("a/b", json!([])), send("", json!(["good>=1"])), send("", json!(["good"])), Some(json!({}))] {
            let (status, body) = server.ask("POST", path, &alice(), wrong).await;
            assert_eq!(status, 400, "{body}");
        }
        let many: Vec<String> = (0..10_001).map(|number| format!("good=={number}")).collect();
        let (status, body) = server.ask("POST", path, &alice(), send("", json!(many))).await;
        assert_eq!(status, 400, "{body}");
        let (status, body) = server.ask("POST", path, &alice(), send("more", json!(many[..10_000]))).await;
        assert!(status == 400 && body.to_string().contains("more than 10000"), "{body}");

        let look = |release: &str| Some(json!({"release": release}));
        let (_, body) = server.ask("POST", &format!("{path}+look"), &alice(), look("good==1.0.0")).await;
        assert_eq!(body["result"]["state"], "under-way", "{body}");
        let build = body["result"]["build"].as_i64().expect("a build");
        worker.fails(&worker.claim().await, wheelwright::words::Class::Compiler).await;
        let (_, body) = server.ask("GET", path, &bob, None).await;
        assert_eq!(states(&body["result"]), ["bad not-tried", "good failed"], "the build's row is read");
        // It runs again, and the list knows.
        server.ask("POST", &format!("/+builds/{build}/rebuild"), &alice(), None).await;
        let (_, body) = server.ask("GET", path, &bob, None).await;
        assert_eq!(states(&body["result"]), ["bad not-tried", "good under-way"]);
        worker.builds(&worker.claim().await).await;
        let (_, body) = server.ask("GET", path, &bob, None).await;
        assert_eq!(states(&body["result"]), ["bad not-tried", "good built"]);

        server.as_alice("PATCH", "/alice/dev", r#"["acl_read=alice"]"#).await;
        assert_eq!(server.ask("GET", path, &bob, None).await.0, 404);
        assert_eq!(server.ask("POST", path, &bob, send("", json!([]))).await.0, 404);
        assert_eq!(server.ask("POST", &format!("{path}+look"), &bob, look("good==1.0")).await.0, 404);
        let (_, body) = server.ask("POST", path, &alice(), send("", json!([]))).await;
        assert_eq!(states(&body["result"]), ["bad not-tried"], "an empty list is none");
    }
}

#[tokio::test]
async fn a_target_that_nobody_offers_and_a_lock_file_of_another_tool_are_said_at_once() {
    let (server, desk) = (start().await, Desk::new());
    server.worker("carl", "one").await;
    desk.write("uv.lock", "version = 1\n");
    desk.write("poetry.lock", "");
    let url = server.url("");
    let run = async |target: &str, file: &str| {
        desk.run("wheelwright", &["ready", target, "--lock", file, "--server", &url, "--index", "alice/dev"])
            .await
    };
    let none = run("cp399", "uv.lock").await;
    assert_eq!(none.code, Some(2), "{}", none.err);
    assert!(none.err.contains("target cp399 does not exist"), "{}", none.err);
    assert!(run("cp312", "poetry.lock").await.failed().err.contains("poetry export"));
    assert!(run("cp312", "uv.lock").await.failed().err.contains("name nothing"));
}
