//! What a worker asks of its server: jobs, sources and pages come in; heartbeats, logs and wheels go out.

use super::{ServerClient, answer, retried};
use crate::build::job::{Heartbeat, Job, JobOutcome, Registered, WorkerDescription};
use crate::error::Result;
use crate::names::ProjectName;
use crate::packaging::filename::encode_segment;
use crate::packaging::page::Page;
use crate::words::{Purpose, Step};
use crate::{bad, bad_upstream, missing};
use http::{Method, StatusCode};
use reqwest::RequestBuilder;
use std::path::Path;
use std::time::Duration;

/// A lease is lost if nothing is heard of the worker for longer.
const SILENCE: Duration = Duration::from_secs(60);

/// A worker's server. What it says of jobs it says as the worker, pages and files it reads as the job.
#[derive(Clone, Debug)]
pub struct WorkerClient {
    server: ServerClient,
    reader: ServerClient,
}

/// Where a context's pages are on the server: `user/index`, or `v1/user.index+other.index/auto` of several.
pub fn index_path(context: &str) -> String {
    match context.contains('+') {
        true => format!("v1/{}/auto", context.replace('/', ".")),
        false => context.to_owned(),
    }
}

impl WorkerClient {
    /// The server at `url`, for the holder of a worker's token.
    ///
    /// # Errors
    /// `Bad` if that is not the address of a server, or if the token is empty.
    pub fn new(url: &str, token: &str) -> Result<Self> {
        let agent = concat!("wheelwright-worker/", env!("CARGO_PKG_VERSION")).to_owned();
        if token.is_empty() {
            return Err(bad!("the worker's token is empty: give it with --token or WHEELWRIGHT_TOKEN"));
        }
        let server = ServerClient::new(url, Some(token))?.with_agent(agent).with_silence(Some(SILENCE))?;
        Ok(Self { reader: server.clone(), server })
    }

    /// The same, which reads pages and files with the job's own credential.
    #[must_use]
    pub fn for_job(&self, job: &Job) -> Self {
        let reader = match &job.credential {
            Some(secret) => self.server.clone().with_bearer(secret),
            None => self.server.clone(),
        };
        Self { reader, ..self.clone() }
    }

    /// Reads the pages and files that the job may see, and nothing else.
    pub fn reader(&self) -> &ServerClient {
        &self.reader
    }

    /// Says what the worker is; the server says how often it should beat, and what it should get ready.
    ///
    /// # Errors
    /// `Conflict` if another worker has the name.
    pub async fn register(&self, name: &str, worker: &WorkerDescription) -> Result<Registered> {
        let request = self.server.request_with_json(Method::PUT, &format!("+workers/{name}"), worker)?;
        let registered: Registered = self.server.result(request).await?;
        Ok(Registered { beat: registered.beat.clamp(1, 600), ..registered })
    }

    /// The name is free from now on.
    ///
    /// # Errors
    /// What the server answered, and `Unavailable` if it does not.
    pub async fn leave(&self, name: &str, instance: &str) -> Result<()> {
        self.tell(self.server.request(Method::DELETE, &format!("+workers/{name}?instance={instance}"))?).await
    }

    /// Claims a job, of one purpose if one is named; the server holds the request while there is none.
    ///
    /// # Errors
    /// `Missing` if the server does not know the worker.
    pub async fn claim(&self, name: &str, instance: &str, only: Option<Purpose>) -> Result<Option<Job>> {
        let purpose = only.map(|purpose| format!("&purpose={}", purpose.name())).unwrap_or_default();
        let path = format!("+workers/{name}/claim?instance={instance}{purpose}");
        let response = self.server.send(self.server.request(Method::POST, &path)?).await?;
        match response.status() {
            StatusCode::NO_CONTENT => Ok(None),
            _ => answer::json(response).await.map(Some),
        }
    }

    /// The lease holds on.
    ///
    /// # Errors
    /// `Conflict` if it is lost.
    pub async fn beat(&self, job: &Job, step: Step) -> Result<()> {
        let beat = Heartbeat { fence: job.fence, step };
        self.tell(self.server.request_with_json(
            Method::POST,
            &format!("+builds/{}/beat", job.build),
            &beat,
        )?)
        .await
    }

    /// A piece of log that begins at this offset.
    ///
    /// # Errors
    /// `Conflict` if the lease is lost, `Bad` if the server's log ends elsewhere.
    pub async fn log(&self, job: &Job, at: usize, piece: Vec<u8>) -> Result<()> {
        let path = format!("+builds/{}/log?fence={}&at={at}", job.build, job.fence);
        self.tell(self.server.request(Method::POST, &path)?.body(piece)).await
    }

    /// Hands in the wheel of a job.
    ///
    /// # Errors
    /// `Bad` with the reason why the server does not take it; `Conflict` if the lease is lost.
    pub async fn hand_in(&self, job: &Job, filename: &str, wheel: &Path) -> Result<()> {
        let path = format!("+builds/{}/wheel/{}?fence={}", job.build, encode_segment(filename), job.fence);
        let path = path.as_str();
        retried(|| async move { self.server.send_file(Method::PUT, path, wheel).await.map(drop) }).await
    }

    /// How the job ended.
    ///
    /// # Errors
    /// `Conflict` if the lease is lost, `Unavailable` if the server stays away.
    pub async fn outcome(&self, job: &Job, outcome: &JobOutcome) -> Result<()> {
        let path = format!("+builds/{}/outcome?fence={}", job.build, job.fence);
        let path = path.as_str();
        retried(
            || async move { self.tell(self.server.request_with_json(Method::POST, path, outcome)?).await },
        )
        .await
    }

    /// Gives a job back; it runs elsewhere at once.
    ///
    /// # Errors
    /// `Conflict` if the lease is lost.
    pub async fn release(&self, job: &Job) -> Result<()> {
        let path = format!("+builds/{}/release?fence={}", job.build, job.fence);
        self.tell(self.server.request(Method::POST, &path)?).await
    }

    /// Writes the job's source to the new file `to`, and gives its sha256.
    ///
    /// # Errors
    /// What the server answered, and `Unavailable` if it does not.
    pub async fn source(&self, job: &Job, to: &Path) -> Result<String> {
        let url = self.server.url(&format!("+builds/{}/source", job.build))?;
        self.server.download(&url, to).await
    }

    /// A project's page in a context, with absolute URLs; `at` is a view as of a date.
    ///
    /// # Errors
    /// `Missing` if there is no such project there.
    pub async fn page(&self, context: &str, at: Option<&str>, project: &ProjectName) -> Result<Page> {
        let at = at.map(|date| format!("/+at/{date}")).unwrap_or_default();
        let page = self.reader.page(&format!("{}{at}", index_path(context)), project).await?;
        page.ok_or_else(|| missing!("{context} has no project {project}"))
    }

    /// Writes a file that a page of [`WorkerClient::page`] lists to the new file `to`, and gives its sha256.
    ///
    /// # Errors
    /// What the server answered, and `Unavailable` if it does not.
    pub async fn file(&self, url: &str, to: &Path) -> Result<String> {
        let url = self.reader.url(url)?;
        match self.reader.owns(&url) {
            true => self.reader.download(&url, to).await,
            false => Err(bad_upstream!("{url} is not on the server {}", self.reader.base())),
        }
    }

    async fn tell(&self, request: RequestBuilder) -> Result<()> {
        self.server.send(request).await.map(drop)
    }
}
