//! What is in quarantine is neither listed nor served, wherever it comes from.

use super::{get, names, page, quarantine, release};
use crate::kit::backend::on_both;
use crate::kit::packages::Package;
use crate::kit::script::Auth;
use crate::kit::stages::stage;
use crate::kit::upstream::Upstream;
use crate::kit::worker::{NINE, hire};
use serde_json::{Value, json};
use std::time::Duration;
use wheelwright::access::Who;
use wheelwright::build::queue::{Ask, Priority, Wanted};
use wheelwright::words::{BuildState, Class};

on_both! {
    async fn a_version_disappears_from_stages_and_mirrors_and_comes_back(server: Server) {
        server.make_stage().await;
        let upstream = Upstream::start().await;
        let (bad, good) = (Package::new("demo", "1.0").wheel(), Package::new("demo", "2.0").wheel());
        for dist in [&bad, &good] {
            upstream.add(&dist.filename, dist.bytes.clone());
            server.publish("alice/dev", dist).await;
        }
        server.have_index("alice/mirror", json!({"type": "mirror", "mirror_url": upstream.simple()})).await;
        for index in ["alice/dev", "alice/mirror"] {
            let (simple, file) = (format!("/{index}/+simple/demo/"), format!("/{index}/{}", bad.path()));
            // In memory, and on the disk of the mirror.
            assert_eq!(names(&page(&server, &simple).await).len(), 2);
            assert_eq!(get(&server, &file).await.0, 200);
            let id = quarantine(&server, "demo==1.0", "it steals tokens").await;
            let shown = page(&server, &simple).await;
            assert_eq!(names(&shown), [good.filename.as_str()]);
            assert_eq!(shown["versions"], json!(["2.0"]));
            for path in [file.clone(), format!("{file}.metadata")] {
                let answer = server.get(&path).await;
                assert_eq!(answer.status(), 403, "{path}");
                assert_eq!(answer.headers()["content-type"], "application/problem+json");
                let told: Value = serde_json::from_str(&answer.text().await.expect("text")).expect("JSON");
                assert_eq!(told["detail"], format!("demo 1.0 is quarantined: it steals tokens (quarantine {id})"));
            }
            let explained = get(&server, &format!("/{index}/+explain/demo")).await.1;
            assert!(explained.contains("it is quarantined: it steals tokens"), "{explained}");
            assert_eq!(get(&server, &format!("/{index}/{}", good.path())).await.0, 200);
            let past = page(&server, &format!("/{index}/+at/2099-01-01/+simple/demo/")).await;
            assert!(!names(&past).contains(&bad.filename.as_str()), "{past}");
            release(&server, &id).await;
            assert_eq!(names(&page(&server, &simple).await).len(), 2);
            assert_eq!(get(&server, &file).await.0, 200);
        }
    }
}

#[tokio::test]
async fn a_whole_project_has_no_files_and_the_status_of_pep_792() {
    let server = stage().await;
    server.make_index("alice/prod", json!({"bases": ["alice/dev"]})).await;
    let demo = Package::new("demo", "1.0").wheel();
    server.publish("alice/dev", &demo).await;
    quarantine(&server, "Demo", "taken over").await;
    for index in ["alice/dev", "alice/prod"] {
        let shown = page(&server, &format!("/{index}/+simple/demo/")).await;
        assert!(names(&shown).is_empty(), "{shown}");
        assert_eq!(shown["project-status"]["status"], "quarantined", "{shown}");
        assert!(shown["project-status"]["reason"].as_str().expect("a reason").starts_with("taken over"));
    }
    let raw = format!("GET /alice/dev/{} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", demo.path());
    let line = server.first_line(raw.as_bytes()).await;
    assert!(line.starts_with("HTTP/1.1 403 demo 1.0 is quarantined: taken over"), "{line}");
    let person = server.get_with("/alice/dev/demo", &[("accept", "text/html,application/xhtml+xml")]).await;
    let person = person.text().await.expect("a page");
    assert!(person.contains("Quarantined.") && person.contains("taken over"), "{person}");
}

#[tokio::test]
async fn of_one_index_only_that_one_and_what_inherits_from_it_are_meant() {
    let server = stage().await;
    server.make_index("alice/prod", json!({"bases": ["alice/dev"]})).await;
    server.make_index("alice/other", json!({"bases": []})).await;
    let demo = Package::new("demo", "1.0").wheel();
    server.publish("alice/dev", &demo).await;
    server.publish("alice/other", &demo).await;
    let asked = json!({"what": "demo<2", "why": "unproven", "index": "alice/dev"});
    let (status, told) = server.as_alice("POST", "/+quarantine", &asked.to_string()).await;
    assert_eq!(status, 201, "{told}");
    assert!(names(&page(&server, "/alice/dev/+simple/demo/").await).is_empty());
    assert!(names(&page(&server, "/alice/prod/+simple/demo/").await).is_empty());
    assert_eq!(get(&server, &format!("/alice/dev/{}", demo.path())).await.0, 403);
    assert_eq!(names(&page(&server, "/alice/other/+simple/demo/").await).len(), 1);
    assert_eq!(get(&server, &format!("/alice/other/{}", demo.path())).await.0, 200);
    let push = json!({"name": "demo", "version": "1.0", "targetindex": "alice/other"});
    let (status, told) = server.as_alice("PUSH", "/alice/dev", &push.to_string()).await;
    assert_eq!(status, 403, "{told}");
}

#[tokio::test]
async fn a_build_that_waits_for_a_quarantined_source_does_not_start() {
    let server = stage().await;
    server.build_nothing_ahead("dev").await;
    hire(&server).await;
    server.publish("alice/dev", &Package::new("demo", "1.0").sdist()).await;
    let ask = || Ask {
        targets: vec![NINE.to_owned()],
        ..Ask::wheels(
            Wanted::Requirement(
                wheelwright::packaging::requirement::Requirement::parse("demo==1.0").expect("valid"),
            ),
            "alice/dev".parse().expect("a name"),
            Priority::Asked,
        )
    };
    let id = server.app.queue.ask(&Who::person("alice"), &ask()).await.expect("a build")[0];
    let held = quarantine(&server, "demo", "it steals tokens").await;
    let claimed =
        server.app.queue.claim("root", "w", "", None, Duration::from_secs(1)).await.expect("an answer");
    assert!(claimed.is_none());
    let build = server.app.queue.get(id).await.expect("the build");
    let failure = build.failure.expect("a failure");
    assert_eq!((build.state, failure.class), (BuildState::Failed, Class::Cancelled));
    assert!(failure.hint.contains("demo 1.0 is quarantined: it steals tokens"), "{}", failure.hint);
    let refused = server.app.queue.ask(&Who::person("alice"), &ask()).await;
    assert!(refused.is_err(), "nothing of it is listed");
    release(&server, &held).await;
    assert_eq!(server.app.queue.ask(&Who::person("alice"), &ask()).await.expect("a build"), [id]);
    assert!(
        server
            .app
            .queue
            .claim("root", "w", "", None, Duration::from_secs(30))
            .await
            .expect("an answer")
            .is_some()
    );
    assert_eq!(
        server.ask("GET", "/+quarantine?released", &Auth::root(), None).await.1["result"][0]["id"],
        held
    );
}
