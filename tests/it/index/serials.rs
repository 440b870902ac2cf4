//! Stories of serials: by which mirrors of this server know what changed.

use crate::kit::Server;
use crate::kit::forms::Form;
use crate::kit::host::json_of;
use crate::kit::packages::Package;
use crate::kit::stages::{PASSWORD, stage};
use reqwest::Response;

const JSON: &str = "application/vnd.pypi.simple.v1+json";

async fn upload(server: &Server, project: &str, version: &str) -> Response {
    let wheel = Package::new(project, version).wheel();
    assert_eq!(server.post("/alice/dev/", Form::of(&wheel), "alice", PASSWORD).await.status, 200);
    server.get("/+health").await
}

fn number(answer: &Response, name: &str) -> u64 {
    let value = answer.headers().get(name).unwrap_or_else(|| panic!("{name} is missing"));
    value.to_str().expect("text").parse().expect("a number")
}

#[tokio::test]
async fn a_mirror_of_ours_learns_which_projects_changed() {
    let server = stage().await;
    upload(&server, "one", "1.0").await;
    upload(&server, "two", "1.0").await;
    let list = server.get_with("/alice/dev/+simple/", &[("accept", JSON)]).await;
    let told = number(&list, "x-pypi-last-serial");
    let list = json_of(list).await;
    assert_eq!(list["meta"]["_last-serial"].as_u64(), Some(told));
    let serial_of = |at: usize| list["projects"][at]["_last-serial"].as_u64().expect("a serial");
    assert!(serial_of(0) < serial_of(1), "{list}");
    for (at, project) in ["one", "two"].into_iter().enumerate() {
        for path in [format!("/alice/dev/+simple/{project}/"), format!("/alice/dev/pypi/{project}/json")] {
            let serial = number(&server.get(&path).await, "x-pypi-last-serial");
            assert_eq!(serial, serial_of(at), "{path}");
        }
        let page = server.get_with(&format!("/alice/dev/+simple/{project}/"), &[("accept", JSON)]).await;
        assert_eq!(json_of(page).await["meta"]["_last-serial"].as_u64(), Some(serial_of(at)));
        let json = json_of(server.get(&format!("/alice/dev/pypi/{project}/json")).await).await;
        assert_eq!(json["last_serial"].as_u64(), Some(serial_of(at)));
    }
    upload(&server, "one", "2.0").await;
    let later = server.get_with("/alice/dev/+simple/", &[("accept", JSON)]).await;
    assert!(number(&later, "x-pypi-last-serial") > told);
    let later = json_of(later).await;
    assert!(later["projects"][0]["_last-serial"].as_u64().expect("a serial") > serial_of(1));
    let html = server.get("/alice/dev/+simple/").await.text().await.expect("text");
    assert!(html.contains(&format!("<!--SERIAL {}-->", later["meta"]["_last-serial"])), "{html}");
}

#[tokio::test]
async fn every_answer_tells_the_newest_serial_and_whose_it_is() {
    let server = stage().await;
    let before = number(&server.get("/+health").await, "x-devpi-serial");
    let after = upload(&server, "one", "1.0").await;
    assert!(number(&after, "x-devpi-serial") > before, "an upload is known at once");
    let newest = server.app.db.serial().await.expect("a serial");
    assert_eq!(number(&after, "x-devpi-serial"), newest.unsigned_abs());
    let uuid = after.headers()["x-devpi-uuid"].clone();
    assert_eq!(uuid.len(), 32);
    for name in ["x-devpi-master-uuid", "x-devpi-primary-uuid"] {
        assert_eq!(after.headers().get(name), Some(&uuid), "{name}");
    }
    let again = server.get("/alice/dev/+simple/one/").await;
    assert_eq!(again.headers().get("x-devpi-uuid"), Some(&uuid));
}
