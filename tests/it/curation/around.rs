//! Ways around a curated index, none of which leads anywhere.

use super::{Governed, PIP, alice};
use crate::kit::Server;
use crate::kit::host::json_of;
use crate::kit::resolving::{NEW, send_text};
use crate::kit::script::Auth;
use crate::kit::upstream::{Upstream, noise};
use serde_json::json;

/// The path of a file as root sees it on the mirror.
pub async fn path_on_mirror(governed: &Governed, project: &str) -> String {
    let path = format!("/root/pypi/+simple/{project}/");
    let asked = Auth::root().on(governed.server.http.get(governed.server.url(&path)));
    let answer =
        asked.header("accept", "application/vnd.pypi.simple.v1+json").send().await.expect("an answer");
    let page = json_of(answer).await;
    let url = page["files"][0]["url"].as_str().unwrap_or_else(|| panic!("{page}"));
    format!("/{}", url.trim_start_matches("../"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_not_approved_has_no_url_that_gives_it() {
    let governed = Governed::start().await;
    let there = path_on_mirror(&governed, "other").await;
    assert!(there.starts_with("/root/pypi/+f/"), "{there}");
    // Its bytes are here.
    let fetched = Auth::root().on(governed.server.http.get(governed.server.url(&there))).send().await;
    assert_eq!(fetched.expect("an answer").status(), 200);
    assert_eq!(governed.server.get(&there).await.status(), 401, "the mirror is closed");
    let here = there.replace("/root/pypi/", "/root/safe/");
    for path in [here.clone(), format!("{here}.metadata")] {
        let answer = governed.server.get(&path).await;
        assert_eq!(answer.status(), 403, "{path}");
    }
    governed.approve("other==3.0").await;
    let answer = governed.server.get(&here).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["cache-control"], "private, no-cache");
    assert_eq!(governed.server.get(&format!("{here}.metadata")).await.status(), 200);
    assert_eq!(governed.server.get(&there).await.status(), 401, "the mirror stays closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_lists_and_apis_show_only_what_was_approved() {
    let governed = Governed::start().await;
    governed.approve("demo==1.0").await;
    let only = ["demo-1.0-py3-none-any.whl"];
    for page in [
        "/root/safe/+simple/demo/",
        "/root/safe/+at/2099-01-01/+simple/demo/",
        "/v1/root.safe/cp312/+simple/demo/",
    ] {
        assert_eq!(governed.listed(page).await, only, "{page}");
    }
    assert!(governed.listed("/root/safe/+at/2099-01-01/+simple/other/").await.is_empty());
    let names = governed.server.get("/root/safe/+simple/").await.text().await.expect("a list");
    assert!(names.contains("demo/") && !names.contains("other"), "{names}");
    for path in ["/root/safe/pypi/demo/json", "/root/safe/+links/demo"] {
        let text = governed.server.get(path).await.text().await.expect("a body");
        assert!(text.contains("demo-1.0") && !text.contains("demo-1.1"), "{path}: {text}");
    }
    let text = governed.server.get("/root/safe/pypi/other/json").await;
    assert_eq!(text.status(), 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_inherits_from_a_curated_one_cannot_reach_behind_it() {
    let governed = Governed::start().await;
    let bases = json!({"bases": ["root/safe", "root/pypi"]});
    // By root, who may read the mirror.
    governed.server.make_index("alice/above", bases).await;
    governed.approve("other==3.0").await;
    assert_eq!(governed.listed("/alice/above/+simple/other/").await, ["other-3.0-py3-none-any.whl"]);
    assert!(governed.listed("/alice/above/+simple/demo/").await.is_empty());
    let (status, told) =
        send_text(&governed.server, &format!("/v1/alice.above/{NEW}/+compile/"), "demo\n", true).await;
    assert_eq!(status, 400, "{told}");
    assert!(told.contains("approved"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_curated_index_gives_nothing_that_its_owner_may_not_read() {
    let governed = Governed::start().await;
    let options = json!({"bases": ["root/pypi"], "curated": true});
    governed.server.make_index("alice/mine", options).await;
    let wanted = json!({"index": "alice/mine", "requirement": "other==3.0"});
    let (status, told) = governed.server.ask("POST", "/+requests", &alice(), Some(wanted)).await;
    assert_eq!(status, 201, "{told}");
    let id = told["result"]["id"].as_i64().expect("a number");
    let (status, told) = governed.decide(id, "approve", json!({})).await;
    assert_eq!(status, 200, "{told}");
    assert!(governed.listed("/alice/mine/+simple/other/").await.is_empty());
    let there = path_on_mirror(&governed, "other").await;
    let path = there.replace("/root/pypi/", "/alice/mine/");
    let (status, told) = governed.server.ask("GET", &path, &alice(), None).await;
    assert_eq!(status, 404, "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_is_not_approved_is_not_promised_and_not_built() {
    let governed = Governed::start().await;
    let page = "/v1/root.safe/cp312/+simple/source-only/";
    assert!(governed.listed(page).await.is_empty());
    let wheel = format!("/root/safe/+w/{NEW}/source_only-1.0-0.promised-{NEW}.whl");
    let answer = governed.server.get(&wheel).await;
    assert!(matches!(answer.status().as_u16(), 403 | 404), "{}", answer.status());
    governed.approve("source-only==1.0").await;
    let listed = governed.listed(page).await;
    assert_eq!(listed.iter().filter(|name| name.ends_with(".tar.gz")).count(), 1, "{listed:?}");
}

#[tokio::test]
async fn a_private_or_reserved_name_is_neither_asked_upstream_nor_requested() {
    let upstream = Upstream::start().await;
    for name in ["mine-9.0-py3-none-any.whl", "acme_tool-9.0-py3-none-any.whl", "acme-tool-9.0.tar.gz"] {
        upstream.add(name, noise(9, 2000));
    }
    let url = upstream.simple();
    let server = Server::start_with(|config| config.upstream = Some(url)).await;
    let options = json!({"bases": ["root/pypi"], "curated": true, "reserved": ["acme-*"]});
    server.have_index("alice/safe", options).await;
    server.host("alice/safe", "mine", "1.0", b"mine").await;
    let as_pip = |path: &str| server.http.get(server.url(path)).header("user-agent", PIP).send();
    for path in [
        "/alice/safe/+simple/mine/",
        "/alice/safe/+simple/acme-tool/",
        "/alice/safe/+f/abc/0123456789012/mine-9.0-py3-none-any.whl",
        "/alice/safe/+f/abc/0123456789012/acme_tool-9.0-py3-none-any.whl.metadata",
    ] {
        let answer = as_pip(path).await.expect("an answer");
        assert!(matches!(answer.status().as_u16(), 200 | 404), "{path}: {}", answer.status());
    }
    assert_eq!(upstream.log().len(), 0, "{:?}", upstream.log());
    let (_, all) = server.ask("GET", "/+requests", &Auth::root(), None).await;
    assert_eq!(all["result"], json!([]));
    // By its name it could be one of `acme`, which is neither private nor reserved.
    let sdist = as_pip("/alice/safe/+f/abc/0123456789012/acme-tool-9.0.tar.gz").await.expect("an answer");
    assert_eq!(
        (sdist.status().as_u16(), upstream.asked("/simple/acme-tool")),
        (404, 0),
        "{:?}",
        upstream.log()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_another_project_is_not_approved_by_the_way_its_name_could_be_split() {
    let governed = Governed::start().await;
    for (project, version) in [("demo-extra", "2.0"), ("demo-2", "3")] {
        let filename = format!("{project}-{version}.tar.gz");
        governed.upstream.host_file("alice/dev", project, version, &filename, project.as_bytes()).await;
    }
    // All of `demo`, whatever the version.
    governed.approve("demo").await;
    let demo = path_on_mirror(&governed, "demo").await.replace("/root/pypi/", "/root/safe/");
    assert_eq!(governed.server.get(&demo).await.status(), 200);
    for project in ["demo-extra", "demo-2"] {
        let there = path_on_mirror(&governed, project).await;
        let here = there.replace("/root/pypi/", "/root/safe/");
        let answer = governed.server.get(&here).await;
        assert_eq!(answer.status(), 403, "{here}");
        // Nor once its bytes are here.
        let fetched = Auth::root().on(governed.server.http.get(governed.server.url(&there))).send().await;
        assert_eq!(fetched.expect("an answer").status(), 200);
        let told = governed.server.get(&here).await;
        assert_eq!(told.status(), 403, "{here}");
        let told = told.text().await.expect("a reason");
        assert!(told.contains(&format!("{project} ")), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_approved_and_in_quarantine_anywhere_on_its_way_is_not_served() {
    let governed = Governed::start().await;
    let options = json!({"bases": ["root/pypi"]});
    governed.server.make_index("root/between", options).await;
    let bases = Some(json!({"bases": ["root/between"]}));
    assert_eq!(governed.server.ask("PATCH", "/root/safe", &Auth::root(), bases).await.0, 200);
    governed.approve("other==3.0").await;
    let here = path_on_mirror(&governed, "other").await.replace("/root/pypi/", "/root/safe/");
    assert_eq!(governed.server.get(&here).await.status(), 200);
    for index in ["root/safe", "root/between", "root/pypi"] {
        let asked = json!({"what": "other==3.0", "index": index, "why": "it steals tokens"});
        let (status, placed) = governed.server.ask("POST", "/+quarantine", &Auth::root(), Some(asked)).await;
        assert_eq!(status, 201, "{placed}");
        for path in [here.clone(), format!("{here}.metadata")] {
            let answer = governed.server.get(&path).await;
            assert_eq!(answer.status(), 403, "{index}: {path}");
            let told = answer.text().await.expect("a reason");
            assert!(told.contains("other 3.0 is quarantined: it steals tokens"), "{told}");
        }
        let id = placed["result"]["id"].as_str().expect("a number");
        let path = format!("/+quarantine/{id}");
        assert_eq!(governed.server.ask("DELETE", &path, &Auth::root(), None).await.0, 200);
        assert_eq!(governed.server.get(&here).await.status(), 200, "{index}");
    }
}
