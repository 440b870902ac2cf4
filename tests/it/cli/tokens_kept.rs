//! Stories of the tokens that logins keep: which one is used, which one ends, and where else it stands.

use crate::kit::Server;
use crate::kit::laptop::{Laptop, let_in, shown_code};
use crate::kit::packages::Package;
use crate::kit::script::Auth;
use crate::kit::stages::stage;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use wheelwright::access::Scope;

/// Whether the server takes a token.
async fn holds(server: &Server, token: &str) -> bool {
    server.ask("GET", "/+account", &Auth::Bearer(token.to_owned()), None).await.0 == 200
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_in_netrc_is_replaced_by_a_login_and_goes_with_a_logout() {
    let (server, laptop) = (stage().await, Laptop::new());
    laptop.log_in(&server).await;
    laptop.run(&["use", "alice/dev", "--with-credentials"]).await.succeeded();
    let netrc = laptop.path(".netrc");
    let others = "machine other.example login al password p\n";
    let text = std::fs::read_to_string(&netrc).expect("a file") + others;
    std::fs::write(&netrc, text).expect("a file");
    let first = laptop.tokens_in(&netrc);
    laptop.log_in(&server).await;
    let second = laptop.tokens_in(&netrc);
    assert_ne!(first, second);
    assert_eq!(second, laptop.tokens_in(&laptop.kept()), "the token that holds");
    assert!(!holds(&server, &first[0]).await && holds(&server, &second[0]).await);
    laptop.run(&["logout"]).await.succeeded();
    assert!(!holds(&server, &second[0]).await);
    assert_eq!(std::fs::read_to_string(&netrc).expect("a file"), others);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_waits_for_a_browser_keeps_what_was_kept_meanwhile() {
    let (slow, quick, laptop) = (stage().await, stage().await, Laptop::new());
    let mut child = laptop.command(&["login", &slow.url("")]).spawn().expect("it starts");
    let shown = shown_code(&mut child).await;
    laptop.log_in(&quick).await;
    laptop.run(&["use", "alice/dev", "--server", &quick.url("")]).await.succeeded();
    let_in(&slow, &shown, "yes").await;
    assert!(child.wait().await.expect("it ends").success());
    for server in [&slow, &quick] {
        let who = laptop.run(&["whoami", "--server", &server.url(""), "--json"]).await.succeeded().json();
        assert_eq!(who["user"], "alice");
    }
    assert!(std::fs::read_to_string(laptop.kept()).expect("a file").contains("alice/dev"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_somebody_brought_is_revoked_by_nobody() {
    let (server, laptop) = (stage().await, Laptop::new());
    let token = server.make_token("alice", Scope::default()).await;
    let (url, line) = (server.url(""), format!("{token}\n"));
    let bring = ["login", url.as_str(), "--token-stdin"];
    laptop.run_with(&bring, &line, &[]).await.succeeded();
    laptop.log_in(&server).await;
    assert!(holds(&server, &token).await, "after another login");
    let own = laptop.tokens_in(&laptop.kept());
    laptop.run_with(&bring, &line, &[]).await.succeeded();
    assert!(!holds(&server, &own[0]).await, "of the login, which nobody has any more");
    // Bringing what a login made does not make it somebody else's.
    let told = laptop.run(&["logout", "--json"]).await.succeeded().json();
    assert_eq!(told["revoked"], false);
    assert!(holds(&server, &token).await, "after the logout");
    laptop.log_in(&server).await;
    let own = laptop.tokens_in(&laptop.kept());
    laptop.run_with(&bring, &format!("{}\n", own[0]), &[]).await.succeeded();
    laptop.run(&["logout"]).await.succeeded();
    assert!(!holds(&server, &own[0]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_by_password_leaves_no_session_behind() {
    let (server, laptop) = (stage().await, Laptop::new());
    laptop.log_in(&server).await;
    let token = laptop.tokens_in(&laptop.kept()).remove(0);
    let (_, account) = server.ask("GET", "/+account", &Auth::Bearer(token), None).await;
    assert_eq!(account["result"]["sessions"], json!([]), "{account}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_takes_its_server_and_its_credential_by_the_same_rule() {
    let (server, other, laptop) = (stage().await, stage().await, Laptop::new());
    server.make_index("alice/private", json!({"bases": [], "acl_read": ["alice"]})).await;
    server.publish("alice/private", &Package::new("demo", "1.0").wheel()).await;
    laptop.log_in(&server).await;
    let search = ["search", "demo", "--json"];
    let found = |told: Value| told["results"].as_array().map(Vec::len);
    assert_eq!(found(laptop.run(&search).await.succeeded().json()), Some(1), "by the login");
    // An empty variable is none.
    let empty = [("WHEELWRIGHT_TOKEN", ""), ("WHEELWRIGHT_SERVER", ""), ("WHEELSPROXY_URL", "")];
    assert_eq!(found(laptop.run_with(&search, "", &empty).await.succeeded().json()), Some(1));
    laptop.run_with(&["whoami"], "", &empty).await.succeeded();
    for command in [&["search", "demo"][..], &["whoami"]] {
        let wrong = laptop.run_with(command, "", &[("WHEELWRIGHT_TOKEN", "ww_wrong")]).await;
        wrong.fails_with("invalid");
    }
    laptop.run(&["search", "demo", "--token", "ww_wrong"]).await.fails_with("invalid");
    let url = other.url("");
    laptop
        .run_with(&["logout"], "", &[("WHEELWRIGHT_SERVER", &url)])
        .await
        .fails_with(&format!("not logged in to {url}/"));
    laptop.run(&["whoami"]).await.succeeded();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_without_a_browser_goes_on_waiting_for_another_one() {
    let (server, laptop) = (stage().await, Laptop::new());
    let mut command = laptop.command(&["login", &server.url(""), "--open"]);
    let mut child = command.env("PATH", laptop.path("work")).spawn().expect("it starts");
    let shown = shown_code(&mut child).await;
    let_in(&server, &shown, "yes").await;
    assert!(child.wait().await.expect("it ends").success());
    laptop.run(&["whoami"]).await.succeeded();
}

/// A server that answers the beginning of a login with these words.
async fn liar(url: &str, code: &str) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let ends = wheelwright::words::Moment(0);
    let begun = json!({"result": {"url": url, "code": code, "secret": "s", "interval": 1, "ends": ends}});
    let body = begun.to_string();
    tokio::spawn(async move {
        // The first one begins the login; the second one asks how it stands.
        for answer in [body, json!({"message": "refused"}).to_string()] {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let _ = stream.read(&mut [0; 4096]).await;
            let status = if answer.contains("refused") { "403 Forbidden" } else { "201 Created" };
            let head = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-type: application/json");
            let text = format!("{head}\r\ncontent-length: {}\r\n\r\n{answer}", answer.len());
            let _ = stream.write_all(text.as_bytes()).await;
        }
    });
    format!("http://{address}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_lies_about_the_address_to_open_starts_nothing() {
    let laptop = Laptop::new();
    let started = laptop.path("started");
    let script = format!("#!/bin/sh\necho \"$1\" >> {}\n", started.display());
    std::fs::write(laptop.path("work/xdg-open"), script).expect("a file");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(laptop.path("work/xdg-open"), mode).expect("a program");
    let path = laptop.path("work").display().to_string();
    let variables = [("PATH", path.as_str())];
    for (url, said) in [
        ("file:///etc/passwd", "names no address to open"),
        ("--help", "names no address to open"),
        ("http://evil.example/", "the browser was not started"),
    ] {
        let server = liar(url, "AB\u{1b}[2J").await;
        let ended = laptop.run_with(&["login", &server, "--open"], "", &variables).await;
        assert!(!ended.err.contains('\u{1b}'), "{:?}", ended.err);
        ended.fails_with(said);
    }
    assert!(!started.exists());
    assert!(!laptop.kept().exists());
}
