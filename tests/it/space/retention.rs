//! Releases that the rules of their index do not keep.

use super::gc;
use crate::kit::Server;
use crate::kit::backend::on_both;
use crate::kit::names::{index_name, project_name};
use crate::kit::packages::Package;
use crate::kit::script::Auth;
use crate::kit::stages::stage;
use crate::kit::upstream::Upstream;
use serde_json::json;
use wheelwright::access::Who;
use wheelwright::index::locks::{self, NewLock};

const DEV: &str = "alice/dev";

async fn versions(server: &Server, project: &str) -> Vec<String> {
    let releases = server.app.db.releases(&index_name(DEV), &project_name(project)).await.expect("releases");
    let mut versions: Vec<String> = releases.into_iter().map(|release| release.version).collect();
    versions.sort();
    versions
}

async fn publish(server: &Server, project: &str, versions: &[&str]) {
    for version in versions {
        server.publish(DEV, &Package::new(project, version).wheel()).await;
    }
}

on_both! {
    async fn the_newest_releases_of_each_kind_stay_and_a_dry_run_names_the_others(server: Server) {
        server.make_stage().await;
        server.build_nothing_ahead("dev").await;
        publish(&server, "demo", &["1.0", "1.2", "1.10", "2.0rc1", "2.0.dev1", "2.0.dev2"]).await;
        publish(&server, "other", &["1.0"]).await;
        assert_eq!(gc(&server, false).await.expired, [], "without rules all stay");
        let rules = r#"["keep_releases=2", "keep_devreleases=1"]"#;
        let (status, text) = server.as_alice("PATCH", "/alice/dev", rules).await;
        assert_eq!(status, 200, "{text}");

        let dry = gc(&server, true).await.expired;
        let named: Vec<(&str, &str)> = dry.iter().map(|gone| (&*gone.version, &*gone.why)).collect();
        assert_eq!(named, [("1.0", "keep_releases = 2"), ("2.0.dev1", "keep_devreleases = 1")]);
        assert_eq!(versions(&server, "demo").await.len(), 6, "a dry run removes nothing");

        let serial = server.app.db.serial().await.expect("a serial");
        assert_eq!(gc(&server, false).await.expired, dry);
        assert_eq!(versions(&server, "demo").await, ["1.10", "1.2", "2.0.dev2", "2.0rc1"]);
        assert_eq!(versions(&server, "other").await, ["1.0"]);
        let left = server.app.db.audit_after(serial, 10).await.expect("entries");
        let told: Vec<_> = left.iter().map(|e| (&*e.who, &*e.what, e.detail.as_deref().unwrap_or(""))).collect();
        assert_eq!(told, [(":server", "delete release", "1.0"), (":server", "delete release", "2.0.dev1")]);
        assert!(left[0].before.as_deref().is_some_and(|before| before.contains("keep_releases = 2")));
        let page = server.get("/alice/dev/+simple/demo/").await.text().await.expect("a page");
        assert!(page.contains("demo-1.2-") && !page.contains("demo-1.0-"), "{page}");
        assert_eq!(gc(&server, false).await.expired, [], "and no more");
    }
}

#[tokio::test]
async fn what_is_young_stays_and_a_name_stays_private_when_its_last_release_goes() {
    let upstream = Upstream::start().await;
    let stranger = Package::new("demo", "9.0").wheel();
    upstream.add(&stranger.filename, stranger.bytes.clone());
    let server = stage().await;
    server.build_nothing_ahead("dev").await;
    server.have_index("alice/mirror", json!({"type": "mirror", "mirror_url": upstream.simple()})).await;
    server.make_index("alice/prod", json!({"bases": ["alice/dev", "alice/mirror"]})).await;
    publish(&server, "demo", &["1.0.dev1"]).await;
    let (status, _) =
        server.as_alice("PATCH", "/alice/dev", r#"["keep_devreleases=0", "keep_for=1d"]"#).await;
    assert_eq!(status, 200);
    assert_eq!(gc(&server, false).await.expired, []);
    let (status, _) = server.as_alice("PATCH", "/alice/dev", r#"["keep_for=0s"]"#).await;
    assert_eq!(status, 200);
    assert_eq!(gc(&server, false).await.expired.len(), 1);
    assert_eq!(versions(&server, "demo").await, Vec::<String>::new());
    for index in ["alice/dev", "alice/prod"] {
        let answer = server.get(&format!("/{index}/+simple/demo/")).await;
        assert_eq!(answer.status(), 200, "{index}");
        let page = answer.text().await.expect("a page");
        assert!(!page.contains("demo-"), "{index}: {page}");
    }
    assert_eq!(upstream.asked("/simple/demo"), 0, "{:?}", upstream.log());
    publish(&server, "demo", &["2.0"]).await;
    assert_eq!(versions(&server, "demo").await, ["2.0"], "and its owner goes on");
}

#[tokio::test]
async fn a_release_that_a_lock_names_or_that_is_in_quarantine_stays_and_takes_no_good_ones_place() {
    let server = stage().await;
    server.build_nothing_ahead("dev").await;
    publish(&server, "demo", &["1.0", "2.0", "3.0", "4.0"]).await;
    server.as_alice("PATCH", "/alice/dev", r#"["keep_releases=1"]"#).await;
    let watched = NewLock {
        name: "prod".into(),
        index: None,
        file: "requirements.txt".into(),
        text: "demo==1.0\n".into(),
    };
    let directory = server.app.indexes.directory();
    locks::watch(&server.app.db, &directory, &Who::command_line(), &watched).await.expect("watched");
    let held = json!({"what": "demo==4.0", "why": "it steals tokens"});
    assert_eq!(server.ask("POST", "/+quarantine", &Auth::root(), Some(held)).await.0, 201);
    gc(&server, false).await;
    assert_eq!(versions(&server, "demo").await, ["1.0", "3.0", "4.0"]);
}

#[tokio::test]
async fn rules_that_make_no_sense_are_refused_by_name() {
    let server = stage().await;
    for (change, why) in [
        (r#"["keep_releases=many"]"#, "'keep_releases' must be a whole number like 10, not 'many'"),
        (r#"["keep_releases=-1"]"#, "'keep_releases' must be a whole number"),
        (r#"["keep_for=ages"]"#, "'keep_for' must be a time"),
        (r#"["quota=much"]"#, "'quota' must be a size like 10 GiB"),
        (
            r#"["keep_releases=3", "volatile=false"]"#,
            "alice/dev is not volatile: set volatile=true, or drop them",
        ),
    ] {
        let (status, text) = server.as_alice("PATCH", "/alice/dev", change).await;
        assert!(status == 400 && text.contains(why), "{change}: {status} {text}");
    }
    let (_, index) = server.ask("GET", "/alice/dev", &crate::kit::script::Auth::root(), None).await;
    assert!(index["result"].get("keep_releases").is_none(), "{index}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_leaves_it_to_its_primary() {
    let primary = stage().await;
    primary.build_nothing_ahead("dev").await;
    publish(&primary, "demo", &["1.0", "2.0"]).await;
    let (status, _) = primary.as_alice("PATCH", "/alice/dev", r#"["keep_releases=1"]"#).await;
    assert_eq!(status, 200);
    let (replica, _wire) = crate::replica::replica_of(&primary).await;
    assert_eq!(gc(&replica, false).await.expired, []);
    assert_eq!(versions(&replica, "demo").await, ["1.0", "2.0"]);
    assert_eq!(gc(&primary, false).await.expired.len(), 1);
}
