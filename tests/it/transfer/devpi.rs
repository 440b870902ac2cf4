//! A devpi server moves in: its users log in, its pages list the same files, and its links stay valid.

use super::export::{ANN, Export, result_of, zip_of};
use super::{Imported, import};
use crate::kit::Server;
use crate::kit::names::{index_name, project_name};
use crate::kit::packages::Package;
use crate::kit::script::Auth;
use crate::kit::upstream::Upstream;
use serde_json::{Value, json};
use wheelwright::words::{AttachmentKind, PassageKind};

/// 2026-11-21T09:30:59Z
const UPLOADED: i64 = 1_795_253_459_000_000;

async fn login(server: &Server, user: &str, password: &str) -> u16 {
    let body = json!({"user": user, "password": password});
    server.ask("POST", "/+login", &Auth::None, Some(body)).await.0
}

async fn page(server: &Server, index: &str, project: &str) -> Value {
    let request = server.http.get(server.url(&format!("/{index}/+simple/{project}/")));
    let answer =
        request.header("accept", "application/vnd.pypi.simple.v1+json").send().await.expect("an answer");
    assert_eq!(answer.status(), 200, "{index} {project}");
    serde_json::from_str(&answer.text().await.expect("a body")).expect("JSON")
}

/// Users of every age, indexes with all that they can have.
fn export() -> Export {
    let mut export = Export::of_ann();
    // Of devpi-server 1.2: `123`.
    export.user(
        "bob",
        json!({
            "pwsalt": "RMAM7ycp8aqw4vytBOBEKA==",
            "pwhash": "d9f98f41f8cbdeb6a30a7b6c376d0ccdd76e862ad1fa508b79d4c2098cc9d69a",
        }),
    );
    // By passlib: `annpw`.
    let passlib = "$pbkdf2-sha256$1000$MDEyMzQ1Njc4OWFiY2RlZg$ZzTYX8s0U1WrSMfxuRGwBNMOzq2AZVIuk.5DjTU.3lA";
    export.user("carl", json!({"pwhash": passlib, "created": "2020-01-01T11:11:00Z", "tokens": {}}));
    export.user("root", json!({"pwhash": ANN}));
    export.index(
        "ann/dev",
        json!({
            "type": "stage", "bases": ["ann/up"], "acl_upload": ["ann", "bob"], "volatile": true, "title": "dev",
            "mirror_whitelist": ["hello"], "mirror_whitelist_inheritance": "intersection", "a_plugin": "x",
        }),
    );
    export.index(
        "ann/up",
        json!({"type": "mirror", "mirror_url": "http://127.0.0.1:9/simple/", "volatile": true}),
    );
    export.index("ann/prod", json!({"type": "stage", "bases": ["ann/dev"], "volatile": false, "mirror_whitelist_inheritance": "intersection"}));
    export.index(
        "bob/private",
        json!({"bases": ["ann/prod", "bob/private", "ann/gone"], "acl_upload": [":AUTHENTICATED:"]}),
    );
    let hello = Package::new("hello", "1.0").requires_python(">=3.8").requires("six");
    let (wheel, sdist) = (hello.wheel(), hello.sdist());
    export.file("ann/dev", &sdist);
    let entry = export.file("ann/dev", &wheel);
    let overwrite = json!({"what": "overwrite", "who": null, "when": [2026, 11, 21, 9, 30, 58], "count": 1});
    entry["log"].as_array_mut().expect("a log").insert(0, overwrite);
    export.documentation("ann/dev", &sdist, &zip_of("<h1>hello</h1>"));
    export.result("ann/dev", &sdist, 0, &result_of("0"));
    export.result("ann/dev", &sdist, 1, &result_of("1"));
    export.release(
        "ann/dev",
        "reg-only",
        "0.5",
        json!({"name": "Reg_Only", "version": "0.5", "summary": "no files"}),
    );
    let entry = export.file("ann/prod", &wheel);
    let push = json!({"what": "push", "who": "ann", "when": [2026, 11, 21, 9, 31, 0], "src": "ann/dev", "dst": "ann/prod"});
    entry["log"].as_array_mut().expect("a log").push(push);
    export
}

#[tokio::test]
async fn a_devpi_server_moves_in_with_its_users_files_documentation_and_results() {
    let server = Server::start().await;
    let export = export();
    let folder = export.write();

    let looked = import(&server, &["devpi", &folder, "--dry-run"]).await.whole();
    let counts = |run: &Imported| {
        ["users", "indexes", "releases", "files", "documentation", "test_results"].map(|what| run.added(what))
    };
    assert_eq!(counts(&looked), [3, 4, 3, 3, 1, 2]);
    assert_eq!(server.get("/ann/dev").await.status(), 404, "a dry run changes nothing");

    let moved = import(&server, &["devpi", &folder]).await.whole();
    assert_eq!(counts(&moved), counts(&looked));
    let notes = moved.report["notes"].to_string();
    for note in ["its option a_plugin was left out", "its base ann/gone does not exist", "left out: tokens"] {
        assert!(notes.contains(note), "{note}: {notes}");
    }

    for (user, password) in [("ann", "annpw"), ("bob", "123"), ("carl", "annpw")] {
        assert_eq!(login(&server, user, "wrong").await, 401, "{user}");
        assert_eq!(login(&server, user, password).await, 200, "{user}");
    }
    assert_eq!(login(&server, "root", "annpw").await, 401, "root's own password stays");
    let (_, ann) = server.ask("GET", "/ann", &Auth::basic("ann", "annpw"), None).await;
    assert_eq!(
        (&ann["result"]["email"], &ann["result"]["created"]),
        (&json!("ann@example.org"), &json!("2026-11-21T09:30:55Z"))
    );
    let (_, dev) = server.ask("GET", "/ann/dev?no_projects=", &Auth::basic("ann", "annpw"), None).await;
    for (key, value) in [
        ("bases", json!(["ann/up"])),
        ("acl_upload", json!(["ann", "bob"])),
        ("mirror_whitelist", json!(["hello"])),
        ("title", json!("dev")),
        ("mirror_whitelist_inheritance", json!("intersection")),
    ] {
        assert_eq!(dev["result"][key], value, "{key}");
    }
    let (_, private) = server.ask("GET", "/bob/private?no_projects=", &Auth::basic("bob", "123"), None).await;
    assert_eq!(private["result"]["mirror_whitelist_inheritance"], "union");
    assert_eq!(private["result"]["bases"], json!(["ann/prod", "bob/private", "ann/gone"]));

    let hello = Package::new("hello", "1.0").requires_python(">=3.8").requires("six");
    let listed = page(&server, "ann/prod", "hello").await;
    let wheel = listed["files"]
        .as_array()
        .expect("files")
        .iter()
        .find(|file| file["filename"] == *hello.wheel().filename);
    let wheel = wheel.expect("the wheel");
    assert_eq!(wheel["hashes"]["sha256"], *hello.wheel().sha256());
    assert_eq!(wheel["requires-python"], ">=3.8");
    let bytes =
        server.get(&format!("/ann/dev/{}", hello.sdist().path())).await.bytes().await.expect("a body");
    assert_eq!(bytes, hello.sdist().bytes, "links of lock files stay valid");
    let metadata = server.get(&format!("/ann/dev/{}.metadata", hello.wheel().path())).await;
    assert!(metadata.text().await.expect("text").contains("Requires-Dist: six"));

    let db = &server.app.db;
    let file = |index: &str| {
        let (index, filename) = (index_name(index), hello.wheel().filename);
        async move { db.file(&index, &filename).await.expect("a row").expect("a file") }
    };
    let (dev, prod) = (file("ann/dev").await, file("ann/prod").await);
    assert_eq!((dev.uploader.as_deref(), dev.uploaded_at), (Some("ann"), UPLOADED));
    let kinds = |file: &wheelwright::db::files::StoredFile| {
        file.history.clone().unwrap_or_default().0.iter().map(|passage| passage.what).collect::<Vec<_>>()
    };
    assert_eq!(kinds(&dev), [PassageKind::Overwrite, PassageKind::Upload]);
    assert_eq!(kinds(&prod), [PassageKind::Upload, PassageKind::Push]);
    let sdist =
        db.file(&index_name("ann/dev"), &hello.sdist().filename).await.expect("a row").expect("a file");
    assert_eq!(sdist.history, None, "it was uploaded to where it is");
    let beside = db.attachments(&index_name("ann/dev"), &project_name("hello")).await.expect("rows");
    let told: Vec<_> = beside.iter().map(|one| (one.kind, one.name.as_str(), one.passed)).collect();
    assert_eq!(
        told,
        [
            (AttachmentKind::Documentation, "hello-1.0.doc.zip", None),
            (AttachmentKind::TestResult, "hello-1.0.tar.gz.toxresult-20261121093100-0", Some(true)),
            (AttachmentKind::TestResult, "hello-1.0.tar.gz.toxresult-20261121093100-1", Some(false)),
        ]
    );
    assert_eq!(beside[1].about.as_deref(), Some("hello-1.0.tar.gz"));
    let zip = server.app.store.whole(&beside[0].sha256).await.expect("a store").expect("a blob");
    assert_eq!(zip, zip_of("<h1>hello</h1>"));
    assert_eq!(db.releases(&index_name("ann/dev"), &project_name("reg-only")).await.expect("rows").len(), 1);

    // Once more, with a file that came since.
    let mut export = export;
    export.file("ann/dev", &Package::new("hello", "1.1").sdist());
    let again = import(&server, &["devpi", &export.write()]).await.whole();
    assert_eq!(counts(&again), [0, 0, 1, 1, 0, 0]);
    assert_eq!((again.present("users"), again.present("files"), again.present("test_results")), (3, 3, 2));
}

#[tokio::test]
async fn a_password_that_devpi_hashed_long_ago_gets_a_new_hash_at_the_first_login() {
    let server = Server::start().await;
    let mut export = export();
    // Of devpi-server 3: the empty password.
    let nothing = "667a21361c2d700d6451ecc77c837a595329a74fa5b49c396c6aa6c49600bad6";
    export.user("eve", json!({"pwsalt": "uBLR5DKWtF6ro4H7h3FObQ==", "pwhash": nothing}));
    import(&server, &["devpi", &export.write()]).await.whole();
    let hash = async |user: &str| {
        let account = server.app.db.account(user).await.expect("a row").expect("an account");
        account.password_hash.expect("a hash")
    };
    let (ann, bob, carl) = (hash("ann").await, hash("bob").await, hash("carl").await);
    assert!(!bob.starts_with("$argon2") && !carl.starts_with("$argon2"), "{bob} {carl}");
    assert_eq!(login(&server, "bob", "1234").await, 401);
    assert_eq!(hash("bob").await, bob, "a wrong password changes nothing");
    for (user, password) in [("ann", "annpw"), ("bob", "123"), ("carl", "annpw")] {
        assert_eq!(login(&server, user, password).await, 200, "{user}");
        assert!(hash(user).await.starts_with("$argon2id$"), "{user}");
        assert_eq!(login(&server, user, password).await, 200, "{user} again");
    }
    assert_eq!(hash("ann").await, ann, "one of today stays as it is");
    let (status, _) = server.ask("GET", "/+tokens", &Auth::basic("eve", ""), None).await;
    assert_eq!(status, 401, "nothing is no password");
    // Who logged in since is still who was imported.
    let again = import(&server, &["devpi", &export.write()]).await.whole();
    assert_eq!((again.added("users"), again.present("users")), (0, 4));
}

#[tokio::test]
async fn root_has_the_password_of_the_export_only_if_that_is_asked_for() {
    let server = Server::start().await;
    let mut export = Export::of_ann();
    export.user("root", json!({"pwhash": ANN}));
    import(&server, &["devpi", &export.write(), "--root-password"]).await.whole();
    assert_eq!(login(&server, "root", "annpw").await, 200);
    assert_eq!(login(&server, "root", crate::kit::ROOT_PASSWORD).await, 401);
}

#[tokio::test]
async fn exports_of_devpi_one_and_seven_are_read_as_well() {
    let server = Server::start().await;
    let mut old = Export::new("1");
    old.user("ann", json!({"pwhash": ANN}));
    old.index("root/pypi", json!({"bases": [], "volatile": false}));
    old.index(
        "ann/dev",
        json!({"bases": ["root/pypi"], "pypi_whitelist": ["hello"], "uploadtrigger_jenkins": null}),
    );
    let dist = Package::new("hello", "1.2").sdist();
    let md5 = wheelwright_md5(&dist.bytes);
    let entry = old.file("ann/dev", &dist);
    entry["entrymapping"] =
        json!({"last_modified": "Fri, 04 Jul 2014 14:40:13 GMT", "md5": md5, "size": "7"});
    let entry = entry.as_object_mut().expect("an entry");
    entry.remove("version");
    entry.remove("log");
    import(&server, &["devpi", &old.write()]).await.whole();
    let row =
        server.app.db.file(&index_name("ann/dev"), &dist.filename).await.expect("a row").expect("a file");
    assert_eq!((row.sha256.as_str(), row.version.as_str()), (dist.sha256().as_str(), "1.2"));
    assert_eq!((row.uploader, row.uploaded_at), (None, 1_404_484_813_000_000));
    assert_eq!(import(&server, &["devpi", &old.write()]).await.whole().present("files"), 1);

    let mut new = Export::new("3");
    new.user("dora", json!({"pwhash": ANN, "created": "2026-11-21T09:54:15Z"}));
    new.index("dora/up", json!({"type": "remote", "remote_url": "http://127.0.0.1:9/simple/"}));
    new.index(
        "dora/dev",
        json!({"type": "local", "bases": ["dora/up"], "project_inheritance_rules": ["allow all"]}),
    );
    let entry = new.file("dora/dev", &dist);
    entry["entrymapping"] =
        json!({"hashes": {"sha256": dist.sha256()}, "last_modified": "2026-11-21T09:54:26Z"});
    entry["log"][0]["when"] = "2026-11-21T09:54:26Z".into();
    let versions = new.dump["indexes"]["dora/dev"]["projects"]["hello"].take();
    new.dump["indexes"]["dora/dev"]["projects"]["hello"] =
        json!({"config": {"name": "hello"}, "versions": versions});
    import(&server, &["devpi", &new.write()]).await.whole();
    let (_, dev) = server.ask("GET", "/dora/dev?no_projects=", &Auth::None, None).await;
    assert_eq!(dev["result"]["mirror_whitelist"], json!(["*"]));
    let row =
        server.app.db.file(&index_name("dora/dev"), &dist.filename).await.expect("a row").expect("a file");
    assert_eq!((row.sha256, row.uploaded_at), (dist.sha256(), 1_795_254_866_000_000));
}

fn wheelwright_md5(bytes: &[u8]) -> String {
    use md5::Digest;
    crate::kit::packages::hex(&md5::Md5::digest(bytes))
}

#[tokio::test]
async fn what_a_mirror_had_cached_is_served_without_its_upstream() {
    let server = Server::start().await;
    let upstream = Upstream::start().await;
    let mut export = Export::of_ann();
    export.index("ann/up", json!({"type": "mirror", "mirror_url": upstream.simple(), "volatile": true}));
    let dist = Package::new("six", "1.0").wheel();
    let url = upstream.url(&format!("/files/{}", dist.filename));
    let entry = export.file("ann/up", &dist);
    entry["entrymapping"]["url"] = url.into();
    entry["log"] = json!([]);
    export.release(
        "ann/up",
        "six",
        "1.0",
        json!({"name": "six", "version": "1.0", "yanked": "broken", "requires_python": ">=3"}),
    );
    let run = import(&server, &["devpi", &export.write()]).await.whole();
    assert_eq!((run.added("files"), upstream.log().len()), (1, 0));
    upstream.stop().await;
    let listed = page(&server, "ann/up", "six").await;
    let file = &listed["files"][0];
    assert_eq!((&file["yanked"], &file["requires-python"]), (&json!("broken"), &json!(">=3")));
    let bytes = server.get(&format!("/ann/up/{}", dist.path())).await.bytes().await.expect("a body");
    assert_eq!(bytes, dist.bytes);
    assert_eq!(import(&server, &["devpi", &export.write()]).await.whole().present("files"), 1);
}
