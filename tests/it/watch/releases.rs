//! From a tag to a release.

use super::{alice, new_watch, wheel_for};
use crate::kit::backend::on_both;
use crate::kit::git_host::Repository;
use crate::kit::stages::stage;
use crate::kit::worker::{NEW, NINE, TWO, built, failed, hire, job};
use wheelwright::build::job::JobOutcome;
use wheelwright::build::watch::Since;
use wheelwright::words::{Class, Failure, Step};

on_both! {
    async fn a_new_tag_becomes_a_release_with_the_wheels_of_all_targets_together(server: Server) {
        server.make_stage().await;
        hire(&server).await;
        let repository = Repository::new();
        repository.tag("v1.0");
        repository.tag("nightly");
        let id = server.watch_repository(&repository).await;
        let found = server.watched(id).await["found"].clone();
        assert_eq!((&found[0]["tag"], &found[0]["state"]), (&"v1.0".into(), &"older".into()), "{found:#}");
        assert_eq!(found[1]["reason"], "the tag does not match v{version}", "{found:#}");

        let commit = repository.tag("v1.1");
        repository.tag("v1.x");
        server.look(id).await;
        let mut targets = vec![NINE, NEW];
        for left in [1, 0] {
            let job = job(&server).await;
            assert_eq!(job.source.commit.as_deref(), Some(commit.as_str()));
            // Both have the same place in the queue.
            let place = targets.iter().position(|target| *target == job.target).expect("one that is wanted");
            let expected = targets.remove(place);
            assert_eq!(server.files("demo").await, [""; 0], "nothing before all is built");
            built(&server, &job, &wheel_for("demo", "1.1", expected)).await;
            if left > 0 {
                server.tag_is(id, "v1.1", "building").await;
            }
        }
        let released = server.tag_is(id, "v1.1", "published").await;
        assert_eq!(released["builds"].as_array().map(Vec::len), Some(2), "{released:#}");
        let mut files = server.files("demo").await;
        files.sort();
        assert_eq!(files, [wheel_for("demo", "1.1", NEW).filename, wheel_for("demo", "1.1", NINE).filename]);
        let odd = server.tag_is(id, "v1.x", "skipped").await;
        assert_eq!(odd["reason"], "\"1.x\" is not a valid version (PEP 440)");

        // The next release, of a tag that names its commit itself.
        repository.commit();
        repository.git(&["tag", "v1.2"]);
        server.look(id).await;
        for _ in 0..2 {
            let job = job(&server).await;
            built(&server, &job, &wheel_for("demo", "1.2", &job.target)).await;
        }
        server.tag_is(id, "v1.2", "published").await;
        assert_eq!(server.files("demo").await.len(), 4);
    }
}

#[tokio::test]
async fn one_target_that_fails_keeps_back_all_wheels_until_it_is_built_again() {
    let server = stage().await;
    hire(&server).await;
    let repository = Repository::new();
    let id = server.watch_repository(&repository).await;
    repository.tag("v1.0");
    server.look(id).await;
    let first = job(&server).await;
    built(&server, &first, &wheel_for("demo", "1.0", &first.target)).await;
    let second = job(&server).await;
    failed(&server, &second).await;
    let watch = loop {
        let watch = server.watched(id).await;
        if watch["found"][0]["state"] == "failed" {
            break watch;
        }
    };
    let why = watch["found"][0]["reason"].as_str().expect("a reason");
    assert!(why.starts_with(&format!("build {} for {}: compiler", second.build, second.target)), "{why}");
    let (status, _) = server.ask("GET", &format!("/+builds/{}", second.build), &alice(), None).await;
    assert_eq!(status, 200, "the index's owner reads why");
    assert_eq!(server.files("demo").await, [""; 0]);

    // Looking now has only what failed built again.
    server.look(id).await;
    let again = job(&server).await;
    assert_eq!(again.build, second.build);
    built(&server, &again, &wheel_for("demo", "1.0", &again.target)).await;
    server.tag_is(id, "v1.0", "published").await;
    assert_eq!(server.files("demo").await.len(), 2);
}

#[tokio::test]
async fn a_wheel_of_another_version_than_the_tag_is_not_released() {
    let server = stage().await;
    hire(&server).await;
    let repository = Repository::new();
    let id = server.watch_repository(&repository).await;
    repository.tag("v1.1");
    server.look(id).await;
    for _ in 0..2 {
        let job = job(&server).await;
        built(&server, &job, &wheel_for("demo", "1.0", &job.target)).await;
    }
    let why = loop {
        let watch = server.watched(id).await;
        if watch["found"][0]["state"] == "failed" {
            break watch["found"][0]["reason"].to_string();
        }
    };
    assert!(why.contains("the tag v1.1 means version 1.1, but its wheel has version 1.0"), "{why}");
    assert_eq!(server.files("demo").await, [""; 0]);
}

#[tokio::test]
async fn several_projects_of_one_repository_have_a_watch_each() {
    let server = stage().await;
    hire(&server).await;
    let repository = Repository::new();
    for name in ["a", "b"] {
        repository.write(&format!("packages/{name}/setup.py"), name);
    }
    let mut ids = Vec::new();
    for name in ["a", "b"] {
        let mut new = new_watch(&format!("{}#subdirectory=packages/{name}", repository.url()));
        (new.pattern, new.targets) = (Some(format!("{name}@{{version}}")), vec![NEW.to_owned()]);
        ids.push(server.watch(new).await);
    }
    repository.tag("a@1.0");
    repository.tag("b@2.0");
    for (id, name, version) in [(ids[0], "a", "1.0"), (ids[1], "b", "2.0")] {
        server.look(id).await;
        let job = job(&server).await;
        assert_eq!(job.source.subdirectory, format!("packages/{name}"));
        built(&server, &job, &wheel_for(name, version, NEW)).await;
        server.tag_is(id, &format!("{name}@{version}"), "published").await;
        let other = if name == "a" { "b@2.0" } else { "a@1.0" };
        assert_eq!(server.tag_is(id, other, "skipped").await["version"], serde_json::Value::Null);
        assert_eq!(server.files(name).await, [wheel_for(name, version, NEW).filename]);
    }
}

#[tokio::test]
async fn older_tags_are_built_if_they_are_asked_for_and_targets_that_a_project_lacks_are_left_out() {
    let server = stage().await;
    hire(&server).await;
    let repository = Repository::new();
    for tag in ["v0.9", "v1.0"] {
        repository.tag(tag);
    }
    let mut new = new_watch(&repository.url());
    (new.targets, new.since) = (Vec::new(), Since::parse("1.0").expect("a version"));
    let id = server.watch(new).await;
    for _ in 0..3 {
        let job = job(&server).await;
        match job.target.as_str() {
            TWO => {
                let why = Failure::new(Class::RequiresPython, Step::Build, "not for 2.7");
                let outcome = JobOutcome::Failed(why);
                server.app.queue.end("root", job.build, job.fence, outcome).await.expect("an end");
            }
            target => built(&server, &job, &wheel_for("demo", "1.0", target)).await,
        }
    }
    let released = server.tag_is(id, "v1.0", "published").await;
    assert_eq!(released["builds"].as_array().map(Vec::len), Some(2), "{released:#}");
    server.tag_is(id, "v0.9", "older").await;
    assert_eq!(server.files("demo").await.len(), 2);
}
