//! Stories of serving: TLS, the end, slow clients, life behind a proxy, redirects to a bucket.

use crate::kit::Server;
use crate::kit::backend::Backend;
use crate::kit::forms::Form;
use crate::kit::host::json_of;
use crate::kit::packages::Package;
use crate::kit::stages::{PASSWORD, stage, stage_with};
use crate::kit::tls;
use crate::kit::upstream::{Upstream, noise};
use serde_json::json;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use wheelwright::web::server::ServerLimits;

#[tokio::test]
async fn tls_is_served_from_certificate_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let certified = tls::certificate(folder.path());
    let pem = std::fs::read(certified.certificate.as_ref().unwrap()).expect("a certificate");
    let server = stage_with(|config| config.tls = certified).await;
    let wheel = Package::new("demo", "1.0").wheel();
    let trusted = reqwest::Certificate::from_pem(&pem).expect("a certificate");
    for (http2, version) in [(true, reqwest::Version::HTTP_2), (false, reqwest::Version::HTTP_11)] {
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([trusted.clone()]);
        let client = if http2 { client } else { client.http1_only() };
        let client = client.build().expect("a client");
        let url = format!("https://{}/alice/dev/", server.address);
        let form = Form::of(&wheel).finish();
        let kind = format!("multipart/form-data; boundary={}", crate::kit::forms::BOUNDARY);
        let sent =
            client.post(&url).basic_auth("alice", Some(PASSWORD)).header("content-type", kind).body(form);
        assert_eq!(sent.send().await.expect("an answer").status(), 200);
        let answer = client.get(format!("{url}pypi/demo/json")).send().await.expect("an answer");
        assert_eq!((answer.status().as_u16(), answer.version()), (200, version));
        let json = json_of(answer).await;
        let file = json["urls"][0]["url"].as_str().expect("a URL");
        assert!(file.starts_with(&format!("https://{}/", server.address)), "{file}");
        let bytes = client.get(file).send().await.expect("an answer").bytes().await.expect("bytes");
        assert_eq!(bytes, wheel.bytes);
    }
    let stranger = reqwest::Client::builder().no_proxy().build().expect("a client");
    assert!(stranger.get(format!("https://{}/+health", server.address)).send().await.is_err());
    assert!(server.http.get(server.url("/+health")).send().await.is_err(), "no plain HTTP on that port");
}

/// Longer than anything here takes; a story that gets so far has failed.
const LONG: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_running_download_finishes_while_new_connections_are_refused() {
    let mut server = stage().await;
    // More than the sockets between us hold.
    let bytes = noise(5, 24 << 20);
    let hosted = server.host("alice/dev", "demo", "1.0", &bytes).await;
    let answer = server.get(&hosted.path).await;
    server.stop();
    let closed = async {
        while TcpStream::connect(server.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LONG, closed).await.expect("the listener is closed at once");
    assert_eq!(answer.bytes().await.expect("all of it"), bytes);
}

#[tokio::test]
async fn a_client_that_takes_nothing_holds_up_no_shutdown() {
    let server = stage().await;
    let hosted = server.host("alice/dev", "demo", "1.0", &noise(5, 24 << 20)).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let limits = ServerLimits { drain: Duration::from_millis(50), ..ServerLimits::default() };
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let stopped = async {
        let _ = stopped.await;
    };
    let serving = wheelwright::web::server::serve_within(limits, server.app.clone(), listener, stopped);
    let serving = tokio::spawn(serving);
    let mut stalled = TcpStream::connect(address).await.expect("a connection");
    let request = format!("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", hosted.path);
    stalled.write_all(request.as_bytes()).await.expect("sent");
    stalled.read_u8().await.expect("an answer begins");
    stop.send(()).expect("it runs");
    tokio::time::timeout(LONG, serving).await.expect("it ends").expect("no panic").expect("well");
}

#[tokio::test]
async fn a_client_that_is_slow_to_say_what_it_wants_is_cut_off() {
    let limits = ServerLimits { header: Duration::from_millis(100), ..ServerLimits::default() };
    let server = Server::start_within(limits, |_| {}).await;
    for begun in ["", "P", "GET /+health HT", "GET /+health HTTP/1.1\r\nHost: x\r\nX-Long: "] {
        let mut stream = TcpStream::connect(server.address).await.expect("a connection");
        stream.write_all(begun.as_bytes()).await.expect("sent");
        let mut answer = Vec::new();
        let end = tokio::time::timeout(LONG, stream.read_to_end(&mut answer)).await;
        assert!(end.is_ok(), "{begun:?} keeps its connection");
        assert!(!String::from_utf8_lossy(&answer).contains(" 200 "), "{begun:?}");
    }
}

#[tokio::test]
async fn everything_works_behind_a_path_prefix_whether_the_proxy_strips_it_or_not() {
    let public = reqwest::Url::parse("https://x.example/python/").expect("a URL");
    let server = stage_with(|config| config.public_url = "https://x.example/python".parse().ok()).await;
    let wheel = Package::new("My.Demo", "1.0").wheel();
    assert_eq!(server.post("/python/alice/dev/", Form::of(&wheel), "alice", PASSWORD).await.status, 200);
    for strips in [true, false] {
        let ask = async |url: &reqwest::Url, accept: &str| {
            let path = &url[url::Position::BeforePath..];
            let path = if strips { path.strip_prefix("/python").expect("the prefix") } else { path };
            server.get_with(path, &[("accept", accept), ("host", "inside:3141")]).await
        };
        let place = |text: &str| public.join(text).expect("a URL");
        for (from, to) in [
            ("alice/dev/+simple/My.Demo", "alice/dev/+simple/my-demo/"),
            ("alice/dev/+simple/My_Demo/", "alice/dev/+simple/my-demo/"),
            ("alice/dev/+simple", "alice/dev/+simple/"),
            ("alice/dev/pypi/My.Demo/json", "alice/dev/pypi/my-demo/json"),
            ("simple", "simple/"),
        ] {
            let answer = ask(&place(from), "*/*").await;
            assert_eq!(answer.status(), 301, "{from}");
            let location = answer.headers()["location"].to_str().expect("text");
            assert_eq!(place(from).join(location).expect("a URL"), place(to), "{from}");
        }
        let at = place("alice/dev/+simple/my-demo/");
        let page = json_of(ask(&at, "application/vnd.pypi.simple.v1+json").await).await;
        let link = at.join(page["files"][0]["url"].as_str().expect("a link")).expect("a URL");
        assert_eq!(ask(&link, "*/*").await.bytes().await.expect("bytes"), wheel.bytes);
        let json = json_of(ask(&place("alice/dev/pypi/my-demo/json"), "*/*").await).await;
        assert_eq!(json["urls"][0]["url"], link.as_str());
        let api = json_of(ask(&place("alice/dev/+api"), "application/json").await).await;
        assert_eq!(api["result"]["simpleindex"], place("alice/dev/+simple/").as_str());
        for page in ["", "alice/dev", "alice/dev/my-demo", "alice/dev/my-demo/1.0", "none/at/all"] {
            let html = ask(&place(page), "text/html,application/xhtml+xml").await.text().await.expect("text");
            let mut links = 0;
            for link in html.split(['"', '\'']).collect::<Vec<_>>().windows(2) {
                if !link[0].ends_with("href=") && !link[0].ends_with("src=") {
                    continue;
                }
                links += 1;
                let url = place(page).join(link[1]).expect("a URL");
                if url.host_str() == Some("x.example") {
                    assert!(url.path().starts_with("/python/"), "{page}: {}", link[1]);
                    assert!(ask(&url, "text/html").await.status().as_u16() < 500, "{url}");
                }
            }
            assert!(links > 1, "{page}: {html}");
        }
    }
}

#[tokio::test]
async fn a_redirect_to_the_bucket_works_for_who_leaves_the_credentials_behind() {
    let server = Server::start_on_with(Backend::Company, |config| config.s3.redirect = true).await;
    server.make_user("alice", PASSWORD).await;
    server.make_index("alice/dev", json!({"bases": [], "acl_read": ["alice"]})).await;
    let bytes = noise(6, 3 << 20);
    let hosted = server.host("alice/dev", "demo", "1.0", &bytes).await;
    let url = server.url(&hosted.path);
    let answer = server.http.get(&url).basic_auth("alice", Some(PASSWORD)).send().await.expect("an answer");
    assert_eq!(answer.status(), 302);
    assert_eq!(answer.headers()["cache-control"], "no-store", "there is a secret in the URL");
    let location = answer.headers()["location"].to_str().expect("text").to_owned();
    let bucket = &server.company.as_ref().expect("a bucket").s3.endpoint;
    assert!(location.starts_with(bucket.as_str()), "{location}");
    // As pip and uv do it: the credentials stay here.
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let got = client.get(&url).basic_auth("alice", Some(PASSWORD)).send().await.expect("an answer");
    assert_eq!((got.status().as_u16(), got.bytes().await.expect("bytes")), (200, bytes));
    let forged = location.replace("X-Amz-Signature=", "X-Amz-Signature=0");
    assert_ne!(client.get(forged).send().await.expect("an answer").status(), 200);
    let head = server.http.head(&url).basic_auth("alice", Some(PASSWORD)).send().await.expect("an answer");
    assert_eq!((head.status().as_u16(), head.headers()["content-length"].as_bytes()), (200, &b"3145728"[..]));
    assert_eq!(server.get(&hosted.path).await.status(), 401, "no signature for strangers");
}

#[tokio::test]
async fn nothing_private_is_called_public() {
    let upstream = Upstream::start().await;
    upstream.add("demo-1.0-py3-none-any.whl", noise(1, 1000));
    let server = stage().await;
    let options = json!({"type": "mirror", "mirror_url": upstream.simple(), "acl_read": ["alice"]});
    server.make_index("alice/mirror", options).await;
    server.make_index("alice/own", json!({"bases": [], "acl_read": ["alice"]})).await;
    server.host("alice/own", "demo", "1.0", b"secret").await;
    for index in ["alice/mirror", "alice/own"] {
        let ask = async |path: &str, accept: &str| {
            let request = server.http.get(server.url(path)).basic_auth("alice", Some(PASSWORD));
            let answer = request.header("accept", accept).send().await.expect("an answer");
            assert_eq!(answer.status(), 200, "{path}");
            let told = answer.headers().get("cache-control").map(|v| v.to_str().expect("text").to_owned());
            assert!(!told.unwrap_or_default().contains("public"), "{path}: {:?}", answer.headers());
            assert!(!answer.headers().contains_key("access-control-allow-origin"), "{path}");
            answer
        };
        let page = format!("/{index}/+simple/demo/");
        let json = json_of(ask(&page, "application/vnd.pypi.simple.v1+json").await).await;
        let link = json["files"][0]["url"].as_str().expect("a link").replace("../", "/").replace("//", "/");
        let file = format!("/{}", link.trim_start_matches('/'));
        for path in [
            format!("/{index}/+simple/"),
            page,
            format!("{file}.metadata"),
            file.clone(),
            file,
            format!("/{index}/pypi/demo/json"),
            format!("/{index}/+links"),
            format!("/{index}/+links/demo"),
        ] {
            ask(&path, "*/*").await;
        }
        for path in [format!("/{index}/demo"), format!("/{index}/demo/1.0"), format!("/{index}")] {
            ask(&path, "application/json").await;
            ask(&path, "text/html,application/xhtml+xml").await;
        }
    }
}
