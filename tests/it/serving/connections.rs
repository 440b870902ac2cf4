//! Stories of connections: canonical paths, slow and rude clients, the end.

use crate::kit::Server;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What the server says to these bytes until it closes.
async fn raw(server: &Server, request: &str) -> String {
    let mut stream = TcpStream::connect(server.address).await.expect("a connection");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    // A reset after the answer is an end, too.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
}

#[tokio::test]
async fn paths_that_lead_out_are_refused() {
    let server = Server::start().await;
    for path in [
        "/../etc/passwd",
        "/%2F%2F..%2F..%2Fetc/passwd",
        "/simple/%2e%2e/x",
        "/simple/..;/x",
        "/simple/%252e%252e/",
        "/simple/a%00b/",
        "/simple/a%5Cb/",
        "/simple/%c0%ae%c0%ae/",
        "/simple/%zz/",
    ] {
        let answer = raw(&server, &get(path)).await;
        let refused = ["400", "401", "404"].iter().any(|s| answer.starts_with(&format!("HTTP/1.1 {s}")));
        assert!(refused, "{path}: {answer}");
        assert!(!answer.contains("root:"), "{path}");
    }
}

#[tokio::test]
async fn one_connection_serves_many_requests_and_http2_too() {
    let server = Server::start().await;
    let request = "GET /+health HTTP/1.1\r\nHost: x\r\n\r\n";
    let answer = raw(&server, &format!("{request}{request}{}", get("/+health"))).await;
    assert_eq!(answer.matches("HTTP/1.1 200").count(), 3, "{answer}");
    let http2 = reqwest::Client::builder().http2_prior_knowledge().no_proxy().build().expect("a client");
    let answer = http2.get(server.url("/+health")).send().await.expect("an answer");
    assert_eq!((answer.status().as_u16(), answer.version()), (200, reqwest::Version::HTTP_2));
    let head = http2.head(server.url("/+health")).send().await.expect("an answer");
    assert_eq!(head.status(), 200);
}

#[tokio::test]
async fn requests_that_two_servers_could_read_differently_are_refused() {
    let server = Server::start().await;
    for request in [
        "POST /+health HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nabcde",
        "POST /+health HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        "GET /+health HTTP/1.1\r\nHost: x\r\nX y: 1\r\n\r\n",
        "GET /+health\r\n\r\n",
    ] {
        let answer = raw(&server, request).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{request:?}: {answer:?}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer:?}");
    }
}

#[tokio::test]
async fn every_answer_says_what_protocol_it_speaks() {
    let server = Server::start().await;
    for path in ["/+health", "/nothing/at/all/here/x/y/z", "/simple/../x"] {
        let headers = server.get(path).await.headers().clone();
        assert_eq!(headers.get("x-devpi-api-version").map(|v| v.as_bytes()), Some(&b"2"[..]), "{path}");
        assert!(headers.contains_key("x-devpi-serial"), "{path}");
    }
}

#[tokio::test]
async fn a_public_prefix_is_taken_off() {
    let prefixed = |url: &str| Some(url.parse().expect("a URL"));
    let server = Server::start_with(|config| config.public_url = prefixed("https://x.example/python")).await;
    for path in ["/python/+health", "/+health"] {
        assert_eq!(server.get(path).await.status(), 200, "{path}");
    }
    assert_eq!(server.get("/python//+health").await.headers()["location"], "../../python/+health");
}
