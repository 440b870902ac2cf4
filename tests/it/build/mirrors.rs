//! Stories of a worker whose mirror of the distribution is of no use: builds end soon, with their own first error,
//! and say why no package was looked for.

use crate::kit::Server;
use crate::kit::hired::Hired;
use crate::kit::script::Auth;
use crate::kit::sources::Tree;
use crate::kit::stages::stage;
use axum::Router;
use axum::http::{StatusCode, Uri};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A package in it has the header that the build misses, and does not exist.
const CONTENTS: &str = "usr/include/wheelwright-none.h    libdevel/wheelwright-none-dev\n";
/// What a build may take longer than its compiler, on a busy machine.
const SOON: Duration = Duration::from_secs(150);

/// A distribution with an index of what its packages contain.
struct Distribution {
    files: HashMap<String, Vec<u8>>,
}

impl Distribution {
    /// `published` is what the mirror has, of the contents that its Release file names.
    fn new(contents: &[u8], published: impl FnOnce(Vec<u8>) -> Vec<u8>) -> Self {
        let hex =
            |bytes: &[u8]| Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let mut packed = GzEncoder::new(Vec::new(), Compression::default());
        packed.write_all(contents).expect("memory");
        let packed = packed.finish().expect("memory");
        let name = format!("main/Contents-{}", architecture());
        let release = format!(
            "Suite: stable\nCodename: stable\nComponents: main\nArchitectures: {}\n\
             Date: Thu, 01 Jan 2026 00:00:00 UTC\nSHA256:\n {} {} {name}\n {} {} {name}.gz\n",
            architecture(),
            hex(contents),
            contents.len(),
            hex(&packed),
            packed.len()
        );
        let place = |name: &str| format!("/debian/dists/stable/{name}");
        let files =
            [(place("Release"), release.into_bytes()), (place(&format!("{name}.gz")), published(packed))];
        Self { files: files.into() }
    }

    /// Its mirror's address.
    async fn serve(self) -> String {
        let files = Arc::new(self.files);
        let answer =
            move |uri: Uri| async move { files.get(uri.path()).cloned().ok_or(StatusCode::NOT_FOUND) };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
        format!("http://{address}/debian")
    }
}

fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "aarch64" => "arm64",
        _ => "amd64",
    }
}

/// A worker whose apt has this mirror and no other.
async fn worker(server: &Server, mirror: &str) -> Hired {
    let token = server.worker_token().await;
    let program = Path::new(env!("CARGO_BIN_EXE_wheelwright"));
    let change = |command: &mut tokio::process::Command, folder: &Path| {
        let (sources, config) = (folder.join("sources.list"), folder.join("apt.conf"));
        std::fs::write(&sources, format!("deb [trusted=yes] {mirror} stable main\n")).expect("a file");
        let parts = folder.join("none");
        let text = format!(
            "Dir::Etc::sourcelist \"{}\";\nDir::Etc::sourceparts \"{}\";\n",
            sources.display(),
            parts.display()
        );
        std::fs::write(&config, text).expect("a file");
        command.args(["--target", "cp313"]).env("APT_CONFIG", config);
    };
    Hired::start_as(server, &token, "w", program, change).await
}

/// Builds what misses the header; gives the log. It must end soon, with the compiler's own error.
async fn built(server: &Server, version: &str) -> String {
    let tree = Tree::new("demo", version)
        .file("code.c", "#include <wheelwright-none.h>\n")
        .does("import subprocess\nsubprocess.check_call(['cc', '-c', 'code.c', '-o', 'code.o'])");
    server.host_file("alice/dev", "demo", version, &tree.filename(), &tree.sdist()).await;
    let order =
        json!({"requirement": format!("demo=={version}"), "index": "alice/dev", "targets": ["cp313"]});
    let begun = Instant::now();
    let (status, body) = server.ask("POST", "/+builds", &Auth::root(), Some(order)).await;
    assert_eq!(status, 200, "{body}");
    let id = body["result"][0]["id"].as_i64().expect("a number");
    let mut build = server.build(id).await;
    while build["ended"].is_null() {
        assert!(begun.elapsed() < SOON, "{build:#}");
        let _ = server.app.queue.wait(id, Duration::from_secs(1)).await;
        build = server.build(id).await;
    }
    assert_eq!(build["failure"]["class"], "missing-header", "{build:#}");
    let line = build["failure"]["line"].as_str().expect("a line");
    assert!(line.contains("code.c:1:10: fatal error: wheelwright-none.h"), "{line}");
    server.send("GET", &format!("/+builds/{id}/log"), &Auth::root(), None).await.text().await.expect("a log")
}

/// Why no package was looked for: the first time, and a moment later.
async fn told(mirror: &str, why: &str) {
    let server = stage().await;
    let worker = worker(&server, mirror).await;
    let first = built(&server, "1.0").await;
    let said = "no system package is looked for: there is no index of what system packages contain";
    assert!(first.contains(said) && first.contains(why), "{first}");
    assert!(!first.contains("attempt 2") && !first.contains("no system package has"), "{first}");
    let second = built(&server, "2.0").await;
    // It is not asked again for a while.
    assert!(second.contains("a moment ago it failed: ") && second.contains(why), "{second}");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_that_takes_connections_and_never_answers_holds_no_build_up_for_long() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    told(
        &format!("http://{}/debian", silent.local_addr().expect("an address")),
        "/debian/dists/stable/InRelease",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_that_refuses_connections_is_told_with_its_reason() {
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = closed.local_addr().expect("an address");
    drop(closed);
    told(&format!("http://{address}/debian"), "Connection refused").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_is_cut_off_or_not_as_signed_is_not_believed() {
    let cut = |mut packed: Vec<u8>| {
        packed.truncate(packed.len() / 2);
        packed
    };
    // Right in itself, and not what the Release file names.
    let other = |_| {
        let mut packed = GzEncoder::new(Vec::new(), Compression::default());
        packed.write_all(b"usr/include/wheelwright-none.h evil/evil\n").expect("memory");
        packed.finish().expect("memory")
    };
    let mirror = Distribution::new(CONTENTS.repeat(100).as_bytes(), cut).serve().await;
    told(&mirror, "Contents-").await;
    let mirror = Distribution::new(CONTENTS.as_bytes(), other).serve().await;
    told(&mirror, "Contents-").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_that_are_none_are_left_out_and_the_others_are_read() {
    let garbage =
        [b"\xff\xfe\0 usr/include/\xff.h\nusr/include/\xfe.h x/y\nusr/include/\n\n", CONTENTS.as_bytes()];
    let mirror = Distribution::new(&garbage.concat(), |packed| packed).serve().await;
    let server = stage().await;
    let worker = worker(&server, &mirror).await;
    let log = built(&server, "1.0").await;
    assert!(
        log.contains("cannot add wheelwright-none-dev: "),
        "it was found, and its mirror lacks it: {log}"
    );
    worker.stop().await;
}
