//! Webhooks whose receivers hang, lead elsewhere, are down or are where nobody may send to; and servers that die.

use super::webhooks::{alice, on_loopback};
use crate::kit::Server;
use crate::kit::packages::Package;
use crate::kit::program::Program;
use crate::kit::receiver::{Receiver, Reply};
use crate::kit::stages::{stage, stage_with};
use serde_json::{Value, json};
use std::process::Command;
use tokio::process::Command as AsyncCommand;

#[tokio::test]
async fn no_webhook_reaches_the_inner_network_unless_it_is_allowed() {
    let server = stage().await;
    let receiver = Receiver::start(&[]).await;
    let port = receiver.address.port();
    for host in ["127.0.0.1", "localhost", "[::1]", "2130706433", "169.254.169.254", "10.0.0.1"] {
        let asked = json!({"url": format!("http://{host}:{port}/hook")});
        for (path, auth) in
            [("/alice/dev/+webhooks", alice()), ("/+webhooks", crate::kit::script::Auth::root())]
        {
            let (status, refused) = server.ask("POST", path, &auth, Some(asked.clone())).await;
            let message = refused["message"].as_str().unwrap_or_default();
            assert!(status == 403 && message.contains("private_hosts"), "{host}: {status} {refused}");
        }
    }
    assert_eq!(receiver.left().await, 0);
}

#[tokio::test]
async fn a_webhook_that_was_allowed_once_is_looked_at_each_time() {
    let server = stage_with(on_loopback).await;
    let receiver = Receiver::start(&[]).await;
    let (id, _) = server.hook(&receiver.url(), &["yank"]).await;
    let data = server.data.path().to_owned();
    let strict = Server::start_with(|config| config.data = data).await;
    let tried = strict.ping(id).await;
    assert!(tried["error"].as_str().is_some_and(|error| error.contains("private_hosts")), "{tried}");
    assert_eq!(receiver.left().await, 0);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Receiver::start(&[]).await;
    let server = stage_with(on_loopback).await;
    let receiver = Receiver::start(&[Reply::MovedTo(elsewhere.url())]).await;
    let (id, _) = server.hook(&receiver.url(), &[]).await;
    let tried = server.ping(id).await;
    assert_eq!(
        (&tried["status"], &tried["error"]),
        (&json!(307), &json!("answered 307: redirects are not followed"))
    );
    assert_eq!(elsewhere.left().await, 0);
}

#[tokio::test]
async fn a_webhook_that_hangs_holds_up_neither_uploads_nor_other_webhooks() {
    let server = stage_with(|config| {
        on_loopback(config);
        config.webhooks.timeout = 3600;
    })
    .await;
    let (hanging, well) = (Receiver::start(&[Reply::Hang]).await, Receiver::start(&[]).await);
    server.hook(&hanging.url(), &[]).await;
    server.hook(&well.url(), &[]).await;
    for version in ["1.0", "1.1"] {
        server.publish("alice/dev", &Package::new("demo", version).wheel()).await;
        assert_eq!(well.next().await.json()["file"]["version"], version);
    }
    // It holds its first document still.
    assert_eq!(hanging.next().await.json()["file"]["version"], "1.0");
    assert_eq!(hanging.left().await, 0);
}

#[tokio::test]
async fn a_receiver_that_does_not_answer_is_given_up_in_time_and_tried_again() {
    let server = stage_with(|config| {
        on_loopback(config);
        config.webhooks.timeout = 1;
    })
    .await;
    let receiver = Receiver::start(&[Reply::Hang]).await;
    let (id, _) = server.hook(&receiver.url(), &[]).await;
    server.publish("alice/dev", &Package::new("demo", "1.0").wheel()).await;
    assert_eq!(receiver.next().await.json()["delivery"], receiver.next().await.json()["delivery"]);
    let log = server.deliveries(id, 1).await;
    assert!(
        log[0]["error"].as_str().is_some_and(|error| error.contains("did not answer in time")),
        "{log:?}"
    );
}

#[tokio::test]
async fn after_so_many_tries_an_event_is_given_up_and_the_next_one_has_its_turn() {
    let server = stage_with(|config| {
        on_loopback(config);
        config.webhooks.tries = 2;
    })
    .await;
    let receiver = Receiver::start(&[Reply::Status(500), Reply::Status(503)]).await;
    let (id, _) = server.hook(&receiver.url(), &["upload"]).await;
    for version in ["1.0", "1.1"] {
        server.publish("alice/dev", &Package::new("demo", version).wheel()).await;
    }
    for version in ["1.0", "1.0", "1.1"] {
        assert_eq!(receiver.next().await.json()["file"]["version"], version);
    }
    let attempts: Vec<Value> =
        server.deliveries(id, 3).await.iter().map(|one| one["attempt"].clone()).collect();
    assert_eq!(attempts, [1, 2, 1]);
}

#[tokio::test]
async fn of_two_servers_on_one_database_one_makes_each_delivery() {
    let server = stage_with(on_loopback).await;
    let mut config = server.app.config.clone();
    config.data = server.data.path().to_owned();
    let _other = Server::start_with(|changed| *changed = config).await;
    let receiver = Receiver::start(&[]).await;
    let (id, _) = server.hook(&receiver.url(), &["upload"]).await;
    let versions: Vec<String> = (0..12).map(|minor| format!("1.{minor}")).collect();
    for version in &versions {
        server.publish("alice/dev", &Package::new("demo", version).wheel()).await;
    }
    for version in &versions {
        assert_eq!(receiver.next().await.json()["file"]["version"], **version);
    }
    server.ping(id).await;
    assert_eq!(receiver.next().await.json()["event"], "ping");
    assert_eq!(receiver.left().await, 0);
}

#[tokio::test]
async fn a_server_that_was_killed_goes_on_with_what_was_not_delivered() {
    let data = tempfile::tempdir().expect("a folder");
    let receiver = Receiver::start(&[Reply::Status(500)]).await;
    let start = || {
        let mut command = AsyncCommand::new(env!("CARGO_BIN_EXE_wheelwright"));
        command.args(["serve", "--upstream", "http://127.0.0.1:9/simple/"]);
        command.env("WHEELWRIGHT_PRIVATE_HOSTS", "127.0.0.1").env("WHEELWRIGHT_WEBHOOKS__PAUSE", "1s");
        Program::run(command, data.path())
    };
    let program = start().await;
    program.make_index("dev").await;
    let mut add = Command::new(env!("CARGO_BIN_EXE_wheelwright"));
    add.args(["webhook", "add", "root/dev", &receiver.url(), "--on", "upload", "--data"]).arg(data.path());
    let added = add.env("WHEELWRIGHT_PRIVATE_HOSTS", "127.0.0.1").output().expect("it starts");
    assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
    let client = program.client();
    client.upload("root/dev", &Package::new("demo", "1.0").wheel()).await.expect("it is taken");
    let first = receiver.next().await.json();
    program.kill();
    drop(program);
    let again = start().await;
    let second = receiver.next().await.json();
    assert_eq!((&second["delivery"], &second["file"]), (&first["delivery"], &first["file"]));
    again.client().upload("root/dev", &Package::new("demo", "1.1").wheel()).await.expect("it is taken");
    assert_eq!(receiver.next().await.json()["file"]["version"], "1.1");
}
