//! What is handed in is as good as a stranger's upload: hostile wheels, sources that cannot be had.

use super::{becomes, id, stocked};
use crate::kit::Server;
use crate::kit::backend::on_both;
use crate::kit::fake_worker::built;
use crate::kit::packages::Package;
use crate::kit::script::Auth;
use crate::kit::upstream::{Fault, Upstream};
use serde_json::json;

on_both! {
    async fn a_wheel_that_is_not_its_jobs_fails_the_build_by_name(server: Server) {
        stocked(&server, &["demo"]).await;
        let worker = server.worker("carl", "one").await;
        let build = id(&server.ask_builds("demo").await[0]);
        let demo = || Package::new("demo", "1.0");
        let good = demo().wheel();
        let mut lied = demo().wheel();
        lied.bytes.truncate(lied.bytes.len() - 30);
        for (filename, bytes, class, word) in [
            ("other-1.0-py3-none-any.whl", Package::new("other", "1.0").wheel().bytes, "wrong-wheel", "requested project demo"),
            ("demo-2.0-py3-none-any.whl", Package::new("demo", "2.0").wheel().bytes, "wrong-wheel", "requested version 1.0"),
            (
                "demo-1.0-cp311-cp311-win_amd64.whl",
                demo().tag("cp311-cp311-win_amd64").wheel().bytes,
                "wrong-wheel",
                "but target cp312-test does not support that",
            ),
            (
                "demo-1.0-py3-none-any.win_amd64.whl",
                demo().tag("py3-none-any.win_amd64").wheel().bytes,
                "wrong-wheel",
                "win_amd64",
            ),
            ("demo-1.0-py2-none-any.whl", demo().tag("py2-none-any").wheel().bytes, "wrong-wheel", "does not fit target"),
            (&good.filename, b"no archive".to_vec(), "bad-wheel", "demo"),
            (&good.filename, lied.bytes, "bad-wheel", "demo"),
            (&good.filename, Package::new("other", "1.0").wheel().bytes, "bad-wheel", "demo"),
            ("demo-1.0.tar.gz", demo().sdist().bytes, "bad-wheel", "must end in .whl"),
        ] {
            let job = worker.claim().await;
            let (status, body) = worker.hand_in(&job, filename, bytes).await;
            assert_eq!(status, 400, "{filename}: {body}");
            assert!(body["message"].as_str().unwrap().contains(word), "{filename}: {body}");
            let failed = server.build(build).await;
            assert_eq!(failed["failure"]["class"], class, "{filename}: {failed}");
            assert_eq!(failed["wheel"], json!(null));
            assert_eq!(worker.outcome(&job, &built(filename)).await, 409, "it has failed");
            let again = server.ask("POST", &format!("/+builds/{build}/rebuild"), &Auth::root(), None).await;
            assert_eq!(again.0, 200);
        }
        let page = server.get("/alice/dev/+simple/demo/").await.text().await.unwrap();
        assert!(!page.contains(".whl"), "{page}");
    }

    async fn two_wheels_or_none_are_their_workers_fault_and_the_build_runs_again(server: Server) {
        stocked(&server, &["demo"]).await;
        let worker = server.worker("carl", "one").await;
        let build = id(&server.ask_builds("demo").await[0]);
        let job = worker.claim().await;
        let (one, two) = (Package::new("demo", "1.0").wheel(), Package::new("demo", "1.0").build("1").wheel());
        assert_eq!(worker.hand_in(&job, &one.filename, one.bytes.clone()).await.0, 200);
        assert_eq!(worker.hand_in(&job, &one.filename, one.bytes).await.0, 200, "sent again");
        let (status, body) = worker.hand_in(&job, &two.filename, two.bytes).await;
        assert_eq!(status, 400);
        assert!(body["message"].as_str().unwrap().contains("sent two wheels"), "{body}");
        assert!(body["message"].as_str().unwrap().contains("runs again"), "{body}");
        assert_eq!(server.build(build).await["state"], "queued");
        // The first run's wheel does not count, nor does one that nobody handed in.
        let job = worker.claim().await;
        assert_eq!(worker.outcome(&job, &built(&one.filename)).await, 200);
        let job = worker.claim().await;
        assert_eq!(worker.outcome(&job, &built(&one.filename)).await, 200);
        let failed = server.build(build).await;
        assert_eq!(failed["failure"]["class"], "worker", "{failed}");
        assert!(failed["failure"]["hint"].as_str().unwrap().contains("sent no wheel"), "{failed}");
        // It is not remembered as the source's failure: who asks again gets it.
        let again = server.ask_builds("demo").await;
        assert_eq!((id(&again[0]), &again[0]["state"]), (build, &json!("queued")), "{again:?}");
        worker.builds(&worker.claim().await).await;
        assert_eq!(server.build(build).await["state"], "built");
    }
}

#[tokio::test]
async fn a_log_has_no_holes_and_a_bound() {
    let server = Server::start_with(|config| config.build.log = 1000).await;
    stocked(&server, &["demo"]).await;
    let worker = server.worker("carl", "one").await;
    server.ask_builds("demo").await;
    let job = worker.claim().await;
    assert_eq!(job.limits.log, 1000);
    assert_eq!(worker.log(&job, 3, "hole").await.0, 400);
    assert_eq!(worker.log(&job, 0, "abc").await.0, 200);
    assert_eq!(worker.log(&job, 0, "abc").await.0, 200, "sent again, because the answer was lost");
    assert_eq!(worker.log(&job, 3, &"x".repeat(70_000)).await.0, 413);
    assert_eq!(server.build(job.build).await["log_size"], 3);
}

#[tokio::test]
async fn a_source_that_cannot_be_fetched_is_a_named_failure() {
    let upstream = Upstream::start().await;
    let sdist = Package::new("demo", "1.0").sdist();
    upstream.add(&sdist.filename, sdist.bytes.clone());
    upstream.set(|behaviour| behaviour.file = Some(Fault::WrongBytes));
    let server = Server::start_with(|config| {
        config.upstream = Some(upstream.simple());
        config.mirror.allow_private_redirects = true;
    })
    .await;
    let worker = server.worker("carl", "one").await;
    let order = || Some(json!({"requirement": "demo", "targets": ["cp312-test"], "rebuild": true}));
    let (status, body) = server.ask("POST", "/+builds", &Auth::root(), order()).await;
    assert_eq!(status, 200, "{body}");
    let build = id(&body["result"][0]);
    let failed = becomes(&server, build, "failed").await;
    assert_eq!(failed["failure"]["class"], "bad-source", "{failed}");
    upstream.set(|behaviour| behaviour.file = None);
    let (_, body) = server.ask("POST", "/+builds", &Auth::root(), order()).await;
    assert_eq!(id(&body["result"][0]), build, "the same build: {body}");
    let job = worker.claim().await;
    assert_eq!((job.build, job.context.as_str()), (build, "root/pypi"));
    assert_eq!(job.source_sha256, sdist.sha256());
}
