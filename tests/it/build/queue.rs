//! Stories of the queue, told through the worker's protocol by workers that only pretend.

mod again;
mod gate;
mod learned;
mod names;
mod private;
mod rebuilds;
mod seen;
mod sets;
mod strangers;

use crate::kit::Server;
use crate::kit::backend::on_both;
use crate::kit::fake_worker::{FakeWorker, built};
use crate::kit::forms::Form;
use crate::kit::packages::Package;
use crate::kit::script::Auth;
use crate::kit::stages::PASSWORD;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use wheelwright::build::queue::LEASE;
use wheelwright::tools::time::now;
use wheelwright::words::Class;

/// A server whose `alice/dev` has the sources of these projects.
async fn stocked(server: &Server, projects: &[&str]) {
    server.make_stage().await;
    server.build_nothing_ahead("dev").await;
    for project in projects {
        let sdist = Package::new(project, "1.0").sdist();
        assert_eq!(server.post("/alice/dev/", Form::of(&sdist), "alice", PASSWORD).await.status, 200);
    }
}

/// Waits till a build is in this state.
async fn becomes(server: &Server, id: i64, state: &str) -> Value {
    for _ in 0..200 {
        let build = server.build(id).await;
        if build["state"] == state {
            return build;
        }
        // Ends as soon as any build has changed, or in time.
        let _ = server.app.queue.wait(id, Duration::from_millis(50)).await;
    }
    panic!("build {id} does not become {state}: {}", server.build(id).await);
}

fn id(build: &Value) -> i64 {
    build["id"].as_i64().expect("a number")
}

/// A build whose need failed runs on, so that its worker may try another way. This one has none: it is told
/// what cannot be had, and needs it all the same.
async fn told_and_without_another_way(worker: &FakeWorker<'_>, build: i64) -> Vec<String> {
    let job = worker.claim().await;
    assert_eq!(job.build, build);
    let unmet: Vec<String> = job.unmet.iter().map(|unmet| unmet.requirement.clone()).collect();
    let needs: Vec<&str> = unmet.iter().map(String::as_str).collect();
    assert_eq!(worker.needs(&job, &needs).await, 200);
    unmet
}

on_both! {
    async fn five_askers_get_one_build_and_one_wheel(server: Server) {
        stocked(&server, &["demo"]).await;
        let worker = server.worker("carl", "one").await;
        let asked = futures::future::join_all((0..5).map(|_| server.ask_builds("demo"))).await;
        let ids: BTreeSet<i64> = asked.iter().map(|builds| id(&builds[0])).collect();
        assert_eq!(ids.len(), 1, "{asked:?}");

        let job = worker.claim().await;
        assert_eq!((job.project.as_deref(), job.version.as_deref()), (Some("demo"), Some("1.0")));
        assert_eq!((job.context.as_str(), job.target.as_str()), ("alice/dev", "cp312-test"));
        assert!(worker.claim_at_once().await.is_none());
        let source = server.send("GET", &format!("/+builds/{}/source", job.build), &worker.auth, None).await;
        let sdist = Package::new("demo", "1.0").sdist();
        assert_eq!(source.bytes().await.unwrap(), sdist.bytes);
        assert_eq!(job.source_sha256, sdist.sha256());

        assert_eq!(worker.log(&job, 0, "one\n").await.0, 200);
        // The answer was lost: it comes again with what was printed meanwhile, and once more.
        for _ in 0..2 {
            assert_eq!(worker.log(&job, 0, "one\ntwo\n").await.0, 200);
        }
        let (status, why) = worker.log(&job, 100, "behind the end").await;
        assert!(status == 400 && why["message"].as_str().unwrap_or_default().contains("8 bytes"), "{why}");
        let wheel = worker.builds(&job).await;
        let build = server.build(job.build).await;
        assert_eq!((&build["state"], &build["wheel"]["filename"]), (&json!("built"), &json!(wheel.filename)));
        assert_eq!(build["evidence"]["source_sha256"], json!(sdist.sha256()));
        let log = server.send("GET", &format!("/+builds/{}/log", job.build), &Auth::root(), None).await;
        assert_eq!(log.text().await.unwrap(), "one\ntwo\n");
        let path = format!("/+builds/{}/wheel/{}", job.build, wheel.filename);
        assert_eq!(server.send("GET", &path, &Auth::root(), None).await.bytes().await.unwrap(), wheel.bytes);
        let page = server.get("/alice/dev/+simple/demo/").await.text().await.unwrap();
        assert!(page.contains(&wheel.filename), "published: {page}");
        assert_eq!(id(&server.ask_builds("demo").await[0]), job.build, "asked again, it is there");
    }

    async fn a_lost_workers_build_runs_again_and_the_lost_one_is_refused(server: Server) {
        stocked(&server, &["demo"]).await;
        let (first, second) = (server.worker("carl", "one").await, server.worker("dora", "two").await);
        server.ask_builds("demo").await;
        let old = first.claim().await;
        assert_eq!(first.log(&old, 0, "the first says a lot").await.0, 200);
        assert_eq!(second.beat(&old).await, 409, "another owner's lease");
        server.app.queue.look_after(now()).await.unwrap();
        assert_eq!(first.beat(&old).await, 200, "in time");
        server.app.queue.look_after(now() + LEASE + 1_000_000).await.unwrap();
        assert_eq!(first.beat(&old).await, 409);

        let new = second.claim().await;
        assert_eq!((new.build, new.fence), (old.build, old.fence + 1));
        let wheel = Package::new("demo", "1.0").wheel();
        assert_eq!(first.beat(&old).await, 409);
        assert_eq!(first.log(&old, 0, "late").await.0, 409);
        assert_eq!(first.hand_in(&old, &wheel.filename, wheel.bytes).await.0, 409);
        assert_eq!(first.outcome(&old, &built(&wheel.filename)).await, 409);
        assert_eq!(first.release(&old).await, 409);
        assert_eq!(second.log(&new, 0, "the second").await.0, 200, "its log begins anew");
        second.builds(&new).await;
        assert_eq!(server.build(new.build).await["state"], "built");
    }

    async fn a_build_that_loses_every_worker_fails(server: Server) {
        stocked(&server, &["demo"]).await;
        let worker = server.worker("carl", "one").await;
        let build = id(&server.ask_builds("demo").await[0]);
        let mut later = now();
        for _ in 0..3 {
            worker.claim().await;
            later += LEASE + 1_000_000;
            server.app.queue.look_after(later.max(now() + LEASE + 1_000_000)).await.unwrap();
        }
        let build = server.build(build).await;
        assert_eq!((&build["state"], &build["failure"]["class"]), (&json!("failed"), &json!("worker")));
    }

    async fn what_is_needed_is_built_first_on_a_single_slot(server: Server) {
        stocked(&server, &["top", "middle", "leaf"]).await;
        let worker = server.worker("carl", "one").await;
        let top = id(&server.ask_builds("top").await[0]);
        let job = worker.claim().await;
        assert_eq!(job.build, top);
        assert_eq!(worker.needs(&job, &["middle>=1"]).await, 200);
        assert_eq!(server.build(top).await["state"], "blocked");
        let middle = worker.claim().await;
        assert_eq!(middle.project.as_deref(), Some("middle"));
        assert_eq!(worker.needs(&middle, &["leaf"]).await, 200);
        let leaf = worker.claim().await;
        assert_eq!(leaf.project.as_deref(), Some("leaf"));
        assert!(worker.claim_at_once().await.is_none(), "both others wait");
        worker.builds(&leaf).await;
        let middle = worker.claim().await;
        assert_eq!(middle.project.as_deref(), Some("middle"));
        worker.builds(&middle).await;
        let again = worker.claim().await;
        assert_eq!((again.build, again.fence), (top, job.fence + 1));
        worker.builds(&again).await;
        assert_eq!(server.build(top).await["state"], "built");
    }

    async fn what_needs_several_waits_for_all_of_them_though_one_has_failed(server: Server) {
        stocked(&server, &["top", "middle", "leaf"]).await;
        let worker = server.worker("carl", "one").await;
        let top = id(&server.ask_builds("top").await[0]);
        assert_eq!(worker.needs(&worker.claim().await, &["middle", "leaf"]).await, 200);
        let (one, other) = (worker.claim().await, worker.claim().await);
        assert_eq!(worker.fails(&one, Class::Compiler).await, 200);
        assert_eq!(server.build(top).await["state"], "blocked", "the other is still under way");
        worker.builds(&other).await;
        let again = worker.claim().await;
        let unmet: Vec<&str> = again.unmet.iter().map(|unmet| unmet.requirement.as_str()).collect();
        assert_eq!((again.build, unmet), (top, vec![one.project.as_deref().expect("a project")]));
        worker.builds(&again).await;
        assert_eq!(server.build(top).await["state"], "built");
    }

    async fn what_somebody_waits_for_comes_before_what_was_asked_meanwhile(server: Server) {
        stocked(&server, &["top", "leaf", "other"]).await;
        let worker = server.worker("carl", "one").await;
        server.ask_builds("top").await;
        let top = worker.claim().await;
        let other = id(&server.ask_builds("other").await[0]);
        becomes(&server, other, "queued").await;
        assert_eq!(worker.needs(&top, &["leaf"]).await, 200);
        let leaf = server.build(top.build).await["needs"][0]["build"].as_i64().expect("what it needs");
        becomes(&server, leaf, "queued").await;
        let order: Vec<String> = [worker.claim().await, worker.claim().await]
            .into_iter()
            .map(|job| job.project.unwrap_or_default())
            .collect();
        assert_eq!(order, ["leaf", "other"]);
    }

    async fn a_circle_is_refused_with_the_chain_shown(server: Server) {
        stocked(&server, &["hen", "egg"]).await;
        let worker = server.worker("carl", "one").await;
        let hen = id(&server.ask_builds("hen").await[0]);
        assert_eq!(worker.needs(&worker.claim().await, &["egg"]).await, 200);
        let egg = worker.claim().await;
        assert_eq!(worker.needs(&egg, &["hen>=1"]).await, 200);
        let build = server.build(egg.build).await;
        assert_eq!(build["failure"]["class"], "cycle");
        let hint = build["failure"]["hint"].as_str().unwrap();
        assert!(hint.contains("egg 1.0 needs hen>=1 (hen 1.0) needs egg (egg 1.0)"), "{hint}");
        assert_eq!(told_and_without_another_way(&worker, hen).await, ["egg"]);
        let hen = server.build(hen).await;
        assert_eq!((&hen["state"], &hen["failure"]["class"]), (&json!("failed"), &json!("build-requirement")));
        assert!(worker.claim_at_once().await.is_none());
    }

    async fn a_failure_is_remembered_until_a_person_asks_again(server: Server) {
        stocked(&server, &["top", "leaf"]).await;
        let worker = server.worker("carl", "one").await;
        let top = id(&server.ask_builds("top").await[0]);
        worker.needs(&worker.claim().await, &["leaf"]).await;
        let leaf = worker.claim().await;
        assert_eq!(worker.fails(&leaf, Class::MissingHeader).await, 200);
        assert_eq!(told_and_without_another_way(&worker, top).await, ["leaf"]);
        let failed = server.build(top).await;
        assert_eq!(failed["failure"]["class"], "build-requirement");
        let hint = failed["failure"]["hint"].as_str().unwrap();
        assert!(hint.contains("leaf 1.0") && hint.contains("missing-header: mend it"), "{hint}");
        let failed = server.build(leaf.build).await;
        assert_eq!((&failed["failure"]["line"], &failed["failure"]["step"]), (&json!("error: no"), &json!("build")));

        assert_eq!(server.ask_builds("top").await[0]["state"], "failed");
        assert!(worker.claim_at_once().await.is_none());
        let (status, body) = server.ask("POST", &format!("/+builds/{top}/rebuild"), &Auth::root(), None).await;
        assert_eq!(status, 200, "{body}");
        let states = [server.build(top).await["state"].clone(), server.build(leaf.build).await["state"].clone()];
        assert!(states.iter().all(|state| state != "failed"), "what failed below runs again, too: {states:?}");
        let (one, two) = (worker.claim().await, worker.claim().await);
        assert_eq!(BTreeSet::from([one.build, two.build]), BTreeSet::from([top, leaf.build]));
    }

    async fn of_claims_that_race_each_job_goes_to_one(server: Server) {
        let names: Vec<String> = (0..24).map(|number| format!("demo{number}")).collect();
        stocked(&server, &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
        let worker = server.worker("carl", "one").await;
        for name in &names {
            let build = id(&server.ask_builds(name).await[0]);
            becomes(&server, build, "queued").await;
        }
        let racers = (0..8).map(|_| async {
            let mut got = Vec::new();
            while let Some(job) = worker.claim_at_once().await {
                got.push(job.build);
            }
            got
        });
        let got: Vec<i64> = futures::future::join_all(racers).await.into_iter().flatten().collect();
        assert_eq!(got.len(), 24);
        assert_eq!(got.iter().collect::<BTreeSet<_>>().len(), 24);
    }
}

#[tokio::test]
async fn who_waits_comes_before_who_asked_and_joining_hurries_a_build() {
    let server = Server::start().await;
    stocked(&server, &["slow", "fast"]).await;
    let worker = server.worker("carl", "one").await;
    let slow = id(&server.ask_builds("slow").await[0]);
    let fast = id(&server.ask_builds("fast").await[0]);
    becomes(&server, slow, "queued").await;
    becomes(&server, fast, "queued").await;
    let order = json!({"requirement": "fast", "index": "alice/dev", "targets": ["cp312"], "wait": true});
    server.ask("POST", "/+builds", &Auth::root(), Some(order)).await;
    assert_eq!(worker.claim().await.build, fast);
    assert_eq!(worker.claim().await.build, slow);
}

#[tokio::test]
async fn a_worker_that_stops_gives_its_build_back_without_a_loss() {
    let server = Server::start().await;
    stocked(&server, &["demo"]).await;
    let worker = server.worker("carl", "one").await;
    server.ask_builds("demo").await;
    for _ in 0..5 {
        let job = worker.claim().await;
        assert_eq!(worker.release(&job).await, 200);
    }
    assert!(worker.claim_at_once().await.is_some());
}

#[tokio::test]
async fn a_build_requirement_that_nobody_has_is_named() {
    let server = Server::start().await;
    stocked(&server, &["demo"]).await;
    let worker = server.worker("carl", "one").await;
    server.ask_builds("demo").await;
    let job = worker.claim().await;
    assert_eq!(worker.needs(&job, &["nowhere>=2"]).await, 200);
    let build = server.build(job.build).await;
    assert_eq!(build["failure"]["class"], "build-requirement");
    assert!(build["failure"]["hint"].as_str().unwrap().contains("nowhere>=2"), "{build}");
}
