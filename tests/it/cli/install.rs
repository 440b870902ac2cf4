//! Stories of `wheelwright install`: files in, an environment that holds exactly what they say.

use crate::kit::Server;
use crate::kit::clients::Client;
use crate::kit::desk::Desk;
use crate::kit::host::json_of;
use crate::kit::packages::Package;
use crate::kit::stages::{PASSWORD, stage};
use serde_json::json;

/// Absolute URL and sha256 of the only wheel of a project.
async fn wheel_of(server: &Server, index: &str, project: &str) -> (String, String) {
    let path = format!("/{index}/+simple/{project}/");
    let answer = server.http.get(server.url(&path)).basic_auth("alice", Some(PASSWORD));
    let answer = answer.header("accept", "application/vnd.pypi.simple.v1+json").send().await;
    let page = json_of(answer.expect("an answer")).await;
    let file = &page["files"][0];
    let text = |key: &str| file[key].as_str().expect("text").to_owned();
    let base = url::Url::parse(&server.url(&path)).expect("a URL");
    let url = base.join(&text("url")).expect("a URL").to_string();
    (url, file["hashes"]["sha256"].as_str().expect("a hash").to_owned())
}

const TOLD: &str = "import demo, lib; print(demo.__version__, lib.__version__)";

fn demo() -> Package {
    // Not followed: what is installed is what the file says.
    Package::new("demo", "1.5").requires("never-there")
}

fn lib() -> Package {
    Package::new("lib", "2.0")
}

async fn served() -> Server {
    let server = stage().await;
    server.publish("alice/dev", &demo().wheel()).await;
    server.publish("alice/dev", &lib().wheel()).await;
    server
}

#[tokio::test(flavor = "multi_thread")]
async fn urls_are_installed_by_the_environments_own_pip_and_their_hashes_are_insisted_on() {
    let (server, desk) = (served().await, Desk::new());
    desk.environment(true).await;
    let (demo, demo_hash) = wheel_of(&server, "alice/dev", "demo").await;
    let (lib, lib_hash) = wheel_of(&server, "alice/dev", "lib").await;
    desk.write("requirements.urls", &format!("{demo}#sha256={demo_hash}\n{lib}#sha256={lib_hash}\n"));
    let ran = desk.run("wheelwright", &["install", "-r", "requirements.urls", "--json"]).await.succeeded();
    assert_eq!(ran.json()["hashes"], true);
    assert!(ran.json()["python"].as_str().unwrap_or_default().ends_with("env/bin/python"), "{}", ran.out);
    assert_eq!(desk.python(TOLD), "1.5 2.0");
    let wrong = "0".repeat(64);
    desk.write("wrong.urls", &format!("{demo}#sha256={wrong}\n"));
    let more = ["install", "-r", "wrong.urls", "--", "--force-reinstall"];
    let refused = desk.run("wheelwright", &more).await.failed();
    assert!((refused.out + &refused.err).contains(&wrong), "pip says which hash it expected");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_pip_uv_installs_a_lock_file_as_its_markers_say() {
    let (server, desk) = (served().await, Desk::new());
    let client = tokio::task::spawn_blocking(|| Client::new("uv").program("uv")).await.expect("uv");
    let tag = desk.environment(false).await;
    let (demo, demo_hash) = wheel_of(&server, "alice/dev", "demo").await;
    let (lib, lib_hash) = wheel_of(&server, "alice/dev", "lib").await;
    let none = desk.run("wheelwright", &["install", "-r", "pylock.toml"]).await.failed();
    assert!(none.err.contains("cannot read pylock.toml"), "{}", none.err);
    let lock = format!(
        "lock-version = '1.0'\ncreated-by = 'a story'\nextras = ['more']\n\
         [[packages]]\nname = 'demo'\nversion = '1.5'\n[[packages.wheels]]\nurl = '{demo}'\nhashes = {{sha256 = '{demo_hash}'}}\n\
         [[packages]]\nname = 'lib'\nmarker = \"'more' in extras\"\n[[packages.wheels]]\nurl = '{lib}'\nhashes = {{sha256 = '{lib_hash}'}}\n\
         [[packages]]\nname = 'absent'\nmarker = \"sys_platform == 'win32'\"\n"
    );
    desk.write("pylock.toml", &lock);
    let no_installer = desk.run("wheelwright", &["install", "-r", "pylock.toml"]).await.failed();
    assert!(no_installer.err.contains("uv is not on the PATH: install one of them"), "{}", no_installer.err);
    desk.put(&client, "uv");
    desk.run("wheelwright", &["install", "-r", "pylock.toml", "--extra", "more"]).await.succeeded();
    assert_eq!(desk.python(TOLD), "1.5 2.0");
    // Another Python's file.
    desk.write("pylock.old.toml", &format!("requires-python = '<3'\n{lock}"));
    let refused = desk.run("wheelwright", &["install", "-r", "pylock.old.toml"]).await.failed();
    assert!(refused.err.contains("is for Python <3"), "{tag}: {}", refused.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_servers_wheels_come_with_its_token() {
    let (server, desk) = (stage().await, Desk::new());
    server.make_index("alice/secret", json!({"bases": [], "acl_read": ["alice"]})).await;
    server.publish("alice/secret", &demo().wheel()).await;
    server.publish("alice/secret", &lib().wheel()).await;
    desk.environment(true).await;
    let mut text = String::new();
    for project in ["demo", "lib"] {
        let (url, hash) = wheel_of(&server, "alice/secret", project).await;
        text += &format!("{url}#sha256={hash}\n");
    }
    desk.write("requirements.urls", &text);
    desk.run("wheelwright", &["install", "-r", "requirements.urls"]).await.failed();
    let token = server.make_token("alice", wheelwright::access::Scope::default()).await;
    let address = server.url("/").trim_end_matches('/').to_owned();
    let arguments = ["install", "-r", "requirements.urls", "--server", &address];
    let ran = desk.run_with("wheelwright", &arguments, &[("WHEELWRIGHT_TOKEN", &token)]).await.succeeded();
    assert!(!(ran.out + &ran.err).contains(&token), "the token is not shown");
    assert_eq!(desk.python(TOLD), "1.5 2.0");
}
