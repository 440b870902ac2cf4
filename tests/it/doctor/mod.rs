//! Stories of lock files that are examined: each trouble is named, and what may help is asked for.

use crate::kit::Server;
use crate::kit::desk::Desk;
use crate::kit::packages::Package;
use crate::kit::script::Auth;
use crate::kit::stages::{PASSWORD, stage_with};
use crate::kit::upstream::Upstream;
use crate::kit::worker::{NINE, hire};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use wheelwright::access::Scope;
use wheelwright::words::{LockTrouble, SourceKind};

/// Troubles of a release, as `trouble: why`.
fn troubles(diagnosis: &Value, project: &str) -> Vec<String> {
    let releases = diagnosis["releases"].as_array().expect("releases");
    let release = releases.iter().find(|release| release["project"] == project).expect("the release");
    let troubles = release["troubles"].as_array().expect("troubles").iter();
    troubles
        .map(|one| {
            format!(
                "{}: {}",
                one["trouble"].as_str().unwrap_or_default(),
                one["why"].as_str().unwrap_or_default()
            )
        })
        .collect()
}

async fn examine(server: &Server, index: &str, file: &str, text: &str) -> (u16, Value) {
    let sent = json!({"file": file, "text": text, "targets": ["cp39"]});
    server.ask("POST", &format!("/{index}/+doctor"), &Auth::None, Some(sent)).await
}

/// An index with one release for each kind of trouble, and the lock file that names them all.
async fn clinic(folder: &std::path::Path) -> (Server, Upstream, String) {
    let advisory = json!({"id": "PYSEC-1", "aliases": ["CVE-1"], "modified": "2026-01-01T00:00:00Z",
        "database_specific": {"severity": "HIGH"}, "affected": [{"package": {"ecosystem": "PyPI", "name": "holed"},
        "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.1"}]}]}]});
    std::fs::write(folder.join("advisory.json"), advisory.to_string()).expect("written");
    let server = stage_with(|config| config.osv.path = Some(folder.to_owned())).await;
    server.app.advisories.refresh().await.expect("read");
    server.build_nothing_ahead("dev").await;
    hire(&server).await;
    for name in ["good", "old", "holed", "bad", "other"] {
        server.publish("alice/dev", &Package::new(name, "1.0").tag("py3-none-any").wheel()).await;
    }
    server.publish("alice/dev", &Package::new("raw", "1.0").sdist()).await;
    server.publish("alice/dev", &Package::new("foreign", "1.0").tag("cp312-cp312-win_amd64").wheel()).await;
    server.as_alice("PATCH", "/alice/dev/old/1.0", r#"{"yanked": "it was a mistake"}"#).await;
    let held = json!({"what": "bad==1.0", "why": "it steals tokens"});
    assert_eq!(server.ask("POST", "/+quarantine", &Auth::root(), Some(held)).await.0, 201);
    let upstream = Upstream::start().await;
    let young = Package::new("young", "1.0").tag("py3-none-any").wheel();
    upstream.add(&young.filename, young.bytes.clone());
    let mirror = json!({"type": "mirror", "mirror_url": upstream.simple(), "min_age": "36500d"});
    server.have_index("alice/mirror", mirror).await;
    server.as_alice("PATCH", "/alice/dev", r#"["bases=alice/mirror"]"#).await;
    let hash = "0".repeat(64);
    let names = ["good", "old", "holed", "bad", "raw", "foreign", "young", "nowhere"];
    let pins = names.map(|name| format!("{name}==1.0\n")).concat();
    let lock = format!("{pins}other==1.0 --hash=sha256:{hash}\n");
    (server, upstream, lock)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_trouble_is_named_with_its_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let (server, _upstream, lock) = clinic(folder.path()).await;
    let (status, answer) = examine(&server, "alice/dev", "requirements.txt", &lock).await;
    assert_eq!(status, 200, "{answer}");
    let found = &answer["result"];
    assert_eq!(found["ok"], false);
    assert!(troubles(found, "good").is_empty(), "{found}");
    for (project, trouble, why) in [
        ("old", LockTrouble::Yanked, "it was a mistake"),
        ("holed", LockTrouble::Vulnerable, "PYSEC-1, CVE-1 (high), fixed in 1.1"),
        ("bad", LockTrouble::Refused, "it is quarantined: it steals tokens"),
        ("raw", LockTrouble::OnlySource, "it must be built"),
        ("foreign", LockTrouble::Missing, "neither a wheel for the target nor a source"),
        ("young", LockTrouble::Young, "younger than min_age"),
        ("nowhere", LockTrouble::Missing, ""),
        ("other", LockTrouble::WrongHash, "which the lock file does not name"),
    ] {
        let told = troubles(found, project);
        assert_eq!(told.len(), 1, "{project}: {told:?}");
        assert!(told[0].starts_with(&format!("{trouble}: ")) && told[0].contains(why), "{told:?}");
    }
    let form = "--x\r\nContent-Disposition: form-data; name=\"lock\"; filename=\"requirements.txt\"\r\n\r\ngood==1.0\nold==1.0\n\r\n\
                --x\r\nContent-Disposition: form-data; name=\"targets\"\r\n\r\ncp39\r\n--x--\r\n";
    let sent = server
        .http
        .post(server.url("/alice/dev/+doctor"))
        .header("accept", "text/html,application/xhtml+xml");
    let sent = sent.header("content-type", "multipart/form-data; boundary=x").body(form).send().await;
    let page = sent.expect("an answer").text().await.expect("a page");
    assert!(page.contains("1 of 2 are not in order") && page.contains("it was a mistake"), "{page}");
    let lock = "Content-Disposition: form-data; name=\"lock\"; filename=\"a.txt\"\r\n\r\ngood==1.0\n\r\n";
    let twice = server.http.post(server.url("/alice/dev/+doctor"));
    let twice = twice.header("content-type", "multipart/form-data; boundary=x");
    let twice = twice.body(format!("--x\r\n{lock}--x\r\n{lock}--x--\r\n")).send().await.expect("an answer");
    assert_eq!(twice.status(), 400);
    assert!(twice.text().await.expect("text").contains("a second field lock"));
    let silent = json!({"type": "mirror", "mirror_url": "http://127.0.0.1:9/simple/"});
    server.have_index("alice/silent", silent).await;
    let found = examine(&server, "alice/silent", "requirements.txt", "good==1.0\n").await.1;
    assert!(troubles(&found["result"], "good")[0].starts_with("not-here: "), "{found}");
    for (file, text, said) in [
        ("requirements.txt", "good>=1\n", "requirements.txt: line 1: good>=1 is not pinned"),
        ("uv.lock", "version = 3\n", "uv.lock: its version is 3"),
        ("pdm.lock", "", "pdm export"),
    ] {
        let (status, answer) = examine(&server, "alice/dev", file, text).await;
        assert_eq!(status, 400, "{answer}");
        assert!(answer["message"].as_str().expect("a message").contains(said), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_fails_where_anything_is_wrong_and_asks_for_builds() {
    let folder = tempfile::tempdir().expect("a folder");
    let (server, _upstream, lock) = clinic(folder.path()).await;
    let desk = Desk::new();
    desk.write("requirements.txt", &lock);
    desk.write("good.txt", "good==1.0\n");
    let url = server.url("");
    let at = ["--server", &url, "--index", "alice/dev", "--target", "cp39"];
    let well = desk.run("wheelwright", &[&["doctor", "good.txt"], &at[..]].concat()).await.succeeded().out;
    assert!(well.contains("1 of 1 releases are in order on alice/dev"), "{well}");
    let ill =
        desk.run("wheelwright", &[&["doctor", "requirements.txt"], &at[..]].concat()).await.failed().out;
    for said in ["only source", "wrong hash", "PYSEC-1", "1 of 9 releases are in order"] {
        assert!(ill.contains(said), "{said}: {ill}");
    }
    let token = server.make_token("alice", Scope::default()).await;
    let fix = ["doctor", "requirements.txt", "--fix", "--token", &token];
    let fixed = desk.run("wheelwright", &[&fix, &at[..]].concat()).await.failed();
    assert!(
        fixed.err.contains("raw==1.0 for") && fixed.err.contains("was asked for"),
        "{}\n{}",
        fixed.out,
        fixed.err
    );
    let job = crate::kit::worker::job(&server).await;
    assert_eq!((job.target.as_str(), job.project.as_deref()), (NINE, Some("raw")));
    assert_eq!(job.source.kind, SourceKind::Sdist);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_approved_is_named_and_requested() {
    let upstream = Upstream::start().await;
    for name in ["wanted", "listed"] {
        for version in ["1.0", "1.1"] {
            let wheel = Package::new(name, version).tag("py3-none-any").wheel();
            upstream.add(&wheel.filename, wheel.bytes.clone());
        }
    }
    let simple = upstream.simple();
    let server = stage_with(|config| config.upstream = Some(simple)).await;
    hire(&server).await;
    server.have_index("alice/safe", json!({"bases": ["root/pypi"], "curated": true})).await;
    let alice = Auth::basic("alice", PASSWORD);
    let asked = json!({"index": "alice/safe", "requirement": "listed==1.0"});
    let made = server.ask("POST", "/+requests", &alice, Some(asked)).await.1;
    let path = format!("/+requests/{}/approve", made["result"]["id"]);
    assert_eq!(server.ask("POST", &path, &alice, Some(json!({"reason": "seen"}))).await.0, 200);
    let desk = Desk::new();
    desk.write("newer.txt", "wanted==1.0\nlisted==1.1\n");
    let (url, token) = (server.url(""), server.make_token("alice", Scope::default()).await);
    let at = ["--server", &url, "--index", "alice/safe", "--target", "cp39", "--token", &token];
    let told = desk.run("wheelwright", &[&["doctor", "newer.txt", "--fix"], &at[..]].concat()).await.failed();
    for said in ["wanted==1.0 for", "listed==1.1 for", "is open"] {
        assert!(told.err.contains(said), "{said}: {}\n{}", told.out, told.err);
    }
    assert!(told.out.contains("not approved") && told.out.contains("0 of 2 releases"), "{}", told.out);
    let open = server.ask("GET", "/+requests?state=open", &alice, None).await.1;
    let open: Vec<(&str, &str)> = open["result"]
        .as_array()
        .expect("requests")
        .iter()
        .map(|one| (one["project"].as_str().unwrap_or_default(), one["version"].as_str().unwrap_or_default()))
        .collect();
    assert!(open.contains(&("wanted", "1.0")) && open.contains(&("listed", "1.1")), "{open:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_worker_approval_is_requested_and_builds_are_not() {
    let upstream = Upstream::start().await;
    let wanted = Package::new("wanted", "1.0").tag("py3-none-any").wheel();
    upstream.add(&wanted.filename, wanted.bytes.clone());
    let simple = upstream.simple();
    let server = stage_with(|config| config.upstream = Some(simple)).await;
    server.have_index("alice/safe", json!({"bases": ["root/pypi"], "curated": true})).await;
    server.publish("alice/safe", &Package::new("raw", "1.0").sdist()).await;
    let desk = Desk::new();
    desk.write("requirements.txt", "wanted==1.0\nraw==1.0\n");
    let (url, token) = (server.url(""), server.make_token("alice", Scope::default()).await);
    let fix =
        ["doctor", "requirements.txt", "--fix", "--server", &url, "--index", "alice/safe", "--token", &token];
    let told = desk.run("wheelwright", &fix).await.failed();
    assert!(told.err.contains("wanted==1.0: request") && told.err.contains("is open"), "{}", told.err);
    assert!(told.err.contains("raw==1.0: not asked for: no worker offers a target"), "{}", told.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_lock_file_is_read_only_once_it_is_the_askers_turn() {
    let server = stage_with(|_| {}).await;
    let lists = &server.app.quota.lists;
    let mut held = Vec::new();
    while let Some(turn) = lists.try_take("alice") {
        held.push(turn);
    }
    // As many wait as may wait; the next one is refused at once.
    let waiting = futures::future::join_all((0..1000).map(|_| lists.take("alice")));
    let asked = async {
        let auth = BASE64_STANDARD.encode(format!("alice:{PASSWORD}"));
        let head = format!(
            "POST /alice/dev/+doctor HTTP/1.1\r\nHost: h\r\nAuthorization: Basic {auth}\r\n\
             Content-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{{"
        );
        server.first_line(head.as_bytes()).await
    };
    let line = tokio::select! {
        line = asked => line,
        _ = waiting => unreachable!("the turns are held"),
    };
    assert!(line.starts_with("HTTP/1.1 429 the server is busy with lists"), "{line}");
}
