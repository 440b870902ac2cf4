//! Stories of the legacy JSON API: what mirrors of mirrors and dependency updaters read.

use crate::kit::Server;
use crate::kit::forms::Form;
use crate::kit::host::json_of;
use crate::kit::names::{index_name, project_name};
use crate::kit::packages::Package;
use crate::kit::stages::{PASSWORD, stage};
use serde_json::Value;

const JSON: &str = "application/vnd.pypi.simple.v1+json";

async fn demo() -> Server {
    let server = stage().await;
    let wheel = Package::new("Demo.Pkg", "1.0").wheel();
    assert_eq!(server.post("/alice/dev/", Form::of(&wheel), "alice", PASSWORD).await.status, 200);
    server
}

#[tokio::test]
async fn another_spelling_leads_to_the_one_url() {
    let server = demo().await;
    for (asked, expected) in [
        ("/alice/dev/pypi/Demo_Pkg/json", "/alice/dev/pypi/demo-pkg/json"),
        ("/alice/dev/pypi/Demo_Pkg/json/", "/alice/dev/pypi/demo-pkg/json/"),
        ("/alice/dev/pypi/demo.pkg/1.0/json", "/alice/dev/pypi/demo-pkg/1.0/json"),
        ("/alice/dev/pypi/demo.pkg/1.0/json/", "/alice/dev/pypi/demo-pkg/1.0/json/"),
        ("/alice/dev/Demo.Pkg/json", "/alice/dev/demo-pkg/json"),
        ("/pypi/Demo.Pkg/json?x=1", "/pypi/demo-pkg/json?x=1"),
    ] {
        let answer = server.get(asked).await;
        assert_eq!(answer.status(), 301, "{asked}");
        let location = answer.headers()["location"].to_str().expect("text");
        let joined = reqwest::Url::parse(&server.url(asked)).expect("a URL").join(location).expect("a place");
        assert_eq!(joined.as_str(), server.url(expected), "{asked}");
        if expected.starts_with("/alice") {
            assert_eq!(server.get(expected).await.status(), 200, "{expected}");
        }
    }
}

#[tokio::test]
async fn a_file_tells_every_digest_that_is_known() {
    let server = demo().await;
    let stored = server
        .app
        .db
        .project_files(&index_name("alice/dev"), &project_name("demo-pkg"))
        .await
        .expect("files");
    let json = json_of(server.get("/alice/dev/pypi/demo-pkg/json").await).await;
    let file = &json["urls"][0];
    assert_eq!(file["digests"]["sha256"], stored[0].sha256.as_str());
    assert_eq!(file["digests"]["md5"], stored[0].md5.as_deref().expect("an md5"));
    assert_eq!(file["md5_digest"], file["digests"]["md5"]);
    assert_eq!(file["digests"]["blake2b_256"], stored[0].blake2_256.as_deref().expect("a blake2"));
}

#[tokio::test]
async fn a_files_url_is_the_simple_pages_and_absolute() {
    let server = demo().await;
    let at = server.url("/alice/dev/+simple/demo-pkg/");
    let page: Value =
        json_of(server.get_with("/alice/dev/+simple/demo-pkg/", &[("accept", JSON)]).await).await;
    let link = page["files"][0]["url"].as_str().expect("a link");
    let link = reqwest::Url::parse(&at).expect("a URL").join(link).expect("a link");
    let json = json_of(server.get("/alice/dev/pypi/demo-pkg/json").await).await;
    assert_eq!(json["urls"][0]["url"], link.as_str());
}
