//! Cut off from the upstream: what is listed can be served, and resolvers find it.

use super::{Story, name};
use crate::kit::Server;
use crate::kit::clients::Client;
use crate::kit::packages::Package;

const SIX: &str = "/root/pypi/+simple/six/";

/// Two releases are known; the bytes of the older one are here, and METADATA of the newer one.
async fn installed_once() -> Story {
    let story = Story::with(|config| config.mirror.cache_expiry = 0).await;
    story.upstream.set(|b| b.metadata = None);
    for version in ["1.0", "2.0"] {
        let wheel = Package::new("six", version).wheel();
        story.upstream.add(&wheel.filename, wheel.bytes);
    }
    let other = Package::new("other", "1.0").wheel();
    story.upstream.add(&other.filename, other.bytes);
    let listed = story.listed("six").await;
    assert_eq!(listed.len(), 2);
    for (file, what) in listed.iter().zip(["", ".metadata"]) {
        assert_eq!(story.server.get(&format!("{}{what}", file.href("/"))).await.status(), 200);
    }
    assert_eq!(story.listed("other").await.len(), 1);
    story
}

/// The same data without a network.
async fn offline(story: &Story) -> Server {
    let mut config = story.server.app.config.clone();
    config.offline = true;
    Server::start_with(|own| *own = config).await
}

async fn installs_the_older_one(server: &Server) {
    let index = server.url("/root/pypi/+simple/");
    for (program, arguments) in [
        ("pip", vec!["install", "--no-cache-dir", "--no-deps", "--index-url", &index]),
        ("uv", vec!["pip", "install", "--index-url", &index]),
    ] {
        let client = Client::new(program);
        let site = client.home.path().join("site");
        let target = site.display().to_string();
        let arguments = [&arguments[..], &["--target", &target, "six"]].concat();
        client.run(program, &arguments).await.succeeded();
        let module = std::fs::read_to_string(site.join("six/__init__.py")).expect("the module");
        assert!(module.contains("1.0"), "{program}: {module}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn offline_an_unpinned_requirement_installs_the_release_whose_bytes_are_here() {
    let story = installed_once().await;
    let server = offline(&story).await;
    let page = server.get(SIX).await.text().await.unwrap();
    assert!(page.contains("six-1.0") && !page.contains("six-2.0"), "{page}");
    let list = server.get("/root/pypi/+simple/").await.text().await.unwrap();
    assert!(list.contains("six") && !list.contains("other"), "{list}");
    // Known, but nothing of it is here.
    let other = server.get("/root/pypi/+simple/other/").await;
    assert_eq!((other.status().as_u16(), other.headers().get("retry-after")), (504, None));
    assert!(other.text().await.unwrap().contains("offline and has no copy of any file of other"));
    installs_the_older_one(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_upstream_is_down_an_unpinned_requirement_installs_what_is_here() {
    let Story { server, upstream, index } = installed_once().await;
    upstream.stop().await;
    let page = server.get(SIX).await;
    assert!(page.headers().contains_key("warning"));
    let page = page.text().await.unwrap();
    assert!(page.contains("six-1.0") && !page.contains("six-2.0"), "{page}");
    installs_the_older_one(&server).await;
    assert_eq!(server.get("/root/pypi/+simple/other/").await.status(), 503);
    // What the upstream said is not forgotten.
    let known = server.app.indexes.mirrors.page(&index, &name("six"), false).await.unwrap().unwrap();
    assert_eq!(known.page.files.len(), 2);
}

#[tokio::test]
async fn offline_what_is_cut_off_in_one_mirror_hides_nothing_in_another() {
    let story = installed_once().await;
    let mirrored = serde_json::json!({"type": "mirror", "mirror_url": "http://127.0.0.1:9/simple/"});
    story.server.have_index("alice/other", mirrored).await;
    let bases = serde_json::json!({"bases": ["alice/other", "root/pypi"]});
    story.server.have_index("alice/all", bases).await;
    let server = offline(&story).await;
    let page = server.get("/alice/all/+simple/six/").await;
    assert_eq!(page.status(), 200);
    assert!(page.text().await.unwrap().contains("six-1.0"));
    assert_eq!(server.get("/alice/all/+simple/nothing/").await.status(), 504);
}
