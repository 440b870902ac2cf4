//! Stories of projects and releases as devpi's client reads them.

use crate::kit::Server;
use crate::kit::host::json_of;
use crate::kit::script::Auth;
use crate::kit::upstream::{Upstream, noise};
use serde_json::{Value, json};

const JSON: [(&str, &str); 1] = [("accept", "application/json")];

async fn told(server: &Server, path: &str, kind: &str) -> Value {
    let answer = server.get_with(path, &JSON).await;
    assert_eq!(answer.status(), 200, "{path}");
    assert_eq!(answer.headers()["content-type"], "application/json", "{path}");
    let json = json_of(answer).await;
    assert_eq!(json["type"], kind, "{path}");
    json["result"].clone()
}

#[tokio::test]
async fn a_project_is_told_with_and_without_its_bases() {
    let server = Server::start().await;
    server.have_index("alice/base", json!({})).await;
    server.have_index("alice/dev", json!({"bases": ["alice/base"]})).await;
    let one = server.host("alice/base", "demo", "1.0", b"one").await;
    server.host("alice/dev", "demo", "2.0", b"two").await;
    for path in ["/alice/dev/demo", "/alice/dev/demo/", "/alice/dev/Demo"] {
        let project = told(&server, path, "projectconfig").await;
        assert_eq!(project["1.0"]["+links"][0]["href"], server.url(&one.path), "{path}");
        assert_eq!(project["2.0"]["version"], "2.0", "{path}");
    }
    let own = told(&server, "/alice/dev/demo?ignore_bases", "projectconfig").await;
    assert_eq!(own.as_object().map(|own| own.keys().cloned().collect::<Vec<_>>()), Some(vec!["2.0".into()]));
    let release = told(&server, "/alice/dev/demo/2.0", "versiondata").await;
    assert_eq!((&release["name"], &release["version"]), (&json!("demo"), &json!("2.0")));
    for path in ["/alice/dev/none", "/alice/dev/demo/9.9"] {
        let answer = server.get_with(path, &JSON).await;
        assert_eq!(
            (answer.status().as_u16(), json_of(answer).await["message"].is_string()),
            (404, true),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_release_names_the_same_one_that_it_hides_in_a_base() {
    let server = Server::start().await;
    server.have_index("alice/base", json!({})).await;
    server.have_index("alice/dev", json!({"bases": ["alice/base"]})).await;
    let hidden = server.host("alice/base", "demo", "1.0", b"one").await;
    server.host("alice/base", "demo", "2.0", b"two").await;
    server.host("alice/dev", "demo", "1.0", b"other").await;
    let release = told(&server, "/alice/dev/demo/1.0", "versiondata").await;
    assert_eq!(release["+shadowing"][0]["+links"][0]["href"], server.url(&hidden.path));
    let project = told(&server, "/alice/dev/demo", "projectconfig").await;
    assert_eq!(project["1.0"]["+shadowing"], release["+shadowing"]);
    assert_eq!(project["2.0"].get("+shadowing"), None, "inherited, not hidden");
    let own = told(&server, "/alice/dev/demo?ignore_bases", "projectconfig").await;
    assert_eq!(own["1.0"].get("+shadowing"), None);
    let patch = json!({"acl_read": ["alice"]});
    assert_eq!(server.ask("PATCH", "/alice/base", &Auth::root(), Some(patch)).await.0, 200);
    let release = told(&server, "/alice/dev/demo/1.0", "versiondata").await;
    assert_eq!(release.get("+shadowing"), None, "strangers may not read the base");
}

#[tokio::test]
async fn a_mirrors_project_is_told_alike() {
    let upstream = Upstream::start().await;
    upstream.add("demo-1.0-py3-none-any.whl", noise(1, 1000));
    let url = upstream.simple();
    let server = Server::start_with(|config| config.upstream = Some(url)).await;
    let project = told(&server, "/root/pypi/demo", "projectconfig").await;
    let href = project["1.0"]["+links"][0]["href"].as_str().expect("a link").to_owned();
    assert!(href.starts_with(&server.url("/root/pypi/+f/")), "{href}");
    let release = told(&server, "/root/pypi/demo/1.0", "versiondata").await;
    assert_eq!(release["+links"][0]["href"], href.as_str());
}
