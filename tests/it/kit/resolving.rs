//! What stories of compile and resolve begin with: alice's stages, targets with all that markers ask for, and uv.

use super::Server;
use super::clients::Client;
use super::packages::Package;
use super::stages::{PASSWORD, stage_with};
use super::worker;
use serde_json::json;
use wheelwright::build::target::Target;

pub const NEW: &str = "cp312-manylinux_2_36_x86_64";
pub const TWO: &str = "cp27mu-manylinux_2_36_x86_64";

/// A target with the variables of PEP 508.
pub fn target(name: &str, version: &str, tags: &[&str], system: &str) -> Target {
    let short = version.rsplit_once('.').expect("three numbers").0;
    let markers = [
        ("implementation_name", "cpython"),
        ("implementation_version", version),
        ("os_name", "posix"),
        ("platform_machine", "x86_64"),
        ("platform_python_implementation", "CPython"),
        ("platform_system", "Linux"),
        ("python_full_version", version),
        ("python_version", short),
        ("sys_platform", system),
    ];
    let markers = markers.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    Target { markers, ..worker::target(name, version, tags) }
}

/// A server with alice's stages `dev` and `own`, targets for 3.12 and 2.7, and uv.
pub async fn start_with(change: impl FnOnce(&mut wheelwright::config::Config)) -> Server {
    let uv = tokio::task::spawn_blocking(|| Client::new("uv").program("uv")).await.expect("uv");
    let server = stage_with(|config| {
        config.proxy.uv = Some(uv.display().to_string());
        change(config);
    })
    .await;
    server.make_index("alice/own", json!({"bases": []})).await;
    server.make_index("alice/secret", json!({"bases": [], "acl_read": ["alice"]})).await;
    for index in ["dev", "own", "secret"] {
        // The stories ask for their builds themselves: what is built ahead would be there by chance.
        server.build_nothing_ahead(index).await;
    }
    let targets = vec![
        target(NEW, "3.12.1", &["cp312-cp312-manylinux_2_36_x86_64", "py3-none-any"], "linux"),
        target(TWO, "2.7.18", &["cp27-cp27mu-manylinux_2_36_x86_64", "py2-none-any"], "linux2"),
    ];
    worker::hire_for(&server, "w", targets).await;
    server
}

pub async fn start() -> Server {
    start_with(|_| {}).await
}

/// As pip-reqs sends it: text without a type.
pub async fn send_text(server: &Server, path: &str, text: &str, as_alice: bool) -> (u16, String) {
    let mut request = server.http.post(server.url(path)).body(text.to_owned());
    if as_alice {
        request = request.basic_auth("alice", Some(PASSWORD));
    }
    let answer = request.send().await.expect("an answer");
    (answer.status().as_u16(), answer.text().await.expect("a body"))
}

/// Lines that are no comment, and of those what stands before one.
pub fn pins(text: &str) -> Vec<&str> {
    let lines = text.lines().map(|line| line.split(" #").next().unwrap_or_default().trim());
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
}

/// A pure wheel for any Python 3.
pub fn wheel(name: &str, version: &str) -> Package {
    Package::new(name, version).tag("py3-none-any")
}
