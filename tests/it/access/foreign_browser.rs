//! Pages of other sites in a real Chromium that is logged in and knows a password: they change nothing.

use crate::kit::Server;
use crate::kit::browser::{Browser, Site};
use crate::kit::names::{index_name, project_name};
use crate::kit::packages::Package;
use crate::kit::stages::PASSWORD;
use base64::Engine as _;
use serde_json::json;

/// A script that fills in and sends the form of an upload to `action`.
fn upload(action: &str) -> String {
    let wheel = Package::new("demo", "1.0").wheel();
    let bytes = base64::engine::general_purpose::STANDARD.encode(&wheel.bytes);
    let fields = serde_json::to_string(&wheel.fields()).expect("JSON");
    let filename = &wheel.filename;
    format!(
        "const form = document.createElement('form');
        form.method = 'post'; form.enctype = 'multipart/form-data'; form.action = '{action}';
        for (const [name, value] of {fields}) {{
            const input = document.createElement('input');
            input.type = 'hidden'; input.name = name; input.value = value; form.append(input);
        }}
        const bytes = Uint8Array.from(atob('{bytes}'), letter => letter.charCodeAt(0));
        const files = new DataTransfer();
        files.items.add(new File([bytes], '{filename}'));
        const file = document.createElement('input');
        file.type = 'file'; file.name = 'content'; file.files = files.files; form.append(file);
        document.body.append(form); form.submit();"
    )
}

/// A page that sends a form with these fields as soon as it is opened.
fn sends(action: &str, kind: &str, fields: &[(&str, &str)], head: &str) -> String {
    let fields = fields.iter().map(|(name, value)| format!("<input name='{name}' value='{value}'>"));
    let fields: String = fields.collect();
    format!(
        "<!doctype html><head>{head}</head><form method=post enctype='{kind}' action='{action}'>{fields}</form>\
         <script>document.forms[0].submit()</script>"
    )
}

/// All that a hostile page may try against `home`; each is one page.
fn hostile(home: &str) -> Vec<(&'static str, String)> {
    let tokens = format!("{home}/+tokens");
    let index = format!("{home}/alice/dev/");
    let json = [(r#"{"name": "stolen", "x": ""#, r#""}"#)];
    let form = "application/x-www-form-urlencoded";
    let login = [("user", "mallory"), ("password", "mallory-secret")];
    let unnamed = "<meta name=referrer content=no-referrer>";
    vec![
        ("/upload", format!("<!doctype html><body><script>{}</script>", upload(&index))),
        ("/token", sends(&tokens, "text/plain", &json, "")),
        ("/unnamed", sends(&tokens, "text/plain", &json, unnamed)),
        ("/form", sends(&tokens, form, &[("name", "stolen")], "")),
        ("/index", sends(&index, form, &[(":action", "submit"), ("name", "demo"), ("version", "1.0")], "")),
        ("/login", sends(&format!("{home}/+login"), form, &login, "")),
        ("/logout", sends(&format!("{home}/+logout"), form, &[], "")),
    ]
}

/// What a page's script may try without opening another page; what is answered is not for it to see.
fn scripted(home: &str) -> String {
    format!(
        "(async () => {{
            const all = {{credentials: 'include', method: 'POST', mode: 'no-cors'}};
            const tries = [
                ['/+tokens', {{...all, body: '{{\"name\": \"stolen\"}}'}}],
                ['/+tokens', {{...all, body: new Blob(['{{\"name\": \"stolen\"}}'])}}],
                ['/+tokens', {{...all, mode: 'cors', headers: {{'content-type': 'application/json'}}, body: '{{}}'}}],
                ['/alice/dev', {{...all, mode: 'cors', method: 'DELETE'}}],
                ['/alice/new', {{...all, mode: 'cors', method: 'PUT', body: '{{}}'}}],
                ['/+logout', all],
            ];
            for (const [path, how] of tries) await fetch('{home}' + path, how).catch(() => null);
            for (const path of ['/+logout', '/alice/dev/+preview', '/alice/dev?:action=submit'])
                await new Promise(done => {{
                    const image = new Image(); image.onload = image.onerror = done; image.src = '{home}' + path;
                }});
            navigator.sendBeacon('{home}/+tokens', '{{\"name\": \"stolen\"}}');
            return 'tried';
        }})()"
    )
}

async fn log_in(browser: &mut Browser, home: &str) {
    assert_eq!(browser.open(&format!("{home}/alice/dev"), home).await, 401);
    let fill = format!(
        "{{ const form = document.querySelector('form.login'); form.user.value = 'alice';
         form.password.value = '{PASSWORD}'; form.querySelector('button').click(); }}"
    );
    browser.evaluate(&fill).await;
    loop {
        browser.arrive(&format!("{home}/alice/dev")).await;
        if browser.text().await.contains("logged in as alice") {
            return;
        }
    }
}

/// Everything from the first visit to the logout, with a server that is `home` and hostile pages at
/// each of `names`.
async fn story(home: &str, names: [&str; 2], is_asked: bool) {
    let server = Server::start().await;
    for (user, password) in [("alice", PASSWORD), ("mallory", "mallory-secret")] {
        server.make_user(user, password).await;
    }
    server.make_index("alice/dev", json!({"acl_read": ["alice"]})).await;
    let home = format!("http://{home}:{}", server.address.port());
    let site = Site::start(hostile(&home)).await;
    let mut browser = Browser::start().await;
    browser.knows("alice", PASSWORD);

    // A script of our own origin asks as an installer does: where the browser does not tell that it is one,
    // it comes to hold the password itself.
    browser.lets_scripts(true).await;
    browser.open(&format!("{home}/+login"), &home).await;
    let asked = "fetch('/alice/dev/+simple/').then(answer => answer.status)";
    let status = browser.evaluate(asked).await.expect("a status");
    assert_eq!((browser.was_asked, status), (is_asked, json!(if is_asked { 200 } else { 401 })));
    browser.lets_scripts(false).await;
    log_in(&mut browser, &home).await;

    let before = server.app.db.serial().await.expect("a serial");
    for name in names {
        let foreign = format!("http://{name}:{}", site.port);
        for (path, _) in hostile(&home) {
            let status = browser.open(&format!("{foreign}{path}"), &home).await;
            let text = browser.text().await;
            assert_eq!(status, 403, "{foreign}{path}: {text}");
        }
        browser.open(&format!("{foreign}/plain"), &foreign).await;
        assert_eq!(browser.evaluate(&scripted(&home)).await, Some(json!("tried")));
    }
    assert_eq!(server.app.db.serial().await.expect("a serial"), before, "nothing happened");
    assert!(server.app.db.api_tokens(None).await.expect("tokens").is_empty());

    // The reader is still logged in, and the same form on our own page does what it says.
    assert_eq!(browser.open(&format!("{home}/alice/dev"), &home).await, 200);
    let own = upload("/alice/dev/").replace(
        "const bytes",
        "form.prepend(document.querySelector('input[name=csrf]').cloneNode()); const bytes",
    );
    browser.evaluate(&format!("{{ {own} }}")).await;
    assert_eq!(browser.arrive(&format!("{home}/alice/dev/")).await, 200, "{}", browser.text().await);
    assert_eq!(
        server.app.db.projects(&index_name("alice/dev")).await.expect("projects"),
        [project_name("demo")]
    );
    assert_eq!(browser.open(&format!("{home}/alice/dev/demo"), &home).await, 200);
    browser.evaluate("document.querySelector('form[action$=\"+logout\"] button').click()").await;
    loop {
        browser.arrive(&home).await;
        if !browser.text().await.contains("logged in as") {
            break;
        }
    }
}

#[tokio::test]
async fn in_a_browser_a_foreign_page_changes_nothing_with_a_cookie_and_our_own_pages_do() {
    // The same host on another port, whose requests carry our cookies; and another host.
    story("127.0.0.1", ["127.0.0.1", "evil.test"], false).await;
}

#[tokio::test]
async fn in_a_browser_a_foreign_page_changes_nothing_with_a_stored_password_either() {
    // To hosts that are not this machine a browser does not say over plain HTTP where a page is from.
    story("wheels.test", ["wheels.test", "evil.test"], true).await;
}
