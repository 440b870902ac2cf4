//! Exports with something wrong: each part is told with its reason, and the rest moves in.

use super::export::{ANN, Export, result_of};
use super::import;
use crate::kit::Server;
use crate::kit::names::index_name;
use crate::kit::packages::Package;
use serde_json::json;

fn dist(version: &str) -> crate::kit::packages::Dist {
    Package::new("hello", version).sdist()
}

#[tokio::test]
async fn what_is_broken_in_an_export_is_told_and_the_rest_moves_in() {
    let server = Server::start().await;
    server.make_user("bob", "bob-secret").await;
    let mut export = Export::of_ann();
    export.user("bob", json!({"pwhash": ANN, "created": "2020-01-01T00:00:00Z"}));
    export.user("a~b", json!({"pwhash": ANN}));
    export.index("a~b/dev", json!({"type": "stage"}));
    export.index("ann/od!d", json!({"type": "stage"}));
    export.index("ann/plugin", json!({"type": "constrained"}));
    export.index("bob/dev", json!({"type": "stage"}));
    export.file("bob/dev", &dist("0.1"));
    export.file("ann/dev", &dist("1.0"));
    export.file("ann/dev", &dist("1.1"));
    export.file("ann/dev", &dist("1.2"))["entrymapping"] = json!({"hashes": {"sha256": "0".repeat(64)}});
    export.file("ann/dev", &dist("1.3"))["relpath"] = "../../hello-1.3.tar.gz".into();
    export.file("ann/dev", &dist("1.4"))["type"] = "of a later devpi".into();
    export.result("ann/dev", &dist("1.1"), 0, &result_of("0"));
    let other = Package::new("other", "1.0").sdist();
    export.file("ann/dev", &other);
    export.dump["indexes"]["ann/dev"]["projects"].as_object_mut().expect("projects").remove("other");
    export.release("ann/dev", "old", "final version", json!({"name": "old"}));
    export.delete("ann/dev/hello/1.1/hello-1.1.tar.gz");
    let folder = export.write();

    let looked = import(&server, &["devpi", &folder, "--dry-run"]).await.partly();
    let run = import(&server, &["devpi", &folder]).await.partly();
    assert_eq!(looked.report["refused"], run.report["refused"], "a dry run tells the same");
    let sha256 = dist("1.2").sha256();
    let wrong = format!("its sha256 is {sha256}, but the export says {}", "0".repeat(64));
    let result =
        format!("ann/dev/hello/sha256={}/hello-1.1.tar.gz.toxresult-20261121093100-0", dist("1.1").sha256());
    for (what, why) in [
        ("user bob", "a user of this name exists and is not from this export"),
        ("user a~b", "contains characters that aren't allowed"),
        ("index a~b/dev", "its owner a~b was not imported"),
        ("index ann/od!d", "contains characters that aren't allowed"),
        ("index ann/plugin", "wheelwright has no indexes of the type 'constrained'"),
        ("ann/dev/hello/1.1/hello-1.1.tar.gz", "the export has no such file"),
        ("ann/dev/hello/1.2/hello-1.2.tar.gz", wrong.as_str()),
        ("../../hello-1.3.tar.gz", "its path leads out of the export"),
        ("ann/dev: ann/dev/hello/1.4/hello-1.4.tar.gz", "does not know files of the type 'of a later devpi'"),
        ("ann/dev/other/1.0/other-1.0.tar.gz", "the index has no project other"),
        ("ann/dev: old", "'final version' is not a valid version"),
        (&result, "it is a test result of hello-1.1.tar.gz, which is not in ann/dev"),
    ] {
        assert!(run.why(what).contains(why), "{what}: {:?} in {:#?}", run.why(what), run.report);
    }
    assert_eq!(run.report["refused"].as_array().expect("a list").len(), 12);
    // What is right came, and an existing user keeps the password.
    let files = server.app.db.project_files(&index_name("ann/dev"), &"hello".parse().expect("a name")).await;
    assert_eq!(files.expect("rows").len(), 1);
    assert_eq!(server.get(&format!("/bob/dev/{}", dist("0.1").path())).await.status(), 200);
    assert_eq!(
        server
            .http
            .get(server.url("/+tokens"))
            .basic_auth("bob", Some("bob-secret"))
            .send()
            .await
            .expect("an answer")
            .status(),
        200
    );
    // Without what nothing can be done about.
    let skipped = import(&server, &["devpi", &folder, "--skip-type", "constrained"]).await.partly();
    assert_eq!(skipped.why("index ann/plugin"), "");
}

#[tokio::test]
async fn an_export_that_cannot_be_read_leaves_nothing_behind() {
    let server = Server::start().await;
    let before = server.app.db.serial().await.expect("a serial");
    let mut export = Export::of_ann();
    export.file("ann/dev", &dist("1.0"));
    for (version, why) in [
        (json!("4"), "the export has the dump version '4': wheelwright reads versions 1, 2 and 3"),
        (json!(null), "the export has the dump version 'null'"),
    ] {
        export.dump["dumpversion"] = version;
        let run = import(&server, &["devpi", &export.write()]).await.partly();
        assert!(run.error.contains(why), "{}", run.error);
    }
    std::fs::write(export.path().join("dataindex.json"), "{\"users\": {").expect("a cut file");
    let run = import(&server, &["devpi", &export.path().display().to_string()]).await.partly();
    assert!(run.error.contains("dataindex.json is not valid JSON"), "{}", run.error);
    let run = import(&server, &["devpi", "/no/such/folder"]).await.partly();
    assert!(run.error.contains("Give the folder that devpi-export wrote"), "{}", run.error);
    assert_eq!(server.app.db.serial().await.expect("a serial"), before, "nothing was written");
}

#[tokio::test]
async fn a_name_that_has_other_bytes_here_keeps_them() {
    let server = crate::kit::stages::stage().await;
    let (here, there) = (dist("1.0"), Package::new("hello", "1.0").member("more.txt", "x").sdist());
    server.publish("alice/dev", &here).await;
    let mut export = Export::new("2");
    export.user("alice", json!({"pwhash": ANN}));
    export.index("alice/dev", json!({"type": "stage", "volatile": false}));
    export.file("alice/dev", &there);
    let run = import(&server, &["devpi", &export.write()]).await.partly();
    let why = run.why("alice/dev/hello/1.0/hello-1.0.tar.gz");
    assert!(why.contains(&format!("another file of this name, with sha256 {}", here.sha256())), "{why}");
    assert!(run.report["notes"].to_string().contains("which stay as they are: "), "{:#?}", run.report);
    assert_eq!(server.get(&format!("/alice/dev/{}", here.path())).await.status(), 200);
}
