//! Repositories on hosts: dead ones, those that ask for a password, those that tell of pushes.

use super::{alice, order, wheel_for};
use crate::kit::Server;
use crate::kit::git_host::{GitHost, Repository};
use crate::kit::script::Auth;
use crate::kit::sshd::Sshd;
use crate::kit::stages::stage_with;
use crate::kit::worker::{NEW, built, hire, job};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use wheelwright::build::job::Job;
use wheelwright::config::Config;
use wheelwright::config::git::{GitCredentialSettings, GitToken};

fn on_loopback(config: &mut Config) {
    config.private_hosts = vec!["127.0.0.1".into()];
}

/// As alice asks for it, who may upload to alice/dev.
async fn added(server: &Server, order: Value) -> (i64, String) {
    let (status, made) = server.ask("POST", "/+watches", &alice(), Some(order)).await;
    assert_eq!(status, 201, "{made:#}");
    let (id, secret) = (made["result"]["id"].as_i64(), made["result"]["secret"].as_str());
    (id.expect("an id"), secret.expect("a secret").to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_repository_does_not_delay_another_and_is_asked_more_rarely() {
    let server = stage_with(|config| {
        on_loopback(config);
        config.watch.at_once = 1;
    })
    .await;
    hire(&server).await;
    let (good, bad) = (Repository::new(), Repository::new());
    let [good_host, bad_host] =
        [GitHost::start(good.path(), None).await, GitHost::start(bad.path(), None).await];
    let (dead, _) = added(&server, order(&bad_host.url(".git"))).await;
    let (alive, _) = added(&server, order(&good_host.url(".git"))).await;
    bad_host.is_dead(true);
    good.tag("v1.0");
    server.look(dead).await;
    server.look(alive).await;
    let job = job(&server).await;
    built(&server, &job, &wheel_for("demo", "1.0", NEW)).await;
    server.tag_is(alive, "v1.0", "published").await;
    let watch = loop {
        let watch = server.watched(dead).await;
        if watch["failures"] != 0 {
            break watch;
        }
    };
    assert!(
        watch["error"].as_str().is_some_and(|why| why.contains("cannot reach the repository")),
        "{watch:#}"
    );
    assert!(watch["next_look"].as_str() > watch["last_look"].as_str(), "{watch:#}");
    // The server may look by itself, too.
    while server.watched(dead).await["failures"].as_i64() < Some(4) {
        server.look(dead).await;
    }
    let log = server.app.db.events_after(0, 500).await.expect("events");
    let told = log.iter().filter(|event| event.what.name() == "repository unreachable").count();
    assert_eq!(told, 1, "others are told once");

    // It comes back.
    bad_host.is_dead(false);
    while server.watched(dead).await["failures"] != 0 {
        server.look(dead).await;
    }
    assert_eq!(server.watched(dead).await["error"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_asks_for_a_password_is_read_with_a_configured_token_alone() {
    let repository = Repository::new();
    let host = GitHost::start(repository.path(), Some(("git", "hidden-token"))).await;
    let server = stage_with(on_loopback).await;
    let (status, refused) = server.ask("POST", "/+watches", &alice(), Some(order(&host.url(".git")))).await;
    let why = refused["message"].as_str().unwrap_or_default();
    assert!(
        status == 400 && why.contains("needs a password") && why.contains("git.credentials"),
        "{refused}"
    );
    let with_secret = host.url(".git").replace("//", "//git:hidden-token@");
    let (status, refused) = server.ask("POST", "/+watches", &alice(), Some(order(&with_secret))).await;
    let why = refused["message"].as_str().unwrap_or_default();
    assert!(status == 400 && why.contains("git.credentials") && !why.contains("hidden"), "{refused}");
    let (_, list) = server.ask("GET", "/+watches", &alice(), None).await;
    assert_eq!(list["result"], json!([]), "nothing was added");
    drop(server);

    let (below, port) = (format!("http://{}", host.address), host.address.port());
    let server = stage_with(|config| {
        on_loopback(config);
        let credential = GitCredentialSettings {
            url: below,
            token: Some(GitToken::new("hidden-token")),
            indexes: vec!["alice/*".into()],
            ..GitCredentialSettings::default()
        };
        config.git.credentials.insert("corp".into(), credential);
    })
    .await;
    let job = released(&server, &repository, &host.url(".git")).await;
    let (_, build) = server.ask("GET", &format!("/+builds/{}", job.build), &Auth::root(), None).await;
    let source = server.app.store.whole(&job.source_sha256).await.expect("a store").expect("a source");
    let mut tree = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&source[..]), &mut tree).expect("a tree");
    for (place, text) in [
        ("the job", format!("{job:?}")),
        ("the build", build.to_string()),
        ("the source", String::from_utf8_lossy(&tree).into_owned()),
    ] {
        assert!(!text.contains("hidden-token"), "the token is in {place}");
        assert!(place == "the source" || text.contains(&port.to_string()), "{place}: {text}");
    }
    // Whoever may not use it is asked for a password, too.
    server.make_user("bob", "bob-secret").await;
    server.make_index("bob/dev", json!({"bases": []})).await;
    let bobs = json!({"index": "bob/dev", "url": host.url(".git")});
    let (status, refused) =
        server.ask("POST", "/+watches", &Auth::basic("bob", "bob-secret"), Some(bobs)).await;
    assert!(status == 400 && refused.to_string().contains("needs a password"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_is_read_by_ssh_with_the_configured_key_from_the_known_host_alone() {
    let repository = Repository::new();
    let sshd = tokio::task::spawn_blocking(Sshd::start).await.expect("sshd");
    let url = format!("git+{}{}", sshd.url(), repository.path().display());
    let keys = [
        ("deploy", "nobody", "ssh does not know the host"),
        ("other", "known_hosts", "needs a password or a key"),
    ];
    for (key, hosts, why) in keys {
        let server = with_key(&sshd, key, hosts).await;
        let (status, refused) = server.ask("POST", "/+watches", &alice(), Some(order(&url))).await;
        assert!(status == 400 && refused.to_string().contains(why), "{key} {hosts}: {refused}");
    }
    let server = with_key(&sshd, "deploy", "known_hosts").await;
    released(&server, &repository, &url).await;
}

/// Watches a repository and has its next tag released; gives the build's job.
async fn released(server: &Server, repository: &Repository, url: &str) -> Job {
    hire(server).await;
    let (id, _) = added(server, order(url)).await;
    let commit = repository.tag("v1.0");
    server.look(id).await;
    let job = job(server).await;
    assert_eq!(job.source.commit.as_deref(), Some(commit.as_str()));
    built(server, &job, &wheel_for("demo", "1.0", NEW)).await;
    server.tag_is(id, "v1.0", "published").await;
    job
}

async fn with_key(sshd: &Sshd, key: &str, hosts: &str) -> Server {
    stage_with(|config| {
        on_loopback(config);
        let credential = GitCredentialSettings {
            url: sshd.url(),
            ssh_key: Some(sshd.path(key)),
            known_hosts: Some(sshd.path(hosts)),
            indexes: vec!["alice/*".into()],
            ..GitCredentialSettings::default()
        };
        config.git.credentials.insert("deploy".into(), credential);
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_that_is_signed_shortens_the_wait_and_no_other() {
    let server = stage_with(on_loopback).await;
    hire(&server).await;
    let repository = Repository::new();
    let host = GitHost::start(repository.path(), None).await;
    let mut asked = order(&host.url(".git"));
    asked["every"] = json!("7d");
    let (id, secret) = added(&server, asked).await;
    repository.tag("v1.0");
    let before = server.watched(id).await["next_look"].clone();
    let push = async |id: i64, header: &str, value: &str| {
        let request = server.http.post(server.url(&format!("/+watches/{id}/hook"))).header(header, value);
        request.body("{\"ref\": \"refs/tags/v1.0\"}").send().await.expect("an answer").status().as_u16()
    };
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length");
    mac.update(b"{\"ref\": \"refs/tags/v1.0\"}");
    let digits: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let signed = format!("sha256={digits}");
    assert_eq!(push(id, "x-other", "x").await, 403);
    assert_eq!(push(id, "x-hub-signature-256", &signed.replace(&digits[..4], "zzzz")).await, 403);
    assert_eq!(push(id, "x-gitlab-token", "guess").await, 403);
    assert_eq!(push(id + 1000, "x-hub-signature-256", &signed).await, 403, "of no watch");
    assert_eq!(server.watched(id).await["next_look"], before, "nothing changed");
    let large = server.http.post(server.url(&format!("/+watches/{id}/hook"))).body(vec![b'x'; 3 << 20]);
    assert_eq!(large.send().await.expect("an answer").status(), 413);

    assert_eq!(push(id, "x-hub-signature-256", &signed).await, 200);
    let job = job(&server).await;
    built(&server, &job, &wheel_for("demo", "1.0", NEW)).await;
    server.tag_is(id, "v1.0", "published").await;
    for (header, value) in
        [("x-gitlab-token", &secret), ("x-gitea-signature", &digits), ("x-hub-signature", &signed)]
    {
        assert_eq!(push(id, header, value).await, 200, "{header}");
    }
}
