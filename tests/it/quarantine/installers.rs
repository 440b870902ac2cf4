//! What real installers say of a package in quarantine, and who has it afterwards.

use super::{quarantine, release};
use crate::kit::clients::Client;
use crate::kit::desk::Desk;
use crate::kit::packages::Package;
use crate::kit::script::Auth;
use crate::kit::stages::{PASSWORD, stage};
use serde_json::Value;

#[tokio::test(flavor = "multi_thread")]
async fn pip_and_uv_refuse_with_the_reason_and_one_knows_who_installed_it_before() {
    let server = stage().await;
    let demo = Package::new("demo", "1.0").wheel();
    server.publish("alice/dev", &demo).await;
    let (pip, uv) = (Client::new("pip"), Client::new("uv"));
    let index = server.url("/alice/dev/+simple/");
    let named = index.replace("http://", &format!("http://alice:{PASSWORD}@"));
    let url = server.url(&format!("/alice/dev/{}", demo.path()));
    let target = |who: &Client, name: &str| who.home.path().join(name).display().to_string();
    let (mine, other) = (target(&pip, "before"), target(&uv, "before"));
    pip.run("pip", &["install", "--no-cache-dir", "-i", &named, "--target", &mine, "demo"]).await.succeeded();
    let anonymous = ["pip", "install", "--no-cache", "--index-url", &index, "--target", &other, "demo"];
    uv.run("uv", &anonymous).await.succeeded();

    let id = quarantine(&server, "demo", "it steals tokens").await;
    let after = target(&pip, "after");
    let install = ["install", "--no-cache-dir", "-i", &index, "--target", &after, "demo"];
    pip.run("pip", &install).await.failed();
    let pinned = ["install", "--no-cache-dir", "--target", &after, &url];
    pip.run("pip", &pinned).await.failed().says("demo 1.0 is quarantined: it steals tokens");
    let pinned = ["pip", "install", "--no-cache", "--target", &after, &url];
    uv.run("uv", &pinned).await.failed().says("demo 1.0 is quarantined: it steals tokens");

    let (status, told) = server.ask("GET", "/+who-has?what=demo%3D%3D1.0", &Auth::root(), None).await;
    assert_eq!(status, 200, "{told}");
    let fetched = told["result"]["fetched"].as_array().expect("a list");
    let mut who: Vec<(String, String, i64)> = fetched
        .iter()
        .map(|one| {
            let installer = one["installer"].as_str().expect("a name").split(' ').next().expect("a name");
            (
                one["who"].as_str().expect("a name").to_owned(),
                installer.to_owned(),
                one["count"].as_i64().expect("a number"),
            )
        })
        .collect();
    who.sort();
    assert_eq!(who, [(String::new(), "uv".to_owned(), 1), ("alice".to_owned(), "pip".to_owned(), 1)]);
    release(&server, &id).await;
    pip.run("pip", &install).await.succeeded();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_file_that_is_watched_is_found_by_release_file_and_hash() {
    let server = stage().await;
    let demo = Package::new("demo", "1.0").wheel();
    server.publish("alice/dev", &demo).await;
    let path = format!("/alice/dev/{}", demo.path());
    let got = server.http.get(server.url(&path)).basic_auth("alice", Some(PASSWORD)).send().await;
    assert_eq!(got.expect("an answer").status(), 200);
    server.app.downloads.flush().await.expect("written");
    let desk = Desk::new();
    let data = server.data.path().display().to_string();
    let run =
        async |arguments: &[&str]| desk.run("wheelwright", &[&["--data", &data], arguments].concat()).await;
    let sha256 = demo.sha256();
    desk.write("requirements.txt", &format!("demo==1.0 --hash=sha256:{sha256}\nsix==1.17\n"));
    let watched = run(&["lock", "watch", "requirements.txt", "--as", "shop", "--index", "alice/dev"]).await;
    assert_eq!(watched.succeeded().out, "watching requirements.txt as shop: 2 releases\n");
    for what in ["demo", "demo==1.0.0", "demo<2", demo.filename.as_str(), sha256.as_str()] {
        let found: Value = run(&["who-has", what, "--json"]).await.succeeded().json();
        assert_eq!(found["fetched"][0]["who"], "alice", "{what}: {found}");
        assert_eq!(found["locks"][0]["name"], "shop", "{what}: {found}");
    }
    let none = run(&["who-has", "demo==2.0", "--json"]).await.succeeded().json();
    assert_eq!((&none["fetched"], &none["locks"]), (&serde_json::json!([]), &serde_json::json!([])));
    let told = run(&["who-has", "six"]).await.succeeded().out;
    assert!(
        told.contains("nobody is known to have fetched six") && told.contains("names six==1.17"),
        "{told}"
    );
    let told = run(&["who-has", &"0".repeat(64)]).await.succeeded().out;
    assert!(told.contains("note: no index has a file with this sha256"), "{told}");
    desk.write("requirements.in", "demo>=1\n");
    let wrong = run(&["lock", "watch", "requirements.in", "--as", "shop"]).await.failed().err;
    assert!(wrong.contains("line 1: demo>=1 is not pinned"), "{wrong}");
    assert!(run(&["lock", "list"]).await.succeeded().out.contains("requirements.txt"), "what was kept stays");
    run(&["lock", "remove", "shop"]).await.succeeded();
    let gone = run(&["lock", "remove", "shop"]).await.failed().err;
    assert!(gone.contains("no lock file \"shop\" is watched"), "{gone}");
}
