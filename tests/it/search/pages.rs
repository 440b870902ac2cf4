//! The page, and the field in the header of every page, in a real browser.

use super::with_private_indexes;
use crate::kit::Server;
use crate::kit::browser::Browser;
use crate::kit::packages::Package;
use crate::kit::stages::stage;

async fn browse(server: &Server, path: &str) -> (u16, String) {
    let answer =
        server.http.get(server.url(path)).header("accept", "text/html").send().await.expect("an answer");
    (answer.status().as_u16(), answer.text().await.expect("text"))
}

#[tokio::test]
async fn the_page_works_without_script_and_escapes_what_was_typed() {
    let server = Server::start().await;
    with_private_indexes(&server).await;
    for number in 0..25 {
        let package = Package::new(&format!("part-{number:02}"), "1.0").summary("One &lt;b> of many");
        server.publish("alice/dev", &package.wheel()).await;
    }
    let (status, page) = browse(&server, "/+search").await;
    assert!(status == 200 && page.contains("id=\"find\"") && !page.contains("No project"), "{page}");
    let (status, page) = browse(&server, "/+search?q=part").await;
    assert_eq!(status, 200);
    assert!(
        page.contains("25 projects, page 1 of 2") && page.contains("href=\"./alice/dev/part-00\""),
        "{page}"
    );
    assert!(
        page.contains("rel=\"next\" href=\"?q=part&#38;page=2\"") || page.contains("q=part&amp;page=2"),
        "{page}"
    );
    assert!(!page.contains("<b> of many"), "{page}");
    assert!(page.len() < 50_000);
    let (_, page) = browse(&server, "/+search?q=%3Cscript%3E%22").await;
    assert!(!page.contains("<script>\""), "{page}");
    assert!(page.contains("No project has these words") && page.contains("Log in"), "{page}");
    let (status, page) = browse(&server, "/+search?q=part&index=alice/dev").await;
    assert!(status == 200 && page.contains("Search all indexes"), "{page}");
    let (status, _) = browse(&server, "/+search?q=part&index=bob/own").await;
    assert_eq!(status, browse(&server, "/+search?q=part&index=bob/none").await.0);
    assert_ne!(status, 200);
}

const TYPE: &str = "(async () => { const field = document.getElementById('find'); field.value = 'htt';
    field.dispatchEvent(new Event('input', {bubbles: true}));
    while (document.getElementById('found').hidden) await new Promise(done => setTimeout(done, 20));
    return [...document.querySelectorAll('#found li .name')].map(one => one.textContent); })()";

fn press(key: &str, at: &str) -> String {
    format!(
        "{at}.dispatchEvent(new KeyboardEvent('keydown', {{key: '{key}', bubbles: true, cancelable: true}}))"
    )
}

#[tokio::test]
async fn names_are_suggested_as_one_types_and_keys_choose_one() {
    let server = stage().await;
    for name in ["http", "http-client", "zope"] {
        server.publish("alice/dev", &Package::new(name, "1.0").wheel()).await;
    }
    let mut browser = Browser::start().await;
    assert_eq!(browser.open(&server.url("/"), &server.url("/")).await, 200);
    let field = "document.getElementById('find')";
    browser.evaluate(&press("/", "document.body")).await;
    assert_eq!(browser.evaluate("document.activeElement.id").await, Some("find".into()), "a key goes there");
    let names = browser.evaluate(TYPE).await.expect("names");
    assert_eq!(names, serde_json::json!(["http", "http-client"]));
    let role = "['role', 'aria-expanded', 'aria-controls'].map(name => document.getElementById('find').getAttribute(name))";
    assert_eq!(browser.evaluate(role).await, Some(serde_json::json!(["combobox", "true", "found"])));
    browser.evaluate(&press("Escape", field)).await;
    let closed = "document.getElementById('found').hidden";
    assert_eq!(browser.evaluate(closed).await, Some(true.into()), "Escape closes");
    browser.evaluate(TYPE).await;
    browser.evaluate(&press("ArrowDown", field)).await;
    browser.evaluate(&press("ArrowDown", field)).await;
    let chosen = "document.getElementById('find').getAttribute('aria-activedescendant')";
    assert_eq!(browser.evaluate(chosen).await, Some("found-1".into()));
    browser.evaluate(&press("Enter", field)).await;
    assert_eq!(browser.arrive(&server.url("/alice/dev/http-client")).await, 200);
    browser.evaluate("(() => { const field = document.getElementById('find'); field.value = 'zope'; field.form.submit(); })()").await;
    assert_eq!(browser.arrive(&server.url("/+search?q=zope")).await, 200);
    assert!(browser.text().await.contains("1 project"));
}
