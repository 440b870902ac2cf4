//! Webhooks: what they tell, to whom, and who manages them.

use crate::kit::Server;
use crate::kit::backend::Backend;
use crate::kit::desk::Desk;
use crate::kit::packages::Package;
use crate::kit::receiver::{Receiver, Reply};
use crate::kit::script::Auth;
use crate::kit::stages::{PASSWORD, stage, stage_with};
use serde_json::{Value, json};
use wheelwright::config::Config;

pub fn on_loopback(config: &mut Config) {
    config.private_hosts = vec!["127.0.0.1".into()];
    config.webhooks.pause = 0;
    config.webhooks.timeout = 60;
}

pub fn alice() -> Auth {
    Auth::basic("alice", PASSWORD)
}

impl Server {
    /// A webhook of Alice's index: its id and its secret.
    pub async fn hook(&self, url: &str, on: &[&str]) -> (i64, String) {
        let asked = json!({"url": url, "on": on});
        let (status, made) = self.ask("POST", "/alice/dev/+webhooks", &alice(), Some(asked)).await;
        assert_eq!(status, 201, "{made}");
        let (id, secret) = (made["result"]["id"].as_i64(), made["result"]["secret"].as_str());
        (id.expect("an id"), secret.expect("a secret").to_owned())
    }

    /// The deliveries of a webhook, the oldest first, once there are so many.
    pub async fn deliveries(&self, id: i64, least: usize) -> Vec<Value> {
        let path = format!("/alice/dev/+webhooks/{id}/deliveries");
        loop {
            let (status, log) = self.ask("GET", &path, &alice(), None).await;
            assert_eq!(status, 200, "{log}");
            let mut log = log["result"].as_array().expect("a list").clone();
            log.reverse();
            if log.len() >= least {
                return log;
            }
        }
    }

    /// Sends a ping, behind which nothing is on its way.
    pub async fn ping(&self, id: i64) -> Value {
        let path = format!("/alice/dev/+webhooks/{id}/try");
        let (status, tried) = self.ask("POST", &path, &alice(), None).await;
        assert_eq!(status, 200, "{tried}");
        tried["result"].clone()
    }
}

/// How many tries went so, as Prometheus is told.
async fn counted(server: &Server, outcome: &str) -> u64 {
    let text = server.get("/metrics").await.text().await.expect("metrics");
    let line = format!("wheelwright_webhook_deliveries_total{{outcome=\"{outcome}\"}} ");
    text.lines()
        .find_map(|each| each.strip_prefix(&line))
        .and_then(|count| count.parse().ok())
        .expect("a count")
}

#[tokio::test]
async fn tries_are_counted_by_how_they_went() {
    let server = stage_with(on_loopback).await;
    let receiver = Receiver::start(&[Reply::Status(500)]).await;
    let before = (counted(&server, "delivered").await, counted(&server, "failed").await);
    let (id, _) = server.hook(&receiver.url(), &[]).await;
    server.publish("alice/dev", &Package::new("demo", "1.0").wheel()).await;
    server.deliveries(id, 2).await;
    let after = (counted(&server, "delivered").await, counted(&server, "failed").await);
    assert!(after.0 > before.0 && after.1 > before.1, "{before:?} {after:?}");
}

#[tokio::test]
async fn an_upload_is_told_to_the_webhook_of_its_index_with_a_signature() {
    let server = stage_with(on_loopback).await;
    let receiver = Receiver::start(&[]).await;
    let (id, secret) = server.hook(&receiver.url(), &[]).await;
    let demo = Package::new("demo", "1.0").wheel();
    server.publish("alice/dev", &demo).await;
    let told = receiver.next().await;
    assert!(told.head.starts_with("POST /hook "), "{}", told.head);
    assert!(told.is_signed_with(&secret) && !told.is_signed_with("another secret"));
    assert_eq!(told.header("x-wheelwright-event"), "upload");
    let document = told.json();
    let name = format!("{id}-{}", document["serial"]);
    assert_eq!(told.header("x-wheelwright-delivery"), name);
    assert_eq!(document["delivery"], name);
    for (key, value) in [
        ("event", json!("upload")),
        ("who", json!("alice")),
        ("index", json!("alice/dev")),
        ("project", json!("demo")),
        ("detail", json!(demo.filename)),
        (
            "file",
            json!({"filename": demo.filename, "version": "1.0", "sha256": demo.sha256(), "size": demo.bytes.len()}),
        ),
    ] {
        assert_eq!(document[key], value, "{key} of {document:#}");
    }
    let file = document["urls"]["file"].as_str().expect("a URL");
    assert!(file.ends_with(&format!("/alice/dev/{}", demo.path())), "{file}");
    let [one] = &server.deliveries(id, 1).await[..] else { panic!("one delivery") };
    assert_eq!((&one["status"], &one["error"], &one["attempt"]), (&json!(204), &Value::Null, &json!(1)));
}

#[tokio::test]
async fn a_webhook_hears_of_what_it_asked_for_and_of_its_own_index_alone() {
    let server = stage_with(on_loopback).await;
    server.make_index("alice/prod", json!({"bases": [], "volatile": true})).await;
    let receiver = Receiver::start(&[]).await;
    let (id, _) = server.hook(&receiver.url(), &["yank", "delete"]).await;
    for index in ["alice/prod", "alice/dev"] {
        server.publish(index, &Package::new("demo", "1.0").wheel()).await;
        let yank = server.as_alice("PATCH", &format!("/{index}/demo/1.0"), r#"{"yanked": "bad"}"#).await;
        assert_eq!(yank.0, 200, "{}", yank.1);
        assert_eq!(server.as_alice("DELETE", &format!("/{index}/demo"), "").await.0, 200);
    }
    let told = [receiver.next().await.json(), receiver.next().await.json()];
    assert_eq!((&told[0]["event"], &told[0]["index"]), (&json!("yank"), &json!("alice/dev")));
    assert_eq!((&told[1]["event"], &told[1]["kind"]), (&json!("delete"), &json!("delete project")));
    server.ping(id).await;
    assert_eq!(receiver.next().await.json()["event"], "ping");
    assert_eq!(receiver.left().await, 0);
}

#[tokio::test]
async fn a_webhook_of_the_server_hears_of_all_indexes_and_only_root_has_any() {
    let server = stage_with(on_loopback).await;
    let receiver = Receiver::start(&[]).await;
    let asked = json!({"url": receiver.url(), "on": ["upload"], "secret": "a secret of ours"});
    let (status, _) = server.ask("POST", "/+webhooks", &alice(), Some(asked.clone())).await;
    assert_eq!(status, 403);
    let (status, made) = server.ask("POST", "/+webhooks", &Auth::root(), Some(asked)).await;
    assert_eq!((status, &made["result"]["secret"]), (201, &Value::Null), "a given secret is not repeated");
    server.publish("alice/dev", &Package::new("demo", "1.0").wheel()).await;
    let told = receiver.next().await;
    assert!(told.is_signed_with("a secret of ours"));
    assert_eq!(told.json()["index"], "alice/dev");
}

#[tokio::test]
async fn nobody_but_who_manages_an_index_sees_its_webhooks_or_their_secrets() {
    let server = stage_with(on_loopback).await;
    server.make_user("bob", "bob-secret").await;
    server.make_index("bob/own", json!({"bases": []})).await;
    let receiver = Receiver::start(&[]).await;
    let (id, secret) = server.hook(&format!("{}?token=hidden", receiver.url()), &[]).await;
    let bob = Auth::basic("bob", "bob-secret");
    for (method, path, status) in [
        ("GET", "/alice/dev/+webhooks".to_owned(), 403),
        ("DELETE", format!("/alice/dev/+webhooks/{id}"), 403),
        // His own index has no such webhook.
        ("GET", format!("/bob/own/+webhooks/{id}/deliveries"), 404),
        ("POST", format!("/bob/own/+webhooks/{id}/try"), 404),
        ("DELETE", format!("/bob/own/+webhooks/{id}"), 404),
        ("GET", "/+webhooks".to_owned(), 403),
    ] {
        assert_eq!(server.ask(method, &path, &bob, None).await.0, status, "{method} {path}");
    }
    let (_, list) = server.ask("GET", "/alice/dev/+webhooks", &alice(), None).await;
    assert_eq!(list["result"][0]["id"], id);
    let text = list.to_string();
    assert!(!text.contains(&secret) && !text.contains("hidden"), "{text}");
    assert_eq!(server.ask("DELETE", &format!("/alice/dev/+webhooks/{id}"), &alice(), None).await.0, 200);
    let (_, list) = server.ask("GET", "/alice/dev/+webhooks", &alice(), None).await;
    assert_eq!(list["result"], json!([]));
}

#[tokio::test]
async fn what_will_not_do_as_a_webhook_is_refused() {
    let server = stage_with(on_loopback).await;
    for (asked, why) in [
        (json!({"url": "ftp://127.0.0.1/x"}), "http"),
        (json!({"url": "nonsense"}), "not valid"),
        (json!({"url": "http://127.0.0.1/", "on": ["party"]}), "party"),
        (json!({"url": "http://127.0.0.1/", "on": ["ping"]}), "ping"),
        (json!({"url": "http://127.0.0.1/", "secret": "short"}), "8 to 256"),
        (json!({"url": "http://127.0.0.1/", "colour": "red"}), "colour"),
    ] {
        let (status, refused) =
            server.ask("POST", "/alice/dev/+webhooks", &alice(), Some(asked.clone())).await;
        let message = refused["message"].as_str().unwrap_or_default();
        assert!(status == 400 && message.contains(why), "{asked}: {status} {refused}");
    }
    for _ in 0..20 {
        server.hook("http://127.0.0.1/", &[]).await;
    }
    let one_more = json!({"url": "http://127.0.0.1/"});
    let (status, _) = server.ask("POST", "/alice/dev/+webhooks", &alice(), Some(one_more)).await;
    assert_eq!(status, 409);
}

#[tokio::test]
async fn an_index_takes_its_webhooks_with_it() {
    let server = stage_with(on_loopback).await;
    server.hook("http://127.0.0.1/", &[]).await;
    let (status, text) = server.as_alice("DELETE", "/alice/dev", "").await;
    assert!(status < 300, "{status} {text}");
    server.make_index("alice/dev", json!({"bases": []})).await;
    let (_, list) = server.ask("GET", "/alice/dev/+webhooks", &alice(), None).await;
    assert_eq!(list["result"], json!([]));
}

#[tokio::test]
async fn the_command_line_adds_lists_tries_and_removes() {
    let server = stage().await;
    let (desk, receiver) = (Desk::new(), Receiver::start(&[Reply::Status(200), Reply::Status(500)]).await);
    let data = server.data.path().to_str().expect("UTF-8");
    let allowed = [("WHEELWRIGHT_PRIVATE_HOSTS", "127.0.0.1")];
    let run = async |arguments: &[&str]| {
        let arguments = [&["--data", data, "webhook"], arguments].concat();
        desk.run_with("wheelwright", &arguments, &allowed).await
    };
    desk.write("secret", "a secret of ours\n");
    let url = receiver.url();
    let asked = ["add", "alice/dev", &url, "--on", "upload,yank", "--secret-file", "secret", "--json"];
    let added = run(&asked).await.succeeded().json();
    assert_eq!(added["secret"], Value::Null);
    let id = added["id"].to_string();
    let server_wide = run(&["add", "--all-indexes", &receiver.url()]).await.succeeded();
    assert!(server_wide.out.contains("shows its secret only now"), "{}", server_wide.out);
    let list = run(&["list"]).await.succeeded().out;
    assert!(list.contains("upload,yank") && list.contains("server") && list.contains("all"), "{list}");
    run(&["try", &id]).await.succeeded();
    assert!(receiver.next().await.is_signed_with("a secret of ours"));
    assert!(run(&["try", &id]).await.failed().out.contains("answered 500"));
    let log = run(&["log", &id, "--json"]).await.succeeded().json();
    assert_eq!((&log[0]["status"], &log[1]["status"]), (&json!(500), &json!(200)));
    assert!(run(&["log", &id]).await.succeeded().out.contains("answered 500"));
    run(&["remove", &id]).await.succeeded();
    assert!(run(&["log", &id]).await.failed().err.contains("does not exist"));
    assert_eq!(run(&["add", &receiver.url()]).await.code, Some(2), "of what?");
}

/// Events come in order, and again until they are taken.
async fn in_order_and_again(backend: Backend) {
    let server = Server::start_on_with(backend, on_loopback).await;
    server.make_stage().await;
    let receiver = Receiver::start(&[Reply::Status(500), Reply::Close]).await;
    let (id, secret) = server.hook(&receiver.url(), &["upload"]).await;
    for version in ["1.0", "1.1", "1.2"] {
        server.publish("alice/dev", &Package::new("demo", version).wheel()).await;
    }
    let mut told = Vec::new();
    for _ in 0..5 {
        let document = receiver.next().await;
        assert!(document.is_signed_with(&secret));
        let name = document.header("x-wheelwright-delivery").to_owned();
        told.push((document.json()["file"]["version"].clone(), name));
    }
    let versions: Vec<&Value> = told.iter().map(|(version, _)| version).collect();
    assert_eq!(versions, ["1.0", "1.0", "1.0", "1.1", "1.2"]);
    assert!(told[0].1 == told[1].1 && told[1].1 == told[2].1 && told[2].1 != told[3].1, "{told:?}");
    let log = server.deliveries(id, 5).await;
    assert_eq!(log[0]["error"], "answered 500");
    assert!(log[1]["status"].is_null() && log[1]["error"].is_string(), "{log:?}");
}

#[tokio::test]
async fn events_come_in_order_and_again_until_they_are_taken() {
    in_order_and_again(Backend::Laptop).await;
}

#[tokio::test]
async fn events_come_in_order_at_a_company_too() {
    in_order_and_again(Backend::Company).await;
}
