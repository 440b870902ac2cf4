//! Servers that have something to show: users, stages, raw conversations.

use super::Server;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wheelwright::access::accounts::{self, AccountChange};
use wheelwright::access::tokens::{self, NewToken};
use wheelwright::access::{Scope, Who};
use wheelwright::config::Config;
use wheelwright::index::admin;
use wheelwright::names::IndexName;

/// Alice's.
pub const PASSWORD: &str = "alice-secret";

/// A server with user alice and her stage `alice/dev`, which has no bases.
pub async fn stage() -> Server {
    stage_with(|_| {}).await
}

/// The same with changed settings.
pub async fn stage_with(change: impl FnOnce(&mut Config)) -> Server {
    let server = Server::start_with(change).await;
    server.make_stage().await;
    server
}

impl Server {
    /// Makes user alice and her stage.
    pub async fn make_stage(&self) {
        self.make_user("alice", PASSWORD).await;
        self.make_index("alice/dev", json!({"bases": [], "volatile": true})).await;
    }

    /// Nothing is built ahead for this index of Alice's any more: who plays the worker gets what the story asks for,
    /// in the order in which it asks.
    pub async fn build_nothing_ahead(&self, index: &str) {
        let (status, text) =
            self.as_alice("PATCH", &format!("/alice/{index}"), r#"["build_ahead=never"]"#).await;
        assert_eq!(status, 200, "{text}");
    }

    pub async fn make_user(&self, name: &str, password: &str) {
        let given = json!({"password": password});
        let given = AccountChange::from_json(given.as_object().expect("an object").clone()).expect("valid");
        accounts::create(&self.app.db, "root", name, &given).await.expect("a new user");
        self.app.indexes.refresh().await.expect("a fresh directory");
    }

    /// `options` are JSON, with devpi's names.
    pub async fn make_index(&self, name: &str, options: Value) {
        let name = IndexName::parse(name).expect("user/index");
        let options = options.as_object().expect("an object").clone();
        let root = Who { user: Some("root".into()), ..Who::default() };
        let directory = self.app.indexes.directory();
        admin::create(&self.app.db, &directory, &root, &name, &options).await.expect("a new index");
        self.app.indexes.refresh().await.expect("a fresh directory");
    }

    /// An API token of `owner` with these limits.
    pub async fn make_token(&self, owner: &str, scope: Scope) -> String {
        let new = NewToken { owner: owner.into(), name: "test".into(), scope, expires: None };
        tokens::create(&self.app.db, owner, &new).await.expect("a new token").1
    }

    /// Sends JSON with any method as alice; the status and the body.
    pub async fn as_alice(&self, method: &str, path: &str, json: &str) -> (u16, String) {
        let method = method.parse().expect("a method");
        let request = self.http.request(method, self.url(path)).basic_auth("alice", Some(PASSWORD));
        let request = request.header("content-type", "application/json").header("accept", "application/json");
        let answer = request.body(json.to_owned()).send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("a body"))
    }

    /// Sends these bytes and reads until the server closes.
    pub async fn raw(&self, request: &[u8]) -> String {
        let mut stream = tokio::net::TcpStream::connect(self.address).await.expect("a connection");
        stream.write_all(request).await.expect("a sent request");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.expect("an answer");
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Sends these bytes and reads the first line of the answer, however long the body is awaited.
    pub async fn first_line(&self, request: &[u8]) -> String {
        let mut stream = tokio::net::TcpStream::connect(self.address).await.expect("a connection");
        stream.write_all(request).await.expect("a sent request");
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            line.push(stream.read_u8().await.expect("an answer"));
        }
        String::from_utf8_lossy(&line).into_owned()
    }
}
