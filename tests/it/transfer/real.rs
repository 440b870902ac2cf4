//! A real devpi-server is filled by its real client, exported, and moves in.

use super::export::{files_below, result_of, zip_of};
use super::import;
use crate::kit::Server;
use crate::kit::clients::Client;
use crate::kit::devpi_server::Devpi;
use crate::kit::forms::Form;
use crate::kit::names::{index_name, project_name};
use crate::kit::packages::Package;
use crate::kit::script::Auth;
use serde_json::{Value, json};
use wheelwright::words::{AttachmentKind, PassageKind};

#[tokio::test]
async fn a_real_export_of_devpi_server_moves_in() {
    let (devpi, client) = (Client::new("devpi-server"), Client::new("devpi-client"));
    let server = Server::start_with(|config| config.private_hosts = vec!["127.0.0.1".into()]).await;
    Devpi::init(&devpi).await;
    let old = Devpi::start(&devpi).await;
    let demo = Package::new("hello", "1.0").requires_python(">=3.8");
    let files = [demo.wheel(), demo.sdist()].map(|dist| dist.save(client.home.path()).display().to_string());
    client.run("devpi", &["use", &old.url]).await.succeeded();
    client.run("devpi", &["user", "-c", "ann", "password=annpw", "email=ann@example.org"]).await.succeeded();
    client.run("devpi", &["login", "ann", "--password=annpw"]).await.succeeded();
    client.run("devpi", &["index", "-c", "dev", "volatile=True", "title=of ann"]).await.succeeded();
    client.run("devpi", &["index", "-c", "prod", "bases=ann/dev", "volatile=False"]).await.succeeded();
    client.run("devpi", &["use", "ann/dev"]).await.succeeded();
    client.run("devpi", &["upload", &files[0], &files[1]]).await.succeeded();
    let documentation =
        Form::default().field(":action", "doc_upload").field("name", "hello").field("version", "1.0");
    old.post("/ann/dev/", documentation.file("content", "hello.zip", &zip_of("<h1>hello</h1>"))).await;
    let result: Value = serde_json::from_slice(&result_of("0")).expect("JSON");
    old.json("POST", &format!("/ann/dev/{}", demo.sdist().path()), &result).await;
    client.run("devpi", &["push", "hello==1.0", "ann/prod"]).await.succeeded();
    drop(old);
    let folder = devpi.home.path().join("export");
    let arguments = [
        "--serverdir",
        &devpi.home.path().join("server").display().to_string(),
        &folder.display().to_string(),
    ];
    devpi.run("devpi-export", &arguments).await.succeeded();
    assert_eq!(files_below(&folder).len(), 9, "an index of all, four files, two documentations, two results");

    let path = folder.display().to_string();
    let looked = import(&server, &["devpi", &path, "--dry-run"]).await.whole();
    let moved = import(&server, &["devpi", &path]).await.whole();
    assert_eq!(looked.report["added"], moved.report["added"]);
    let counts = ["users", "indexes", "releases", "files", "documentation", "test_results"]
        .map(|what| moved.added(what));
    assert_eq!(counts, [1, 2, 2, 4, 2, 2], "{:#?}", moved.report);
    assert_eq!(moved.report["notes"], json!([]));

    // The same client, the same password, the same commands.
    client.run("devpi", &["use", &server.url("/ann/dev")]).await.succeeded();
    client.run("devpi", &["login", "ann", "--password=annpw"]).await.succeeded();
    client.run("devpi", &["list", "hello"]).await.succeeded().says("hello-1.0.tar.gz");
    let (_, config) = server.ask("GET", "/ann/prod?no_projects=", &Auth::None, None).await;
    assert_eq!(
        (&config["result"]["bases"], &config["result"]["volatile"]),
        (&json!(["ann/dev"]), &json!(false))
    );
    let bytes =
        server.get(&format!("/ann/prod/{}", demo.wheel().path())).await.bytes().await.expect("a body");
    assert_eq!(bytes, demo.wheel().bytes);
    let (prod, hello) = (index_name("ann/prod"), project_name("hello"));
    let row = server.app.db.file(&prod, &demo.wheel().filename).await.expect("a row").expect("a file");
    let history = row.history.expect("it was pushed");
    let told: Vec<_> = history.0.iter().map(|passage| (passage.what, passage.who.as_deref())).collect();
    assert_eq!(told, [(PassageKind::Upload, Some("ann")), (PassageKind::Push, Some("ann"))]);
    let beside = server.app.db.attachments(&prod, &hello).await.expect("rows");
    let kinds: Vec<_> = beside.iter().map(|one| (one.kind, one.passed)).collect();
    assert_eq!(kinds, [(AttachmentKind::Documentation, None), (AttachmentKind::TestResult, Some(true))]);
    assert_eq!(import(&server, &["devpi", &path]).await.whole().present("files"), 4);

    // The way back: what was uploaded meanwhile is pushed to devpi's own server, which is as it was.
    let newer = Package::new("hello", "2.0").wheel();
    let file = newer.save(client.home.path()).display().to_string();
    client.run("devpi", &["use", &server.url("/ann/dev")]).await.succeeded();
    client.run("devpi", &["upload", &file]).await.succeeded();
    let old = Devpi::start(&devpi).await;
    let settings = format!(
        "[distutils]\nindex-servers = back\n[back]\nrepository: {}/ann/dev/\nusername: ann\npassword: annpw\n",
        old.url
    );
    let settings_file = client.home.path().join("back.cfg");
    std::fs::write(&settings_file, settings).expect("written");
    let settings_file = settings_file.display().to_string();
    client.run("devpi", &["push", "hello==2.0", "pypi:back", "--pypirc", &settings_file]).await.succeeded();
    let page = old.http.get(format!("{}/ann/dev/+simple/hello/", old.url)).send().await.expect("an answer");
    let page = page.text().await.expect("a page");
    assert!(page.contains(&newer.filename) && page.contains("hello-1.0.tar.gz"), "{page}");
}

/// Exports of all ages that devpi-server is tested with.
#[tokio::test]
async fn exports_of_all_ages_move_in_or_are_refused_with_a_reason() {
    let devpi = Client::new("devpi-server");
    let place = "import test_devpi_server, os; print(os.path.dirname(test_devpi_server.__file__))";
    let place =
        devpi.run("python", &["-c", place]).await.succeeded().output.trim().to_owned() + "/importexportdata";
    let refused = [
        ("badindexname", "index root/pypi!Jo"),
        ("badusername", "user root~foo.com"),
        ("no_history_log", "user1/dev/hello/9a0364b9e99bb480dd25e1f0284c8555/hello-1.0.tar.gz.toxresult0"),
        ("removedindexplugin", "index user/+foo-dev"),
    ];
    let mut seen = 0;
    for fixture in std::fs::read_dir(&place).expect("the fixtures").flatten() {
        let (name, path) =
            (fixture.file_name().into_string().expect("text"), fixture.path().display().to_string());
        if !fixture.path().join("dataindex.json").is_file() {
            continue;
        }
        seen += 1;
        let server = Server::start().await;
        let run = import(&server, &["devpi", &path]).await;
        match refused.iter().find(|(known, _)| *known == name) {
            Some((_, what)) => assert!(!run.partly().why(what).is_empty(), "{name}"),
            None => {
                let files = files_below(&fixture.path()).len() as u64 - 1;
                let run = run.whole();
                assert_eq!(
                    run.added("files") + run.added("test_results"),
                    files,
                    "{name}: {:#?}",
                    run.report
                );
                import(&server, &["devpi", &path]).await.whole();
            }
        }
    }
    assert!(seen >= 17, "{seen}");
}
