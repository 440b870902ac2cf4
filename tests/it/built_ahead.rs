//! Stories of wheels that are built before anybody asks; the worker here builds by handing in what it has.

use crate::kit::Server;
use crate::kit::forms::Form;
use crate::kit::packages::{Dist, Package};
use crate::kit::stages::{PASSWORD, stage, stage_with};
use bytes::Bytes;
use std::time::Duration;
use wheelwright::build::evidence::Evidence;
use wheelwright::build::failure::{Class, Failure};
use wheelwright::build::job::{Job, Outcome, Step, WorkerDescription};
use wheelwright::build::target::Target;

/// How long a worker waits for a job that must come.
const HOLD: Duration = Duration::from_secs(60);

fn target(name: &str, version: &str, tags: &[&str]) -> Target {
    Target {
        name: name.into(),
        implementation: "cp".into(),
        version: version.into(),
        abi: name.split('-').next().unwrap_or_default().into(),
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        ..Target::default()
    }
}

const NINE: &str = "cp39-linux_x86_64";
const NEW: &str = "cp313-linux_x86_64";
const TWO: &str = "cp27mu-linux_x86_64";

/// A worker for three interpreters.
async fn hire(server: &Server) {
    let targets = vec![
        target(TWO, "2.7.18", &["cp27-cp27mu-linux_x86_64", "py2-none-any"]),
        target(NINE, "3.9.1", &["cp39-cp39-linux_x86_64", "py3-none-any"]),
        target(NEW, "3.13.0", &["cp313-cp313-linux_x86_64", "py3-none-any"]),
    ];
    let description =
        WorkerDescription { targets, slots: 1, isolation: "none".into(), version: "1".into(), off: None };
    server.app.builds.register("root", "w", &description).await.expect("a worker");
}

/// The next job, which must come.
async fn job(server: &Server) -> Job {
    server.app.builds.claim("root", "w", HOLD).await.expect("an answer").expect("a job")
}

async fn built(server: &Server, job: &Job, wheel: &Dist) {
    let mut spool = server.app.store.spool().await.expect("a spool");
    spool.write(Bytes::from(wheel.bytes.clone())).await.expect("room");
    let builds = &server.app.builds;
    builds.hand_in("root", job.build, job.fence, &wheel.filename, spool).await.expect("a fit wheel");
    let outcome = Outcome::Built { wheel: wheel.filename.clone(), evidence: Box::new(Evidence::default()) };
    builds.end("root", job.build, job.fence, outcome).await.expect("an end");
}

async fn failed(server: &Server, job: &Job) {
    let why = Failure { class: Class::Compiler, hint: "mend it".into(), line: None, step: Step::Build };
    server.app.builds.end("root", job.build, job.fence, Outcome::Failed(why)).await.expect("an end");
}

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
