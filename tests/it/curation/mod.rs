//! Stories of curated indexes: what installers ask for, what approvers decide, and that nobody gets around it.

mod around;
mod closures;
mod curators;
mod deciding;
mod elsewhere;
mod late;
mod promised;
mod replicas;
mod rules;
mod story;
mod strangers;

use crate::kit::Server;
use crate::kit::forms::Form;
use crate::kit::packages::{Dist, Package};
use crate::kit::resolving::{self, wheel};
use crate::kit::script::Auth;
use crate::kit::stages::{PASSWORD, stage};
use serde_json::{Value, json};
use wheelwright::config::Config;

/// What the upstream has: `demo` 1.0 and 1.1 need `lib`, of which there are two, and `other` needs nothing.
fn upstream_packages() -> Vec<Dist> {
    vec![
        wheel("demo", "1.0").requires("lib>=1").header("License-Expression", "MIT").wheel(),
        wheel("demo", "1.1").requires("lib>=1").header("License-Expression", "AGPL-3.0-only").wheel(),
        wheel("lib", "1.0").wheel(),
        wheel("lib", "1.1").wheel(),
        wheel("other", "3.0").wheel(),
        Package::new("source-only", "1.0").sdist(),
    ]
}

/// A server whose mirror `root/pypi` only root reads, and the curated index `root/safe` before it, of which alice is an
/// approver; the upstream lives as long.
pub struct Governed {
    pub server: Server,
    /// Its `alice/dev` is what the mirror mirrors.
    pub upstream: Server,
}

impl Governed {
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// The same with changed settings.
    pub async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let upstream = stage().await;
        for dist in upstream_packages() {
            let answer = upstream.post("/alice/dev/", Form::of(&dist), "alice", PASSWORD).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
        }
        let mirrored = upstream.url("/alice/dev/+simple/");
        let server = resolving::start_with(|config| {
            config.upstream = Some(mirrored);
            change(config);
        });
        let server = server.await;
        let options = json!({"bases": ["root/pypi"], "curated": true, "acl_approve": ["alice"]});
        server.make_index("root/safe", options).await;
        let close = Some(json!({"acl_read": ["root"]}));
        let (status, told) = server.ask("PATCH", "/root/pypi", &Auth::root(), close).await;
        assert_eq!(status, 200, "{told}");
        Self { server, upstream }
    }

    pub fn safe(&self) -> String {
        self.server.url("/root/safe/+simple/")
    }

    /// The request for a release, once somebody asked.
    pub async fn request(&self, project: &str, version: &str) -> Value {
        let (status, all) = self.server.ask("GET", "/+requests", &alice(), None).await;
        assert_eq!(status, 200, "{all}");
        let all = all["result"].as_array().expect("a list").clone();
        let found = all.iter().find(|one| one["project"] == project && one["version"] == version);
        found.unwrap_or_else(|| panic!("no request for {project} {version} in {all:?}")).clone()
    }

    /// The same, once the server knows what it needs.
    pub async fn resolved(&self, project: &str, version: &str) -> Value {
        loop {
            let request = self.request(project, version).await;
            if !request["closure"].is_null() {
                return request;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Asks as alice, without an installer; the number of the request.
    pub async fn ask_for(&self, requirement: &str) -> i64 {
        let wanted = json!({"index": "root/safe", "requirement": requirement});
        let (status, told) = self.server.ask("POST", "/+requests", &alice(), Some(wanted)).await;
        assert_eq!(status, 201, "{told}");
        told["result"]["id"].as_i64().expect("a number")
    }

    pub async fn decide(&self, id: i64, how: &str, said: Value) -> (u16, Value) {
        self.server.ask("POST", &format!("/+requests/{id}/{how}"), &alice(), Some(said)).await
    }

    pub async fn approve(&self, requirement: &str) {
        let id = self.ask_for(requirement).await;
        let (status, told) = self.decide(id, "approve", json!({"reason": "seen"})).await;
        assert_eq!((status, told["result"]["state"].as_str()), (200, Some("approved")), "{told}");
    }

    /// Names of the files that a page of the curated index lists for a script; none if it is refused.
    pub async fn listed(&self, path: &str) -> Vec<String> {
        let answer = self.server.http.get(self.server.url(path));
        let answer =
            answer.header("accept", "application/vnd.pypi.simple.v1+json").header("user-agent", "curl/8");
        let text = answer.send().await.expect("an answer").text().await.expect("a body");
        let page: Value = serde_json::from_str(&text).unwrap_or_default();
        let files = page["files"].as_array().cloned().unwrap_or_default();
        files.iter().map(|file| file["filename"].as_str().expect("a name").to_owned()).collect()
    }
}

pub fn alice() -> Auth {
    Auth::basic("alice", PASSWORD)
}

/// What pip sends as its name.
pub const PIP: &str = r#"pip/26.3 {"ci":null,"cpu":"x86_64","distro":{"libc":{"lib":"glibc","version":"2.36"},"name":"Debian GNU/Linux","version":"12"},"implementation":{"name":"CPython","version":"3.12.1"},"installer":{"name":"pip","version":"26.3"},"python":"3.12.1","system":{"name":"Linux","release":"6"}}"#;
