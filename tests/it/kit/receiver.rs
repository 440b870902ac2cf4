//! A receiver of webhooks on this machine: it keeps what it gets, and answers as the story wants.

use hmac::{Hmac, KeyInit as _, Mac as _};
use parking_lot::Mutex;
use serde_json::Value;
use sha2::Sha256;
use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// How a request is answered.
#[derive(Clone, Debug)]
pub enum Reply {
    Status(u16),
    MovedTo(String),
    /// The connection is closed.
    Close,
    /// Nothing comes, and the connection stays open.
    Hang,
}

/// A document that came.
#[derive(Clone, Debug)]
pub struct Document {
    pub head: String,
    pub headers: HashMap<String, String>,
    pub body: Vec<u8>,
}

impl Document {
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    #[track_caller]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name}: {:?}", self.headers))
    }

    /// Whether the signature is that of this secret.
    pub fn is_signed_with(&self, secret: &str) -> bool {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length");
        mac.update(&self.body);
        let digits: Vec<u8> =
            self.header("x-hub-signature-256").trim_start_matches("sha256=").as_bytes().to_vec();
        let bytes: Vec<u8> = digits
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).expect("digits"), 16).expect("digits"))
            .collect();
        mac.verify_slice(&bytes).is_ok()
    }
}

/// Stops when dropped.
pub struct Receiver {
    pub address: SocketAddr,
    came: tokio::sync::Mutex<mpsc::UnboundedReceiver<Document>>,
    serving: tokio::task::JoinHandle<()>,
}

impl Receiver {
    /// Answers in this order, and then always with 204.
    pub async fn start(replies: &[Reply]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let replies = Arc::new(Mutex::new(replies.iter().cloned().collect::<VecDeque<_>>()));
        let (send, came) = mpsc::unbounded_channel();
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(talk(stream, replies.clone(), send.clone()));
            }
        });
        Self { address, came: tokio::sync::Mutex::new(came), serving }
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// The next document that came.
    pub async fn next(&self) -> Document {
        let mut came = self.came.lock().await;
        let next = tokio::time::timeout(Duration::from_secs(60), came.recv()).await;
        next.expect("a document comes").expect("the receiver runs")
    }

    /// How many came that nobody took.
    pub async fn left(&self) -> usize {
        self.came.lock().await.len()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn talk(
    stream: TcpStream,
    replies: Arc<Mutex<VecDeque<Reply>>>,
    came: mpsc::UnboundedSender<Document>,
) -> Option<()> {
    let mut stream = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let headers: HashMap<String, String> = lines[1..]
        .iter()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    let reply = replies.lock().pop_front().unwrap_or(Reply::Status(204));
    came.send(Document { head: lines[0].clone(), headers, body }).ok()?;
    let answer = match reply {
        Reply::Status(status) => format!("HTTP/1.1 {status} So\r\ncontent-length: 0\r\n\r\n"),
        Reply::MovedTo(url) => format!("HTTP/1.1 307 So\r\nlocation: {url}\r\ncontent-length: 0\r\n\r\n"),
        Reply::Close => return None,
        Reply::Hang => std::future::pending().await,
    };
    stream.write_all(answer.as_bytes()).await.ok()
}
