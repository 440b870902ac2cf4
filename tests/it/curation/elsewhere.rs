//! What other parts of the product make of a curated index.

use super::Governed;
use crate::kit::desk::Desk;
use crate::kit::resolving::{NEW, wheel};
use crate::kit::script::Auth;
use crate::kit::{ROOT_PASSWORD, forms::Form};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn readiness_has_a_state_for_what_nobody_approved() {
    let governed = Governed::start().await;
    let look = format!("/root/safe/+ready/{NEW}/+look");
    let release = Some(json!({"release": "other==3.0"}));
    let (status, told) = governed.server.ask("POST", &look, &Auth::root(), release).await;
    assert_eq!(status, 200, "{told}");
    assert!(told.to_string().contains("no release of other is approved on root/safe"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_takes_what_was_approved_of_a_mirror_for_no_private_project() {
    let governed = Governed::start().await;
    for requirement in ["demo==1.0", "lib==1.1"] {
        governed.approve(requirement).await;
    }
    for package in [wheel("mine", "1.0"), wheel("ours", "1.0").requires("mine")] {
        let form = Form::of(&package.wheel());
        let sent = governed.server.post("/root/safe/", form, "root", ROOT_PASSWORD).await;
        assert_eq!(sent.status, 200, "{}", sent.text);
    }
    let desk = Desk::new();
    desk.run("wheelwright", &["key", "create", "me.key", "--no-password"]).await.succeeded();
    let server = governed.server.url("");
    let create = async |project: &str| {
        let file = format!("{project}.wwb");
        let about = ["--server", &server, "--index", "root/safe", "--target", NEW, "--key", "me.key"];
        desk.run("wheelwright", &[&["bundle", "create", project, "-o", &file][..], &about].concat()).await
    };
    // Of what comes along nobody says that it may leave.
    create("demo").await.succeeded();
    let refused = create("ours").await.failed();
    assert!(
        refused.err.contains("these projects are private and nobody named them: mine"),
        "{}",
        refused.err
    );
}
