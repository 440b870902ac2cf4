//! Stories of watched repositories: a tag becomes a release, whole or not at all.

mod alarms;
mod hosts;
mod people;
mod releases;
mod served;
mod to_bucket;

use crate::kit::Server;
use crate::kit::git_host::Repository;
use crate::kit::packages::{Dist, Package};
use crate::kit::script::Auth;
use crate::kit::stages::PASSWORD;
use crate::kit::worker::{NEW, NINE};
use serde_json::{Value, json};
use wheelwright::access::Who;
use wheelwright::build::watch::{NewWatch, Since};
use wheelwright::names::IndexName;

pub fn alice() -> Auth {
    Auth::basic("alice", PASSWORD)
}

/// A wheel of this release for a target of the worker that builds nothing.
pub fn wheel_for(project: &str, version: &str, target: &str) -> Dist {
    let python = target.split('-').next().expect("a Python");
    Package::new(project, version).tag(&format!("{python}-{python}-linux_x86_64")).wheel()
}

/// What a watch of alice/dev is, unless a story changes it.
pub fn new_watch(url: &str) -> NewWatch {
    NewWatch {
        index: IndexName::parse("alice/dev").expect("a name"),
        url: url.to_owned(),
        pattern: None,
        targets: vec![NINE.to_owned(), NEW.to_owned()],
        every: None,
        since: Since::Now,
    }
}

impl Server {
    /// A watch made beside the data folder.
    pub async fn watch(&self, new: NewWatch) -> i64 {
        self.app.watches.add(&Who::command_line(), new).await.expect("a watch").id
    }

    /// The same of a repository, as `new_watch` says.
    pub async fn watch_repository(&self, repository: &Repository) -> i64 {
        self.watch(new_watch(&repository.url())).await
    }

    /// Looks at once, whatever comes of it.
    pub async fn look(&self, id: i64) {
        let watch = self.app.watches.get(id).await.expect("a watch");
        self.app.watches.look_now(&watch).await.expect("it is due");
        // The server itself may be quicker: then it has the lease.
        drop(self.app.watches.look(&watch).await);
    }

    pub async fn watched(&self, id: i64) -> Value {
        let (status, answer) = self.ask("GET", &format!("/+watches/{id}"), &Auth::root(), None).await;
        assert_eq!(status, 200, "{answer}");
        answer["result"].clone()
    }

    /// A tag, once it is in this state.
    pub async fn tag_is(&self, id: i64, tag: &str, state: &str) -> Value {
        loop {
            let watch = self.watched(id).await;
            let found = watch["found"].as_array().expect("tags").iter().find(|one| one["tag"] == tag);
            match found {
                Some(found) if found["state"] == state => return found.clone(),
                Some(found) if found["state"] == "failed" => panic!("{tag} failed: {found:#}"),
                _ => tokio::task::yield_now().await,
            }
        }
    }

    /// The files of a project on alice/dev.
    pub async fn files(&self, project: &str) -> Vec<String> {
        let request = self.http.get(self.url(&format!("/alice/dev/+simple/{project}/")));
        let request = alice().on(request).header("accept", "application/vnd.pypi.simple.v1+json");
        let answer = request.send().await.expect("an answer");
        if answer.status() == 404 {
            return Vec::new();
        }
        let page: Value = serde_json::from_str(&answer.text().await.expect("a page")).expect("JSON");
        let names = page["files"].as_array().expect("files").iter();
        names.map(|file| file["filename"].as_str().expect("a name").to_owned()).collect()
    }
}

/// An order for a watch, as scripts send it.
pub fn order(url: &str) -> Value {
    json!({"index": "alice/dev", "url": url, "targets": [NEW]})
}
