//! The one way by which git reaches others on behalf of strangers: an HTTP proxy of ours on loopback,
//! which makes each connection through the guard. So git resolves no name itself, and whatever a server
//! tells it to ask besides (redirects, alternates, other packs) goes the same way.

use crate::error::{Error, Result};
use crate::tools::loopback::Loopback;
use crate::unavailable;
use crate::upstream::guard::Guard;
use base64::Engine as _;
use parking_lot::Mutex;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use url::Url;

/// Bytes of a request's head.
const LARGEST: usize = 64 << 10;
/// Until a head has come.
const PATIENCE: Duration = Duration::from_secs(30);
/// Connections at once; git needs one or two.
const MOST: usize = 16;

/// Open until it is dropped; its connections end with it.
pub(super) struct GitGate {
    url: String,
    shared: Arc<Shared>,
    _server: Loopback,
}

struct Shared {
    guard: Guard,
    /// What its users must send, so that nobody else on this machine uses it.
    authorization: String,
    /// Why the last connection was not made.
    refused: Mutex<Option<Error>>,
}

/// Where a request wants to go.
#[derive(Debug, PartialEq, Eq)]
struct Wish {
    host: String,
    port: u16,
    /// For a tunnel nothing; else the head as the server there is sent it.
    head: Option<Vec<u8>>,
}

impl GitGate {
    pub async fn open(guard: Guard) -> Result<Self> {
        let secret = format!("{:032x}", rand::random::<u128>());
        let pair = base64::prelude::BASE64_STANDARD.encode(format!("git:{secret}"));
        let authorization = format!("Basic {pair}");
        let shared = Arc::new(Shared { guard, authorization, refused: Mutex::default() });
        let serving = shared.clone();
        let server = Loopback::open(MOST, move |stream| serving.clone().serve(stream)).await?;
        let url = format!("http://git:{secret}@{}", server.address);
        Ok(Self { url, shared, _server: server })
    }

    /// With the name and password that it wants.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Why the last connection was not made, once.
    pub fn refused(&self) -> Option<Error> {
        self.shared.refused.lock().take()
    }
}

impl Shared {
    async fn serve(self: Arc<Self>, stream: TcpStream) {
        let _ = self.pass_on(stream).await;
    }

    async fn pass_on(&self, mut stream: TcpStream) -> io::Result<()> {
        let read = tokio::time::timeout(PATIENCE, head(&mut stream)).await;
        let (head, rest) = read.map_err(|_| io::ErrorKind::TimedOut)??;
        let wish = match wish(&head, &self.authorization) {
            Ok(wish) => wish,
            Err(answer) => return say(&mut stream, answer).await,
        };
        let mut there = match self.guard.connect(&wish.host, wish.port).await {
            Ok(there) => there,
            Err(error) => {
                self.note(&wish.host, &error);
                return say(&mut stream, "502 Bad Gateway").await;
            }
        };
        match &wish.head {
            Some(head) => there.write_all(head).await?,
            None => stream.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").await?,
        }
        there.write_all(&rest).await?;
        tokio::io::copy_bidirectional(&mut stream, &mut there).await.map(drop)
    }

    fn note(&self, host: &str, error: &io::Error) {
        let refused = match error.kind() {
            io::ErrorKind::PermissionDenied => Error::Forbidden(error.to_string()),
            _ => unavailable!("cannot reach the repository: {host}: {error}"),
        };
        *self.refused.lock() = Some(refused);
    }
}

async fn say(stream: &mut TcpStream, answer: &str) -> io::Result<()> {
    let authenticate = "Proxy-Authenticate: Basic realm=\"git\"\r\n";
    let text = format!("HTTP/1.1 {answer}\r\n{authenticate}Content-Length: 0\r\nConnection: close\r\n\r\n");
    stream.write_all(text.as_bytes()).await?;
    stream.shutdown().await
}

/// A request's head with its empty line, and what came behind it.
async fn head(stream: &mut TcpStream) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let rest = bytes.split_off(end + 4);
            return Ok((bytes, rest));
        }
        if bytes.len() > LARGEST || stream.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::InvalidData.into());
        }
    }
}

/// Where a request goes; or the status that it is answered with.
fn wish(head: &[u8], authorization: &str) -> std::result::Result<Wish, &'static str> {
    const BAD: &str = "400 Bad Request";
    let text = std::str::from_utf8(head).map_err(|_| BAD)?;
    let mut lines = text.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (Some(method), Some(target), Some("HTTP/1.1"), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(BAD);
    };
    let fields: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once(':')).collect();
    let is = |name: &str, one: &str| name.trim().eq_ignore_ascii_case(one);
    if !fields.iter().any(|(name, value)| is(name, "proxy-authorization") && value.trim() == authorization) {
        return Err("407 Proxy Authentication Required");
    }
    if method == "CONNECT" {
        let (host, port) = target.rsplit_once(':').ok_or(BAD)?;
        return Ok(Wish { host: host.to_owned(), port: port.parse().map_err(|_| BAD)?, head: None });
    }
    let url = Url::parse(target).ok().filter(|url| url.scheme() == "http").ok_or(BAD)?;
    let host = url.host_str().ok_or(BAD)?.to_owned();
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut sent = format!("{method} {}{query} HTTP/1.1\r\n", url.path());
    for (name, value) in fields {
        if !["proxy-authorization", "proxy-connection", "connection"].iter().any(|own| is(name, own)) {
            sent.push_str(&format!("{name}:{value}\r\n"));
        }
    }
    // One request a connection: the next one may name another host.
    sent.push_str("Connection: close\r\n\r\n");
    Ok(Wish { host, port: url.port_or_known_default().unwrap_or(80), head: Some(sent.into_bytes()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_knows_the_secret_is_let_through_and_only_where_a_request_says() {
        let ask = |head: &str| wish(head.as_bytes(), "Basic x");
        let own = "Proxy-Authorization: Basic x\r\n\r\n";
        let tunnel = ask(&format!("CONNECT [::1]:443 HTTP/1.1\r\n{own}")).unwrap();
        assert_eq!((tunnel.host.as_str(), tunnel.port, tunnel.head), ("[::1]", 443, None));
        let plain = ask(&format!("GET http://h.example/a?b HTTP/1.1\r\nHost: h.example\r\n{own}")).unwrap();
        let sent = String::from_utf8(plain.head.unwrap()).unwrap();
        assert_eq!(sent, "GET /a?b HTTP/1.1\r\nHost: h.example\r\nConnection: close\r\n\r\n");
        assert_eq!((plain.host.as_str(), plain.port), ("h.example", 80));
        assert!(ask("CONNECT h:443 HTTP/1.1\r\n\r\n").unwrap_err().starts_with("407"));
        for line in ["GET /a HTTP/1.1", "GET file:///a HTTP/1.1", "CONNECT h HTTP/1.1", "GET http://h/ x y"] {
            assert!(ask(&format!("{line}\r\n{own}")).unwrap_err().starts_with("400"), "{line}");
        }
    }
}
