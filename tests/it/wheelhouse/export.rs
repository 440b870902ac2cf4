//! An index in a folder: what installers get of it, and what a second export writes.

use super::{StaticServer, broken_links, order, tree};
use crate::kit::clients::Client;
use crate::kit::names::project_name;
use crate::kit::packages::Package;
use crate::kit::stages::{stage, stage_with};
use serde_json::{Value, json};
use std::path::Path;
use wheelwright::transfer::wheelhouse::WheelhouseOrder;

const OF: &str = "alice/dev";

#[tokio::test(flavor = "multi_thread")]
async fn pip_and_uv_install_from_an_exported_index_on_any_web_server() {
    let server = stage().await;
    for version in ["1.0", "1!2017.1", "1!2017.1+local.7"] {
        server.publish(OF, &Package::new("Demo_X", version).requires("lib").wheel()).await;
    }
    server.publish(OF, &Package::new("lib", "3.0").requires_python(">=3.0").wheel()).await;
    server.publish(OF, &Package::new("lib", "4.0").requires_python(">=3.90").wheel()).await;
    let folder = tempfile::tempdir().expect("a folder");
    let house = folder.path().join("public");
    let tally = server.export(&order(OF), &house).await.expect("exported");
    assert_eq!(
        (tally.projects, tally.files, tally.pages),
        (2, 10, 7),
        "files have their METADATA beside them"
    );
    assert_eq!(broken_links(&house), Vec::<String>::new());
    let listed: Value =
        serde_json::from_slice(&std::fs::read(house.join("simple/demo-x/index.json")).unwrap()).unwrap();
    assert_eq!(listed["versions"], json!(["1.0", "1!2017.1", "1!2017.1+local.7"]));

    let web = StaticServer::start(&house).await;
    let (flat, simple) = (web.url("index.html"), web.url("simple/"));
    let local = house.join("index.html").display().to_string();
    let by_pip = ["--no-cache-dir", "--no-compile"];
    for (program, from) in [
        ("pip", vec!["--no-index", "--find-links", &flat]),
        ("pip", vec!["--no-index", "--find-links", &local]),
        ("pip", vec!["--index-url", &simple]),
        ("uv", vec!["--no-index", "--find-links", &flat]),
        ("uv", vec!["--index-url", &simple]),
    ] {
        let client = Client::new(program);
        let site = client.home.path().join("site").display().to_string();
        let run = match program {
            "pip" => {
                [&["install"], &by_pip[..], &["--target", &site], &from[..], &["demo-x==1!2017.1"]].concat()
            }
            _ => [&["pip", "install", "--no-cache", "--target", &site], &from[..], &["demo-x==1!2017.1"]]
                .concat(),
        };
        client.run(program, &run).await.succeeded();
        let version = |name: &str| std::fs::read_to_string(Path::new(&site).join(name).join("__init__.py"));
        let demo = version("demo_x").expect("installed");
        assert!(demo.contains("1!2017.1+local.7"), "{program} {from:?}: {demo}");
        assert!(version("lib").expect("installed").contains("3.0"), "{program} {from:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_export_writes_what_changed_and_removes_what_is_gone() {
    let server = stage().await;
    for name in ["one", "two", "three"] {
        server.publish(OF, &Package::new(name, "1.0").wheel()).await;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let first = server.export(&order(OF), folder.path()).await.expect("exported");
    assert_eq!((first.projects, first.files, first.pages, first.removed), (3, 6, 9, 0));
    let nothing = server.export(&order(OF), folder.path()).await.expect("exported");
    assert_eq!((nothing.projects, nothing.projects_changed, nothing.files, nothing.pages), (3, 0, 0, 0));

    // A release more: its page in two forms, and the flat page.
    server.publish(OF, &Package::new("two", "1.1").wheel()).await;
    let more = server.export(&order(OF), folder.path()).await.expect("exported");
    assert_eq!((more.projects_changed, more.files, more.pages, more.removed), (1, 2, 3, 0));

    // A yank marks the links, and takes the file from the flat page, which cannot mark it for every installer.
    let (status, said) = server.as_alice("PATCH", "/alice/dev/two/1.1", r#"{"yanked": "bad"}"#).await;
    assert_eq!(status, 200, "{said}");
    let yanked = server.export(&order(OF), folder.path()).await.expect("exported");
    assert_eq!((yanked.projects_changed, yanked.files, yanked.pages, yanked.removed), (1, 0, 3, 0));
    let text = |path: &str| std::fs::read_to_string(folder.path().join(path)).expect("a page");
    assert!(
        text("simple/two/index.html").contains("data-yanked=\"bad\""),
        "{}",
        text("simple/two/index.html")
    );
    assert!(!text("index.html").contains("two-1.1"), "{}", text("index.html"));

    // A project less: its pages and files go, and the lists change.
    let (status, said) = server.as_alice("DELETE", "/alice/dev/one", "").await;
    assert_eq!(status, 200, "{said}");
    let less = server.export(&order(OF), folder.path()).await.expect("exported");
    assert_eq!((less.projects, less.pages, less.removed), (2, 3, 4));
    assert_eq!(broken_links(folder.path()), Vec::<String>::new());
    assert!(!folder.path().join("simple/one").exists());

    let fresh = tempfile::tempdir().expect("a folder");
    server.export(&order(OF), fresh.path()).await.expect("exported");
    assert!(tree(folder.path()) == tree(fresh.path()), "the same as one that was made at once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_of_something_else_stays_as_it_is() {
    let server = stage().await;
    server.publish(OF, &Package::new("demo", "1.0").wheel()).await;
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("mine.txt"), "mine").expect("a file");
    let refused = server.export(&order(OF), folder.path()).await.expect_err("refused").to_string();
    assert!(refused.contains("is not empty, and no wheelhouse"), "{refused}");
    assert_eq!(tree(folder.path()).len(), 1);
    assert_eq!(std::fs::read_dir(folder.path()).expect("it").count(), 1);

    let other = tempfile::tempdir().expect("a folder");
    server.export(&order(OF), other.path()).await.expect("exported");
    server.make_index("alice/prod", json!({"bases": []})).await;
    let refused = server.export(&order("alice/prod"), other.path()).await.expect_err("refused").to_string();
    assert!(refused.contains("is the wheelhouse of alice/dev, not of alice/prod"), "{refused}");

    let lock = std::fs::File::open(other.path().join(".wheelwright.lock")).expect("a lock");
    lock.lock().expect("ours");
    let refused = server.export(&order(OF), other.path()).await.expect_err("refused").to_string();
    assert!(refused.contains("another export writes to"), "{refused}");
    drop(lock);
    server.export(&order(OF), other.path()).await.expect("exported");

    let missing = server.export(&order("alice/none"), &other.path().join("x")).await.expect_err("refused");
    assert!(missing.to_string().contains("alice/none"), "{missing}");
    assert!(!other.path().join("x").exists());
    let named = WheelhouseOrder { projects: vec![project_name("absent")], ..order(OF) };
    let missing = server.export(&named, &other.path().join("y")).await.expect_err("refused");
    assert!(missing.to_string().contains("has no files of the project absent"), "{missing}");
}

#[tokio::test(flavor = "multi_thread")]
async fn inherited_projects_come_along_and_mirrors_give_what_they_keep() {
    let upstream = stage().await;
    for version in ["1.0", "2.0"] {
        upstream.publish(OF, &Package::new("below", version).wheel()).await;
    }
    upstream.publish(OF, &Package::new("never-asked", "1.0").wheel()).await;
    let mirrored = upstream.url("/alice/dev/+simple/");
    let server = stage_with(|config| config.upstream = Some(mirrored)).await;
    server.make_index("alice/team", json!({"bases": ["alice/dev", "root/pypi"]})).await;
    server.publish("alice/team", &Package::new("top", "1.0").wheel()).await;
    server.publish(OF, &Package::new("middle", "1.0").wheel()).await;
    let page = server.get("/root/pypi/+simple/below/").await.text().await.expect("a page");
    let link = page.split("href=\"").find(|link| link.contains("below-1.0")).expect("a link");
    let path = link.split('#').next().unwrap_or_default().trim_start_matches("../");
    assert_eq!(server.get(&format!("/{path}")).await.status(), 200, "{path}");
    server.get(&format!("/{path}")).await.bytes().await.expect("all of it");

    let names = async |inherited: bool| {
        let folder = tempfile::tempdir().expect("a folder");
        let order = WheelhouseOrder { inherited, ..order("alice/team") };
        server.export(&order, folder.path()).await.expect("exported");
        assert_eq!(broken_links(folder.path()), Vec::<String>::new());
        let files = tree(folder.path()).into_keys().filter(|path| path.ends_with(".whl"));
        let mut names: Vec<String> =
            files.map(|path| path.rsplit('/').next().unwrap_or_default().to_owned()).collect();
        names.sort();
        names
    };
    assert_eq!(names(false).await, ["top-1.0-py2.py3-none-any.whl"]);
    let all = ["below-1.0", "middle-1.0", "top-1.0"].map(|name| format!("{name}-py2.py3-none-any.whl"));
    assert_eq!(names(true).await, all);
}
