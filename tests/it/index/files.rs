//! Stories of files: whole, in parts, confirmed, refused.

use crate::kit::Server;
use crate::kit::host::{Hosted, json_of};
use crate::kit::upstream::{Upstream, noise};
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use wheelwright::db::Tx;

const BYTES: &[u8] = b"0123456789";

async fn hosted() -> (Server, Hosted) {
    let server = Server::start().await;
    server.have_index("alice/dev", json!({})).await;
    let hosted = server.host("alice/dev", "demo", "1.0", BYTES).await;
    (server, hosted)
}

fn header(headers: &HeaderMap, name: &str) -> String {
    headers.get(name).map(|v| v.to_str().expect("text").to_owned()).unwrap_or_default()
}

#[tokio::test]
async fn a_file_comes_whole_with_all_that_installers_and_browsers_need() {
    let (server, hosted) = hosted().await;
    let answer = server.get_with(&hosted.path, &[("accept-encoding", "gzip")]).await;
    assert_eq!(answer.status(), 200);
    for (name, expected) in [
        ("content-type", "application/octet-stream"),
        ("content-length", "10"),
        ("accept-ranges", "bytes"),
        ("etag", &format!("\"{}\"", hosted.sha256)),
        ("cache-control", "public, max-age=31536000, immutable"),
        ("content-encoding", ""),
        ("x-content-type-options", "nosniff"),
        ("content-disposition", "attachment"),
        ("content-security-policy", "sandbox; default-src 'none'"),
    ] {
        assert_eq!(header(answer.headers(), name), expected, "{name}");
    }
    assert_eq!(answer.bytes().await.expect("bytes"), BYTES);
    let head = server.http.head(server.url(&hosted.path)).send().await.expect("an answer");
    assert_eq!((head.status().as_u16(), header(head.headers(), "content-length")), (200, "10".into()));
    assert_eq!(header(head.headers(), "accept-ranges"), "bytes");
}

#[tokio::test]
async fn metadata_comes_uncompressed_and_is_confirmed_by_its_hash() {
    let (server, hosted) = hosted().await;
    let path = format!("{}.metadata", hosted.path);
    for coding in ["gzip", "zstd,gzip,deflate", "identity"] {
        let answer = server.get_with(&path, &[("accept-encoding", coding)]).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(header(answer.headers(), "content-encoding"), "", "{coding}");
        assert_eq!(header(answer.headers(), "cache-control"), "public, max-age=31536000, immutable");
        let etag = header(answer.headers(), "etag");
        let body = answer.bytes().await.expect("bytes");
        assert_eq!(etag, format!("\"{}\"", crate::kit::upstream::sha256(&body)), "{coding}");
        let head = server.http.head(server.url(&path)).send().await.expect("an answer");
        assert_eq!(header(head.headers(), "content-length"), body.len().to_string());
        let again = server.get_with(&path, &[("if-none-match", &etag)]).await;
        assert_eq!((again.status().as_u16(), header(again.headers(), "etag")), (304, etag));
    }
    let sdist = server.host_file("alice/dev", "demo", "1.0", "demo-1.0.tar.gz", b"sdist").await;
    assert_eq!(server.get(&format!("{}.metadata", sdist.path)).await.status(), 404);
}

#[tokio::test]
async fn parts_are_served_as_asked() {
    let (server, hosted) = hosted().await;
    for (range, status, body, content_range) in [
        ("bytes=2-4", 206, "234", "bytes 2-4/10"),
        ("bytes=7-", 206, "789", "bytes 7-9/10"),
        ("bytes=-3", 206, "789", "bytes 7-9/10"),
        ("bytes=-99", 206, "0123456789", "bytes 0-9/10"),
        ("bytes=10-", 416, "", "bytes */10"),
        ("bytes=1-2,4-5", 200, "0123456789", ""),
        ("nonsense", 200, "0123456789", ""),
    ] {
        let answer = server.get_with(&hosted.path, &[("range", range)]).await;
        assert_eq!(answer.status(), status, "{range}");
        assert_eq!(header(answer.headers(), "content-range"), content_range, "{range}");
        assert_eq!(header(answer.headers(), "content-length"), body.len().to_string(), "{range}");
        assert_eq!(answer.text().await.expect("text"), body, "{range}");
    }
    let etag = format!("\"{}\"", hosted.sha256);
    for (if_range, status) in [(etag.as_str(), 206), ("\"other\"", 200)] {
        let ask = [("range", "bytes=1-"), ("if-range", if_range)];
        assert_eq!(server.get_with(&hosted.path, &ask).await.status(), status);
    }
}

#[tokio::test]
async fn a_known_file_is_confirmed_without_its_bytes() {
    let (server, hosted) = hosted().await;
    let etag = format!("W/\"x\", \"{}\"", hosted.sha256);
    let answer = server.get_with(&hosted.path, &[("if-none-match", &etag)]).await;
    assert_eq!(answer.status(), 304);
    assert_eq!(header(answer.headers(), "etag"), format!("\"{}\"", hosted.sha256));
    assert!(answer.bytes().await.expect("bytes").is_empty());
}

#[tokio::test]
async fn names_with_special_characters_survive_in_every_spelling() {
    let (server, _) = hosted().await;
    let name = "demo-1!2.0+local.1-py3-none-any.whl";
    let hosted = server.host_file("alice/dev", "demo", "1!2.0+local.1", name, b"epoch").await;
    assert!(hosted.path.ends_with("/demo-1%212.0%2Blocal.1-py3-none-any.whl"), "{}", hosted.path);
    for path in [
        hosted.path.clone(),
        hosted.path.replace("%21", "!").replace("%2B", "+"),
        hosted.path.replace("%2B", "%2b").replace("+f", "%2Bf"),
    ] {
        assert_eq!(server.get(&path).await.text().await.expect("text"), "epoch", "{path}");
        assert_eq!(server.get(&format!("{path}.metadata")).await.status(), 200, "{path}");
    }
    assert_eq!(server.get(&hosted.path.replace("%2B", "%252B")).await.status(), 404);
}

#[tokio::test]
async fn another_hash_or_name_is_no_such_file() {
    let (server, hosted) = hosted().await;
    for path in [
        hosted.path.replace("demo-1.0", "demo-1.1"),
        hosted.path.replace(&hosted.sha256[..3], "000"),
        hosted.path.replace("alice/dev", "root/pypi"),
        format!("{}.asc", hosted.path),
        format!("{}.provenance", hosted.path),
        hosted.path.replace("-py3", "-py3%00"),
        hosted.path.replace("/demo", "/..%2Fdemo"),
    ] {
        let status = server.get(&path).await.status().as_u16();
        assert!(matches!(status, 400 | 404 | 503), "{path}: {status}");
    }
}

#[tokio::test]
async fn a_deleted_file_is_gone() {
    let (server, hosted) = hosted().await;
    assert_eq!(server.get(&hosted.path).await.status(), 200);
    let mut tx = Tx::begin(&server.app.db).await.expect("a transaction");
    tx.delete_file(
        &crate::kit::names::index_name("alice/dev"),
        &crate::kit::names::project_name("demo"),
        "demo-1.0-py3-none-any.whl",
    )
    .await
    .expect("deleted");
    server.commit(tx, "alice/dev", "demo").await;
    let answer = server.get(&hosted.path).await;
    assert_eq!(answer.status(), 410);
    assert_eq!(header(answer.headers(), "cache-control"), "no-store");
}

#[tokio::test]
async fn devpis_client_can_ask_what_a_file_is() {
    let (server, hosted) = hosted().await;
    let answer = server.get_with(&hosted.path, &[("accept", "application/json")]).await;
    assert_eq!(header(answer.headers(), "content-type"), "application/json");
    let json: Value = json_of(answer).await;
    assert_eq!(json["type"], "releasefilemeta");
    assert_eq!(json["result"]["hash_spec"], format!("sha256={}", hosted.sha256));
    assert_eq!(json["result"]["version"], "1.0");
}

#[tokio::test]
async fn a_mirrored_file_comes_whole_in_parts_and_again_from_here() {
    let upstream = Upstream::start().await;
    let bytes = noise(7, 100_000);
    upstream.add("demo-1.0-py3-none-any.whl", bytes.clone());
    let url = upstream.simple();
    let server = Server::start_with(|config| config.upstream = Some(url)).await;
    let page = server.get_with("/simple/demo/", &[("accept", "application/vnd.pypi.simple.v1+json")]).await;
    assert_eq!(header(page.headers(), "cache-control"), "public, max-age=60");
    let page = json_of(page).await;
    let link = page["files"][0]["url"].as_str().expect("a link");
    let url = reqwest::Url::parse(&server.url("/simple/demo/")).expect("a URL").join(link).expect("a link");
    let head = server.http.head(url.clone()).send().await.expect("an answer");
    assert_eq!(head.status(), 200);
    assert_eq!(header(head.headers(), "accept-ranges"), "bytes");
    assert_eq!(header(head.headers(), "content-length"), "100000");
    let part = server.get_with(url.path(), &[("range", "bytes=-10")]).await;
    assert_eq!(
        (part.status().as_u16(), header(part.headers(), "content-range")),
        (206, "bytes 99990-99999/100000".into())
    );
    assert_eq!(part.bytes().await.expect("bytes"), bytes.slice(99_990..));
    let cold = server.get(url.path()).await;
    assert_eq!(header(cold.headers(), "cache-control"), "public, max-age=31536000, immutable");
    assert_eq!(cold.bytes().await.expect("bytes"), bytes);
    // Besides, the mirror reads metadata by a range of its own.
    let fetched: Vec<_> = upstream
        .log()
        .into_iter()
        .filter(|asked| asked.path.ends_with(".whl") && asked.headers.get("range").is_none())
        .collect();
    assert_eq!(fetched.len(), 1, "one download serves them all: {fetched:?}");
}
