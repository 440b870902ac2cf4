//! A quarantine holds for whatever comes through its index: pages, builds, and all that is said of a release.

use super::{get, names, page, quarantine};
use crate::devpi::documentation;
use crate::kit::Server;
use crate::kit::packages::{Dist, Package};
use crate::kit::script::Auth;
use crate::kit::stages::{PASSWORD, stage, stage_with};
use crate::kit::upstream::Upstream;
use crate::kit::worker::{NINE, hire, job};
use serde_json::{Value, json};
use std::sync::Arc;
use wheelwright::access::Who;
use wheelwright::build::queue::{Ask, Priority, Queue, Wanted};
use wheelwright::config::base_url::BaseUrl;
use wheelwright::directory::Directory;
use wheelwright::error::Error;
use wheelwright::index::sight::UnapprovedFiles;
use wheelwright::index::view::{PageForm, ViewRequest};
use wheelwright::names::{BuildContext, IndexName, ProjectName};
use wheelwright::packaging::requirement::Requirement;

/// An upstream of demo 1.0 and 2.0, the mirror `alice/mirror` of it, and `alice/dev` before that.
async fn mirrored() -> (Server, Upstream, Dist, Dist) {
    let server = stage().await;
    let upstream = Upstream::start().await;
    let (bad, good) = (Package::new("demo", "1.0").wheel(), Package::new("demo", "2.0").wheel());
    for dist in [&bad, &good] {
        upstream.add(&dist.filename, dist.bytes.clone());
    }
    server.have_index("alice/mirror", json!({"type": "mirror", "mirror_url": upstream.simple()})).await;
    let (status, told) = server.as_alice("PATCH", "/alice/dev", r#"["bases=alice/mirror"]"#).await;
    assert_eq!(status, 200, "{told}");
    (server, upstream, bad, good)
}

/// Alice quarantines something on one of her indexes.
async fn quarantine_on(server: &Server, index: &str, what: &str) {
    let asked = json!({"what": what, "why": "unproven", "index": index});
    let (status, told) = server.as_alice("POST", "/+quarantine", &asked.to_string()).await;
    assert_eq!(status, 201, "{told}");
}

fn index(name: &str) -> IndexName {
    name.parse().expect("a name")
}

fn demo() -> ProjectName {
    "demo".parse().expect("a name")
}

#[tokio::test]
async fn an_index_between_holds_back_what_comes_through_it() {
    let (server, _upstream, _, good) = mirrored().await;
    server.make_user("bob", "bob-secret").await;
    server.make_index("bob/prod", json!({"bases": ["alice/dev"]})).await;
    server.make_index("bob/both", json!({"bases": ["alice/mirror", "alice/dev"]})).await;
    server.make_index("bob/around", json!({"bases": ["alice/mirror"]})).await;
    quarantine_on(&server, "alice/dev", "demo==1.0").await;
    for index in ["alice/dev", "bob/prod", "bob/both"] {
        let shown = page(&server, &format!("/{index}/+simple/demo/")).await;
        assert_eq!(names(&shown), [good.filename.as_str()], "{index}");
        let explained = get(&server, &format!("/{index}/+explain/demo")).await.1;
        assert!(explained.contains("it is quarantined: unproven"), "{index}: {explained}");
    }
    for index in ["alice/mirror", "bob/around"] {
        assert_eq!(names(&page(&server, &format!("/{index}/+simple/demo/")).await).len(), 2, "{index}");
    }
}

/// What the JSON of a release links to, as paths.
async fn beside(server: &Server, version: &str) -> Vec<String> {
    let alice = Auth::devpi("alice", PASSWORD);
    let (status, told) = server.ask("GET", &format!("/alice/dev/demo/{version}"), &alice, None).await;
    assert_eq!(status, 200, "{told}");
    let links = told["result"]["+links"].as_array().expect("links").clone();
    let root = server.url("");
    let href =
        |link: &Value| link["href"].as_str().and_then(|href| href.strip_prefix(&root)).map(str::to_owned);
    links.iter().map(|link| href(link).expect("a URL of this server")).collect()
}

/// The version that a search names as the newest one.
async fn newest(server: &Server, index: &str) -> String {
    let text = "<methodCall><methodName>search</methodName><params><param><value><struct><member><name>name</name>\
        <value><array><data><value><string>demo</string></value></data></array></value></member></struct></value>\
        </param></params></methodCall>";
    let asked = server.http.post(server.url(&format!("/{index}"))).header("content-type", "text/xml");
    let found = asked.body(text).send().await.expect("an answer").text().await.expect("text");
    let version =
        found.split("<name>version</name><value><string>").nth(1).and_then(|rest| rest.split('<').next());
    version.unwrap_or_default().to_owned()
}

#[tokio::test]
async fn what_stands_beside_a_release_and_what_is_told_of_it_goes_along() {
    let server = stage().await;
    server.make_index("alice/prod", json!({"bases": ["alice/dev"]})).await;
    let mut paths = Vec::new();
    for version in ["1.0", "2.0"] {
        let wheel = Package::new("demo", version).wheel();
        server.publish("alice/dev", &wheel).await;
        documentation::send(&server, version).await;
        let file = server.url(&format!("/alice/dev/{}", wheel.path()));
        let sent = server.http.post(file).body(r#"{"testenvs": {}}"#).send().await.expect("an answer");
        assert_eq!(sent.status(), 200);
        paths = beside(&server, version).await;
    }
    assert_eq!(paths.len(), 3, "{paths:?}");
    paths.extend(["/alice/dev/demo/2.0/+doc/", "/alice/prod/demo/2.0/+doc/"].map(str::to_owned));
    for path in &paths {
        assert_eq!(get(&server, path).await.0, 200, "{path}");
    }
    quarantine_on(&server, "alice/dev", "demo==2.0").await;
    for path in &paths {
        let (status, told) = get(&server, path).await;
        assert_eq!(status, 403, "{path}: {told}");
        assert!(told.contains("demo 2.0 is quarantined: unproven"), "{path}: {told}");
    }
    let alice = Auth::devpi("alice", PASSWORD);
    for index in ["alice/dev", "alice/prod"] {
        assert_eq!(get(&server, &format!("/{index}/demo/latest/+doc/")).await.0, 200, "of 1.0");
        let (status, told) = server.ask("GET", &format!("/{index}/demo"), &alice, None).await;
        let versions: Vec<&String> = told["result"].as_object().expect("versions").keys().collect();
        assert!(status == 200 && versions == ["1.0"], "{told}");
        let (status, told) = server.ask("GET", &format!("/{index}/demo/2.0"), &alice, None).await;
        assert_eq!(status, 404, "{told}");
        assert_eq!(newest(&server, index).await, "1.0", "{index}");
    }
    let person = server.get_with("/alice/dev/demo", &[("accept", "text/html")]).await;
    let person = person.text().await.expect("a page");
    assert!(!person.contains("demo/2.0/+doc/"), "{person}");
}

#[tokio::test]
async fn the_provenance_of_a_file_in_quarantine_is_refused_with_the_reason() {
    let server = stage_with(|config| config.default_index = "alice/dev".into()).await;
    let wheel = Package::new("demo", "1.0").wheel();
    server.publish("alice/dev", &wheel).await;
    quarantine(&server, "demo", "it steals tokens").await;
    let (status, told) = get(&server, &format!("/integrity/demo/1.0/{}/provenance", wheel.filename)).await;
    assert!(status == 403 && told.contains("demo is quarantined: it steals tokens"), "{status}: {told}");
}

#[tokio::test]
async fn a_build_stops_for_what_its_sources_come_through_and_not_for_a_version_that_may_be_another() {
    let (server, _upstream, _, _) = mirrored().await;
    server.build_nothing_ahead("dev").await;
    hire(&server).await;
    server.publish("alice/dev", &Package::new("demo", "1.0").sdist()).await;
    server.publish("alice/dev", &Package::new("other", "1.0").sdist()).await;
    server.make_index("alice/safe", json!({"bases": ["alice/mirror"], "curated": true})).await;
    let ask = async |requirement: &str| {
        let wanted = Wanted::Requirement(Requirement::parse(requirement).expect("valid"));
        let ask = Ask {
            targets: vec![NINE.to_owned()],
            ..Ask::wheels(wanted, index("alice/dev"), Priority::Asked)
        };
        server.app.queue.ask(&Who::person("alice"), &ask).await.expect("a build")[0]
    };
    let demo = server.app.queue.get(ask("demo==1.0").await).await.expect("the build");
    let permit = |context: &str, version: Option<&str>| {
        let context = BuildContext::parse(context).expect("a context");
        let build =
            wheelwright::db::builds::Build { context, version: version.map(str::to_owned), ..demo.clone() };
        Queue::permit(&server.app.indexes.directory(), &build).is_ok()
    };
    let claimed = job(&server).await;
    assert_eq!(claimed.quarantines, "");
    quarantine_on(&server, "alice/mirror", "demo==1.0").await;
    assert!(!permit("alice/safe", Some("1.0")), "the mirror gives it");
    assert!(permit("alice/safe", Some("2.0")) && permit("alice/dev", Some("1.0")));
    assert!(permit("alice/safe", None), "a repository may hold any version");
    quarantine_on(&server, "alice/safe", "demo").await;
    assert!(!permit("alice/safe", None));
    ask("other==1.0").await;
    assert_ne!(job(&server).await.quarantines, "", "what the mirror lists now may differ from before");
}

#[tokio::test]
async fn a_source_behind_a_curated_index_is_refused_as_on_its_mirror() {
    let (server, upstream, _, _) = mirrored().await;
    let source = Package::new("demo", "1.0").sdist();
    upstream.add(&source.filename, source.bytes.clone());
    server.make_index("alice/safe", json!({"bases": ["alice/mirror"], "curated": true})).await;
    let asked = json!({"index": "alice/safe", "requirement": "demo==1.0"}).to_string();
    let (status, told) = server.as_alice("POST", "/+requests", &asked).await;
    assert_eq!(status, 201, "{told}");
    let told: Value = serde_json::from_str(&told).expect("JSON");
    let path = format!("/+requests/{}/approve", told["result"]["id"]);
    let (status, told) = server.as_alice("POST", &path, r#"{"reason": "seen"}"#).await;
    assert_eq!(status, 200, "{told}");
    let directory = server.app.indexes.directory();
    let safe = directory.index(&index("alice/safe")).expect("the index");
    let listed = server.app.indexes.views.page(&directory, safe, &demo(), &Who::person("alice")).await;
    let listed = listed.expect("a page");
    let file = listed.files.iter().find(|file| file.filename.wheel().is_none()).expect("a source");
    let stored = server.app.queue.stored_source(&safe.name, &demo(), file).await;
    assert_eq!(stored.expect("it is approved"), source.sha256());
    quarantine_on(&server, "alice/mirror", "demo==1.0").await;
    let refused = server.app.queue.stored_source(&safe.name, &demo(), file).await;
    assert!(matches!(refused, Err(Error::Forbidden(_))), "{refused:?}");
}

#[tokio::test]
async fn who_waits_while_it_is_placed_gets_no_page_from_before() {
    let server = stage().await;
    for version in ["1.0", "2.0"] {
        server.publish("alice/dev", &Package::new("demo", version).wheel()).await;
    }
    let first = server.app.indexes.directory();
    quarantine(&server, "other", "so that there is another snapshot").await;
    let before = server.app.indexes.directory();
    quarantine(&server, "demo==1.0", "it steals tokens").await;
    let after = server.app.indexes.directory();
    let (dev, demo, who) = (index("alice/dev"), demo(), Who::default());
    let prepared = async |directory: &Arc<Directory>| {
        let index = directory.index(&dev).expect("the index");
        let ask = ViewRequest {
            directory,
            index,
            project: &demo,
            who: &who,
            form: PageForm::Json,
            depth: 4,
            as_of: None,
            base_url: BaseUrl::new(&server.app.config, None, None),
            refresh: false,
            amend: None,
            set: &[],
            unapproved: UnapprovedFiles::Hidden,
        };
        let page = server.app.indexes.views.project(ask).await.expect("a page");
        String::from_utf8_lossy(&page.identity.body).into_owned()
    };
    // All wait for the first one; the second one prepares its page after the third one has asked.
    let (_, _, last) = tokio::join!(prepared(&first), prepared(&before), prepared(&after));
    assert!(last.contains("demo-2.0") && !last.contains("demo-1.0"), "{last}");
}
