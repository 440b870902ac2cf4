//! What strangers do with the same bytes, the same build, or at a bad time, is theirs alone.

use super::{becomes, id, stocked};
use crate::kit::Server;
use crate::kit::packages::Package;
use crate::kit::script::Auth;
use serde_json::json;
use wheelwright::access::Who;
use wheelwright::build::job::JobOutcome;
use wheelwright::build::queue::{Ask, Priority, Upload, Wanted};
use wheelwright::packaging::requirement::Requirement;
use wheelwright::words::{BuildSource, Class, Failure, SourceKind, Step};

fn order(wanted: Wanted, index: &str) -> Ask {
    Ask {
        wanted,
        purpose: wheelwright::words::Purpose::Wheel,
        targets: vec!["cp312-test".into()],
        index: wheelwright::names::IndexName::parse(index).expect("a name"),
        publish: None,
        priority: Priority::Waiting,
        rebuild: false,
        set: Vec::new(),
    }
}

fn anonymous() -> Who {
    Who { user: None, scope: None, label: ":anonymous".into(), ..Who::default() }
}

#[tokio::test]
async fn the_same_bytes_under_another_name_fail_for_that_name_alone() {
    let server = Server::start().await;
    stocked(&server, &["demo"]).await;
    let worker = server.worker("carl", "one").await;
    let bytes = Package::new("demo", "1.0").sdist().bytes;
    let sha256 = server.app.store.put(bytes.into()).await.expect("stored");
    for filename in ["other-1.0.tar.gz", "demo-2.0.tar.gz", "demo-1.0.tar.gz", "tree.tar.gz"] {
        let kind = if filename.starts_with("tree") { SourceKind::Tree } else { SourceKind::Sdist };
        let source = BuildSource { kind, filename: filename.into(), ..BuildSource::default() };
        let wanted = Wanted::Upload(Upload { sha256: sha256.clone(), source });
        let build = server.app.queue.ask(&anonymous(), &order(wanted, "alice/dev")).await.expect("asked")[0];
        let job = worker.claim().await;
        assert_eq!(job.build, build);
        worker.fails(&job, Class::WrongWheel).await;
    }
    let build = id(&server.ask_builds("demo").await[0]);
    assert_ne!(server.build(build).await["state"], "failed", "nobody else's failure is this one's");
    worker.builds(&worker.claim().await).await;
    assert_eq!(becomes(&server, build, "built").await["project"], "demo");
}

#[tokio::test]
async fn a_stranger_who_joined_a_build_does_not_end_it_for_those_who_have_no_account() {
    let server = Server::start().await;
    stocked(&server, &["demo"]).await;
    server.make_user("eve", "eve-secret").await;
    server.worker("carl", "one").await;
    let wanted = Wanted::Requirement(Requirement::parse("demo").expect("a requirement"));
    let build = server.app.queue.ask(&anonymous(), &order(wanted, "alice/dev")).await.expect("asked")[0];
    let eve = Auth::basic("eve", "eve-secret");
    let body = json!({"requirement": "demo", "from": "alice/dev", "targets": ["cp312-test"]});
    let joined = server.ask("POST", "/+builds", &eve, Some(body)).await.1;
    assert_eq!(id(&joined["result"][0]), build);
    let (status, _) = server.ask("POST", &format!("/+builds/{build}/cancel"), &eve, None).await;
    assert_eq!(status, 200);
    assert_eq!(server.build(build).await["state"], "queued");
}

#[tokio::test]
async fn what_failed_by_its_surroundings_runs_again_when_asked_for_and_what_failed_by_itself_does_not() {
    let server = Server::start().await;
    stocked(&server, &["demo"]).await;
    let worker = server.worker("carl", "one").await;
    let build = id(&server.ask_builds("demo").await[0]);
    for (class, step, again) in [
        (Class::BuildRequirement, Step::Environment, true),
        (Class::Other, Step::Environment, true),
        (Class::Network, Step::Fetch, true),
        (Class::Compiler, Step::Build, false),
    ] {
        let job = worker.claim().await;
        let failure = Failure { class, hint: "no".into(), line: None, step };
        assert_eq!(worker.outcome(&job, &JobOutcome::Failed(failure)).await, 200);
        assert_eq!(id(&server.ask_builds("demo").await[0]), build);
        let state = server.build(build).await["state"].clone();
        assert_eq!(state == "queued", again, "{class:?}: {state}");
    }
}
