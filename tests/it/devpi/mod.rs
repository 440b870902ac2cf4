//! Stories of devpi's users: what its client does beside installing and uploading.

mod authcheck;
pub mod documentation;
mod functional;
mod pushing;
mod results;
mod shadow;
mod shadow_real;

use crate::kit::packages::Package;
use crate::kit::script::Auth;
use crate::kit::stages::{PASSWORD, stage};
use crate::kit::{Server, packages::Dist};
use serde_json::{Value, json};

fn alice() -> Auth {
    Auth::devpi("alice", PASSWORD)
}

/// A server where `alice/dev` has demo 1.0, and `alice/prod`, which is not volatile, has nothing.
async fn with_demo() -> (Server, Dist) {
    let server = stage().await;
    server.make_index("alice/prod", json!({"volatile": false})).await;
    let demo = Package::new("demo", "1.0").wheel();
    server.publish("alice/dev", &demo).await;
    (server, demo)
}

async fn links(server: &Server, path: &str) -> Vec<Value> {
    let (status, told) = server.ask("GET", path, &alice(), None).await;
    assert_eq!(status, 200, "{told}");
    told["result"]["+links"].as_array().expect("links").clone()
}

/// The path of an absolute URL of ours.
fn path_of(server: &Server, url: &Value) -> String {
    let root = server.url("");
    url.as_str().and_then(|url| url.strip_prefix(&root)).expect("a URL of this server").to_owned()
}
