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
    let project = job.project.as_deref().expect("a project");
    let wheel = Package::new(project, job.version.as_deref().expect("a version")).wheel();
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

/// What somebody is shown of an index, or of a project on it.
async fn shown(server: &Server, path: &str, auth: &Auth) -> Value {
    let (status, body) = server.ask("GET", path, auth, None).await;
    assert_eq!(status, 200, "{body}");
    body["result"].clone()
}

on_both! {
    async fn what_builds_found_is_shown_as_a_recipe_too_and_can_be_forgotten(server: Server) {
        stocked(&server, &["demo", "other"]).await;
        for version in ["1.2", "1.10"] {
            let newer = Package::new("demo", version).sdist();
            assert_eq!(server.post("/alice/dev/", Form::of(&newer), "alice", PASSWORD).await.status, 200);
        }
        let worker = server.worker("carl", "one").await;
        let found = json!({"packages": ["libfoo-dev"]});
        for version in ["1.0", "1.10", "1.2"] {
            server.ask_builds(&format!("demo=={version}")).await;
            let job = worker.claim().await;
            builds_with(&worker, &job, found.clone()).await;
        }
        server.ask_builds("other").await;
        let other = worker.claim().await;
        builds_with(&worker, &other, json!({"build": {"constraints": ["setuptools<58"]}})).await;

        let anyone = shown(&server, "/alice/dev/+learned/", &Auth::None).await;
        let all = anyone["learned"].as_array().expect("a list");
        let told = |one: &Value| [&one["project"], &one["range"], &one["strategy"]].map(|text| text.as_str().unwrap_or_default().to_owned());
        let expected = [
            ["demo", ">=1.0,<=1.10", "system packages: libfoo-dev"],
            ["other", "==1.0", "constraints: setuptools<58"],
        ];
        assert_eq!(all.iter().map(told).collect::<Vec<_>>(), expected.map(|one| one.map(str::to_owned)), "{anyone:#}");
        assert_eq!(all[0]["versions"], json!(["1.0", "1.2", "1.10"]));
        assert_eq!((&all[0]["index"], &all[0]["found"], &anyone["recipe"]), (&json!("alice/dev"), &found, &Value::Null));
        let demo = shown(&server, "/alice/dev/+learned/Demo", &Auth::None).await;
        let recipe = demo["recipe"].as_str().expect("a recipe");
        assert!(recipe.contains("versions = \">=1.0,<=1.10\"\n\n[system]\ndebian = [\"libfoo-dev\"]"), "{recipe}");

        let forget = async |part: &str, auth: Auth| server.ask("DELETE", &format!("/alice/dev/+learned/demo{part}"), &auth, None).await;
        let alice = || Auth::basic("alice", PASSWORD);
        assert_eq!(forget("", Auth::None).await.0, 401);
        assert_eq!(forget("?version=9", alice()).await.0, 404);
        assert_eq!(forget("?version=1.2.0&target=cp3", alice()).await.0, 404, "cp3 is no target");
        let (status, said) = forget("?version=1.2.0&target=cp312", alice()).await;
        assert_eq!((status, &said["message"]), (200, &json!("1 finding of demo on alice/dev is forgotten")));
        let left = shown(&server, "/alice/dev/+learned/demo", &alice()).await;
        assert_eq!(left["learned"][0]["versions"], json!(["1.0", "1.10"]), "{left:#}");
        assert_eq!(forget("", alice()).await.0, 200);
        assert_eq!(shown(&server, "/alice/dev/+learned/demo", &alice()).await, json!({"learned": [], "recipe": null}));
        assert_eq!(again(&server, &worker, other.build).await.learned.map(|learned| learned.build), Some(other.build));
    }
}

#[tokio::test]
async fn what_a_base_learned_is_seen_by_those_who_may_read_the_base() {
    let server = Server::start().await;
    stocked(&server, &["demo"]).await;
    server.make_index("alice/open", json!({"bases": "alice/dev"})).await;
    let worker = server.worker("carl", "one").await;
    server.ask_builds("demo==1.0").await;
    builds_with(&worker, &worker.claim().await, json!({"packages": ["libsecret-dev"]})).await;
    let alice = Auth::basic("alice", PASSWORD);
    server.as_alice("PATCH", "/alice/dev", r#"["acl_read=alice"]"#).await;
    for path in ["/alice/open/+learned/", "/alice/open/+learned/demo/"] {
        assert_eq!(shown(&server, path, &Auth::None).await, json!({"learned": [], "recipe": null}), "{path}");
        let own = shown(&server, path, &alice).await;
        assert_eq!(
            (&own["learned"][0]["index"], own["learned"][0]["range"].as_str()),
            (&json!("alice/dev"), Some("==1.0"))
        );
    }
    // It is forgotten where it was learned.
    let (status, said) = server.ask("DELETE", "/alice/open/+learned/demo/", &alice, None).await;
    assert!(
        status == 404 && said["message"].as_str().expect("words").contains("What a base found"),
        "{said}"
    );

    let page =
        async |path: &str| server.get_with(path, &[("accept", "text/html,application/xhtml+xml")]).await;
    let project = page("/alice/open/demo").await;
    assert!(!project.text().await.expect("a page").contains("+learned"), "strangers are not told");
    server.as_alice("PATCH", "/alice/dev", r#"["acl_read=:ANONYMOUS:"]"#).await;
    let project = page("/alice/open/demo").await.text().await.expect("a page");
    assert!(project.contains("alice/open/+learned/demo/\">see what</a>"), "{project}");
    for path in ["/alice/open/+learned/", "/alice/open/+learned/demo/"] {
        let list = page(path).await.text().await.expect("a page");
        assert!(list.contains("system packages: libsecret-dev") && list.contains("demo ==1.0"), "{list}");
        assert_eq!(
            list.contains("[system]\ndebian = [&#34;libsecret-dev&#34;]"),
            path.contains("demo"),
            "{list}"
        );
    }
}
