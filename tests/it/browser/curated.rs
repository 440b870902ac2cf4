//! A package that is not approved is asked for, approved and installed, from a browser.

use crate::curation::Governed;
use crate::kit::browser::Browser;
use crate::kit::clients::Client;
use crate::kit::stages::PASSWORD;

#[tokio::test(flavor = "multi_thread")]
async fn a_package_is_asked_for_approved_and_installed() {
    let governed = Governed::start().await;
    let home = governed.server.url("");
    let mut browser = Browser::start().await;
    browser.log_in(&home, "alice", PASSWORD).await;
    browser.sees("Requests").await;
    browser.open(&format!("{home}/+requests"), &home).await;
    browser.fill("input[name=requirement]", "other==3.0").await;
    browser.click("form[data-call] > p > button").await;
    browser.arrive(&format!("{home}/+requests/")).await;
    browser.sees("other 3.0").await;
    let client = Client::new("pip");
    let (target, index) = (client.home.path().join("site").display().to_string(), governed.safe());
    let install = ["install", "--no-cache-dir", "--index-url", &index, "--target", &target, "other==3.0"];
    client.run("pip", &install).await.failed().says("not yet approved");
    browser.fill("form[action$='/approve'] input[name=reason]", "ticket 7").await;
    browser.picture("approve-a-request").await;
    browser.click("form[action$='/approve'] > p > button").await;
    browser.sees("Decided by alice").await;
    browser.sees("ticket 7").await;
    client.run("pip", &install).await.succeeded();

    // The rules' editor says what is wrong while one types.
    browser.open(&format!("{home}/root/safe/+rules"), &home).await;
    browser.fill("textarea[name=text]", "[[rule]\n").await;
    browser.until("document.querySelector('[data-check-out] .bad')").await;
}
