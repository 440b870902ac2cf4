//! The URL of a new mirror is tried once: whoever wrote it learns whether it leads to an index.

use crate::kit::Server;
use crate::kit::script::Auth;
use crate::kit::upstream::{Upstream, noise};
use serde_json::{Value, json};
use std::process::Command;

async fn makes(server: &Server, name: &str, options: Value) -> (u16, String) {
    let (status, told) = server.ask("PUT", &format!("/root/{name}"), &Auth::root(), Some(options)).await;
    assert_eq!(told["type"], "indexconfig", "{told}");
    (status, told["message"].as_str().unwrap_or_default().to_owned())
}

async fn upstream() -> Upstream {
    let upstream = Upstream::start().await;
    upstream.add("six-1.0-py3-none-any.whl", noise(1, 100));
    upstream
}

#[tokio::test]
async fn a_mirror_of_what_is_no_index_is_made_with_a_warning_that_names_the_index() {
    let (server, upstream) = (Server::start().await, upstream().await);
    let mirror = |url: String| json!({"type": "mirror", "mirror_url": url});
    for (name, path) in [("a", "/"), ("b", ""), ("c", "/pypi/")] {
        let (status, told) = makes(&server, name, mirror(upstream.url(path))).await;
        assert_eq!(status, 200);
        assert!(told.starts_with("warning: ") && told.contains(&upstream.url("/simple/")), "{path}: {told}");
        let there = server.ask("GET", &format!("/root/{name}?no_projects="), &Auth::root(), None).await.1;
        assert_eq!(there["result"]["type"], "mirror", "it is made all the same: {there}");
    }
    assert_eq!(makes(&server, "d", mirror(upstream.simple())).await, (200, String::new()));
    let change = Some(json!({"mirror_url": upstream.url("/elsewhere/simple/x/")}));
    let (status, told) = server.ask("PATCH", "/root/d", &Auth::root(), change).await;
    let told = told["message"].as_str().unwrap_or_default();
    assert!(status == 200 && told.contains("has no page that can be read"), "{told}");
    let change = Some(json!({"title": "another"}));
    let (_, told) = server.ask("PATCH", "/root/d", &Auth::root(), change).await;
    assert_eq!(told["message"], Value::Null, "only a new URL is tried");
}

#[tokio::test]
async fn a_warning_about_a_mirrors_url_shows_no_secret_and_silence_makes_no_refusal() {
    let (server, upstream) = (Server::start().await, upstream().await);
    let at = upstream.address;
    let url = format!("http://user:hush@{at}/?token=hush2");
    let (status, told) = makes(&server, "a", json!({"type": "mirror", "mirror_url": url})).await;
    assert!(status == 200 && told.contains("/simple/") && !told.contains("hush"), "{told}");
    upstream.set(|b| b.auth = Some(("user", "right")));
    let (_, told) = makes(&server, "b", json!({"type": "mirror", "mirror_url": upstream.simple()})).await;
    assert!(told.contains("has no page"), "{told}");
    upstream.stop().await;
    let url = format!("http://{at}/simple/");
    let (status, told) = makes(&server, "c", json!({"type": "mirror", "mirror_url": url})).await;
    assert!(status == 200 && told.contains("cannot reach"), "{told}");
    // Where there is no list of projects, none is missed.
    let upstream = Upstream::start().await;
    let options =
        json!({"type": "mirror", "mirror_url": upstream.url("/files/"), "mirror_no_project_list": true});
    assert_eq!(makes(&server, "d", options).await, (200, String::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_warns_of_a_url_that_is_no_index_too() {
    let (server, upstream) = (Server::start().await, upstream().await);
    let data = server.data.path();
    let run = |arguments: Vec<String>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wheelwright"));
        command.env_clear().env("PIP_INDEX_URL", "http://127.0.0.1:9/simple/").args(arguments);
        let done = command.arg("--data").arg(data).output().expect("it runs");
        assert!(done.status.success(), "{done:?}");
        (
            String::from_utf8_lossy(&done.stdout).into_owned(),
            String::from_utf8_lossy(&done.stderr).into_owned(),
        )
    };
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let url = upstream.url("/");
    let (_, said) = run(words(&format!("index create root/far type=mirror mirror_url={url}")));
    assert!(said.contains(&format!("set mirror_url={}", upstream.simple())), "{said}");
    let (told, _) = run(words(&format!("index modify root/far mirror_url={url}x/ --json")));
    let told: Value = serde_json::from_str(&told).expect("JSON");
    assert!(told["warning"].as_str().is_some_and(|text| text.contains("mirror_url: ")), "{told}");
    let (_, said) = run(words(&format!("index modify root/far mirror_url={}", upstream.simple())));
    assert!(!said.contains("warning"), "{said}");
}
