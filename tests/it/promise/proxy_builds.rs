//! Stories of `+resolve/` where wheels must be built first, told with a worker that pretends.

use crate::kit::Server;
use crate::kit::packages::{Package, hex};
use crate::kit::resolving::{send_text, start, start_with, wheel};
use crate::kit::worker::{built, failed, job};
use sha2::{Digest, Sha256};
use std::time::Duration;

const PATH: &str = "/v1/alice.dev/cp312-linux/+resolve/";

fn sdist(name: &str) -> crate::kit::packages::Dist {
    Package::new(name, "1.0").sdist()
}

/// The bytes behind a line of the answer, which must be those that its hash names.
async fn fetched(server: &Server, line: &str) -> Vec<u8> {
    let (url, hash) = line.split_once("#sha256=").expect("a hash");
    let answer = server.http.get(url).send().await.expect("an answer");
    assert_eq!(answer.status(), 200, "{url}");
    let bytes = answer.bytes().await.expect("a body").to_vec();
    assert_eq!(hex(&Sha256::digest(&bytes)), hash);
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_built_and_each_failure_is_told() {
    let server = start().await;
    for name in ["good", "bad"] {
        server.publish("alice/dev", &sdist(name)).await;
    }
    let work = async {
        for _ in 0..2 {
            let job = job(&server).await;
            match job.project.as_deref() {
                Some("good") => built(&server, &job, &wheel("good", "1.0").wheel()).await,
                _ => failed(&server, &job).await,
            }
        }
    };
    let ((status, told), ()) = tokio::join!(send_text(&server, PATH, "good==1\nbad==1.0\n", false), work);
    assert_eq!(status, 400, "{told}");
    for says in ["1 of 2 lines", "line 2: bad==1.0", "compiler: mend it", &server.url("/+builds/")] {
        assert!(told.contains(says), "no {says}: {told}");
    }
    assert!(!told.contains("line 1"), "{told}");
    let (_, again) = send_text(&server, PATH, "bad==1.0\n", false).await;
    assert!(again.contains("compiler: mend it"), "remembered: {again}");
    let (status, urls) = send_text(&server, PATH, "good==1\n", false).await;
    assert_eq!(status, 200, "{urls}");
    let name = "good-1.0-1ww-cp312-cp312-manylinux_2_36_x86_64.whl";
    assert!(
        urls.starts_with(&server.url(&format!("/alice/dev/+w/cp312-manylinux_2_36_x86_64/{name}"))),
        "{urls}"
    );
    fetched(&server, urls.trim()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_waited_long_enough_is_told_what_still_runs() {
    let server = start_with(|config| config.proxy.wait = 0).await;
    server.publish("alice/dev", &sdist("slow")).await;
    let (status, told) = send_text(&server, PATH, "slow==1.0\n", false).await;
    assert_eq!(status, 409, "{told}");
    assert!(told.contains("1 of 1 lines are not built") && told.contains("try again"), "{told}");
    let job = job(&server).await;
    built(&server, &job, &wheel("slow", "1.0").wheel()).await;
    let url = format!("/+builds/{}?wait=20", job.build);
    assert_eq!(server.get(&url).await.status(), 200);
    // The copy under the promised name is made behind the build.
    let mut last = (0, String::new());
    for _ in 0..100 {
        last = send_text(&server, PATH, "slow==1.0\n", false).await;
        if last.0 == 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(last.0, 200, "{}", last.1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_by_its_url_is_built_and_downloaded_by_whoever_was_told() {
    let files = crate::kit::upstream::Upstream::start().await;
    let source = sdist("demo");
    files.add(&source.filename, source.bytes.clone());
    let server = start_with(|config| config.private_hosts = vec!["127.0.0.1".into()]).await;
    let at = format!(
        "{}#egg=demo==1.0&sha256={}",
        files.url(&format!("/files/{}", source.filename)),
        source.sha256()
    );
    let work = async {
        let job = job(&server).await;
        built(&server, &job, &wheel("demo", "1.0").wheel()).await;
    };
    let line = format!("{at}\n");
    let ((status, urls), ()) = tokio::join!(send_text(&server, PATH, &line, true), work);
    assert_eq!(status, 200, "{urls}");
    let bytes = fetched(&server, urls.trim()).await;
    assert_eq!(bytes, wheel("demo", "1.0").wheel().bytes);
    let hidden = urls.split("/wheel/").next().expect("a build");
    let answer = server.http.get(hidden).send().await.expect("an answer");
    assert_eq!(answer.status(), 404, "the build itself is not everybody's");
    let wrong =
        urls.split('#').next().expect("a URL").replacen(&hex(&Sha256::digest(&bytes)), &"0".repeat(64), 1);
    assert_eq!(server.http.get(wrong).send().await.expect("an answer").status(), 404);
    // The same line compiles: its requirements are those of the wheel.
    let compile = "/v1/alice.dev/cp312-linux/+compile/";
    let (status, pins) = send_text(&server, compile, &line, true).await;
    assert_eq!(status, 200, "{pins}");
    assert!(pins.contains(&format!("{}#sha256=", at.split('#').next().unwrap_or_default())), "{pins}");
    assert!(pins.contains("egg=demo==1.0"), "{pins}");
    let other = at.replace("egg=demo==1.0", "egg=demo==2.0");
    let (status, told) = send_text(&server, PATH, &other, true).await;
    assert!(status == 400 && told.contains("it has version 1.0, not 2.0"), "{told}");
}
