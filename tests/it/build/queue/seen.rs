//! Who sees builds, and what the credentials of workers and builds are good for.

use super::{id, stocked};
use crate::kit::Server;
use crate::kit::script::Auth;
use crate::kit::stages::PASSWORD;
use serde_json::{Value, json};

fn ids(list: &Value) -> Vec<i64> {
    list["result"].as_array().expect("a list").iter().map(id).collect()
}

/// The status of what an installer asks for.
async fn read(server: &Server, path: &str, auth: &Auth) -> u16 {
    auth.on(server.http.get(server.url(path))).send().await.expect("an answer").status().as_u16()
}

#[tokio::test]
async fn a_private_indexs_builds_do_not_exist_for_strangers() {
    let server = Server::start().await;
    stocked(&server, &["demo"]).await;
    let worker = server.worker("carl", "one").await;
    server.make_user("eve", "eve-secret").await;
    let build = id(&server.ask_builds("demo").await[0]);
    let job = worker.claim().await;
    worker.builds(&job).await;
    let paths = [
        format!("/+builds/{build}"),
        format!("/+builds/{build}/log"),
        format!("/+builds/{build}/wheel/demo-1.0-py2.py3-none-any.whl"),
    ];
    let (alice, eve) = (Auth::basic("alice", PASSWORD), Auth::basic("eve", "eve-secret"));
    for path in &paths {
        assert_eq!(
            server.send("GET", path, &Auth::None, None).await.status(),
            200,
            "{path} of an open index"
        );
    }
    server.as_alice("PATCH", "/alice/dev", "{\"acl_read\": [\"alice\"]}").await;
    for path in &paths {
        assert_eq!(server.send("GET", path, &alice, None).await.status(), 200, "{path}");
        for stranger in [&Auth::None, &eve, &worker.auth] {
            assert_eq!(server.send("GET", path, stranger, None).await.status(), 404, "{path} {stranger:?}");
        }
    }
    assert_eq!(ids(&server.ask("GET", "/+builds", &alice, None).await.1), [build]);
    assert!(ids(&server.ask("GET", "/+builds", &eve, None).await.1).is_empty());
    assert!(ids(&server.ask("GET", "/+builds?state=failed", &alice, None).await.1).is_empty());
    let rebuild = format!("/+builds/{build}/rebuild");
    assert_eq!(server.ask("POST", &rebuild, &eve, None).await.0, 404);
}

#[tokio::test]
async fn an_uploaded_source_is_its_uploaders_alone() {
    let server = Server::start().await;
    stocked(&server, &[]).await;
    server.worker("carl", "one").await;
    server.make_user("eve", "eve-secret").await;
    let (alice, eve) = (Auth::basic("alice", PASSWORD), Auth::basic("eve", "eve-secret"));
    let post = alice.on(server.http.post(server.url("/+builds/sources?filename=tree.tar.gz")));
    let sent: Value = post.body("a tree").send().await.unwrap().text().await.unwrap().parse().unwrap();
    let order = || Some(json!({"source": sent["result"]["sha256"], "targets": ["cp312-test"]}));
    assert_eq!(server.ask("POST", "/+builds", &eve, order()).await.0, 404);
    let (status, body) = server.ask("POST", "/+builds", &alice, order()).await;
    assert_eq!(status, 200, "{body}");
    let build = id(&body["result"][0]);
    assert_eq!(body["result"][0]["context"], "root/pypi");
    assert_eq!(server.ask("GET", &format!("/+builds/{build}"), &alice, None).await.0, 200);
    assert_eq!(
        server.ask("GET", &format!("/+builds/{build}"), &eve, None).await.0,
        404,
        "whoever reads root/pypi"
    );
    let order = json!({"source": sent["result"]["sha256"], "targets": ["cp312-test"], "index": "alice/dev"});
    assert_eq!(server.ask("POST", "/+builds", &alice, Some(order)).await.0, 200);
}

#[tokio::test]
async fn who_may_not_upload_to_an_index_gets_no_wheel_into_it() {
    let server = Server::start().await;
    stocked(&server, &["demo"]).await;
    server.worker("carl", "one").await;
    server.make_user("eve", "eve-secret").await;
    let order = json!({"requirement": "demo", "index": "alice/dev", "targets": ["cp312-test"]});
    let (status, body) = server.ask("POST", "/+builds", &Auth::basic("eve", "eve-secret"), Some(order)).await;
    assert_eq!(status, 403, "{body}");
}

#[tokio::test]
async fn a_running_builds_credential_reads_its_context_and_nothing_else() {
    let server = Server::start().await;
    stocked(&server, &["demo"]).await;
    server.make_index("alice/base", json!({"acl_read": ["alice"]})).await;
    server.make_index("alice/else", json!({"acl_read": ["alice"]})).await;
    server.as_alice("PATCH", "/alice/dev", "{\"acl_read\": [\"alice\"], \"bases\": [\"alice/base\"]}").await;
    let worker = server.worker("carl", "one").await;
    server.ask_builds("demo").await;
    let job = worker.claim().await;
    let credential = Auth::Bearer(job.credential.clone().unwrap());
    assert_eq!(read(&server, "/alice/dev/+simple/demo/", &worker.auth).await, 404);
    assert_eq!(read(&server, "/alice/dev/+simple/demo/", &credential).await, 200);
    assert_eq!(read(&server, "/alice/base/+simple/", &credential).await, 200, "a base");
    assert_eq!(read(&server, "/alice/else/+simple/", &credential).await, 404);
    for (method, path) in
        [("POST", "/+builds"), ("POST", "/+tokens"), ("PATCH", "/alice/dev"), ("GET", "/+workers")]
    {
        assert_eq!(server.ask(method, path, &credential, Some(json!({}))).await.0, 403, "{method} {path}");
    }
    worker.release(&job).await;
    let next = worker.claim().await;
    let late = Auth::Bearer(next.credential.clone().unwrap());
    worker.builds(&next).await;
    assert_eq!(read(&server, "/alice/dev/+simple/demo/", &late).await, 401, "it has ended");
}

#[tokio::test]
async fn private_indexes_and_who_asked_are_told_to_those_alone_whom_it_concerns() {
    let server = Server::start().await;
    stocked(&server, &["demo"]).await;
    server.make_index("alice/priv", json!({"acl_read": ["alice"]})).await;
    server.make_user("eve", "eve-secret").await;
    let worker = server.worker("carl", "one").await;
    let token = Auth::Bearer(server.make_token("alice", wheelwright::access::Scope::default()).await);
    let order = json!({
        "requirement": "demo", "from": "alice/dev", "index": "alice/priv", "targets": ["cp312-test"],
    });
    let (status, body) = server.ask("POST", "/+builds", &token, Some(order)).await;
    assert_eq!(status, 200, "{body}");
    let build = id(&body["result"][0]);
    worker.builds(&worker.claim().await).await;
    for path in ["/+builds".to_owned(), format!("/+builds/{build}")] {
        for stranger in [&Auth::None, &Auth::basic("eve", "eve-secret")] {
            for accept in ["application/json", "text/html"] {
                let request = stranger.on(server.http.get(server.url(&path))).header("accept", accept);
                let text = request.send().await.unwrap().text().await.unwrap();
                assert!(text.contains("demo"), "{path}: it is of an open index: {text}");
                assert!(!text.contains("alice/priv") && !text.contains("token:"), "{path} {accept}: {text}");
                assert!(!text.contains("asked_by\":\"alice"), "{path} {accept}: {text}");
            }
        }
    }
    let alice = Auth::basic("alice", PASSWORD);
    let (_, body) = server.ask("GET", &format!("/+builds/{build}"), &alice, None).await;
    assert_eq!(body["result"]["asked_by"], "alice");
    assert_eq!(body["result"]["indexes"][0]["index"], "alice/priv");
}

#[tokio::test]
async fn a_log_read_in_a_terminal_does_not_steer_it() {
    let server = Server::start().await;
    stocked(&server, &["demo"]).await;
    let worker = server.worker("carl", "one").await;
    server.ask_builds("demo").await;
    let job = worker.claim().await;
    assert_eq!(worker.log(&job, 0, "one\u{1b}[2J\u{202e}two\n").await.0, 200);
    worker.builds(&job).await;
    let read = async |query: &str| {
        let path = format!("/+builds/{}/log{query}", job.build);
        server.get(&path).await.text().await.unwrap()
    };
    assert_eq!(read("").await, "one␛[2J<U+202E>two\n");
    assert_eq!(read("?raw").await, "one\u{1b}[2J\u{202e}two\n");
}

#[tokio::test]
async fn a_list_finds_a_version_in_whatever_spelling_it_has() {
    let server = Server::start().await;
    stocked(&server, &["demo", "other"]).await;
    server.worker("carl", "one").await;
    let demo = id(&server.ask_builds("demo").await[0]);
    let other = id(&server.ask_builds("other").await[0]);
    let found = async |query: &str| {
        let path = format!("/+builds?{query}");
        ids(&server.ask("GET", &path, &Auth::root(), None).await.1)
    };
    for same in ["1.0", "1", "1.0.0", "v1.0", "%201.0"] {
        assert_eq!(found(&format!("version={same}&project=demo")).await, [demo], "{same}");
        assert_eq!(found(&format!("version={same}")).await, [other, demo], "{same}");
    }
    for another in ["1.0.1", "1.0rc1", "1!1.0", "no%20version", "%27"] {
        assert!(found(&format!("version={another}")).await.is_empty(), "{another}");
    }
}

#[tokio::test]
async fn a_filter_takes_short_names_and_refuses_what_there_never_is() {
    let server = Server::start().await;
    stocked(&server, &["demo"]).await;
    server.worker("carl", "one").await;
    let build = id(&server.ask_builds("demo").await[0]);
    let found =
        async |query: &str| server.ask("GET", &format!("/+builds?{query}"), &Auth::root(), None).await;
    assert_eq!(ids(&found("target=cp312").await.1), [build]);
    for wrong in ["state=done", "target=nope"] {
        let (status, body) = found(wrong).await;
        assert_eq!(status, 400, "{wrong}: {body}");
    }
}
