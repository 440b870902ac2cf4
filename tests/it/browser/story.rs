//! From the login to a package that pip installs, without a shell on the server.

use crate::kit::Server;
use crate::kit::browser::Browser;
use crate::kit::clients::Client;
use crate::kit::names::index_name;
use crate::kit::packages::Package;
use crate::kit::stages::{PASSWORD, stage};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn an_index_is_made_filled_and_used_from_a_browser() {
    let server = Server::start().await;
    server.make_user("alice", PASSWORD).await;
    let home = server.url("");
    let mut browser = Browser::start().await;
    browser.log_in(&home, "alice", PASSWORD).await;

    // An index that only alice reads.
    browser.evaluate("document.querySelector('#new-index').open = true").await;
    browser.fill("#new-index input[name=index]", "dev").await;
    browser.click("#new-index button[aria-label='Remove :ANONYMOUS:']").await;
    browser.until("!document.querySelector(\"#new-index button[aria-label='Remove :ANONYMOUS:']\")").await;
    browser.fill("#new-index input[aria-label='Add to Who may read']", "alice").await;
    let shown = "document.querySelector('#new-index [data-call-place]').textContent.includes('/alice/dev')";
    browser.until(shown).await;
    browser.picture("create-an-index").await;
    browser.click("#new-index form > p > button").await;
    browser.arrive(&format!("{home}/alice/dev")).await;
    browser.sees("private").await;

    // What is dropped becomes a release; what is wrong says why.
    let demo = Package::new("demo", "1.0").wheel();
    browser.drop_file("form[data-drop]", "nonsense.txt", b"x").await;
    browser.sees("not a valid archive name").await;
    browser.drop_file("form[data-drop]", &demo.filename, &demo.bytes).await;
    browser.sees("became demo 1.0").await;
    browser.picture("upload-by-dropping").await;
    let second = Package::new("demo", "1.1").sdist();
    let file = server.data.path().join(&second.filename);
    std::fs::write(&file, &second.bytes).expect("a file");
    browser.choose("form[data-drop] input[type=file]", &[&file]).await;
    browser.click("form[data-drop] button").await;
    browser.sees("became demo 1.1").await;

    // Yanked with a reason, which pip says.
    browser.click("[data-files] a[href$='1.0']").await;
    browser.arrive(&format!("{home}/alice/dev/demo/1.0")).await;
    browser.until("document.querySelector('input[name=yanked]')").await;
    browser.evaluate("document.querySelector('input[name=yanked]').closest('details').open = true").await;
    browser.fill("input[name=yanked]", "it is broken").await;
    browser.picture("yank-a-release").await;
    browser.click(".deeds details:first-of-type button").await;
    browser.sees("Yanked.").await;

    // Found again by whoever presses a key.
    browser
        .evaluate("document.body.dispatchEvent(new KeyboardEvent('keydown', {key: '/', bubbles: true}))")
        .await;
    browser.until("document.activeElement.id === 'find'").await;
    browser.fill("#find", "demo").await;
    browser.evaluate("document.querySelector('form.find').requestSubmit()").await;
    browser.arrive(&format!("{home}/+search")).await;
    browser.until("document.querySelector(\"main a[href*='alice/dev/demo']\")").await;
    browser.picture("search").await;

    // A token, shown once, then pip.
    browser.click("a[href$='+account']").await;
    browser.arrive(&format!("{home}/+account")).await;
    browser.fill("form[action$='/tokens'] input[name=name]", "pip").await;
    browser.click("form[action$='/tokens'] button").await;
    browser.until("document.querySelector('#new-token')").await;
    let token = browser.evaluate("document.querySelector('#new-token').textContent").await.expect("a token");
    let token = token.as_str().expect("text");
    let index = format!("http://__token__:{token}@{}/alice/dev/+simple/", server.address);
    let client = Client::new("pip");
    let target = client.home.path().join("site").display().to_string();
    let install = ["install", "--no-cache-dir", "--index-url", &index, "--target", &target, "demo==1.0"];
    client.run("pip", &install).await.succeeded().says("it is broken");

    // The release and the index go once their names are typed.
    browser.open(&format!("{home}/alice/dev/demo/1.0"), &home).await;
    let shut = "document.querySelector('[data-confirm] button').disabled";
    assert_eq!(browser.evaluate(shut).await, Some(json!(true)));
    browser.fill("[data-confirm] input[name=confirm]", "demo 1.0").await;
    browser.click("[data-confirm] button").await;
    browser.arrive(&format!("{home}/alice/dev/demo")).await;
    browser.until("!document.body.innerText.includes('Yanked.')").await;
    let (status, _) = server.as_alice("GET", "/alice/dev/demo/1.0", "").await;
    assert_eq!(status, 404);

    browser.click("form[action$='+logout'] button").await;
    browser.until("!document.body.innerText.includes('logged in as')").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_send_what_was_changed_and_show_what_it_hides() {
    let server = stage().await;
    for version in ["1.0.dev1", "1.0.dev2", "1.0.dev3"] {
        server.publish("alice/dev", &Package::new("demo", version).wheel()).await;
    }
    server.make_index("alice/other", json!({})).await;
    server.make_index("alice/third", json!({})).await;
    let home = server.url("");
    let mut browser = Browser::start().await;
    browser.log_in(&home, "alice", PASSWORD).await;
    browser.open(&format!("{home}/alice/dev/+settings"), &home).await;
    browser.fill("input[name=keep_devreleases]", "1").await;
    browser.sees("2 would be hidden").await;
    browser.sees("demo 1.0.dev1: hidden").await;
    browser.fill("input[aria-label='Add to bases']", "alice/other").await;
    browser
        .evaluate("document.querySelector(\"input[aria-label='Add to bases']\").nextSibling.click()")
        .await;
    browser.fill("input[aria-label='Add to bases']", "alice/third").await;
    browser
        .evaluate("document.querySelector(\"input[aria-label='Add to bases']\").nextSibling.click()")
        .await;
    browser.click("button[aria-label='Move alice/third up']").await;
    browser.sees("Projects of alice/third are shown.").await;
    let call = browser.evaluate("document.querySelector('[data-call-body]').textContent").await;
    let sent = " --json '{\"bases\":[\"alice/third\",\"alice/other\"],\"keep_devreleases\":1}'";
    assert_eq!(call, Some(json!(sent)));
    browser.picture("settings-of-an-index").await;
    browser.click("form[data-changed] > p > button").await;
    browser.until("!location.pathname.includes('+settings')").await;
    let options = server.app.indexes.directory();
    let options = &options.indexes[&index_name("alice/dev")].options;
    assert_eq!(options["bases"], json!(["alice/third", "alice/other"]));
    assert_eq!(options["keep_devreleases"], json!(1));
    assert_eq!(options["volatile"], json!(true), "what was not changed stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_form_sends_is_what_was_meant_or_nothing() {
    let server = stage().await;
    let home = server.url("");
    let mut browser = Browser::start().await;
    browser.log_in(&home, "root", crate::kit::ROOT_PASSWORD).await;
    browser.open(&format!("{home}/root/pypi/+settings"), &home).await;
    // A list whose items may have commas, and a number that is none.
    browser.fill("input[aria-label='Add to allow']", "numpy>=1.0,<2.0").await;
    browser
        .evaluate("document.querySelector(\"input[aria-label='Add to allow']\").nextSibling.click()")
        .await;
    let call = browser.evaluate("document.querySelector('[data-call-body]').textContent").await;
    assert_eq!(call, Some(json!(" --json '{\"allow\":[\"numpy>=1.0,<2.0\"]}'")));
    browser.fill("input[data-type=number]", "30m").await;
    browser.click("form[data-changed] > p > button").await;
    browser.sees("'30m' is not a number").await;
    browser.fill("input[data-type=number]", "1800").await;
    browser.click("form[data-changed] > p > button").await;
    browser.until("!location.pathname.includes('+settings')").await;
    let options = server.app.indexes.directory();
    let options = &options.indexes[&index_name("root/pypi")].options;
    assert_eq!(options["allow"], json!(["numpy>=1.0,<2.0"]));

    // The call that the page shows has no password, and no name leads elsewhere.
    browser.open(&format!("{home}/"), &home).await;
    let user = "form[action$='{username}']";
    browser.fill(&format!("{user} input[name=password]"), "long-secret").await;
    browser.fill(&format!("{user} input[name=username]"), "..").await;
    let call = format!("document.querySelector(\"{user} [data-call-body]\").textContent");
    let call = browser.evaluate(&call).await.expect("a call").to_string();
    assert!(!call.contains("long-secret"), "{call}");
    browser.evaluate(&format!("document.querySelector(\"{user}\").closest('details').open = true")).await;
    browser.click(&format!("{user} > p > button")).await;
    browser.sees("'..' is not a name").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_without_script_uploads_a_file_that_says_its_name_itself() {
    let server = stage().await;
    let home = server.url("");
    let mut browser = Browser::start().await;
    browser.log_in(&home, "alice", PASSWORD).await;
    browser.runs_scripts(false).await;
    browser.open(&format!("{home}/alice/dev/"), &home).await;
    let demo = Package::new("demo", "1.0").wheel();
    let file = server.data.path().join(&demo.filename);
    std::fs::write(&file, &demo.bytes).expect("a file");
    browser.choose("form[data-drop] input[type=file]", &[&file]).await;
    browser.click("form[data-drop] button").await;
    browser.sees("Projects 1").await;
    let page = server.get("/alice/dev/+simple/demo/").await.text().await.expect("a page");
    assert!(page.contains(&demo.filename), "{page}");
}
