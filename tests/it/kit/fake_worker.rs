//! A worker that only pretends: it speaks the real protocol, and says what a story wants said.

use super::Server;
use super::packages::{Dist, Package};
use super::script::Auth;
use super::worker::description;
use serde_json::{Value, json};
use std::time::Duration;
use wheelwright::access::{Action, Scope, accounts};
use wheelwright::build::job::{Job, JobOutcome, WorkerDescription};
use wheelwright::build::target::Target;
use wheelwright::words::{Class, Evidence, Failure, Role, Step};

/// A target for wheels that any Python 3 takes.
pub fn target(name: &str) -> Target {
    Target {
        name: name.into(),
        implementation: "cp".into(),
        version: "3.12.1".into(),
        abi: "cp312".into(),
        tags: ["cp312-cp312-manylinux_2_17_x86_64", "cp312-none-any", "py3-none-any"]
            .map(str::to_owned)
            .to_vec(),
        markers: std::collections::BTreeMap::new(),
        distribution: "debian 12".into(),
        built_on: None,
    }
}

pub struct FakeWorker<'a> {
    server: &'a Server,
    pub owner: String,
    pub name: String,
    pub auth: Auth,
}

impl Server {
    /// A worker of `owner`, who is made if need be, for the target `cp312-test`.
    pub async fn worker(&self, owner: &str, name: &str) -> FakeWorker<'_> {
        if self.app.db.account(owner).await.expect("accounts").is_none() {
            self.make_user(owner, "a-worker-s-secret").await;
            accounts::role(&self.app.db, "root", Role::Builder, owner, true).await.expect("a role");
            self.app.indexes.refresh().await.expect("refreshes");
        }
        let scope = Scope { actions: vec![Action::Build], ..Scope::default() };
        let auth = Auth::Bearer(self.make_token(owner, scope).await);
        let worker = FakeWorker { server: self, owner: owner.into(), name: name.into(), auth };
        let told = description(vec![target("cp312-test")]);
        let description = WorkerDescription {
            isolation: wheelwright::words::Isolation::Bubblewrap,
            version: "0".into(),
            ..told
        };
        let body = serde_json::to_value(description).expect("JSON");
        let (status, body) = worker.send("PUT", &format!("/+workers/{name}"), body).await;
        assert_eq!(status, 200, "{body}");
        worker
    }

    /// Asks for builds as root, of what `alice/dev` has: their JSON.
    pub async fn ask_builds(&self, requirement: &str) -> Vec<Value> {
        let order = json!({"requirement": requirement, "index": "alice/dev", "targets": ["cp312-test"]});
        let (status, body) = self.ask("POST", "/+builds", &Auth::root(), Some(order)).await;
        assert_eq!(status, 200, "{body}");
        body["result"].as_array().expect("builds").clone()
    }

    /// One build as root sees it.
    pub async fn build(&self, id: i64) -> Value {
        self.ask("GET", &format!("/+builds/{id}"), &Auth::root(), None).await.1["result"].clone()
    }
}

impl FakeWorker<'_> {
    async fn send(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        self.server.ask(method, path, &self.auth, Some(body)).await
    }

    /// Claims a job, which must be there or come within the time that a claim is held.
    pub async fn claim(&self) -> Job {
        let answer =
            self.server.send("POST", &format!("/+workers/{}/claim", self.name), &self.auth, None).await;
        assert_eq!(answer.status(), 200);
        serde_json::from_str(&answer.text().await.expect("a body")).expect("a job")
    }

    /// A claim that is not held.
    pub async fn claim_at_once(&self) -> Option<Job> {
        self.server.app.queue.claim(&self.owner, &self.name, "", None, Duration::ZERO).await.expect("a claim")
    }

    pub async fn beat(&self, job: &Job) -> u16 {
        let body = json!({"fence": job.fence, "step": "build"});
        self.send("POST", &format!("/+builds/{}/beat", job.build), body).await.0
    }

    pub async fn log(&self, job: &Job, at: usize, text: &str) -> (u16, Value) {
        let path = format!("/+builds/{}/log?fence={}&at={at}", job.build, job.fence);
        self.bytes("POST", &path, text.as_bytes().to_vec()).await
    }

    async fn bytes(&self, method: &str, path: &str, bytes: Vec<u8>) -> (u16, Value) {
        let method = method.parse().expect("a method");
        let request = self.auth.on(self.server.http.request(method, self.server.url(path)));
        let answer =
            request.header("accept", "application/json").body(bytes).send().await.expect("an answer");
        let status = answer.status().as_u16();
        (status, serde_json::from_str(&answer.text().await.expect("a body")).unwrap_or(Value::Null))
    }

    pub async fn hand_in(&self, job: &Job, filename: &str, bytes: Vec<u8>) -> (u16, Value) {
        let path = format!("/+builds/{}/wheel/{filename}?fence={}", job.build, job.fence);
        self.bytes("PUT", &path, bytes).await
    }

    pub async fn outcome(&self, job: &Job, outcome: &JobOutcome) -> u16 {
        let path = format!("/+builds/{}/outcome?fence={}", job.build, job.fence);
        self.send("POST", &path, serde_json::to_value(outcome).expect("JSON")).await.0
    }

    pub async fn release(&self, job: &Job) -> u16 {
        let path = format!("/+builds/{}/release?fence={}", job.build, job.fence);
        self.send("POST", &path, Value::Null).await.0
    }

    pub async fn needs(&self, job: &Job, requirements: &[&str]) -> u16 {
        let requirements = requirements.iter().map(|text| (*text).to_owned()).collect();
        self.outcome(job, &JobOutcome::Needs { requirements }).await
    }

    pub async fn fails(&self, job: &Job, class: Class) -> u16 {
        let failure =
            Failure { class, hint: "mend it".into(), line: Some("error: no".into()), step: Step::Build };
        self.outcome(job, &JobOutcome::Failed(failure)).await
    }

    /// Hands in the job's own wheel and ends it; the wheel.
    pub async fn builds(&self, job: &Job) -> Dist {
        let (project, version) =
            (job.project.clone().expect("a project"), job.version.clone().expect("a version"));
        let wheel = Package::new(&project, &version).wheel();
        let (status, body) = self.hand_in(job, &wheel.filename, wheel.bytes.clone()).await;
        assert_eq!(status, 200, "{body}");
        assert_eq!(self.outcome(job, &built(&wheel.filename)).await, 200);
        wheel
    }
}

/// The outcome of a build that went well.
pub fn built(filename: &str) -> JobOutcome {
    JobOutcome::Built { wheel: filename.into(), evidence: Box::new(Evidence::default()) }
}
