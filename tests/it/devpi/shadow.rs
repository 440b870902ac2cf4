//! A shadow between two servers that differ: what clients get, and what is reported.

use super::alice;
use crate::kit::Server;
use crate::kit::packages::{Dist, Package};
use crate::kit::stages::{PASSWORD, stage};
use crate::kit::upstream::Upstream;
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use wheelwright::shadow::{Shadow, ShadowBounds};

const JSON: &str = "application/vnd.pypi.simple.v1+json";

/// A shadow in this process.
struct Running {
    shadow: Shadow,
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    ended: tokio::task::JoinHandle<()>,
    http: reqwest::Client,
}

impl Running {
    async fn start(primary: &str, server: &str, bounds: ShadowBounds) -> Self {
        let shadow = Shadow::new(primary, server, bounds, |_| {}).expect("two servers");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel();
        let serving = shadow.clone();
        let ended = tokio::spawn(async move {
            let stopped = async { drop(stopped.await) };
            serving.serve(listener, stopped).await;
        });
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build();
        Self { shadow, address, stop, ended, http: http.expect("a client") }
    }

    async fn between(old: &Server, new: &Server) -> Self {
        Self::start(&old.url("/"), &new.url("/"), ShadowBounds::default()).await
    }

    fn request(&self, path: &str) -> reqwest::RequestBuilder {
        self.http.get(format!("http://{}{path}", self.address))
    }

    async fn get(&self, path: &str) -> (StatusCode, Vec<u8>) {
        let answer = self.request(path).header("accept", format!("{JSON}, */*;q=0.1")).send().await;
        let answer = answer.expect("an answer");
        (answer.status(), answer.bytes().await.expect("a body").to_vec())
    }

    /// Ends it; its report is whole then.
    async fn report(self) -> Value {
        self.stop.send(()).expect("it runs");
        drop(self.http);
        self.ended.await.expect("it ends");
        serde_json::to_value(self.shadow.report()).expect("JSON")
    }
}

/// The differences as `path: what`, those of files by their names.
fn found(report: &Value) -> Vec<String> {
    let lines = report["differences"].as_array().expect("a list").iter();
    lines
        .map(|line| format!("{} {}", line["path"].as_str().unwrap(), line["what"].as_str().unwrap()))
        .collect()
}

async fn pair(old: &[&Dist], new: &[&Dist]) -> (Server, Server) {
    let servers = (stage().await, stage().await);
    for (server, files) in [(&servers.0, old), (&servers.1, new)] {
        for file in files {
            server.publish("alice/dev", file).await;
        }
    }
    servers
}

#[tokio::test]
async fn clients_get_the_old_answer_and_each_difference_is_reported_by_name() {
    let (gone, come) = (Package::new("demo", "1.0").wheel(), Package::new("demo", "1.3").wheel());
    let changed = Package::new("demo", "1.1");
    let (was, is) = (changed.wheel(), changed.clone().member("demo/more.py", "x = 1\n").wheel());
    let yanked = Package::new("demo", "1.2").wheel();
    let (old, new) = pair(&[&gone, &was, &yanked], &[&come, &is, &yanked]).await;
    let (status, told) =
        new.ask("PATCH", "/alice/dev/demo/1.2", &alice(), Some(json!({"yanked": "broken"}))).await;
    assert_eq!(status, 200, "{told}");
    let shadow = Running::between(&old, &new).await;
    let page = "/alice/dev/+simple/demo/";
    for _ in 0..2 {
        let (status, body) = shadow.get(page).await;
        assert_eq!(status, 200);
        let page: Value = serde_json::from_slice(&body).expect("JSON");
        let names: Vec<&str> = page["files"]
            .as_array()
            .expect("files")
            .iter()
            .map(|file| file["filename"].as_str().unwrap())
            .collect();
        assert_eq!(names, [&*gone.filename, &was.filename, &yanked.filename]);
    }
    let path = format!("/alice/dev/{}", was.path());
    assert_eq!(shadow.get(&path).await, (StatusCode::OK, was.bytes.clone()));
    let same = format!("/alice/dev/{}", yanked.path());
    for _ in 0..2 {
        assert_eq!(shadow.get(&same).await, (StatusCode::OK, yanked.bytes.clone()));
    }
    assert_eq!(shadow.get("/alice/dev/+simple/").await.0, 200);
    let report = shadow.report().await;
    let mut expected = vec![
        format!("{path} status"),
        format!("{page} file {}", gone.filename),
        format!("{page} file {}", come.filename),
        format!("{page} sha256 of {}", was.filename),
        format!("{page} yanked of {}", yanked.filename),
    ];
    let mut seen = found(&report);
    seen.sort();
    expected.sort();
    assert_eq!(seen, expected, "{report:#}");
    assert!(report["differences"].as_array().unwrap().iter().all(|line| line["about"] == "/alice/dev demo"));
    let twice = report["differences"].as_array().unwrap().iter().filter(|line| line["path"] == page);
    assert!(twice.clone().all(|line| line["count"] == 2), "{report:#}");
    assert_eq!(
        (&report["requests"], &report["equal"], &report["different"]),
        (&json!(6), &json!(3), &json!(3))
    );
    assert_eq!(report["times"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn only_the_old_server_is_changed() {
    let (old, new) = pair(&[], &[]).await;
    let shadow = Running::between(&old, &new).await;
    let demo = Package::new("demo", "1.0").wheel();
    let form = crate::kit::forms::Form::of(&demo).finish();
    let kind = format!("multipart/form-data; boundary={}", crate::kit::forms::BOUNDARY);
    let request = shadow.http.post(format!("http://{}/alice/dev/", shadow.address));
    let request = request.basic_auth("alice", Some(PASSWORD)).header("content-type", kind).body(form);
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    let files = "/alice/dev/+simple/demo/";
    assert_eq!(
        (old.get(files).await.status(), new.get(files).await.status()),
        (StatusCode::OK, StatusCode::NOT_FOUND)
    );
    let report = shadow.report().await;
    assert_eq!(report["skipped"], json!({"requests that change something": 1}));
}

#[tokio::test]
async fn a_new_server_that_is_down_or_never_answers_changes_nothing_for_clients() {
    let demo = Package::new("demo", "1.0").wheel();
    let (old, silent) = (stage().await, TcpListener::bind("127.0.0.1:0").await.expect("a free port"));
    old.publish("alice/dev", &demo).await;
    let bounds = ShadowBounds { comparisons: 1, drain: Duration::from_millis(1), ..ShadowBounds::default() };
    let url = format!("http://{}", silent.local_addr().expect("an address"));
    let shadow = Running::start(&old.url("/"), &url, bounds).await;
    // The first comparison waits for ever, so the others are left out.
    for _ in 0..3 {
        assert_eq!(shadow.get(&format!("/alice/dev/{}", demo.path())).await.1, demo.bytes);
    }
    let report = shadow.report().await;
    assert_eq!(report["skipped"], json!({"requests while too many were compared": 2}));

    drop(silent);
    let shadow = Running::start(&old.url("/"), &url, ShadowBounds::default()).await;
    assert_eq!(shadow.get("/alice/dev/+simple/demo/").await.0, 200);
    let report = shadow.report().await;
    assert_eq!((&report["failed"][0]["who"], &report["failed"][0]["count"]), (&json!("new"), &json!(1)));
    assert_eq!((&report["equal"], &report["different"]), (&json!(0), &json!(0)));
}

#[tokio::test]
async fn an_old_server_that_is_down_is_said_and_a_loop_ends() {
    let new = stage().await;
    let free = TcpListener::bind("127.0.0.1:0").await.expect("a free port").local_addr().expect("an address");
    let shadow = Running::start(&format!("http://{free}"), &new.url(""), ShadowBounds::default()).await;
    let (status, said) = shadow.get("/alice/dev").await;
    assert_eq!(status, 502);
    let said = String::from_utf8(said).expect("text");
    assert!(said.starts_with("the old server gave no answer: cannot reach http://127.0.0.1:"), "{said}");
    let answer = shadow.request("/").header("x-wheelwright-shadow", "1").send().await.expect("an answer");
    assert_eq!(answer.status(), 508);
    assert_eq!(shadow.report().await["failed"][0]["who"], "old");
}

#[tokio::test]
async fn each_asks_with_its_own_session_and_the_report_has_no_secret() {
    let (old, new) = pair(&[], &[]).await;
    for server in [&old, &new] {
        server.make_index("alice/secret", json!({"acl_read": ["alice"]})).await;
    }
    let shadow = Running::between(&old, &new).await;
    let asked = |secret: &str| {
        alice_with(secret, shadow.request("/alice/secret?no_projects=&token=hidden-in-the-query"))
    };
    assert_eq!(asked(PASSWORD).send().await.expect("an answer").status(), 200);
    assert!(!asked("wrong-password").send().await.expect("an answer").status().is_success());
    // Of a login of before nothing can be compared.
    asked(r#"["alice", []].awFjUg.jfStOk-Wjfa9Jhog_hUkkfjPKEo"#).send().await.expect("an answer");
    let report = shadow.report().await;
    assert_eq!(report["differences"], json!([]), "{report:#}");
    assert_eq!(
        (&report["equal"], &report["skipped"]),
        (&json!(2), &json!({"requests with a session that only the old server knows": 1}))
    );
    let other = stage().await;
    let shadow = Running::between(&old, &other).await;
    alice_with(PASSWORD, shadow.request("/alice/secret?no_projects=&token=hidden-in-the-query"))
        .send()
        .await
        .expect("an answer");
    let report = shadow.report().await;
    assert_eq!(found(&report), ["/alice/secret?no_projects&token status"]);
    let text = report.to_string();
    assert!(!text.contains("hidden") && !text.contains(PASSWORD), "{text}");
}

fn alice_with(secret: &str, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
    crate::kit::script::Auth::devpi("alice", secret).on(request).header("accept", "application/json")
}

#[tokio::test]
async fn what_is_asked_is_the_same_but_for_what_belongs_to_the_connection() {
    let (old, new) = (Upstream::start().await, Upstream::start().await);
    let shadow = Running::start(&old.url("/"), &new.url("/"), ShadowBounds::default()).await;
    let request = shadow.request("/root/pypi/%2Bsimple/Demo/?a=%20b").header("if-none-match", "\"x\"");
    let request = request.header("connection", "x-hop").header("x-hop", "1").header("x-own", "2");
    request.header("host", "devpi.test:81").body("what nobody reads").send().await.expect("an answer");
    shadow.report().await;
    for (side, condition) in [(&old, Some("\"x\"")), (&new, None)] {
        let asked = side.log();
        assert_eq!(asked.len(), 1);
        let value = |name: &str| asked[0].headers.get(name).and_then(|value| value.to_str().ok());
        assert_eq!(
            (asked[0].path.as_str(), asked[0].query.as_deref()),
            ("/root/pypi/%2Bsimple/Demo/", Some("a=%20b"))
        );
        assert_eq!((value("host"), value("x-own"), value("x-hop")), (Some("devpi.test:81"), Some("2"), None));
        assert_eq!(value("if-none-match"), condition);
        assert_eq!(value("content-length"), condition.map(|_| "17"), "a body is the old server's alone");
    }
}

#[tokio::test]
async fn an_answer_streams_while_it_comes() {
    let new = stage().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let old = format!("http://{}", listener.local_addr().expect("an address"));
    let (go_on, waiting) = oneshot::channel::<()>();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let _ = stream.read(&mut [0; 4096]).await.expect("a request");
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nfirst").await.expect("sent");
        waiting.await.expect("the client has the first part");
        stream.write_all(b", last").await.expect("sent");
    });
    let shadow = Running::start(&old, &new.url("/"), ShadowBounds::default()).await;
    let mut answer = shadow.request("/alice/dev/+f/aa/bb/demo-1.0.tar.gz").send().await.expect("an answer");
    assert_eq!(answer.chunk().await.expect("a part").as_deref(), Some(&b"first"[..]));
    go_on.send(()).expect("the old server waits");
    assert_eq!(answer.bytes().await.expect("the rest"), ", last");
    let report = shadow.report().await;
    assert_eq!(found(&report), ["/alice/dev/+f/aa/bb/demo-1.0.tar.gz status"]);
}

#[test]
fn what_is_no_address_of_a_server_is_refused() {
    let start =
        |primary: &str, server: &str| match Shadow::new(primary, server, ShadowBounds::default(), |_| {}) {
            Ok(_) => panic!("{primary} {server}"),
            Err(error) => error.to_string(),
        };
    assert!(start("devpi:3141", "http://a").starts_with("--primary must be the address of a server"));
    let said = start("http://a", "ftp://user:hidden@b/");
    assert!(said.starts_with("--server must be") && !said.contains("hidden"), "{said}");
    assert!(start("http://a:80/", "http://a").contains("are the same server"));
}
