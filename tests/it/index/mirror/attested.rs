//! Provenance through a mirror (PEP 740): told as the upstream tells it, fetched once, kept for a while.

use crate::kit::forms::{BOUNDARY, Form};
use crate::kit::packages::Package;
use crate::kit::program::Program;
use crate::kit::stages::{PASSWORD, stage_with};
use crate::kit::tls;
use serde_json::Value;
use tokio::process::Command;

const PAGE: &str = "/root/pypi/+simple/demo/";

async fn file_of(program: &Program) -> Value {
    let page = program.client().get(PAGE).await.expect("a page");
    let page: Value = serde_json::from_slice(&page).expect("JSON");
    page["files"][0].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn provenance_of_an_upstream_is_advertised_passed_through_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let certified = tls::certificate(folder.path());
    let certificate = certified.certificate.clone().unwrap();
    // An upstream with TLS: others are not believed about provenance.
    let mut upstream = stage_with(|config| config.tls = certified).await;
    let trusted = reqwest::Certificate::from_pem(&std::fs::read(&certificate).unwrap()).unwrap();
    let http = reqwest::Client::builder().no_proxy().tls_certs_only([trusted]).build().unwrap();
    let base = format!("https://{}/alice/dev", upstream.address);
    let wheel = Package::new("demo", "1.0").wheel();
    let form = Form::of(&wheel).field("attestations", &wheel.attestations()).finish();
    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    let sent = http.post(format!("{base}/")).basic_auth("alice", Some(PASSWORD)).header("content-type", kind);
    assert_eq!(sent.body(form).send().await.unwrap().status(), 200);

    let data = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_wheelwright"));
    command.args(["serve", "--upstream", &format!("{base}/+simple/")]).env("SSL_CERT_FILE", &certificate);
    let program = Program::run(command, data.path()).await;
    let file = file_of(&program).await;
    let told = file["provenance"].as_str().expect("an absolute URL").to_owned();
    assert_eq!(told, format!("{base}/{}.provenance", wheel.path()));
    let ours = format!("/root/pypi/{}", wheel.path());
    let passed = program.client().get(&format!("{ours}.provenance")).await.expect("an object");
    assert_eq!(passed, http.get(&told).send().await.unwrap().bytes().await.unwrap());
    program.client().get(&ours).await.expect("the wheel");

    // It was asked for once: the next one needs no upstream.
    upstream.stop();
    assert_eq!(program.client().get(&format!("{ours}.provenance")).await.expect("an object"), passed);
    drop(program);
    // What would not be served is not advertised.
    let offline = Program::start_offline(data.path()).await;
    let file = file_of(&offline).await;
    assert_eq!((file["filename"].as_str(), file.get("provenance")), (Some(&*wheel.filename), None));
    offline.client().get(&ours).await.expect("the wheel");
}
