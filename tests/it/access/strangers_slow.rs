//! Stories of slow strangers: bodies that trickle, answers that nobody takes, connections without end.

use crate::kit::Server;
use crate::kit::program::Program;
use crate::kit::stages::{stage, stage_with};
use crate::kit::upstream::noise;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::process::Command;
use wheelwright::web::server::ServerLimits;

/// Longer than anything here takes; a story that gets so far has failed.
const LONG: Duration = Duration::from_secs(30);

/// The head of a request that announces more than ever comes.
fn slow_body(path: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n\
         Authorization: Basic cm9vdDpyb290LXNlY3JldA==\r\nContent-Length: 900000\r\n\r\n--b"
    )
}

/// All that is said on a connection until it ends.
async fn rest_of(mut stream: TcpStream) -> String {
    let mut said = Vec::new();
    let _ = tokio::time::timeout(LONG, stream.read_to_end(&mut said)).await.expect("the connection ends");
    String::from_utf8_lossy(&said).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_body_that_trickles_in_is_answered_408_and_its_connection_ends() {
    let server = stage_with(|config| config.limits.pause = 1).await;
    let json = "application/json";
    for (path, kind) in [
        ("/alice/dev/", "multipart/form-data; boundary=b"),
        ("/alice/dev/", "application/x-www-form-urlencoded"),
        ("/+login", json),
        ("/+tokens", json),
        ("/+builds", json),
        ("/+builds/sources?filename=a-1.0.tar.gz", "application/octet-stream"),
        ("/v1/alice.dev/auto/+compile/", "text/plain"),
        ("/v1/alice.dev/auto/+resolve/", "text/plain"),
    ] {
        let mut stream = TcpStream::connect(server.address).await.expect("a connection");
        let head = slow_body(path).replace("multipart/form-data; boundary=b", kind);
        stream.write_all(head.as_bytes()).await.expect("sent");
        let said = rest_of(stream).await;
        assert!(said.starts_with("HTTP/1.1 408 "), "{path}: {said}");
        assert!(said.contains("arrived too slowly") && said.contains("limits.slowest"), "{path}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_byte_now_and_then_does_not_keep_a_connection() {
    let server = stage_with(|config| {
        config.limits.pause = 1;
        config.limits.slowest = 1 << 20;
    })
    .await;
    let stream = TcpStream::connect(server.address).await.expect("a connection");
    let (mut from, mut to) = stream.into_split();
    to.write_all(slow_body("/alice/dev/").as_bytes()).await.expect("sent");
    let trickle = async {
        while to.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let mut said = Vec::new();
    tokio::select! {
        () = trickle => {}
        _ = tokio::time::timeout(LONG, from.read_to_end(&mut said)) => {}
    }
    let said = String::from_utf8_lossy(&said);
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 408 "), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_nobody_takes_ends_and_its_place_is_free_again() {
    let server = stage_with(|config| {
        config.limits.pause = 1;
        // One for each address.
        config.limits.connections = 2;
    })
    .await;
    let hosted = server.host("alice/dev", "demo", "1.0", &noise(5, 24 << 20)).await;
    let mut stalled = TcpStream::connect(server.address).await.expect("a connection");
    let request = format!("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", hosted.path);
    stalled.write_all(request.as_bytes()).await.expect("sent");
    stalled.read_u8().await.expect("an answer begins");
    let until = tokio::time::Instant::now() + LONG;
    while !ask_from("127.0.0.1", server.address, HEALTH).await.starts_with("HTTP/1.1 200 ") {
        assert!(tokio::time::Instant::now() < until, "the connection is still held");
    }
    drop(stalled);
}

#[tokio::test]
async fn a_connection_on_which_nothing_more_is_asked_ends() {
    let limits = ServerLimits { header: Duration::from_millis(200), ..ServerLimits::default() };
    let server = Server::start_within(limits, |_| {}).await;
    let mut stream = TcpStream::connect(server.address).await.expect("a connection");
    stream.write_all(b"GET /+health HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("sent");
    let said = rest_of(stream).await;
    assert!(said.starts_with("HTTP/1.1 200 ") && said.matches("HTTP/1.1").count() <= 2, "{said}");
}

/// A request from another address of this machine.
async fn ask_from(source: &str, server: SocketAddr, request: &str) -> String {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(SocketAddr::new(source.parse().expect("an address"), 0)).expect("an address of ours");
    let mut stream =
        tokio::time::timeout(LONG, socket.connect(server)).await.expect("in time").expect("heard");
    stream.write_all(request.as_bytes()).await.expect("sent");
    rest_of(stream).await
}

const HEALTH: &str = "GET /+health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn one_address_never_has_all_connections() {
    let server = Server::start_with(|config| config.limits.connections = 8).await;
    let mut held = Vec::new();
    for _ in 0..4 {
        let mut stream = TcpStream::connect(server.address).await.expect("a connection");
        stream.write_all(slow_body("/alice/dev/").as_bytes()).await.expect("sent");
        held.push(stream);
    }
    let mut said = String::new();
    // The four are accepted in their time.
    for _ in 0..200 {
        said = ask_from("127.0.0.1", server.address, HEALTH).await;
        if said.starts_with("HTTP/1.1 503 ") {
            break;
        }
    }
    assert!(said.starts_with("HTTP/1.1 503 ") && said.contains("Retry-After: 5"), "{said}");
    assert!(said.contains("too many open connections"), "{said}");
    let other = ask_from("127.0.0.2", server.address, HEALTH).await;
    assert!(other.starts_with("HTTP/1.1 200 "), "{other}");
    drop(held);
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_bodies_leave_descriptors_to_those_who_are_not_slow() {
    let data = tempfile::tempdir().expect("a folder");
    let mut command = Command::new("sh");
    // The soft limit is raised to the hard one, of which connections get half.
    command.args(["-c", "ulimit -Sn 64 && ulimit -Hn 256 && exec \"$0\" \"$@\""]);
    command.arg(env!("CARGO_BIN_EXE_wheelwright")).args(["serve", "--offline"]);
    command.env("WHEELWRIGHT_BUILD__ENABLED", "false");
    let program = Program::run(command, data.path()).await;
    let address = program.address();
    let mut held = Vec::new();
    for source in ["127.0.0.1", "127.0.0.3"] {
        for _ in 0..200 {
            let socket = TcpSocket::new_v4().expect("a socket");
            socket.bind(format!("{source}:0").parse().expect("an address")).expect("an address of ours");
            // The listener's queue may be full.
            let Ok(Ok(mut stream)) =
                tokio::time::timeout(Duration::from_secs(2), socket.connect(address)).await
            else {
                break;
            };
            let _ = stream.write_all(slow_body("/root/pypi/").as_bytes()).await;
            held.push(stream);
        }
        if source == "127.0.0.1" {
            for _ in 0..10 {
                let health = ask_from("127.0.0.2", address, HEALTH).await;
                assert!(health.starts_with("HTTP/1.1 200 "), "{health}");
                let login = "POST /+login HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: \
                             application/json\r\nContent-Length: 42\r\n\r\n{\"user\":\"root\",\"password\":\"root-secret\"}  ";
                let login = ask_from("127.0.0.2", address, login).await;
                assert!(login.starts_with("HTTP/1.1 200 "), "the database is reached: {login}");
            }
        }
    }
    let open = std::fs::read_dir(format!("/proc/{}/fd", program.pid())).expect("its descriptors").count();
    assert!(open < 240, "{open} of 256 descriptors are open");
    // Once they are gone, all is as before.
    drop(held);
    let health = ask_from("127.0.0.1", address, HEALTH).await;
    assert!(health.starts_with("HTTP/1.1 200 ") || health.starts_with("HTTP/1.1 503 "), "{health}");
}

#[tokio::test]
async fn who_is_quick_is_never_told_to_be_quicker() {
    let server = stage().await;
    let bytes = noise(7, 8 << 20);
    let hosted = server.host("alice/dev", "demo", "1.0", &bytes).await;
    for _ in 0..3 {
        assert_eq!(server.get(&hosted.path).await.bytes().await.expect("all of it"), bytes);
    }
}
