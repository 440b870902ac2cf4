//! Stories of bad packages: they disappear at once, one knows who has them, and they come back.

mod counted;
mod holds;
mod installers;
mod nodes;
mod refuses;
mod through;

use crate::kit::Server;
use crate::kit::script::Auth;
use serde_json::{Value, json};

/// Puts something into quarantine as root; its number.
async fn quarantine(server: &Server, what: &str, why: &str) -> String {
    let asked = json!({"what": what, "why": why});
    let (status, answer) = server.ask("POST", "/+quarantine", &Auth::root(), Some(asked)).await;
    assert_eq!(status, 201, "{answer}");
    answer["result"]["id"].as_str().expect("a number").to_owned()
}

async fn release(server: &Server, id: &str) {
    let (status, answer) = server.ask("DELETE", &format!("/+quarantine/{id}"), &Auth::root(), None).await;
    assert_eq!(status, 200, "{answer}");
}

/// The status of an installer's request, and what is said.
async fn get(server: &Server, path: &str) -> (u16, String) {
    let answer = server.get(path).await;
    (answer.status().as_u16(), answer.text().await.unwrap_or_default())
}

async fn page(server: &Server, path: &str) -> Value {
    let answer = server.get_with(path, &[("accept", "application/vnd.pypi.simple.v1+json")]).await;
    serde_json::from_str(&answer.text().await.expect("text")).expect("JSON")
}

fn names(page: &Value) -> Vec<&str> {
    page["files"].as_array().expect("files").iter().filter_map(|file| file["filename"].as_str()).collect()
}
