//! What a build found is known to the next one of the project, until it turns out wrong.

use super::stocked;
use crate::kit::Server;
use crate::kit::backend::on_both;
use crate::kit::fake_worker::FakeWorker;
use crate::kit::forms::Form;
use crate::kit::packages::Package;
use crate::kit::script::Auth;
use crate::kit::stages::PASSWORD;
use serde_json::{Value, json};
use wheelwright::build::job::{Job, JobOutcome};
use wheelwright::words::{Class, Evidence};

/// Builds a job's wheel by what was found.
async fn builds_with(worker: &FakeWorker<'_>, job: &Job, found: Value) {
    let wheel = Package::new("demo", job.version.as_deref().expect("a version")).wheel();
    assert_eq!(worker.hand_in(job, &wheel.filename, wheel.bytes).await.0, 200);
    let evidence =
        Box::new(Evidence { found: Some(found).filter(|found| !found.is_null()), ..Evidence::default() });
    assert_eq!(worker.outcome(job, &JobOutcome::Built { wheel: wheel.filename, evidence }).await, 200);
}

async fn again(server: &Server, worker: &FakeWorker<'_>, build: i64) -> Job {
    let (status, body) = server.ask("POST", &format!("/+builds/{build}/rebuild"), &Auth::root(), None).await;
    assert_eq!(status, 200, "{body}");
    worker.claim().await
}

on_both! {
    async fn what_a_build_found_is_known_to_the_next_and_forgotten_when_it_is_wrong(server: Server) {
        stocked(&server, &["demo", "other"]).await;
        let newer = Package::new("demo", "2.0").sdist();
        assert_eq!(server.post("/alice/dev/", Form::of(&newer), "alice", PASSWORD).await.status, 200);
        let worker = server.worker("carl", "one").await;
        server.ask_builds("demo==1.0").await;
        let first = worker.claim().await;
        assert_eq!(first.learned, None);
        let found = json!({"packages": ["libfoo-dev"], "build": {"constraints": ["setuptools<58"]}});
        builds_with(&worker, &first, found.clone()).await;

        let same = again(&server, &worker, first.build).await;
        let learned = same.learned.clone().expect("it is known");
        assert_eq!((learned.build, learned.at_once, &learned.found), (first.build, true, &found));
        builds_with(&worker, &same, found).await;

        server.ask_builds("demo==2.0").await;
        let next = worker.claim().await;
        let learned = next.learned.clone().expect("of the release before");
        assert_eq!((learned.at_once, &learned.found), (false, &json!({"packages": ["libfoo-dev"]})));
        server.ask_builds("other").await;
        assert_eq!(worker.claim().await.learned, None, "another project learns nothing");

        let unlucky = again(&server, &worker, first.build).await;
        assert_eq!(worker.fails(&unlucky, Class::BuildRequirement).await, 200);
        let wrong = again(&server, &worker, first.build).await;
        assert!(wrong.learned.is_some(), "the surroundings say nothing about it");
        assert_eq!(worker.fails(&wrong, Class::Compiler).await, 200);
        let fresh = again(&server, &worker, first.build).await;
        assert_eq!(fresh.learned, None);
    }
}
