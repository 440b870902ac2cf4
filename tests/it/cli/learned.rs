//! Stories of `wheelwright recipe learned`: what builds found, on the command line.

use super::recipe::{run, told};
use crate::kit::fake_worker::FakeWorker;
use crate::kit::packages::Package;
use crate::kit::stages::stage;
use serde_json::{Value, json};
use wheelwright::access::Scope;
use wheelwright::build::job::JobOutcome;
use wheelwright::words::Evidence;

/// The next job is built by what was found.
async fn finds(worker: &FakeWorker<'_>, found: Value) {
    let job = worker.claim().await;
    let version = job.version.as_deref().expect("a version");
    let wheel = Package::new("demo", version).wheel();
    assert_eq!(worker.hand_in(&job, &wheel.filename, wheel.bytes).await.0, 200);
    let evidence = Box::new(Evidence { found: Some(found), ..Evidence::default() });
    assert_eq!(worker.outcome(&job, &JobOutcome::Built { wheel: wheel.filename, evidence }).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_builds_found_is_listed_exported_and_forgotten() {
    let server = stage().await;
    server.build_nothing_ahead("dev").await;
    let worker = server.worker("carl", "one").await;
    let found =
        json!({"packages": ["libfoo-dev"], "build": {"env": {"CPATH": "/usr/include/\u{1b}[31mfoo"}}});
    for version in ["1.2", "1.10"] {
        let sdist = Package::new("demo", version).sdist();
        server.host_file("alice/dev", "demo", version, &sdist.filename, &sdist.bytes).await;
        server.ask_builds(&format!("demo=={version}")).await;
        finds(&worker, found.clone()).await;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let token = server.make_token("alice", Scope::default()).await;
    let call = async |line: &str| {
        let words = line.split(' ').map(str::to_owned);
        let tail = ["--server".to_owned(), server.url(""), "--index".to_owned(), "alice/dev".to_owned()];
        let all = ["recipe".to_owned(), "learned".to_owned()].into_iter().chain(words).chain(tail);
        run(folder.path(), all.collect(), vec![("WHEELWRIGHT_TOKEN", token.clone())]).await
    };
    let listed = call("demo").await;
    let out = told(&listed);
    assert!(
        listed.status.success()
            && out.contains("demo     >=1.2,<=1.10  cp312-test  system packages: libfoo-dev"),
        "{out}"
    );
    assert!(!out.contains('\u{1b}'), "a worker's words steer no terminal");
    let other = told(&call("demo==2.0").await);
    assert!(other.contains("found nothing that is kept"), "{other}");
    let json: Value = serde_json::from_slice(&call("demo --target cp312 --json").await.stdout).expect("JSON");
    assert_eq!((&json[0]["found"], &json[0]["versions"]), (&found, &json!(["1.2", "1.10"])), "{json:#}");

    let exported = call("demo --export").await;
    std::fs::write(folder.path().join("demo.toml"), &exported.stdout).expect("a file");
    assert!(told(&exported).contains("versions = \">=1.2,<=1.10\""), "{}", told(&exported));
    let check = ["recipe", "check", "demo.toml"].map(str::to_owned).to_vec();
    let checked = run(folder.path(), check, Vec::new()).await;
    assert!(checked.status.success(), "{}", told(&checked));

    let forgotten = call("demo==1.10 --forget").await;
    assert!(told(&forgotten).contains("1 finding of demo on alice/dev is forgotten"), "{}", told(&forgotten));
    assert!(told(&call("demo").await).contains("==1.2 "));
    assert!(call("demo --forget").await.status.success());
    let nothing = call("demo --export").await;
    assert!(
        !nothing.status.success() && told(&nothing).contains("found nothing for demo"),
        "{}",
        told(&nothing)
    );
}
