//! A server that starts says "not yet".

use super::two_nodes::free_address;
use crate::kit::program::{Program, wheelwright};
use crate::kit::tls;
use std::fs::File;
use std::path::Path;
use std::time::Duration;

/// Whoever opens the database in this folder waits until this is dropped.
fn held_back(data: &Path) -> File {
    let opening = File::create(data.join("wheelwright.db-opening")).expect("a file");
    opening.lock().expect("a lock");
    opening
}

/// Until somebody listens there.
async fn asked(client: &reqwest::Client, url: &str) -> reqwest::Response {
    loop {
        match client.get(url).send().await {
            Ok(answer) => return answer,
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

#[tokio::test]
async fn a_server_that_opens_its_database_says_not_yet_and_then_serves() {
    tls::ready();
    for encrypted in [false, true] {
        let data = tempfile::tempdir().expect("a folder");
        let opening = held_back(data.path());
        let address = free_address();
        let mut command = wheelwright(&["serve", "--offline"]);
        command.env("WHEELWRIGHT_BUILD__ENABLED", "false");
        let mut client = reqwest::Client::builder().no_proxy();
        if encrypted {
            let certified = tls::certificate(data.path());
            let certificate = certified.certificate.expect("a certificate");
            let pem = std::fs::read(&certificate).expect("a file");
            client = client.tls_certs_only([reqwest::Certificate::from_pem(&pem).expect("a certificate")]);
            command.env("WHEELWRIGHT_TLS__CERTIFICATE", certificate);
            command.env("WHEELWRIGHT_TLS__KEY", certified.key.expect("a key"));
        }
        let client = client.build().expect("a client");
        let scheme = if encrypted { "https" } else { "http" };
        let url = |path: &str| format!("{scheme}://{address}{path}");
        let folder = data.path().to_owned();
        let starting =
            tokio::spawn(async move { Program::run_at(command, &folder, &address.to_string()).await });
        for (path, accept) in [("/+health", "*/*"), ("/root/pypi/+simple/demo/", "application/json")] {
            asked(&client, &url(path)).await;
            let answer = client.get(url(path)).header("accept", accept).send().await.expect("an answer");
            assert_eq!(
                (answer.status().as_u16(), &answer.headers()["retry-after"]),
                (503, &"1".parse().unwrap())
            );
            let text = answer.text().await.expect("text");
            assert!(text.contains("not yet: "), "{text}");
        }
        let put = client.put(url("/root/dev")).body("{}").send().await.expect("an answer");
        assert_eq!(put.status(), 503);
        drop(opening);
        let program = starting.await.expect("it serves");
        let health = client.get(url("/+health")).send().await.expect("an answer");
        assert_eq!(health.status(), 200);
        drop(program);
    }
}

#[tokio::test]
async fn a_server_may_refuse_connections_until_it_is_ready() {
    let data = tempfile::tempdir().expect("a folder");
    let opening = held_back(data.path());
    let address = free_address();
    let mut command = wheelwright(&["serve", "--offline"]);
    command.env("WHEELWRIGHT_ANSWER_WHILE_STARTING", "false");
    let folder = data.path().to_owned();
    let starting = tokio::spawn(async move { Program::run_at(command, &folder, &address.to_string()).await });
    // It has its folder: from here on it would listen.
    let serving = data.path().join("serving");
    while !File::open(&serving).is_ok_and(|file| file.try_lock_shared().is_err()) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
    drop(opening);
    let program = starting.await.expect("it serves");
    program.client().get("/+health").await.expect("health");
}

#[tokio::test]
async fn an_address_that_is_taken_is_told_before_anything_is_changed() {
    let (data, taken) =
        (tempfile::tempdir().expect("a folder"), std::net::TcpListener::bind("127.0.0.1:0").expect("a port"));
    let listen = taken.local_addr().expect("an address").to_string();
    let output =
        wheelwright(&["serve", "--offline", "--listen", &listen, "--data"]).arg(data.path()).output();
    let output = output.await.expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains(&format!("cannot listen on {listen}")), "{said}");
    assert!(!data.path().join("wheelwright.db").exists());
}
