//! Mirrors through the front door: what installers get, whatever the upstream does.

use super::Story;
use crate::kit::host::json_of;
use crate::kit::upstream::{Fault, noise, sha256};
use futures::future::join_all;
use serde_json::{Value, json};

const WHEEL: &str = "six-1.0-py3-none-any.whl";
const SIX: &str = "/root/pypi/+simple/six/";
const JSON: (&str, &str) = ("accept", "application/vnd.pypi.simple.v1+json");

/// Our URL of a mirrored file.
fn path(bytes: &[u8], filename: &str) -> String {
    let hex = sha256(bytes);
    format!("/root/pypi/+f/{}/{}/{filename}", &hex[..3], &hex[3..16])
}

impl Story {
    /// The file names on a page.
    async fn filenames(&self, path: &str) -> Vec<String> {
        let answer = self.server.get_with(path, &[JSON]).await;
        assert_eq!(answer.status(), 200, "{path}");
        let page: Value = json_of(answer).await;
        let files = page["files"].as_array().expect("files").iter();
        files.map(|file| file["filename"].as_str().expect("a name").to_owned()).collect()
    }
}

#[tokio::test]
async fn fifty_cold_clients_cost_one_page_and_one_download() {
    let story = Story::start().await;
    let bytes = noise(1, 1 << 20);
    story.upstream.add(WHEEL, bytes.clone());
    let file = path(&bytes, WHEEL);
    let client = async || {
        assert_eq!(story.filenames(SIX).await, [WHEEL]);
        let answer = story.server.get(&file).await;
        assert_eq!(answer.status(), 200);
        answer.bytes().await.unwrap()
    };
    for got in join_all((0..50).map(|_| client())).await {
        assert!(got == bytes);
    }
    assert_eq!((story.upstream.asked("/simple/"), story.upstream.asked("/files/")), (1, 1));
}

#[tokio::test]
async fn no_client_takes_a_cut_or_wrong_file_for_whole() {
    let bytes = noise(1, 400_000);
    let cuts = (0..8).flat_map(|eighths| [false, true].map(|chunked| Fault::Cut { eighths, chunked }));
    for fault in cuts.chain([Fault::WrongBytes]) {
        let story = Story::start().await;
        story.upstream.add(WHEEL, bytes.clone());
        story.upstream.set(|b| b.file = Some(fault.clone()));
        for _ in 0..2 {
            let answer = story.server.get(&path(&bytes, WHEEL)).await;
            let refused = answer.status() == 502;
            assert!(refused || answer.bytes().await.is_err(), "{fault:?}");
        }
        story.upstream.set(|b| b.file = None);
        let answer = story.server.get(&path(&bytes, WHEEL)).await;
        assert!(answer.bytes().await.unwrap() == bytes, "{fault:?}");
    }
}

#[tokio::test]
async fn a_stale_page_says_that_it_is() {
    let story = Story::with(|config| config.mirror.cache_expiry = 0).await;
    story.upstream.add(WHEEL, noise(1, 100));
    let fresh = story.server.get(SIX).await;
    assert_eq!((fresh.status().as_u16(), fresh.headers().get("warning")), (200, None));
    assert_eq!(fresh.headers()["cache-control"], "private, no-cache", "asked anew each time");
    story.upstream.set(|b| b.page = Some(Fault::Status(500)));
    let stale = story.server.get(SIX).await;
    assert_eq!(stale.status(), 200);
    assert_eq!(stale.headers()["warning"], "110 wheelwright \"Response is Stale\"");
}

#[tokio::test]
async fn an_upstream_that_fails_is_no_missing_project() {
    for (code, expected) in [(500, 502), (503, 503), (404, 404)] {
        let story = Story::start().await;
        story.upstream.set(|b| b.page = Some(Fault::Status(code)));
        let answer = story.server.get(SIX).await;
        assert_eq!(answer.status(), expected);
        let again = answer.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(again.as_deref(), Some("5").filter(|_| expected != 404));
        assert_eq!(answer.headers()["cache-control"], "no-store");
    }
}

#[tokio::test]
async fn head_and_small_parts_of_a_file_need_not_wait_for_all_of_it() {
    let story = Story::start().await;
    let bytes = noise(1, 1 << 20);
    story.upstream.add(WHEEL, bytes.clone());
    for sizes in [false, true] {
        story.upstream.set(|b| b.sizes = sizes);
        let head = story.server.http.head(story.server.url(&path(&bytes, WHEEL))).send().await.unwrap();
        assert_eq!(head.headers()["content-length"], "1048576");
        assert_eq!(head.headers()["accept-ranges"], "bytes");
        let part = story.server.get_with(&path(&bytes, WHEEL), &[("range", "bytes=-10")]).await;
        assert_eq!(part.status(), 206);
        assert_eq!(part.headers()["content-range"], "bytes 1048566-1048575/1048576");
        assert_eq!(part.bytes().await.unwrap(), bytes[1_048_566..]);
    }
    assert!(!story.is_stored(WHEEL).await);
    story.upstream.set(|b| b.ranges = false);
    let part = story.server.get_with(&path(&bytes, WHEEL), &[("range", "bytes=5-6")]).await;
    assert_eq!((part.status().as_u16(), part.bytes().await.unwrap()), (206, bytes.slice(5..7)));
    assert!(story.is_stored(WHEEL).await);
}

#[tokio::test]
async fn what_policy_refuses_is_neither_listed_nor_served() {
    let story = Story::start().await;
    let (old, new) = (noise(1, 100), noise(2, 100));
    let young = "six-2.0-py3-none-any.whl";
    story.upstream.add(WHEEL, old.clone()).add(young, new.clone()).add("evil-1.0.tar.gz", noise(3, 10));
    let mirror = |rules: Value| {
        let mut options = json!({"type": "mirror", "mirror_url": story.upstream.simple()});
        options.as_object_mut().unwrap().extend(rules.as_object().unwrap().clone());
        options
    };
    story.server.have_index("root/denying", mirror(json!({"deny": ["evil", "six>=2"]}))).await;
    assert_eq!(story.filenames("/root/denying/+simple/six/").await, [WHEEL]);
    assert_eq!(story.server.get("/root/denying/+simple/evil/").await.status(), 403);
    let file = path(&new, young).replace("root/pypi", "root/denying");
    assert_eq!(story.server.get(&file).await.status(), 403);

    story.server.have_index("root/allowing", mirror(json!({"allow": ["six<2"]}))).await;
    assert_eq!(story.filenames("/root/allowing/+simple/six/").await, [WHEEL]);
    assert_eq!(story.server.get("/root/allowing/+simple/evil/").await.status(), 403);
    let allowed = path(&old, WHEEL).replace("root/pypi", "root/allowing");
    assert_eq!(story.server.get(&allowed).await.status(), 200);

    story.server.have_index("root/patient", mirror(json!({"min_age": "36500d"}))).await;
    assert!(story.filenames("/root/patient/+simple/six/").await.is_empty());
    assert_eq!(story.upstream.asked("/simple/evil/"), 0, "a refused project is not asked for");
}

#[tokio::test]
async fn variants_of_wheels_are_listed_and_served_without_metadata() {
    let story = Story::start().await;
    let (variant, list) = ("six-1.0-py3-none-any-x86_v3.whl", "six-1.0-variants.json");
    let files = [(WHEEL, noise(1, 100)), (variant, noise(2, 100)), (list, noise(3, 100))];
    for (filename, bytes) in &files {
        story.upstream.add(filename, bytes.clone());
    }
    let page = json_of(story.server.get_with(SIX, &[JSON]).await).await;
    let listed = page["files"].as_array().expect("files");
    assert_eq!(listed.len(), 3, "{page}");
    for file in listed {
        let plain = file["filename"] == WHEEL;
        assert_eq!(file.get("core-metadata").is_some(), plain, "{file}");
    }
    for (filename, bytes) in &files {
        assert_eq!(story.server.get(&path(bytes, filename)).await.bytes().await.unwrap(), bytes);
    }
}

#[tokio::test]
async fn a_page_tells_the_upstreams_times_and_nothing_of_where_the_files_come_from() {
    for hashes in [true, false] {
        let story = Story::start().await;
        story.upstream.add(WHEEL, noise(1, 100));
        story.upstream.set(|b| b.hashes = hashes);
        let page = json_of(story.server.get_with(SIX, &[JSON]).await).await;
        let file = &page["files"][0];
        assert_eq!(file["upload-time"], "2026-01-02T03:04:05.678901Z");
        let url = file["url"].as_str().expect("a URL");
        assert!(url.starts_with("../../../../root/pypi/+") && !url.contains('?'), "{url}");
        assert!(!page.to_string().contains(&story.upstream.address.port().to_string()), "{page}");
        story.upstream.set(|b| (b.upload_time, b.etag) = (None, false));
        story.upstream.add("six-2.0.tar.gz", noise(2, 100));
        let page = story.refreshed("six").await.unwrap().unwrap().page;
        assert!(page.files.iter().all(|file| file.uploaded.is_none()), "{page:?}");
    }
}

#[tokio::test]
async fn time_travel_shows_the_mirror_of_that_day() {
    let story = Story::start().await;
    story.upstream.add(WHEEL, noise(1, 100));
    assert_eq!(story.filenames("/root/pypi/+at/2026-01-03/+simple/six/").await, [WHEEL]);
    assert!(story.filenames("/root/pypi/+at/2026-01-01/+simple/six/").await.is_empty());
}

#[tokio::test]
async fn private_and_reserved_names_are_never_asked_upstream_in_any_spelling() {
    let story = Story::start().await;
    story.upstream.add("acme_x-99.0-py3-none-any.whl", noise(1, 100)).add(WHEEL, noise(2, 100));
    let options = json!({"bases": ["root/pypi"], "reserved": ["corp-*"]});
    story.server.have_index("alice/dev", options).await;
    story.server.host("alice/dev", "acme-x", "1.0", b"mine").await;
    let mine = ["acme_x-1.0-py3-none-any.whl"];
    assert_eq!(story.filenames("/alice/dev/+simple/acme-x/").await, mine);
    for spelling in ["Acme_X", "acme.x", "ACME--x", "corp-secret", "Corp_Secret", "corp.other"] {
        story.server.get(&format!("/alice/dev/+simple/{spelling}/")).await;
        story.server.get(&format!("/alice/dev/{spelling}")).await;
    }
    assert_eq!(story.server.get("/alice/dev/+simple/corp-secret/").await.status(), 404);
    assert_eq!(story.upstream.log().len(), 0, "{:?}", story.upstream.log());
    assert_eq!(story.filenames("/alice/dev/+simple/six/").await, [WHEEL]);
}

#[tokio::test]
async fn offline_the_same_pages_and_files_are_served_and_nothing_is_asked() {
    let story = Story::with(|config| config.mirror.cache_expiry = 0).await;
    let bytes = noise(1, 1000);
    story.upstream.add(WHEEL, bytes.clone()).add("six-2.0.tar.gz", noise(2, 100));
    let file = path(&bytes, WHEEL);
    let metadata = format!("{file}.metadata");
    assert_eq!(story.filenames(SIX).await, [WHEEL, "six-2.0.tar.gz"]);
    for url in [&file, &metadata] {
        assert_eq!(story.server.get(url).await.status(), 200);
    }
    let mut config = story.server.app.config.clone();
    config.offline = true;
    let offline = crate::kit::Server::start_with(|own| *own = config).await;
    let before = story.upstream.log().len();
    let story = Story { server: offline, ..story };
    assert_eq!(story.filenames(SIX).await, [WHEEL], "the one that can be served");
    assert_eq!(story.server.get(&file).await.bytes().await.unwrap(), bytes);
    assert_eq!(story.server.get(&metadata).await.status(), 200);
    for (unknown, named) in [
        ("/root/pypi/+simple/flask/".to_owned(), "the project flask"),
        (path(&noise(2, 100), "six-2.0.tar.gz"), "six-2.0.tar.gz"),
        (path(&noise(2, 100), "flask-2.0.tar.gz"), "flask-2.0.tar.gz"),
    ] {
        let answer = story.server.get(&unknown).await;
        // Installers do not ask again after this one.
        assert_eq!((answer.status().as_u16(), answer.headers().get("retry-after")), (504, None), "{unknown}");
        let said = answer.text().await.unwrap();
        assert!(said.contains("offline and has no copy of") && said.contains(named), "{said}");
    }
    assert_eq!(story.upstream.log().len(), before);
}

#[tokio::test]
async fn what_the_upstream_takes_back_is_no_longer_listed_and_stays_downloadable() {
    for quarantined in [true, false] {
        let story = Story::with(|config| config.mirror.cache_expiry = 0).await;
        let (kept, never) = (noise(1, 5000), noise(2, 5000));
        story.upstream.add(WHEEL, kept.clone()).add("six-2.0-py3-none-any.whl", never.clone());
        story.upstream.add("other-1.0-py3-none-any.whl", kept.clone());
        assert_eq!(story.filenames(SIX).await.len(), 2);
        assert!(story.server.get(&path(&kept, WHEEL)).await.bytes().await.unwrap() == kept);
        match quarantined {
            true => story.upstream.set(|b| b.status = Some("quarantined")),
            false => {
                story.upstream.remove(WHEEL);
                story.upstream.remove("six-2.0-py3-none-any.whl");
            }
        }
        let fresh = [JSON, ("cache-control", "no-cache")];
        let page = story.server.get_with(SIX, &fresh).await;
        if quarantined {
            let page = json_of(page).await;
            assert_eq!(
                (&page["files"], &page["project-status"]["status"]),
                (&json!([]), &json!("quarantined"))
            );
        } else {
            assert_eq!(page.status(), 404);
        }
        let answer = story.server.get(&path(&kept, WHEEL)).await;
        assert_eq!(answer.status(), 200, "quarantined: {quarantined}");
        assert!(answer.bytes().await.unwrap() == kept);
        let gone = story.server.get(&path(&never, "six-2.0-py3-none-any.whl")).await.status();
        assert_eq!(gone, 404, "quarantined: {quarantined}");
    }
}

#[tokio::test]
async fn a_mirror_downloads_as_many_files_at_once_as_it_may_and_then_the_rest() {
    // Half of a mirror's are for one asker.
    let story = Story::with(|config| config.mirror.downloads = 4).await;
    let (open, gate) = tokio::sync::watch::channel(false);
    story.upstream.set(|b| b.gate = Some(gate));
    let filenames: Vec<String> = (1..=5).map(|n| format!("six-{n}.0-py3-none-any.whl")).collect();
    for filename in &filenames {
        story.upstream.add(filename, noise(filename.len() as u8, 3000));
    }
    let listed = story.listed("six").await;
    let paths: Vec<String> = listed.iter().map(|file| file.href("/").to_string()).collect();
    let mut downloads = Box::pin(join_all(paths.iter().map(|path| story.server.get(path))));
    let mut at_once = 0;
    while at_once < 2 {
        assert!(futures::poll!(&mut downloads).is_pending());
        tokio::task::yield_now().await;
        at_once = story.upstream.asked("/files/");
    }
    // What comes after them can be answered while they wait.
    for _ in 0..20 {
        assert_eq!(story.server.get("/+health").await.status(), 200);
        assert!(futures::poll!(&mut downloads).is_pending());
    }
    assert_eq!(story.upstream.asked("/files/"), 2);
    open.send(true).unwrap();
    for answer in downloads.await {
        assert_eq!(answer.status(), 200);
    }
    assert_eq!(story.upstream.asked("/files/"), 5);
}

#[tokio::test]
async fn bytes_that_a_mirror_lost_are_fetched_again_and_those_of_a_stage_are_said_to_be_lost() {
    let story = Story::start().await;
    let bytes = noise(1, 3000);
    story.upstream.add(WHEEL, bytes.clone());
    let file = path(&bytes, WHEEL);
    assert!(story.server.get(&file).await.bytes().await.unwrap() == bytes);
    story.server.have_index("alice/dev", json!({})).await;
    let hosted = story.server.host("alice/dev", "mine", "1.0", &noise(2, 3000)).await;
    for sha256 in [&sha256(&bytes), &hosted.sha256] {
        std::fs::remove_file(story.server.data.path().join("blobs").join(&sha256[..2]).join(&sha256[2..]))
            .unwrap();
    }
    // A server that holds nothing in memory.
    let mut config = story.server.app.config.clone();
    config.offline = true;
    let offline = crate::kit::Server::start_with(|own| *own = config.clone()).await;
    assert_eq!(offline.get(&file).await.status(), 504);
    config.offline = false;
    let online = crate::kit::Server::start_with(|own| *own = config).await;
    let part = online.get_with(&file, &[("range", "bytes=5-6")]).await;
    assert_eq!((part.status().as_u16(), part.bytes().await.unwrap()), (206, bytes.slice(5..7)));
    assert!(online.get(&file).await.bytes().await.unwrap() == bytes);
    assert_eq!(story.upstream.asked("/files/"), 2);
    let lost = online.get(&hosted.path).await;
    assert_eq!(lost.status(), 500);
    let said = lost.text().await.unwrap();
    assert!(said.contains("mine-1.0-py3-none-any.whl") && said.contains("wheelwright fsck"), "{said}");
}
