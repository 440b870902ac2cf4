//! Stories of search: what is found, in which order, what stays hidden, and how soon it follows.

mod finds;
mod follows;
mod hides;
mod pages;
mod random;

use crate::kit::Server;
use crate::kit::script::Auth;
use serde_json::{Value, json};

/// The answer to a search, by somebody.
async fn search_as(server: &Server, auth: &Auth, query: &str) -> Value {
    let (status, told) = server.ask("GET", &format!("/+search?{query}"), auth, None).await;
    assert_eq!(status, 200, "{query}: {told}");
    assert_eq!(told["type"], "search");
    told["result"].clone()
}

async fn search(server: &Server, query: &str) -> Value {
    search_as(server, &Auth::None, query).await
}

/// `index/project` of each result, in their order.
fn names(found: &Value) -> Vec<String> {
    let results = found["results"].as_array().expect("results").iter();
    let name =
        |one: &Value| format!("{}/{}", one["index"].as_str().unwrap(), one["project"].as_str().unwrap());
    results.map(name).collect()
}

async fn found(server: &Server, query: &str) -> Vec<String> {
    names(&search(server, query).await)
}

/// Users of which each has an index that only they read, and one for all.
async fn with_private_indexes(server: &Server) {
    server.make_stage().await;
    server.make_user("bob", "bob-secret").await;
    server.make_index("bob/own", json!({"bases": [], "acl_read": ["bob"]})).await;
}

fn bob() -> Auth {
    Auth::basic("bob", "bob-secret")
}
