//! What a worker asks of its server, over HTTP.

use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::StreamExt;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use tokio::io::AsyncWriteExt;
use url::Url;

use super::report::Patience;
use super::sandbox::gate::Beyond;
use crate::build::job::Job;
use crate::error::{Error, Result};
use crate::names::ProjectName;
use crate::packaging::page::Page;
use crate::packaging::{filename, json};
use crate::{bad, conflict, forbidden, missing};

/// Seconds until a silent server is given up on.
const PATIENCE: Duration = Duration::from_secs(60);
const PAGE_LIMIT: usize = 64 << 20;
const SIMPLE_JSON: &str = "application/vnd.pypi.simple.v1+json";

/// A server's address and the credential for it.
#[derive(Clone, Debug)]
pub struct Link {
    client: reqwest::Client,
    /// Without a path.
    server: Url,
    authorization: String,
    /// Reads the context of the job at work.
    context: Option<String>,
}

/// Where a context's pages are on the server: `user/index`, or `v1/user.index+other.index/auto` of a set.
fn place(context: &str) -> String {
    match context.contains('+') {
        true => format!("v1/{}/auto", context.replace('/', ".")),
        false => context.to_owned(),
    }
}

impl Link {
    /// To `server`, as the holder of `token` (any user name will do).
    ///
    /// # Errors
    /// `Bad` for what is no HTTP address.
    pub fn new(server: &str, token: &str) -> Result<Self> {
        // The first to come decides; everybody wants the same one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let server = Url::parse(server).map_err(|e| bad!("{server} is no address of a server: {e}"))?;
        if !matches!(server.scheme(), "http" | "https") || server.host_str().is_none() {
            return Err(bad!("{server} is no address of a server: it begins with http:// or https://"));
        }
        let mut builder = reqwest::Client::builder();
        if is_own_machine(&server) {
            builder = builder.no_proxy();
        }
        let client = builder
            .user_agent(concat!("wheelwright-worker/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(PATIENCE)
            .read_timeout(PATIENCE)
            .build()
            .map_err(Error::internal)?;
        let authorization = format!("Basic {}", STANDARD.encode(format!("__token__:{token}")));
        Ok(Self { client, server, authorization, context: None })
    }

    /// The same, which reads pages and files with the job's own credential: the worker's gets jobs
    /// and hands in what came of them, and nothing else.
    #[must_use]
    pub fn for_job(&self, job: &Job) -> Self {
        let context = job.credential.as_ref().map(|secret| format!("Bearer {secret}"));
        Self { context, ..self.clone() }
    }

    /// A request for what belongs to the context.
    fn read(&self, path: &str) -> Result<RequestBuilder> {
        let url = self.url(path)?;
        let authorization = self.context.as_ref().unwrap_or(&self.authorization);
        Ok(self.client.get(url).header("authorization", authorization))
    }

    fn url(&self, path: &str) -> Result<Url> {
        let url = self.server.join(path).map_err(|e| bad!("{path} is no path: {e}"))?;
        if url.origin() != self.server.origin() {
            return Err(bad!("{url} is not on the server {}", self.server));
        }
        Ok(url)
    }

    /// A request with the credential; `path` begins with `/`.
    ///
    /// # Errors
    /// `Bad` if the two are no URL together.
    pub fn request(&self, method: Method, path: &str) -> Result<RequestBuilder> {
        Ok(self.client.request(method, self.url(path)?).header("authorization", &self.authorization))
    }

    /// Sends it; any answer but a good one is the error it stands for.
    ///
    /// # Errors
    /// What the server answered, with its text; `Unavailable` if it does not.
    pub async fn send(&self, request: RequestBuilder) -> Result<Response> {
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let url = response.url().clone();
        let text = response.text().await.unwrap_or_default();
        Err(refusal(status, &url, &text))
    }

    fn unreachable(&self, error: &reqwest::Error) -> Error {
        let mut text = error.to_string();
        let mut source = std::error::Error::source(error);
        while let Some(error) = source {
            text = format!("{text}: {error}");
            source = error.source();
        }
        Error::Unavailable(format!("the server {} does not answer: {text}", self.server))
    }

    /// What a gate to a context needs.
    #[must_use]
    pub fn beyond(&self, context: &str, at: Option<&str>) -> Beyond {
        Beyond {
            server: self.server.as_str().trim_end_matches('/').to_owned(),
            context: place(context),
            at: at.map(str::to_owned),
            authorization: self.context.as_ref().unwrap_or(&self.authorization).clone(),
        }
    }

    /// Writes the job's source to the new file `to`. Its hash is the caller's to check.
    ///
    /// # Errors
    /// What the server answered, and `Unavailable` if it does not.
    pub async fn source(&self, job: &Job, to: &Path) -> Result<()> {
        let request = self.request(Method::GET, &format!("/+builds/{}/source", job.build))?;
        self.download(request, to).await
    }

    async fn download(&self, request: RequestBuilder, to: &Path) -> Result<()> {
        let response = self.send(request).await?;
        let mut file = tokio::fs::File::create_new(to).await?;
        let mut pieces = response.bytes_stream();
        while let Some(piece) = pieces.next().await {
            file.write_all(&piece.map_err(|error| self.unreachable(&error))?).await?;
        }
        Ok(file.flush().await?)
    }

    /// A project's page in a context (`user/index`), with absolute URLs; `at` is a view as of a date.
    ///
    /// # Errors
    /// `Missing` if there is no such project there.
    pub async fn page(&self, context: &str, at: Option<&str>, project: &ProjectName) -> Result<Page> {
        let at = at.map(|date| format!("+at/{date}/")).unwrap_or_default();
        let path = format!("/{}/{at}+simple/{project}/", place(context));
        let request = self.read(&path)?.header("accept", SIMPLE_JSON);
        let response = self.send(request).await?;
        let url = response.url().clone();
        let mut body = Vec::new();
        let mut pieces = response.bytes_stream();
        while let Some(piece) = pieces.next().await {
            body.extend_from_slice(&piece.map_err(|error| self.unreachable(&error))?);
            if body.len() > PAGE_LIMIT {
                return Err(Error::BadUpstream(format!("the page {url} has more than {PAGE_LIMIT} bytes")));
            }
        }
        json::parse(&body, &url, project)
    }

    /// Writes a file that a page of [`Link::page`] lists to the new file `to`.
    ///
    /// # Errors
    /// What the server answered, and `Unavailable` if it does not.
    pub async fn file(&self, url: &str, to: &Path) -> Result<()> {
        self.download(self.read(url)?, to).await
    }

    /// Hands in the wheel of a job.
    ///
    /// # Errors
    /// `Bad` with the reason why the server does not take it; `Conflict` if the lease is lost.
    pub async fn hand_in(&self, job: &Job, filename: &str, wheel: &Path) -> Result<()> {
        let mut patience = Patience::new();
        loop {
            if let Some(done) = patience.judge(self.hand_in_once(job, filename, wheel).await).await {
                return done;
            }
        }
    }

    async fn hand_in_once(&self, job: &Job, filename: &str, wheel: &Path) -> Result<()> {
        let name = filename::encode_segment(filename);
        let path = format!("/+builds/{}/wheel/{name}?fence={}", job.build, job.fence);
        let file = tokio::fs::File::open(wheel).await?;
        let length = file.metadata().await?.len();
        let body = reqwest::Body::wrap_stream(tokio_util::io::ReaderStream::new(file));
        let request = self.request(Method::PUT, &path)?.header("content-length", length).body(body);
        self.send(request).await.map(drop)
    }
}

/// With a JSON body under its type.
pub(super) fn json(request: RequestBuilder, body: Vec<u8>) -> RequestBuilder {
    request.header("content-type", "application/json").body(body)
}

/// Whether no proxy can lead there.
fn is_own_machine(server: &Url) -> bool {
    match server.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// The error that an answer stands for; devpi's bodies have a `message`, problems a `detail`.
fn refusal(status: StatusCode, url: &Url, body: &str) -> Error {
    let json: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    let told = ["message", "detail"].into_iter().find_map(|key| json.get(key)?.as_str());
    let text = told.unwrap_or(body).trim();
    let text = if text.is_empty() { format!("{url} answers {status}") } else { text.to_owned() };
    match status.as_u16() {
        401 => Error::Unauthenticated(text),
        403 => forbidden!("{text}"),
        404 => missing!("{text}"),
        409 => conflict!("{text}"),
        410 => Error::Gone(text),
        413 => Error::TooLarge(text),
        507 => Error::Full(text),
        400..=499 => bad!("{text}"),
        502 => Error::BadUpstream(text),
        _ => Error::Unavailable(text),
    }
}
