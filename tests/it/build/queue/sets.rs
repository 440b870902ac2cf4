//! Builds that run again because of a requirement: which, against what, and published together or not at all.

use super::{becomes, stocked};
use crate::kit::Server;
use crate::kit::backend::on_both;
use crate::kit::fake_worker::FakeWorker;
use crate::kit::packages::{Dist, Package};
use crate::kit::script::Auth;
use crate::kit::stages::PASSWORD;
use serde_json::{Value, json};
use wheelwright::build::job::{Job, JobOutcome};
use wheelwright::db::builds::Ending;
use wheelwright::tools::time::now;
use wheelwright::words::{Class, Evidence, Step};

pub(super) fn alice() -> Auth {
    Auth::basic("alice", PASSWORD)
}

/// Ends a job with a wheel that was built against this version of `abi`; `None`: without it.
pub(super) async fn built_against(
    worker: &FakeWorker<'_>,
    job: &Job,
    version: Option<&str>,
    doubts: &[&str],
) {
    let wheel = handed_in(worker, job, version).await;
    ended(worker, job, wheel.filename, (version, doubts)).await;
}

/// Hands in such a wheel.
pub(super) async fn handed_in(worker: &FakeWorker<'_>, job: &Job, version: Option<&str>) -> Dist {
    let (project, release) =
        (job.project.clone().expect("a project"), job.version.clone().expect("a version"));
    let code = format!("ABI = {version:?}\n");
    let wheel = Package::new(&project, &release).member(&format!("{project}.py"), code.as_str()).wheel();
    let (status, body) = worker.hand_in(job, &wheel.filename, wheel.bytes.clone()).await;
    assert_eq!(status, 200, "{body}");
    wheel
}

/// Says that the job ended well.
pub(super) async fn ended(
    worker: &FakeWorker<'_>,
    job: &Job,
    wheel: String,
    (version, doubts): (Option<&str>, &[&str]),
) {
    let evidence = Evidence {
        requirements: version.map(|version| ("Abi".to_owned(), version.to_owned())).into_iter().collect(),
        doubts: doubts.iter().map(|why| (*why).to_owned()).collect(),
        ..Evidence::default()
    };
    let outcome = JobOutcome::Built { wheel, evidence: Box::new(evidence) };
    assert_eq!(worker.outcome(job, &outcome).await, 200);
}

/// `one` and `two` were built against abi 1.0, `three` without it; then abi 2.0 came.
pub(super) async fn with_old_wheels(server: &Server, worker: &FakeWorker<'_>) {
    stocked(server, &["one", "two", "three"]).await;
    for project in ["one", "two", "three"] {
        let order = json!({"requirement": project, "from": "alice/dev", "targets": ["cp312-test"]});
        let (status, body) = server.ask("POST", "/+builds", &alice(), Some(order)).await;
        assert_eq!(status, 200, "{body}");
        built_against(worker, &worker.claim().await, Some("1.0").filter(|_| project != "three"), &[]).await;
    }
    for version in ["1.0", "2.0"] {
        server.publish("alice/dev", &Package::new("abi", version).tag("py3-none-any").wheel()).await;
    }
}

pub(super) async fn rebuild(server: &Server, order: Value) -> Value {
    let (status, body) = server.ask("POST", "/alice/dev/+rebuild", &alice(), Some(order)).await;
    assert_eq!(status, 200, "{body}");
    body["result"].clone()
}

pub(super) async fn set(server: &Server, id: &Value) -> Value {
    server.ask("GET", &format!("/alice/dev/+rebuild/{id}"), &alice(), None).await.1["result"].clone()
}

/// The wheels of a project on the index's page.
async fn wheels(server: &Server, project: &str) -> usize {
    let page = server.get(&format!("/alice/dev/+simple/{project}/")).await.text().await.expect("a page");
    page.matches(".whl</a>").count()
}

pub(super) async fn all_wheels(server: &Server) -> [usize; 3] {
    [wheels(server, "one").await, wheels(server, "two").await, wheels(server, "three").await]
}

pub(super) fn members(view: &Value) -> Vec<String> {
    let text = |member: &Value, key: &str| member[key].as_str().unwrap_or_default().to_owned();
    let all = view["members"].as_array().expect("members").iter();
    all.map(|member| {
        format!("{} {} {}", text(member, "project"), text(member, "was"), text(member, "against"))
    })
    .collect()
}

on_both! {
    async fn what_was_built_against_another_version_is_built_again_and_published_together(server: Server) {
        let worker = server.worker("carl", "one").await;
        with_old_wheels(&server, &worker).await;
        assert_eq!(all_wheels(&server).await, [1, 1, 1]);
        let plan = rebuild(&server, json!({"because": "abi", "dry_run": true})).await;
        assert_eq!(members(&plan), ["one 1.0 abi==2.0", "two 1.0 abi==2.0"], "{plan:#}");
        assert!(plan["id"].is_null() && worker.claim_at_once().await.is_none(), "nothing is built");
        assert_eq!(members(&rebuild(&server, json!({"because": "abi==1.0"})).await), [""; 0], "they have that");

        let begun = rebuild(&server, json!({"because": "Abi>=1.5", "targets": ["cp312"]})).await;
        assert_eq!(members(&begun), ["one 1.0 abi==2.0", "two 1.0 abi==2.0"]);
        let first = worker.claim().await;
        let recipe = first.recipe.clone().expect("a recipe");
        assert_eq!(recipe["build"]["constraints"], json!(["abi==2.0"]), "{recipe}");
        built_against(&worker, &first, Some("2.0"), &[]).await;
        becomes(&server, first.build, "built").await;
        server.app.queue.look_after(now()).await.expect("it is tended");
        wheelwright::build::publish::catch_up(&server.app.db, &server.app.indexes).await.expect("caught up");
        assert_eq!(all_wheels(&server).await, [1, 1, 1], "not before the last has ended");
        assert_eq!(set(&server, &begun["id"]).await["state"], "open");
        built_against(&worker, &worker.claim().await, Some("2.0"), &[]).await;
        let done = set(&server, &begun["id"]).await;
        assert_eq!(done["state"], "published", "{done:#}");
        assert!(done["members"].as_array().expect("members").iter().all(|one| one["published"] == true), "{done:#}");
        assert_eq!(all_wheels(&server).await, [2, 2, 1]);
        assert_eq!(members(&rebuild(&server, json!({"because": "abi"})).await), [""; 0], "all are new");
        // An ordinary order is another build, which was done before.
        let order = json!({"requirement": "one", "from": "alice/dev", "targets": ["cp312-test"]});
        let (_, body) = server.ask("POST", "/+builds", &alice(), Some(order)).await;
        assert_eq!(body["result"][0]["evidence"]["requirements"]["Abi"], "1.0", "{body}");
    }
}

#[tokio::test]
async fn if_one_fails_none_is_published_unless_it_keeps_going_and_what_was_built_is_not_built_again() {
    let server = Server::start().await;
    let worker = server.worker("carl", "one").await;
    with_old_wheels(&server, &worker).await;
    let begun = rebuild(&server, json!({"because": "abi==2.0"})).await;
    let first = worker.claim().await;
    built_against(&worker, &first, Some("2.0"), &[]).await;
    let second = worker.claim().await;
    worker.fails(&second, Class::Compiler).await;
    let done = set(&server, &begun["id"]).await;
    assert_eq!(done["state"], "withheld", "{done:#}");
    let trouble = |view: &Value| -> Vec<String> {
        let all = view["members"].as_array().expect("members").iter();
        all.filter_map(|one| one["trouble"].as_str().map(str::to_owned)).collect()
    };
    assert_eq!(trouble(&done), ["compiler: error: no"]);
    assert_eq!(all_wheels(&server).await, [1, 1, 1]);
    let (_, body) = server.ask("GET", "/alice/dev/+explain/two", &alice(), None).await;
    assert_eq!(body["left_out"], json!([]), "the wheel that was there stays: {body:#}");

    // Neither what used another version all the same nor what is doubtful now went well.
    for (version, doubts, expected) in [
        (Some("1.0"), &[][..], "it was built against abi 1.0, not 2.0"),
        (None, &[], "it was built without abi"),
        (Some("2.0"), &["it cannot be imported"], "its wheel is doubtful: it cannot be imported"),
    ] {
        let again = rebuild(&server, json!({"because": "abi==2.0"})).await;
        assert_eq!(members(&again).len(), 2, "{again:#}");
        let job = worker.claim().await;
        assert_eq!(job.build, second.build, "what was built is not built again");
        built_against(&worker, &job, version, doubts).await;
        let done = set(&server, &again["id"]).await;
        assert_eq!((done["state"].as_str(), trouble(&done)), (Some("withheld"), vec![expected.to_owned()]));
        // So that it runs again.
        server.ask("POST", &format!("/+builds/{}/rebuild", second.build), &alice(), None).await;
        worker.fails(&worker.claim().await, Class::Compiler).await;
    }
    assert_eq!(all_wheels(&server).await, [1, 1, 1]);
    let going = rebuild(&server, json!({"because": "abi==2.0", "keep_going": true})).await;
    worker.fails(&worker.claim().await, Class::Compiler).await;
    let done = set(&server, &going["id"]).await;
    assert_eq!((done["state"].as_str(), trouble(&done).len()), (Some("published"), 1), "{done:#}");
    let published = (wheels(&server, "one").await, wheels(&server, "two").await);
    assert!(published == (2, 1) || published == (1, 2), "{published:?}");
}

#[tokio::test]
async fn a_set_goes_on_after_the_server_was_started_anew() {
    let before = Server::start().await;
    let worker = before.worker("carl", "one").await;
    with_old_wheels(&before, &worker).await;
    let begun = rebuild(&before, json!({"because": "abi==2.0", "keep_going": true})).await;
    let (first, second) = (worker.claim().await, begun["members"].clone());
    built_against(&worker, &first, Some("2.0"), &[]).await;
    let mut other = second.as_array().expect("members").iter().filter_map(|one| one["build"].as_i64());
    let other = other.find(|id| *id != first.build).expect("another");
    // It ended, and the server did before it could do anything about that.
    let end = Ending {
        class: Class::Compiler,
        hint: "mend it".into(),
        line: None,
        step: Step::Build,
        log_sha256: None,
        at: now(),
    };
    assert!(before.app.db.cancel_build(other, true, &end).await.expect("it ends"));
    let folder = before.data.path().to_owned();
    let after = Server::start_with(|config| config.data = folder).await;
    assert_eq!(all_wheels(&after).await, [1, 1, 1]);
    after.app.queue.look_after(now()).await.expect("it is tended");
    let done = set(&after, &begun["id"]).await;
    assert_eq!(done["state"], "published", "{done:#}");
    assert_eq!(all_wheels(&after).await.iter().sum::<usize>(), 4, "the one that went well");
    drop(before);
}

#[tokio::test]
async fn another_wheel_is_given_to_an_index_by_those_alone_who_may() {
    let server = Server::start().await;
    let worker = server.worker("carl", "one").await;
    with_old_wheels(&server, &worker).await;
    server.make_user("eve", "eve-secret").await;
    let eve = Auth::basic("eve", "eve-secret");
    let order = || Some(json!({"because": "abi==2.0"}));
    let (status, body) = server.ask("POST", "/alice/dev/+rebuild", &eve, order()).await;
    assert_eq!(status, 403, "{body}");
    assert_eq!(server.ask("POST", "/alice/dev/+rebuild", &Auth::None, order()).await.0, 401);
    assert!(worker.claim_at_once().await.is_none());
    for (wrong, status) in [
        (json!({"because": "abi @ https://host/abi.whl"}), 400),
        (json!({"because": ""}), 400),
        (json!({"because": "abi", "targets": ["cp399"]}), 404),
    ] {
        let (got, body) = server.ask("POST", "/alice/dev/+rebuild", &alice(), Some(wrong)).await;
        assert_eq!(got, status, "{body}");
    }
    // Nothing that the context has is this new.
    let none = rebuild(&server, json!({"because": "abi>=3"})).await;
    assert_eq!(members(&none), [""; 0]);
    let why = none["left_alone"][0]["why"].as_str().unwrap_or_default();
    assert!(why.contains("alice/dev has no abi>=3 for cp312-test"), "{none:#}");
    server.as_alice("PATCH", "/alice/dev", r#"["acl_read=alice"]"#).await;
    assert_eq!(server.ask("POST", "/alice/dev/+rebuild", &eve, order()).await.0, 404);
}
