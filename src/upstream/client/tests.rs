//! Tests of where requests lead, and of who gets whose credentials.

use super::*;

fn client() -> UpstreamClient {
    UpstreamClient::new(&Config::default()).unwrap()
}

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

fn refused(source: &str, target: &str) -> bool {
    let client = client();
    client
        .client_for(&client.reading, &UpstreamSource::new(&url(source), Trust::Operator), &url(target))
        .is_err()
}

#[test]
fn credentials_are_for_the_configured_origin_alone() {
    let source = UpstreamSource::new(&url("https://al%40ice:p%3Aw@index.example/simple/"), Trust::Account);
    assert_eq!(source.url.as_str(), "https://index.example/simple/");
    let expected = base64::engine::general_purpose::STANDARD.encode("al@ice:p:w");
    assert_eq!(source.authorization.as_ref().unwrap(), &format!("Basic {expected}"));
    assert!(source.is_origin_of(&url("https://index.example/files/a.whl")));
    for other in ["http://index.example/", "https://index.example:8443/", "https://files.index.example/"] {
        assert!(!source.is_origin_of(&url(other)), "{other}");
    }
    assert!(authorization(&url("https://index.example/")).is_none());
}

#[test]
fn internal_addresses_are_refused_in_every_spelling_unless_the_mirror_names_them() {
    for target in [
        "http://169.254.169.254/latest/",
        "http://[::1]/",
        "http://0.0.0.0/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://[::ffff:10.0.0.1]/",
        "file:///etc/passwd",
        "gopher://1.1.1.1/",
    ] {
        assert!(refused("http://index.example/", target), "{target}");
    }
    assert!(!refused("http://10.0.0.1/simple/", "http://10.0.0.1:8080/a.whl"));
    assert!(refused("http://10.0.0.1/simple/", "http://10.0.0.2/a.whl"));
    assert!(!refused("http://index.example/", "https://files.example/a.whl"));
    assert!(refused("https://index.example/", "http://files.example/a.whl"));
}

#[tokio::test]
async fn a_name_that_resolves_to_an_internal_address_is_refused() {
    let source = UpstreamSource::new(&url("http://index.example/"), Trust::Operator);
    let result = client().send(&source, Method::GET, &url("http://localhost:9/"), &HeaderMap::new()).await;
    let Err(Error::Unavailable(message)) = result else { panic!("asked") };
    assert!(message.contains("internal network"), "{message}");
}

#[test]
fn how_far_an_upstream_leads_depends_on_who_named_it() {
    let open = Config {
        private_hosts: vec!["10.1.2.3".into()],
        mirror: crate::config::MirrorSettings { allow_private_redirects: true, ..Default::default() },
        ..Config::default()
    };
    let client = UpstreamClient::new(&open).unwrap();
    let may = |trust, from: &str, to: &str| {
        client.client_for(&client.reading, &UpstreamSource::new(&url(from), trust), &url(to)).is_ok()
    };
    let (inside, named) = ("http://10.9.9.9/simple/", "http://10.1.2.3/simple/");
    for (trust, inner, granted) in
        [(Trust::Operator, true, true), (Trust::Account, false, true), (Trust::Stranger, false, false)]
    {
        for from in [inside, named, "http://index.example/"] {
            assert_eq!(may(trust, from, inside), inner, "{trust:?} {from}");
            assert_eq!(may(trust, from, named), granted, "{trust:?} {from}");
            assert!(may(trust, from, "https://1.1.1.1/"), "{trust:?} {from}");
        }
    }
}

#[tokio::test]
async fn a_mirrors_own_name_that_comes_to_mean_an_internal_address_is_not_connected_to() {
    let inside = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = inside.local_addr().unwrap().port();
    let loopback = |_: String,
                    port: u16|
     -> futures::future::BoxFuture<'static, std::io::Result<Vec<std::net::SocketAddr>>> {
        Box::pin(async move { Ok(vec![([127, 0, 0, 1], port).into()]) })
    };
    let guard = Guard::public().with_lookup(std::sync::Arc::new(loopback));
    let client = UpstreamClient::within(&Config::default(), guard.clone(), guard).unwrap();
    let at = url(&format!("http://rebound.example:{port}/simple/"));
    for trust in [Trust::Account, Trust::Stranger] {
        let result = client.send(&UpstreamSource::new(&at, trust), Method::GET, &at, &HeaderMap::new()).await;
        let Err(Error::Unavailable(message)) = result else { panic!("asked") };
        assert!(message.contains("internal network"), "{message}");
    }
    assert!(tokio::time::timeout(Duration::from_millis(1), inside.accept()).await.is_err());
    assert!(matches!(client.may_name(&at).await, Err(Error::Forbidden(_))));
}

#[tokio::test]
async fn offline_nothing_is_asked() {
    let offline = UpstreamClient::new(&Config { offline: true, ..Config::default() }).unwrap();
    let source = UpstreamSource::new(&url("http://127.0.0.1:9/"), Trust::Operator);
    let result = offline.send(&source, Method::GET, &source.url, &HeaderMap::new()).await;
    assert!(result.unwrap_err().to_string().contains("offline"));
}
