//! Stories of upstreams that would hold a place for ever: a byte now and then, no end, too much.

use crate::kit::Server;
use crate::kit::upstream::{Upstream, noise};
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Longer than anything here takes; a story that gets so far has failed.
const LONG: Duration = Duration::from_secs(60);

/// A host of files without a length, of which a byte comes now and then, for ever; and how many
/// connections it has open.
async fn trickling() -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let open = Arc::new(AtomicUsize::new(0));
    let count = open.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let count = count.clone();
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                count.fetch_add(1, Ordering::SeqCst);
                let head = "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n\r\n";
                let mut alive = stream.write_all(head.as_bytes()).await.is_ok();
                while alive {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    alive = stream.write_all(b"x").await.is_ok();
                }
                count.fetch_sub(1, Ordering::SeqCst);
            });
        }
    });
    (address, open)
}

async fn mirror_of(upstream: &Upstream, change: impl FnOnce(&mut wheelwright::config::Config)) -> Server {
    let server = Server::start_with(|config| {
        config.private_hosts = vec!["127.0.0.1".into()];
        // Of its first bytes, and of the pause that is borne, half.
        config.mirror.timeout = 1;
        config.mirror.downloads = 1;
        change(config);
    })
    .await;
    let options = json!({"type": "mirror", "mirror_url": upstream.simple(), "volatile": true});
    server.have_index("alice/mirror", options).await;
    server
}

/// The path of a project's only file.
async fn link(server: &Server, project: &str) -> String {
    let accept = [("accept", "application/vnd.pypi.simple.v1+json")];
    let at = format!("/alice/mirror/+simple/{project}/");
    let page = crate::kit::host::json_of(server.get_with(&at, &accept).await).await;
    let link = page["files"][0]["url"].as_str().expect("a file");
    let at = reqwest::Url::parse(&server.url(&at)).expect("a URL");
    at.join(link).expect("a URL").path().to_owned()
}

/// The status, or nothing if the answer broke off; in time in any case.
async fn fetched(server: &Server, path: &str) -> Option<(u16, Vec<u8>)> {
    let fetching = async {
        let answer = server.http.get(server.url(path)).send().await.ok()?;
        let status = answer.status().as_u16();
        Some((status, answer.bytes().await.ok()?.to_vec()))
    };
    tokio::time::timeout(LONG, fetching).await.expect("in time")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_trickles_for_ever_gives_its_place_back() {
    let (slow, open) = trickling().await;
    let upstream = Upstream::start().await;
    for name in ["slow", "quick"] {
        upstream.add(&format!("{name}-1.0-py3-none-any.whl"), noise(3, 300_000));
    }
    // The first page says that its file is at the slow host.
    let server = mirror_of(&upstream, |_| {}).await;
    let sizes = |sizes: bool| move |behaviour: &mut crate::kit::upstream::Behaviour| behaviour.sizes = sizes;
    upstream.set(sizes(false));
    upstream.set(|behaviour| behaviour.files_at = Some(format!("http://{slow}")));
    let path = link(&server, "slow").await;
    upstream.set(|behaviour| behaviour.files_at = None);
    let quick = link(&server, "quick").await;
    let (first, second) = tokio::join!(fetched(&server, &path), async {
        let begun = async {
            while open.load(Ordering::SeqCst) == 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(LONG, begun).await.expect("the slow host is asked");
        // There is one place, which the slow one has.
        fetched(&server, &quick).await
    });
    assert!(first.is_none_or(|(status, _)| status == 504), "nothing of it is taken for the file");
    assert_eq!(second.map(|(status, bytes)| (status, bytes.len())), Some((200, 300_000)));
    let gone = async {
        while open.load(Ordering::SeqCst) > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LONG, gone).await.expect("the slow host is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_ends_after_its_time_however_busy_it_is() {
    let (slow, _open) = trickling().await;
    let upstream = Upstream::start().await;
    upstream.add("slow-1.0-py3-none-any.whl", noise(3, 300_000));
    upstream.set(|behaviour| {
        behaviour.files_at = Some(format!("http://{slow}"));
        behaviour.sizes = false;
    });
    let server = mirror_of(&upstream, |config| {
        config.mirror.slowest = 1;
        config.mirror.timeout = 30;
        config.mirror.longest = 1;
    })
    .await;
    let path = link(&server, "slow").await;
    assert!(fetched(&server, &path).await.is_none_or(|(status, _)| status == 504));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_larger_than_the_setting_is_refused_whether_its_page_tells_the_size_or_not() {
    let upstream = Upstream::start().await;
    for (seed, name) in [(1, "told"), (2, "untold")] {
        upstream.add(&format!("{name}-1.0-py3-none-any.whl"), noise(seed, 2 << 20));
    }
    upstream.add("small-1.0-py3-none-any.whl", noise(3, 1000));
    let server = mirror_of(&upstream, |config| config.mirror.largest = 1 << 20).await;
    for (name, tells) in [("told", true), ("untold", false)] {
        upstream.set(|behaviour| behaviour.sizes = tells);
        let path = link(&server, name).await;
        let got = fetched(&server, &path).await;
        assert!(got.as_ref().is_none_or(|(status, _)| *status == 502), "{name}: {:?}", got.map(|got| got.0));
    }
    let path = link(&server, "small").await;
    assert_eq!(fetched(&server, &path).await.map(|(status, _)| status), Some(200));
    let kept = wheelwright::index::fsck::fsck(&server.app.db, &server.app.store, false, |_, _| {}).await;
    assert!(kept.expect("a report").bytes < 1 << 20, "nothing of what was refused is kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_with_many_slow_downloads_leaves_places_to_others() {
    let (slow, open) = trickling().await;
    let upstream = Upstream::start().await;
    for name in ["a", "b", "c", "d", "e", "quick"] {
        upstream.add(&format!("{name}-1.0-py3-none-any.whl"), noise(3, 300_000));
    }
    let server = mirror_of(&upstream, |config| {
        config.mirror.downloads = 4;
        // Nobody ends what trickles.
        config.mirror.slowest = 1;
        config.mirror.timeout = 60;
    })
    .await;
    upstream.set(|behaviour| {
        behaviour.sizes = false;
        behaviour.files_at = Some(format!("http://{slow}"));
    });
    let mut paths = Vec::new();
    for name in ["a", "b", "c", "d", "e"] {
        paths.push(link(&server, name).await);
    }
    upstream.set(|behaviour| behaviour.files_at = None);
    let quick = link(&server, "quick").await;
    let url = server.url("");
    let held: Vec<_> = paths
        .iter()
        .map(|path| tokio::spawn(server.http.get(format!("{}{path}", url.trim_end_matches('/'))).send()))
        .collect();
    let begun = async {
        while open.load(Ordering::SeqCst) < 2 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LONG, begun).await.expect("the slow host is asked");
    // From another address of this machine.
    let other = reqwest::Client::builder().no_proxy().local_address("127.0.0.2".parse().ok());
    let fetching = other.build().expect("a client").get(server.url(&quick)).send();
    let answer = tokio::time::timeout(LONG, fetching).await.expect("in time").expect("an answer");
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.bytes().await.expect("the file").len(), 300_000);
    assert_eq!(open.load(Ordering::SeqCst), 2, "half of the places, and no more");
    // Who wants what another waits for gets it when it is their own turn.
    held.into_iter().for_each(|one| one.abort());
}
