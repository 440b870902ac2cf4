//! Stories of hostile requests, byte for byte: none is read as two, none leads out.

use crate::kit::Server;
use crate::kit::stages::{stage, stage_with};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What a smuggled request would fetch: its answer must never be seen.
const HIDDEN: &str = "GET /+health?smuggled HTTP/1.1\r\nHost: x\r\n\r\n";

/// What ends every conversation: answered, if the server still reads requests at all.
const LAST: &str = "GET /last/of/all/requests/x/y HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

/// What the server says to these bytes until it closes.
async fn say(server: &Server, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address).await.expect("a connection");
    stream.write_all(request).await.expect("sent");
    let mut answer = Vec::new();
    // A reset after the answer is an end, too.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// The same with [`LAST`] behind it.
async fn say_and_end(server: &Server, request: &str) -> String {
    say(server, format!("{request}{LAST}").as_bytes()).await
}

fn statuses(answer: &str) -> Vec<u16> {
    let lines = answer.split("\r\n").flat_map(|line| line.rsplit_once("HTTP/1.1 "));
    lines.filter_map(|(_, rest)| rest.get(..3)?.parse().ok()).collect()
}

#[tokio::test]
async fn every_route_refuses_every_hostile_path() {
    // Of the default index, too: its routes must not stop at "no upstream".
    let server = stage_with(|config| config.default_index = "alice/dev".into()).await;
    let hostile = [
        "%2F%2F..%2F..%2Fetc%2Fpasswd",
        "..;",
        "%2e%2e",
        "%252e%252e%252fetc",
        "a%00b",
        "a%5C..%5Cb",
        "%c0%ae%c0%ae",
        "%e0%80%af",
        "%ff",
        "%zz",
        "a%0d%0aX-Evil:%20yes",
    ];
    let routes = wheelwright::web::routes::table().rows;
    assert!(routes.len() > 40, "{}", routes.len());
    let mut asked = 0;
    for route in &routes {
        for part in route.path.split('/').filter(|part| part.starts_with('{')) {
            for evil in hostile {
                let path = route.path.replacen(part, evil, 1);
                let path = path.replace("{user}", "alice").replace("{index}", "dev");
                let path: String = path
                    .split('/')
                    .map(|s| if s.starts_with('{') { "x" } else { s })
                    .collect::<Vec<_>>()
                    .join("/");
                let method = route.methods[0];
                let request = format!(
                    "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
                );
                let answer = say(&server, request.as_bytes()).await;
                let status = *statuses(&answer).first().unwrap_or(&0);
                // Who greets is told the same whatever the user: no name is looked up.
                let greeting = status == 200 && route.path == "/{user}/+api";
                assert!(greeting || (300..500).contains(&status), "{method} {path}: {answer}");
                if status < 400 {
                    assert!(!answer.contains("Location: //") && !answer.contains("location: //"), "{answer}");
                }
                assert!(!answer.to_lowercase().contains("\nx-evil"), "{path}: {answer}");
                assert!(!answer.contains("root:x:0"), "{path}: {answer}");
                asked += 1;
            }
        }
    }
    assert!(asked > 500, "{asked}");
}

#[tokio::test]
async fn a_redirect_never_leaves_this_server() {
    let server = stage().await;
    for path in [
        "/simple//evil",
        "//evil.example/simple/X",
        "/simple//evil.example//",
        "/alice/dev/+simple/Evil.Example",
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let answer = say(&server, request.as_bytes()).await;
        let location = answer.lines().find_map(|line| line.strip_prefix("location: "));
        if let Some(location) = location {
            assert!(!location.starts_with('/') && !location.contains("//"), "{path}: {location}");
        }
    }
    let request = "GET http://evil.example/simple//Evil HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    assert!(!say(&server, request.as_bytes()).await.contains("evil.example"));
}

#[tokio::test]
async fn a_request_of_two_lengths_is_answered_once_and_the_connection_ends() {
    let server = Server::start().await;
    let ambiguous = [
        // CL.TE: a front that believes the length would take what is hidden for a body.
        format!(
            "POST /alice/dev/ HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{HIDDEN}",
            HIDDEN.len() + 5
        ),
        // TE.CL: the same the other way round.
        format!(
            "POST /alice/dev/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n{:x}\r\n{HIDDEN}\r\n0\r\n\r\n",
            HIDDEN.len()
        ),
        format!(
            "POST /alice/dev/ HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: {}\r\n\r\n{HIDDEN}",
            HIDDEN.len()
        ),
        format!("POST /alice/dev/ HTTP/1.1\r\nHost: x\r\nContent-Length: +0\r\n\r\n{HIDDEN}"),
        format!("POST /alice/dev/ HTTP/1.1\r\nHost: x\r\nContent-Length: 0,{}\r\n\r\n{HIDDEN}", HIDDEN.len()),
        format!("POST /alice/dev/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\n\r\n{HIDDEN}"),
        format!(
            "POST /alice/dev/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{HIDDEN}"
        ),
        format!(
            "POST /alice/dev/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n{HIDDEN}"
        ),
        format!(
            "POST /alice/dev/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n{HIDDEN}"
        ),
        format!(
            "POST /alice/dev/ HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{HIDDEN}"
        ),
    ];
    for request in ambiguous {
        let answer = say_and_end(&server, &request).await;
        let statuses = statuses(&answer);
        assert!(statuses.len() == 1 && (400..500).contains(&statuses[0]), "{request:?}: {answer:?}");
    }
}

#[tokio::test]
async fn chunk_extensions_and_trailers_hide_no_request() {
    let server = Server::start().await;
    let request = "POST /alice/dev/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n\
         5;a=\"b\"\r\nhello\r\n0;x=y\r\nX-Trailer: 1\r\n\r\n";
    let answer = say_and_end(&server, request).await;
    assert_eq!(statuses(&answer), [404, 404], "{answer:?}");
    // A bare line feed does not end an extension: some fronts think so, others do not.
    let split = format!(
        "POST /alice/dev/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5;\nhello\r\n0\r\n\r\n{HIDDEN}"
    );
    let answer = say_and_end(&server, &split).await;
    assert!(!answer.contains("HTTP/1.1 200"), "{answer:?}");
}

#[tokio::test]
async fn an_upgrade_is_not_followed_and_what_comes_after_it_is_a_request_of_its_own() {
    let server = Server::start().await;
    let request = format!(
        "GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n{HIDDEN}"
    );
    let answer = say_and_end(&server, &request).await;
    assert!(!answer.contains("HTTP/1.1 101"), "{answer:?}");
    assert_eq!(statuses(&answer), [404, 200, 404], "{answer:?}");
}

#[tokio::test]
async fn a_refusal_before_the_body_was_read_gives_the_body_no_answer() {
    let server = stage().await;
    // The body looks like a request; the answer to the refused one must be the only one.
    let body = HIDDEN.repeat(3);
    for head in [
        "POST /alice/dev/",
        "POST /nothing/at/all/there",
        "PUT /+health",
        "GET /+health",
        "POST /simple/%2F/",
    ] {
        let request = format!("{head} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let answer = say_and_end(&server, &request).await;
        assert!(matches!(statuses(&answer)[..], [_] | [_, 404]), "{head}: {answer:?}");
    }
    // More than is read behind an answer: the connection ends instead.
    let mut stream = TcpStream::connect(server.address).await.expect("a connection");
    let head = format!("POST /alice/dev/ HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", 1u64 << 40);
    stream.write_all(head.as_bytes()).await.expect("sent");
    let block = vec![b'x'; 1 << 20];
    let mut sent = 0u64;
    while stream.write_all(&block).await.is_ok() {
        sent += block.len() as u64;
        assert!(sent < 1 << 30, "the server reads a refused body for ever");
    }
}

#[tokio::test]
async fn a_line_feed_alone_begins_no_header_of_its_own() {
    let server = Server::start().await;
    for request in [
        "GET /+health HTTP/1.1\r\nHost: x\r\nX: a\rY: b\r\n\r\n",
        "GET /+health HTTP/1.1\r\nHost: x\r\n folded: yes\r\n\r\n",
        "GET /+hea\0lth HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET  /+health HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /+health HTTP/1.1\r\nHost: x\r\nX\0: y\r\n\r\n",
    ] {
        let answer = say_and_end(&server, request).await;
        assert_eq!(statuses(&answer), [400], "{request:?}: {answer:?}");
    }
}
