//! Stories of wheels that are built before anybody asks; the worker here builds by handing in what it has.

use crate::kit::Server;
use crate::kit::forms::Form;
use crate::kit::packages::{Dist, Package};
use crate::kit::stages::{PASSWORD, stage, stage_with};
use crate::kit::worker::{NEW, NINE, TWO, built, failed, hire, job};
use wheelwright::build::job::Job;

async fn upload(server: &Server, index: &str, dist: &Dist) {
    let answer = server.post(index, Form::of(dist), "alice", PASSWORD).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

fn name(job: &Job) -> (&str, &str) {
    (job.source.filename.as_str(), job.target.as_str())
}

#[tokio::test]
async fn an_uploaded_source_is_built_and_a_pure_wheel_serves_the_other_interpreters() {
    let server = stage().await;
    hire(&server).await;
    let demo = Package::new("demo", "1.0");
    upload(&server, "/alice/dev/", &demo.sdist()).await;
    let first = job(&server).await;
    assert_eq!(name(&first), ("demo-1.0.tar.gz", NINE));
    built(&server, &first, &demo.clone().tag("py3-none-any").wheel()).await;
    let page = server.get("/alice/dev/+simple/demo/").await.text().await.expect("a page");
    assert!(page.contains("demo-1.0-1ww-py3-none-any.whl"), "{page}");
    let second = job(&server).await;
    assert_eq!(name(&second), ("demo-1.0.tar.gz", TWO), "3.13 has a wheel already");
    failed(&server, &second).await;
    upload(&server, "/alice/dev/", &Package::new("other", "1.0").sdist()).await;
    assert_eq!(name(&job(&server).await), ("other-1.0.tar.gz", NINE));
}

#[tokio::test]
async fn a_build_that_failed_is_not_asked_for_again_and_the_others_are() {
    let server = stage().await;
    hire(&server).await;
    server.as_alice("PATCH", "/alice/dev", r#"["build_targets=cp3*"]"#).await;
    upload(&server, "/alice/dev/", &Package::new("demo", "1.0").sdist()).await;
    for expected in [NINE, NEW] {
        let next = job(&server).await;
        assert_eq!(name(&next), ("demo-1.0.tar.gz", expected));
        failed(&server, &next).await;
    }
    server.as_alice("PATCH", "/alice/dev", r#"["build_ahead=all"]"#).await;
    upload(&server, "/alice/dev/", &Package::new("other", "1.0").sdist()).await;
    assert_eq!(name(&job(&server).await), ("other-1.0.tar.gz", NINE));
}

#[tokio::test]
async fn an_index_that_wishes_for_nothing_gets_nothing_until_it_wishes_for_all() {
    let server = stage().await;
    hire(&server).await;
    server.as_alice("PATCH", "/alice/dev", r#"["build_ahead=never"]"#).await;
    upload(&server, "/alice/dev/", &Package::new("demo", "1.0").sdist()).await;
    server.make_index("alice/other", serde_json::json!({})).await;
    upload(&server, "/alice/other/", &Package::new("other", "1.0").sdist()).await;
    let other = job(&server).await;
    assert_eq!(name(&other), ("other-1.0.tar.gz", NINE));
    built(&server, &other, &Package::new("other", "1.0").wheel()).await;
    server.as_alice("PATCH", "/alice/dev", r#"["build_ahead=all"]"#).await;
    assert_eq!(name(&job(&server).await), ("demo-1.0.tar.gz", NINE));
}

#[tokio::test]
async fn what_was_requested_of_a_mirror_is_built() {
    let upstream = stage().await;
    for project in ["asked", "never-asked"] {
        upload(&upstream, "/alice/dev/", &Package::new(project, "1.0").sdist()).await;
    }
    let mirrored = upstream.url("/alice/dev/+simple/");
    let server = stage_with(|config| config.upstream = Some(mirrored)).await;
    hire(&server).await;
    let sdist = Package::new("asked", "1.0").sdist();
    let page = server.get("/root/pypi/+simple/asked/").await.text().await.expect("a page");
    assert!(page.contains(&sdist.filename), "{page}");
    let hash = sdist.sha256();
    let path = format!("/root/pypi/+f/{}/{}/{}", &hash[..3], &hash[3..16], sdist.filename);
    let bytes = server.get(&path).await.bytes().await.expect("a file");
    assert_eq!(bytes, sdist.bytes);
    let request = server.http.patch(server.url("/root/pypi")).header("content-type", "application/json");
    let request = request.basic_auth("root", Some(crate::kit::ROOT_PASSWORD));
    let answer = request.body(r#"["build_ahead=requested", "build_targets=3.9"]"#).send().await;
    assert_eq!(answer.expect("an answer").status(), 200);
    let first = job(&server).await;
    assert_eq!(name(&first), ("asked-1.0.tar.gz", NINE));
    built(&server, &first, &Package::new("asked", "1.0").tag("py3-none-any").wheel()).await;
    let page = server.get("/root/pypi/+simple/asked/").await.text().await.expect("a page");
    assert!(page.contains("asked-1.0-1ww-py3-none-any.whl"), "{page}");
}

#[tokio::test]
async fn uploads_wait_for_a_worker() {
    let server = stage().await;
    upload(&server, "/alice/dev/", &Package::new("demo", "1.0").sdist()).await;
    hire(&server).await;
    assert_eq!(name(&job(&server).await), ("demo-1.0.tar.gz", NINE));
}
