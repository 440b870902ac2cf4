//! Stories of a server without a network: what it promises can be kept.

use crate::kit::Server;
use crate::kit::host::json_of;
use crate::kit::packages::Package;
use crate::kit::sources::Tree;
use crate::kit::upstream::Upstream;

#[tokio::test]
async fn offline_a_release_is_promised_if_its_source_and_what_builds_it_are_here() {
    let upstream = Upstream::start().await;
    let system = |requires: &str| {
        format!("[build-system]\nrequires = {requires}\nbuild-backend = 'backend'\nbackend-path = ['.']\n")
    };
    let elsewhere = "['maker>=2; sys_platform == \"win32\"']";
    for (name, requires) in [
        ("has", "['maker>=1']"),
        ("newer", "['maker>=2']"),
        ("lacks", "['maker', 'never-seen']"),
        ("nothing", "[]"),
        ("elsewhere", elsewhere),
        ("absent", "[]"),
    ] {
        let tree = Tree::new(name, "1.0").file("pyproject.toml", &system(requires));
        upstream.add(&tree.filename(), tree.sdist());
    }
    // Without a word on what builds it: setuptools does.
    let silent = Tree::new("silent", "1.0").file("pyproject.toml", "[tool.nothing]\n");
    upstream.add(&silent.filename(), silent.sdist());
    for (name, version) in [("maker", "1.0"), ("maker", "2.0"), ("pip", "24.0")] {
        let wheel = Package::new(name, version).wheel();
        upstream.add(&wheel.filename, wheel.bytes);
    }
    let simple = upstream.simple();
    let server = Server::start_with(|config| config.upstream = Some(simple)).await;
    let accept = [("accept", "application/vnd.pypi.simple.v1+json")];
    let files = async |server: &Server, path: &str| -> Vec<serde_json::Value> {
        let answer = server.get_with(path, &accept).await;
        match answer.status().as_u16() {
            200 => json_of(answer).await["files"].as_array().expect("files").clone(),
            _ => Vec::new(),
        }
    };
    let all = ["has", "newer", "lacks", "nothing", "elsewhere", "silent", "maker", "pip", "absent"];
    for project in all {
        let listed = files(&server, &format!("/root/pypi/+simple/{project}/")).await;
        // Of maker its first version; of what is absent nothing.
        if let Some(first) = listed.first().filter(|_| project != "absent") {
            let url = first["url"].as_str().expect("a URL").trim_start_matches("../");
            let path = format!("/root/pypi/{}", url.split("root/pypi/").last().expect("a path"));
            assert_eq!(server.get(&path).await.status(), 200, "{path}");
        }
    }
    let promised = async |server: &Server| {
        let mut promised = Vec::new();
        for project in &all[..6] {
            let page = files(server, &format!("/v1/root.pypi/cp312-test/+simple/{project}/")).await;
            if page.iter().any(|file| file["filename"].as_str().is_some_and(|name| name.contains("-1ww-"))) {
                promised.push(*project);
            }
        }
        promised
    };
    server.worker("carl", "one").await;
    assert_eq!(promised(&server).await, &all[..6], "with a network all can be had");
    let mut config = server.app.config.clone();
    config.offline = true;
    let offline = Server::start_with(|own| *own = config).await;
    assert_eq!(promised(&offline).await, ["has", "nothing", "elsewhere"]);
    assert!(files(&offline, "/v1/root.pypi/cp312-test/+simple/absent/").await.is_empty());
}
