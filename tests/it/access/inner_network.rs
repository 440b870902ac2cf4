//! Nobody makes the server talk to the inner network: mirrors, archives, repositories, redirects.

use crate::kit::Server;
use crate::kit::names::index_name;
use crate::kit::script::Auth;
use crate::kit::upstream::{Fault, Upstream, noise};
use serde_json::{Value, json};
use wheelwright::db::events::NewEvent;
use wheelwright::words::EventKind;

const WHEEL: &str = "six-1.0-py3-none-any.whl";
const SIX: &str = "/alice/m/+simple/six/";

async fn with_alice(change: impl FnOnce(&mut wheelwright::config::Config)) -> (Server, Auth) {
    let server = Server::start_with(change).await;
    server.ask("PUT", "/alice", &Auth::root(), Some(json!({"password": "a"}))).await;
    (server, Auth::basic("alice", "a"))
}

/// A page as alice's installer asks for it.
async fn page(server: &Server, path: &str) -> (u16, String) {
    let request = server.http.get(server.url(path)).basic_auth("alice", Some("a"));
    let answer = request.send().await.expect("an answer");
    (answer.status().as_u16(), answer.text().await.expect("a body"))
}

fn mirror_of(url: &str) -> Option<Value> {
    Some(json!({"type": "mirror", "mirror_url": url}))
}

#[tokio::test]
async fn an_account_mirrors_no_address_of_the_inner_network() {
    let inside = Upstream::start().await;
    inside.add(WHEEL, noise(1, 1000));
    let port = inside.address.port();
    let (server, alice) = with_alice(|_| {}).await;
    let outside = mirror_of("https://index.invalid/simple/");
    assert_eq!(server.ask("PUT", "/alice/outside", &alice, outside).await.0, 200);
    for host in [
        "127.0.0.1",
        "2130706433",
        "0x7f.1",
        "0.0.0.0",
        "[::]",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "localhost",
        "LOCALHOST.",
        "169.254.169.254",
        "10.0.0.1",
        "100.64.0.1",
        "[fe80::1]",
        "[fd00::1]",
        "224.0.0.1",
    ] {
        let url = format!("http://{host}:{port}/simple/");
        let (status, body) = server.ask("PUT", "/alice/inside", &alice, mirror_of(&url)).await;
        assert_eq!(status, 403, "{url}: {body}");
        let message = body["message"].as_str().expect("a message");
        assert!(message.contains("internal network") && message.contains("private_hosts"), "{message}");
        for change in
            [json!({"mirror_url": url}), json!({"remote_url": url}), json!([format!("mirror_url={url}")])]
        {
            let (status, body) = server.ask("PATCH", "/alice/outside", &alice, Some(change)).await;
            assert_eq!(status, 403, "{url}: {body}");
        }
    }
    assert_eq!(inside.log().len(), 0);
}

#[tokio::test]
async fn what_root_makes_or_an_administrator_names_may_be_inside() {
    let inside = Upstream::start().await;
    inside.add(WHEEL, noise(1, 1000));
    let (server, alice) =
        with_alice(|config| config.upstream = Some("http://127.0.0.1:9/simple/".into())).await;
    let made = server.ask("PUT", "/alice/m", &Auth::root(), mirror_of(&inside.simple())).await;
    assert_eq!(made.0, 200, "{}", made.1);
    assert!(!made.1.to_string().contains("operator"), "{}", made.1);
    assert_eq!(page(&server, SIX).await.0, 200);
    // The grant is for this URL: its owner changes everything else, and takes the grant along nowhere.
    let title = Some(json!({"title": "T"}));
    assert_eq!(server.ask("PATCH", "/alice/m", &alice, title).await.0, 200);
    assert_eq!(page(&server, SIX).await.0, 200);
    let moved = Some(json!({"mirror_url": "https://index.invalid/simple/"}));
    assert_eq!(server.ask("PATCH", "/alice/m", &alice, moved).await.0, 200);
    let back = Some(json!({"mirror_url": inside.simple()}));
    assert_eq!(server.ask("PATCH", "/alice/m", &alice, back).await.0, 403);

    let (server, alice) = with_alice(|config| config.private_hosts = vec!["127.0.0.0/8".into()]).await;
    assert_eq!(server.ask("PUT", "/alice/m", &alice, mirror_of(&inside.simple())).await.0, 200);
    assert_eq!(page(&server, SIX).await.0, 200);
}

#[tokio::test]
async fn a_mirror_that_was_made_before_is_looked_at_when_it_is_asked() {
    // As if its name had meant another address when it was made.
    let inside = Upstream::start().await;
    inside.add(WHEEL, noise(1, 1000));
    let (server, _) = with_alice(|_| {}).await;
    let options = json!({"type": "mirror", "volatile": true, "mirror_url": inside.other_name() + "/simple/"});
    let mut tx = wheelwright::db::Tx::begin(&server.app.db).await.expect("a transaction");
    let index = index_name("alice/m");
    tx.create_index(&index, &options.to_string()).await.expect("a row");
    tx.commit(NewEvent::of("test", EventKind::IndexCreated).on(&index)).await.expect("commits");
    let (status, text) = page(&server, SIX).await;
    assert!(status >= 500 && text.contains("internal network"), "{status} {text}");
    assert_eq!(inside.log().len(), 0);
}

#[tokio::test]
async fn redirects_and_links_of_an_accounts_mirror_stay_outside_whatever_is_allowed_to_root() {
    let (front, inside) = (Upstream::start().await, Upstream::start().await);
    inside.add(WHEEL, noise(1, 1000));
    let target = format!("http://127.0.0.2:{}/simple/six/", inside.address.port());
    front.set(|b| b.page = Some(Fault::Redirect(target.clone())));
    let (server, alice) = with_alice(|config| {
        config.private_hosts = vec!["127.0.0.1".into()];
        config.mirror.allow_private_redirects = true;
    })
    .await;
    assert_eq!(server.ask("PUT", "/alice/m", &alice, mirror_of(&front.simple())).await.0, 200);
    let (status, text) = page(&server, SIX).await;
    assert!(status >= 500 && text.contains("internal network"), "{status} {text}");
    assert!(!front.log().is_empty() && inside.log().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn anonymous_lines_reach_nothing_inside_whatever_is_configured() {
    let inside = Upstream::start().await;
    inside.add("demo-1.0.tar.gz", noise(1, 1000));
    let server = crate::kit::resolving::start_with(|config| {
        config.private_hosts = vec!["127.0.0.1".into(), "localhost".into()];
        config.mirror.allow_private_redirects = true;
    })
    .await;
    let port = inside.address.port();
    for (line, why) in [
        (format!("http://127.0.0.1:{port}/files/demo-1.0.tar.gz#egg=demo==1.0"), "internal network"),
        (format!("http://localhost:{port}/files/demo-1.0.tar.gz#egg=demo==1.0"), "internal network"),
        (format!("git+http://127.0.0.1:{port}/demo#egg=demo==1.0"), "internal network"),
        (format!("git+http://localhost:{port}/demo#egg=demo==1.0"), "internal network"),
        ("git+ssh://git@h.invalid/demo#egg=demo==1.0".into(), "log in"),
        ("https://token@h.invalid/demo-1.0.tar.gz#egg=demo==1.0".into(), "token"),
        ("git+https://token@h.invalid/demo#egg=demo==1.0".into(), "token"),
    ] {
        let path = "/v1/alice.dev/cp312-linux/+resolve/";
        let (status, told) =
            crate::kit::resolving::send_text(&server, path, &format!("{line}\n"), false).await;
        assert_eq!(status, 400, "{line}: {told}");
        assert!(told.contains(why), "{line}: {told}");
    }
    assert_eq!(inside.log().len(), 0);
}
