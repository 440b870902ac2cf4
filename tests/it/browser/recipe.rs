//! A build fails, its hint becomes a recipe, the recipe is tried and kept, and the wheel is there.

use crate::build::chain::index_with;
use crate::kit::ROOT_PASSWORD;
use crate::kit::browser::Browser;
use crate::kit::clients::Client;
use crate::kit::hired::Hired;
use crate::kit::packages::Package;
use crate::kit::sources::Tree;

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_build_gets_the_recipe_of_its_hint_and_is_built() {
    let server = index_with(&[Package::new("helper", "1.0").member("helper.py", "")]).await;
    let demo = Tree::new("demo", "1.0").does("import helper");
    server.host_file("alice/tools", "demo", "1.0", &demo.filename(), &demo.sdist()).await;
    let _worker = Hired::start(&server, &server.worker_token().await, "builder").await;
    let home = server.url("");
    let mut browser = Browser::start().await;
    browser.log_in(&home, "root", ROOT_PASSWORD).await;

    // The map of the project has a button; the build's page follows by itself.
    browser.open(&format!("{home}/alice/tools/demo"), &home).await;
    browser.picture("a-source-that-can-be-built").await;
    browser.click("button[form=build-now]").await;
    browser.until("document.querySelector(\"a[href*='+builds/']\")").await;
    browser.click("td a[href*='+builds/']").await;
    browser.arrive(&format!("{home}/+builds/")).await;
    browser.sees("imports helper without declaring it").await;
    let failed = browser.evaluate("location.pathname").await;
    browser.until("document.querySelector('#try textarea')?.value.includes('requires = [\"helper\"]')").await;
    browser.picture("a-failed-build").await;

    // Tried on this build, then kept, and the build runs again.
    browser.click("#try form > p > button").await;
    browser.until("document.querySelector('#state')?.textContent === 'built'").await;
    browser.sees("by a recipe that is only tried").await;
    browser.picture("a-recipe-that-works").await;
    let (name, text) = ("input[name=name]", "form[data-call=PUT] textarea");
    browser.until(&format!("document.querySelector('{name}')?.value === 'demo'")).await;
    browser
        .until(&format!("document.querySelector('{text}')?.value.includes('requires = [\"helper\"]')"))
        .await;
    browser.click("form[data-call=PUT] > p > button").await;
    browser.arrive(&format!("{home}/+recipes/demo")).await;
    browser.until("document.querySelector(\"textarea[name=text]\")?.value.includes(\"helper\")").await;
    browser.open(&format!("{home}/alice/tools/demo"), &home).await;
    let shown = browser.evaluate("document.querySelector(\"td a[href*='+builds/']\").pathname").await;
    assert_eq!(shown, failed, "what was only tried is no state of the project");
    browser.click("td a[href*='+builds/']").await;
    browser.arrive(&format!("{home}/+builds/")).await;
    browser.click("form[action$='/rebuild'] button").await;
    browser.until("document.querySelector('#state')?.textContent === 'built'").await;

    let client = Client::new("pip");
    let (index, target) =
        (server.url("/alice/tools/+simple/"), client.home.path().join("site").display().to_string());
    let install = ["install", "--no-cache-dir", "--only-binary", ":all:", "--python-version", "3.13"];
    let install = [&install[..], &["--index-url", &index, "--target", &target, "demo"]].concat();
    client.run("pip", &install).await.succeeded();
}
