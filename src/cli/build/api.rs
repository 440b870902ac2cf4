//! What the command asks of a server, its own or another, over HTTP.

use super::super::netrc::{self, Login};
use crate::bad;
use crate::build::failure::Failure;
use crate::build::job::Source;
use crate::build::target::Target;
use crate::error::{Error, Result};
use crate::names::ProjectName;
use crate::packaging::filename::encode_segment;
use crate::packaging::json;
use crate::packaging::page::Page;
use crate::upstream::client;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::path::Path;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use url::Url;

const JSON_PAGE: &str = "application/vnd.pypi.simple.v1+json";
/// Until a server that says nothing is given up on. A page may have to come from far away first.
const PATIENCE: Duration = Duration::from_secs(120);
/// A page is refused beyond this many bytes.
const LONGEST_PAGE: usize = 512 << 20;

/// A server and the credential for it. Cheap to clone.
#[derive(Clone)]
pub struct Api {
    http: reqwest::Client,
    /// Ends in `/`.
    pub base: Url,
    token: Option<String>,
    /// What it says of its interpreter, where a page depends on that.
    agent: Option<String>,
    /// Of `~/.netrc`, where nothing else was given.
    login: Option<Login>,
}

/// What is to be built, as `POST /+builds` takes it.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Order {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requirement: Option<String>,
    /// sha256 of an uploaded source.
    #[serde(rename = "source", skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// What is known of an uploaded source.
    #[serde(flatten)]
    pub about: Option<Source>,
    pub targets: Vec<String>,
    /// Gets the wheel.
    pub index: Option<String>,
    /// Where requirements come from, if not from `index`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Somebody waits for it.
    pub wait: bool,
    pub rebuild: bool,
}

/// A build as the server shows it.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default)]
pub struct Build {
    pub id: i64,
    pub project: Option<String>,
    pub version: Option<String>,
    pub target: Option<String>,
    pub state: String,
    pub step: Option<String>,
    /// When it ended, in RFC 3339.
    pub ended: Option<String>,
    pub failure: Option<Failure>,
    wheel: Option<WheelFile>,
    /// The indexes that were to get the wheel.
    pub indexes: Vec<Published>,
}

/// What came out of a build.
#[derive(Clone, Debug, serde::Deserialize)]
struct WheelFile {
    filename: String,
    sha256: String,
}

/// An index that gets a wheel.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct Published {
    pub index: String,
    /// Since when it has it.
    pub published: Option<String>,
    /// Why it refused it.
    #[serde(default)]
    pub refused: Option<String>,
}

impl Build {
    pub fn has_ended(&self) -> bool {
        matches!(self.state.as_str(), "built" | "failed")
    }

    /// Whether an index is still to get the wheel.
    pub fn awaits_publication(&self) -> bool {
        self.state == "built"
            && self.indexes.iter().any(|index| index.published.is_none() && index.refused.is_none())
    }

    /// File name and sha256 of what came out.
    pub fn wheel(&self) -> Option<(&str, &str)> {
        let wheel = self.wheel.as_ref()?;
        Some((&wheel.filename, &wheel.sha256))
    }
}

#[derive(serde::Deserialize)]
struct Answer<T> {
    result: T,
}

#[derive(serde::Deserialize)]
struct Uploaded {
    sha256: String,
}

impl Api {
    /// Speaks to the server at `url`.
    ///
    /// # Errors
    /// `Bad` if that is no URL of a server.
    pub fn new(url: &str, token: Option<String>) -> Result<Self> {
        let wrong = || bad!("--server must be the address of a wheelwright (http://HOST:PORT), not {url:?}");
        let mut base = Url::parse(url).map_err(|_| wrong())?;
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() {
            return Err(wrong());
        }
        base.set_path(&format!("{}/", base.path().trim_end_matches('/')));
        base.set_query(None);
        base.set_fragment(None);
        let has_own = token.is_some() || !base.username().is_empty() || base.password().is_some();
        let login = if has_own { None } else { base.host_str().and_then(netrc::login) };
        Ok(Self { http: http(&base, Some(PATIENCE))?, base, token, agent: None, login })
    }

    /// The same for an installer's `User-Agent`.
    pub fn with_agent(self, agent: Option<String>) -> Self {
        Self { agent, ..self }
    }

    /// For people: the page of a build.
    pub fn build_url(&self, id: i64) -> String {
        format!("{}+builds/{id}", self.base)
    }

    fn request(&self, method: Method, url: &Url) -> RequestBuilder {
        self.request_for(method, url, "application/json")
    }

    /// A request for one form of the answer; a second `Accept` would be added, not put in its place.
    fn request_for(&self, method: Method, url: &Url, accept: &str) -> RequestBuilder {
        let request = self.http.request(method, url.clone()).header("accept", accept);
        let request = match &self.agent {
            Some(agent) => request.header("user-agent", agent),
            None => request,
        };
        // Ours only: a page may list files of elsewhere.
        match (&self.token, &self.login) {
            (Some(token), _) if self.is_own(url) => request.basic_auth("__token__", Some(token)),
            (None, Some(login)) if self.is_own(url) => request.basic_auth(&login.user, Some(&login.password)),
            _ => request,
        }
    }

    /// Whether a URL is the server's, and its token counts there.
    fn is_own(&self, url: &Url) -> bool {
        url.origin() == self.base.origin()
    }

    fn at(&self, path: &str) -> Result<Url> {
        self.base.join(path).map_err(Error::internal)
    }

    async fn send(&self, request: RequestBuilder, url: &Url) -> Result<Response> {
        let response = request.send().await.map_err(|error| client::failure(url, &error))?;
        match response.status().is_success() {
            true => Ok(response),
            false => Err(refusal(response, url, self.is_own(url)).await),
        }
    }

    async fn result<T: DeserializeOwned>(&self, request: RequestBuilder, url: &Url) -> Result<T> {
        let response = self.send(request, url).await?;
        let bytes = response.bytes().await.map_err(|error| client::failure(url, &error))?;
        let answer: Answer<T> = serde_json::from_slice(&bytes).map_err(|error| {
            Error::BadUpstream(format!("{} does not answer like a wheelwright: {error}", client::shown(url)))
        })?;
        Ok(answer.result)
    }

    /// The targets that can be built for at present.
    pub async fn targets(&self) -> Result<Vec<Target>> {
        let url = self.at("+targets")?;
        self.result(self.request(Method::GET, &url), &url).await
    }

    /// A project's page, with absolute URLs; `None` if the index has no such project.
    pub async fn page(&self, index: &str, project: &ProjectName) -> Result<Option<Page>> {
        let url = self.at(&format!("{index}/+simple/{project}/"))?;
        let request = self.request_for(Method::GET, &url, JSON_PAGE);
        let mut response = match self.send(request, &url).await {
            Err(Error::Missing(_)) => return Ok(None),
            other => other?,
        };
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| client::failure(&url, &error))? {
            if body.len() + chunk.len() > LONGEST_PAGE {
                return Err(Error::BadUpstream(format!("the page {} is too large", client::shown(&url))));
            }
            body.extend_from_slice(&chunk);
        }
        json::parse(&body, &url, project).map(Some)
    }

    /// Brings a source to the server; gives its sha256.
    pub async fn upload(&self, file: &Path, filename: &str) -> Result<String> {
        let url = self.at(&format!("+builds/sources?filename={}", encode_segment(filename)))?;
        let bytes = tokio::fs::File::open(file).await?;
        let length = bytes.metadata().await?.len();
        let body = reqwest::Body::wrap_stream(tokio_util::io::ReaderStream::with_capacity(bytes, 128 << 10));
        let request = self.request(Method::POST, &url).header("content-length", length).body(body);
        Ok(self.result::<Uploaded>(request, &url).await?.sha256)
    }

    /// Asks for builds, one for each target.
    pub async fn order(&self, order: &Order) -> Result<Vec<Build>> {
        let url = self.at("+builds")?;
        let body = serde_json::to_vec(order).map_err(Error::internal)?;
        let request = self.request(Method::POST, &url).header("content-type", "application/json").body(body);
        self.result(request, &url).await
    }

    /// Ends a build.
    pub async fn cancel(&self, id: i64) -> Result<Build> {
        let url = self.at(&format!("+builds/{id}/cancel"))?;
        self.result(self.request(Method::POST, &url), &url).await
    }

    /// A build as it is now.
    pub async fn build(&self, id: i64) -> Result<Build> {
        let url = self.at(&format!("+builds/{id}"))?;
        self.result(self.request(Method::GET, &url), &url).await
    }

    /// The newest build of a version for a target, if one was asked for.
    pub async fn build_of(&self, project: &str, version: &str, target: &str) -> Result<Option<Build>> {
        let mut url = self.at("+builds")?;
        let query = [("project", project), ("version", version), ("target", target)];
        url.query_pairs_mut().extend_pairs(query);
        let all: Vec<Build> = self.result(self.request(Method::GET, &url), &url).await?;
        Ok(all.into_iter().max_by_key(|build| build.id))
    }

    /// Sends text to a place that answers with text, however long that takes.
    ///
    /// # Errors
    /// What the server says against it, as it says it, and whether to ask again.
    pub async fn exchange(&self, path: &str, text: &str) -> Result<String, Refused> {
        let url = self.at(path)?;
        let patient = Self { http: http(&self.base, None)?, ..self.clone() };
        let request = patient.request_for(Method::POST, &url, "text/plain, application/problem+json;q=0.5");
        let request = request.header("content-type", "text/plain; charset=utf-8").body(text.to_owned());
        let broken = |error: reqwest::Error| Refused::on_the_way(client::failure(&url, &error));
        let response = request.send().await.map_err(broken)?;
        if response.status().is_success() {
            return response.text().await.map_err(broken);
        }
        let status = response.status();
        let (error, in_own_words) = told(response, &url, true).await;
        Err(Refused { error, again: Again::after(status, in_own_words) })
    }

    /// The log of a build, which grows while the build runs.
    pub async fn log(&self, id: i64) -> Result<Response> {
        let url = self.at(&format!("+builds/{id}/log"))?;
        self.send(self.request_for(Method::GET, &url, "text/plain"), &url).await
    }

    /// Where the wheel of a build is.
    pub fn wheel_url(&self, id: i64, filename: &str) -> Result<Url> {
        self.at(&format!("+builds/{id}/wheel/{}", encode_segment(filename)))
    }

    /// Writes what is at `url` into the new file `to`.
    ///
    /// # Errors
    /// `BadUpstream` if the bytes do not have this sha256.
    pub async fn download(&self, url: &Url, sha256: Option<&str>, to: &Path) -> Result<()> {
        let mut response = self.send(self.request_for(Method::GET, url, "*/*"), url).await?;
        let mut file = tokio::fs::File::create(to).await?;
        while let Some(chunk) = response.chunk().await.map_err(|error| client::failure(url, &error))? {
            file.write_all(&chunk).await?;
        }
        file.flush().await?;
        drop(file);
        let (path, shown) = (to.to_owned(), client::shown(url));
        let arrived = tokio::task::spawn_blocking(move || super::house::digest(&path)).await??;
        match sha256 {
            Some(told) if !told.eq_ignore_ascii_case(&arrived) => {
                let _ = tokio::fs::remove_file(to).await;
                Err(Error::BadUpstream(format!("{shown} arrived with sha256 {arrived} instead of {told}")))
            }
            _ => Ok(()),
        }
    }
}

/// Connections to a server that may be silent for so long, or for as long as it likes.
fn http(base: &Url, patience: Option<Duration>) -> Result<reqwest::Client> {
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("wheelwright/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(20))
        .tcp_keepalive(Duration::from_secs(30));
    if let Some(patience) = patience {
        builder = builder.read_timeout(patience);
    }
    // A proxy is for the world outside.
    if matches!(base.host_str(), Some("127.0.0.1" | "localhost" | "[::1]")) {
        builder = builder.no_proxy();
    }
    builder.build().map_err(Error::internal)
}

/// Why an exchange brought nothing, and whether another try may.
#[derive(Debug)]
pub struct Refused {
    pub error: Error,
    pub again: Again,
}

/// When the same question may be answered otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// Never: the server has decided.
    Never,
    /// Soon: the server starts, stops, or has too much to do.
    Soon,
    /// The answer was lost on the way; what was begun for it goes on.
    Lost,
    /// The server is at work on it.
    Later,
}

impl Again {
    /// A proxy between tells of a lost answer with a page of its own; in the words of a wheelwright, 502
    /// and 504 are what it found out about its own upstreams.
    fn after(status: StatusCode, in_own_words: bool) -> Self {
        match status {
            StatusCode::CONFLICT => Self::Later,
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => Self::Soon,
            status if status.is_server_error() && !in_own_words => Self::Lost,
            _ => Self::Never,
        }
    }
}

impl Refused {
    fn on_the_way(error: Error) -> Self {
        let again = if matches!(error, Error::Unavailable(_)) { Again::Soon } else { Again::Lost };
        Self { error, again }
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self { error, again: Again::Never }
    }
}

/// What a server said that is no success.
async fn refusal(response: Response, url: &Url, own: bool) -> Error {
    told(response, url, own).await.0
}

/// The same, and whether the server itself said it in words of its own.
async fn told(response: Response, url: &Url, own: bool) -> (Error, bool) {
    let status = response.status();
    let kind = response.headers().get("content-type").and_then(|kind| kind.to_str().ok());
    let is_text = kind.is_some_and(|kind| kind.starts_with("text/plain"));
    let body = response.bytes().await.unwrap_or_default();
    let said = serde_json::from_slice::<Value>(&body).ok();
    let of_json = |name: &str| said.as_ref().and_then(|said| said.get(name)).and_then(Value::as_str);
    let said = of_json("message").or_else(|| of_json("detail")).map(str::to_owned);
    let text =
        is_text.then(|| String::from_utf8_lossy(&body).trim().to_owned()).filter(|text| !text.is_empty());
    let said = said.or(text);
    let in_own_words = said.is_some();
    let said = said.unwrap_or_else(|| format!("{} answers {status}", client::shown(url)));
    let error = match status {
        StatusCode::UNAUTHORIZED if own => {
            Error::Unauthenticated(format!("{said}; give a token with --token"))
        }
        StatusCode::UNAUTHORIZED => Error::Unauthenticated(said),
        StatusCode::FORBIDDEN => Error::Forbidden(said),
        StatusCode::NOT_FOUND | StatusCode::GONE => Error::Missing(said),
        StatusCode::CONFLICT => Error::Conflict(said),
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => Error::Unavailable(said),
        StatusCode::GATEWAY_TIMEOUT => Error::Timeout(said),
        status if status.is_server_error() => Error::BadUpstream(said),
        _ => Error::Bad(said),
    };
    (error, in_own_words)
}
