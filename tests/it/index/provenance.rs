//! Stories of attestations (PEP 740): what came with an upload is advertised and served.

use crate::kit::Server;
use crate::kit::forms::Form;
use crate::kit::host::json_of;
use crate::kit::packages::Package;
use crate::kit::stages::{PASSWORD, stage, stage_with};
use serde_json::Value;

const JSON: &str = "application/vnd.pypi.simple.v1+json";
const PAGE: &str = "/alice/dev/+simple/demo/";

async fn attested(server: &Server) {
    let wheel = Package::new("demo", "1.0").wheel();
    let form = Form::of(&wheel).field("attestations", &wheel.attestations());
    assert_eq!(server.post("/alice/dev/", form, "alice", PASSWORD).await.status, 200);
    let plain = Package::new("demo", "2.0").wheel();
    assert_eq!(server.post("/alice/dev/", Form::of(&plain), "alice", PASSWORD).await.status, 200);
}

async fn advertised(server: &Server, headers: &[(&str, &str)]) -> Value {
    let mut all = vec![("accept", JSON)];
    all.extend_from_slice(headers);
    let page = json_of(server.get_with(PAGE, &all).await).await;
    assert_eq!(page["files"][1].get("provenance"), None, "{page}");
    page["files"][0]["provenance"].clone()
}

#[tokio::test]
async fn provenance_is_advertised_where_it_is_served() {
    let server = stage().await;
    attested(&server).await;
    let told = advertised(&server, &[]).await;
    let url = told.as_str().expect("an absolute URL");
    let answer = server.http.get(url).send().await.expect("an answer");
    assert_eq!(answer.status(), 200, "{url}");
    assert_eq!(answer.headers()["content-type"], "application/vnd.pypi.integrity.v1+json");
    let object = json_of(answer).await;
    assert_eq!(object["version"], 1);
    assert_eq!(object["attestation_bundles"][0]["attestations"][0]["version"], 1);
    let html = server.get(PAGE).await.text().await.expect("text");
    assert!(html.contains(&format!("data-provenance=\"{url}\"")), "{html}");
}

#[tokio::test]
async fn every_name_of_the_server_advertises_its_own_urls() {
    let server = stage().await;
    attested(&server).await;
    for host in ["one.example", "two.example:8080", "one.example"] {
        let told = advertised(&server, &[("host", host)]).await;
        let told = told.as_str().expect("a URL");
        assert!(told.starts_with(&format!("http://{host}/alice/dev/+f/")), "{told}");
    }
    for bad in ["one.example/x", "a b", "a\"b", "user@one.example"] {
        assert_eq!(advertised(&server, &[("host", bad)]).await, Value::Null, "{bad}");
    }
}

#[tokio::test]
async fn verifiers_and_people_find_it_too() {
    let server = stage_with(|config| config.default_index = "alice/dev".into()).await;
    attested(&server).await;
    let told = advertised(&server, &[]).await;
    let url = told.as_str().expect("an absolute URL");
    let filename = url.rsplit('/').next().and_then(|last| last.strip_suffix(".provenance")).expect("a name");
    let path = format!("/integrity/Demo/1.0/{filename}/provenance");
    let accept = [("accept", "application/vnd.pypi.integrity.v1+json")];
    let answer = server.get_with(&path, &accept).await;
    assert_eq!(answer.status(), 302);
    let at = reqwest::Url::parse(&server.url(&path)).expect("a URL");
    let location = answer.headers()["location"].to_str().expect("text");
    assert_eq!(at.join(location).expect("a URL").as_str(), url);
    assert_eq!(server.get_with(&path, &[("accept", "text/html")]).await.status(), 406);
    let plain = path.replace("1.0", "2.0");
    for path in [plain.as_str(), "/integrity/none/1.0/none-1.0.tar.gz/provenance"] {
        assert_eq!(server.get(path).await.status(), 404, "{path}");
    }
    for page in ["/alice/dev/demo/1.0".to_owned(), format!("/alice/dev/demo/1.0/{filename}")] {
        let html = server.get_with(&page, &[("accept", "text/html,application/xhtml+xml")]).await;
        let html = html.text().await.expect("text");
        let mut links = html.split("href=\"").filter_map(|rest| rest.split('"').next());
        let link =
            links.find(|link| link.ends_with(".provenance")).unwrap_or_else(|| panic!("{page}: {html}"));
        let at = reqwest::Url::parse(&server.url(&page)).expect("a URL");
        assert_eq!(at.join(link).expect("a URL").as_str(), url, "{page}");
    }
}

#[tokio::test]
async fn a_public_url_is_what_is_advertised_whatever_the_host() {
    let public = "https://wheels.example/python";
    let server = stage_with(|config| config.public_url = public.parse().ok()).await;
    attested(&server).await;
    let told = advertised(&server, &[("host", "evil.example")]).await;
    let told = told.as_str().expect("a URL");
    assert!(told.starts_with(&format!("{public}/alice/dev/+f/")), "{told}");
    assert!(told.ends_with(".whl.provenance"), "{told}");
}
