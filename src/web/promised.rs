//! `I/+w/{target}/{filename}`: promised wheels and their `.metadata`. Who asks for one that is not
//! there yet waits a moment for the build, and is then told when to come again.
//!
//! What comes before and after the wait is boxed: who waits holds no room for it.

use super::files;
use super::http::{
    Ctx,
    respond::{self, Problem, Wants},
};
use super::pages;
use crate::build::promise::{self, Pinned, Promise, PromiseOutcome};
use crate::db::builds::Build;
use crate::db::promises::StoredPromise;
use crate::error::{Error, Result};
use crate::names::IndexName;
use crate::packaging::filename::WheelFilename;
use crate::packaging::user_agent::UserAgent;
use crate::words::Failure;
use axum::response::Response;
use http::{HeaderMap, StatusCode, header};
use std::time::Duration;

/// For so long a request is held: below the 15 s after which pip takes a connection for dead.
const PATIENCE: Duration = Duration::from_secs(12);
/// The same for uv, whose limit is 30 s, and which comes again but three times.
const PATIENCE_OF_UV: Duration = Duration::from_secs(25);
/// Who says `Prefer: wait=SECONDS` is held as long as they like, up to this.
const MOST: Duration = Duration::from_secs(600);

/// `…/{filename}` and `…/{filename}.metadata`
pub async fn get(ctx: Ctx) -> Result<Response> {
    let ctx = ctx.without_body();
    let filename = ctx.param("filename");
    let (wheel, of) = match filename.strip_suffix(".metadata") {
        Some(wheel) => (wheel, Of::Metadata),
        None => (filename, Of::File),
    };
    let target = Box::pin(ctx.app.targets.offers()).await?;
    let target = target.named(ctx.param("target")).map(|known| known.target.name.clone());
    let asked = PromiseRequest {
        // What was served for a target that is gone is served on.
        target: target.unwrap_or_else(|_| ctx.param("target").to_owned()),
        index: &ctx.index()?.name,
        longest: patience(&ctx.headers),
        wheel,
        ctx: &ctx,
    };
    // The request that a resolver works for holds a place already; waiting for a second one would
    // make both wait for each other.
    let _held = match ctx.is_part {
        true => None,
        false => Some(ctx.app.quota.held.take(&ctx.asker()).await?),
    };
    match of {
        Of::File => asked.file().await,
        Of::Metadata => asked.metadata().await,
    }
    .or_else(|error| files::refused(error, &ctx.headers, ctx.uri.path()))
}

#[derive(Clone, Copy)]
enum Of {
    File,
    Metadata,
}

/// One request for a promise.
struct PromiseRequest<'a> {
    ctx: &'a Ctx<()>,
    index: &'a IndexName,
    /// Its whole name.
    target: String,
    wheel: &'a str,
    longest: Duration,
}

impl PromiseRequest<'_> {
    async fn file(&self) -> Result<Response> {
        self.permit()?;
        let promises = &self.ctx.app.promises;
        if let Some(row) = Box::pin(self.row()).await?
            && let Some(pinned) = Pinned::of(&row)
        {
            Box::pin(promises.permit(&self.ctx.directory, &row)).await?;
            return Box::pin(self.serve(&pinned)).await;
        }
        let key = promise::key(self.index, &self.target, self.wheel);
        let held = match promises.join_file(&key, self.longest).await {
            Some(held) => held?,
            None => promises.file(&self.ctx.who, &Box::pin(self.promise()).await?, self.longest).await?,
        };
        match held {
            PromiseOutcome::Ready(pinned) => {
                Box::pin(self.permit_again()).await?;
                Box::pin(self.serve(&pinned)).await
            }
            other => Box::pin(self.told(&other)).await,
        }
    }

    async fn metadata(&self) -> Result<Response> {
        self.permit()?;
        let promises = &self.ctx.app.promises;
        if let Some(row) = Box::pin(self.row()).await?
            && row.broken.is_none()
            && let Some(sha256) = &row.metadata_sha256
        {
            Box::pin(promises.permit(&self.ctx.directory, &row)).await?;
            return Box::pin(self.serve_metadata(sha256)).await;
        }
        let key = promise::key(self.index, &self.target, self.wheel);
        let held = match promises.join_metadata(&key, self.longest).await {
            Some(held) => held?,
            None => {
                let (promise, installs) = (Box::pin(self.promise()).await?, installs(&self.ctx.headers));
                promises.metadata(&self.ctx.who, &promise, installs, self.longest).await?
            }
        };
        match held {
            PromiseOutcome::Ready(sha256) => {
                Box::pin(self.permit_again()).await?;
                Box::pin(self.serve_metadata(&sha256)).await
            }
            other => Box::pin(self.told(&other)).await,
        }
    }

    async fn row(&self) -> Result<Option<StoredPromise>> {
        self.ctx.app.db.promise(self.index, &self.target, self.wheel).await
    }

    /// What the name stands for; no negative answer before other processes were heard.
    async fn promise(&self) -> Result<Promise> {
        let (promises, who) = (&self.ctx.app.promises, &self.ctx.who);
        match promises.find(who, self.index, &self.target, self.wheel).await {
            Err(Error::Missing(_)) => {
                self.ctx.app.indexes.refresh().await?;
                promises.find(who, self.index, &self.target, self.wheel).await
            }
            found => found,
        }
    }

    /// Refuses what is in quarantine; asked again after a wait.
    fn permit(&self) -> Result<()> {
        let Ok(wheel) = WheelFilename::parse(self.wheel) else { return Ok(()) };
        let directory = self.ctx.app.indexes.directory();
        directory.quarantines.permit(self.index, &wheel.name, Some(&wheel.version))
    }

    /// Refuses what may be served no longer: while it was waited for, its source may have been deleted, or its approval
    /// may have ended.
    async fn permit_again(&self) -> Result<()> {
        let directory = self.ctx.app.indexes.directory();
        match self.row().await? {
            Some(row) => self.ctx.app.promises.permit(&directory, &row).await,
            None => Ok(()),
        }
    }

    async fn serve(&self, pinned: &Pinned) -> Result<Response> {
        self.permit()?;
        self.lasting(files::serve_promised(self.ctx, self.wheel, pinned).await?)
    }

    /// What a curated index promises may be approved no longer by the next use.
    fn lasting(&self, response: Response) -> Result<Response> {
        match self.ctx.index()?.is_curated() {
            true => Ok(files::revocable(response)),
            false => Ok(response),
        }
    }

    async fn serve_metadata(&self, sha256: &str) -> Result<Response> {
        self.permit()?;
        let name = format!("{}.metadata", self.wheel);
        self.lasting(files::serve_document(self.ctx, &name, sha256).await?)
    }

    /// What is told to whom there is nothing to serve.
    async fn told<T>(&self, held: &PromiseOutcome<T>) -> Result<Response> {
        let wants = Wants::of(&self.ctx.headers).at(self.ctx.uri.path());
        match held {
            PromiseOutcome::Later { build, retry_after } => {
                let build = match build {
                    Some(id) => Some(self.ctx.app.queue.get(*id).await?),
                    None => None,
                };
                let problem = self.later(build.as_ref(), *retry_after);
                Ok(respond::problem(&problem, wants, pages::error::render))
            }
            PromiseOutcome::Failed(build) => {
                Ok(respond::problem(&self.failed(build), wants, pages::error::render))
            }
            PromiseOutcome::Broken(why) => Ok(respond::problem(
                &Problem {
                    status: StatusCode::NOT_FOUND,
                    title: "Promise broken".to_owned(),
                    reason: format!("Promise broken: {why}"),
                    detail: format!("cannot serve {}: {why}", self.wheel),
                    see: None,
                    retry_after: None,
                },
                wants,
                pages::error::render,
            )),
            PromiseOutcome::Ready(_) => Err(Error::internal(anyhow::anyhow!("what is ready is served"))),
        }
    }

    fn later(&self, build: Option<&Build>, retry_after: Duration) -> Problem {
        let seconds = retry_after.as_secs();
        let state = match build {
            Some(build) => {
                let ran = build.running_for().map(|ran| format!(" for {} s", ran.as_secs()));
                format!("build {} is {}{}", build.id, build.state.name(), ran.unwrap_or_default())
            }
            None => "the server is fetching its source".to_owned(),
        };
        let again = match is_uv(&self.ctx.headers) {
            true => format!(
                "run the same command again in {seconds} s, it continues where this one stopped; set \
                 UV_HTTP_RETRIES=20 to let uv wait for long builds"
            ),
            false => format!("try again in {seconds} s"),
        };
        Problem {
            status: StatusCode::SERVICE_UNAVAILABLE,
            title: "Wheel is being built".to_owned(),
            reason: format!("Wheel is being built: {state}, try again in {seconds} s"),
            detail: format!("{} is being built: {state}; {again}", self.wheel),
            see: build.map(|build| self.url(build)),
            retry_after: Some(retry_after),
        }
    }

    fn failed(&self, build: &Build) -> Problem {
        let url = self.url(build);
        let unknown = Failure::unknown();
        let why = build.failure.as_ref().unwrap_or(&unknown);
        let class = why.class;
        let line = why.line.as_deref().map(|line| format!("{line}\n")).unwrap_or_default();
        Problem {
            status: StatusCode::NOT_FOUND,
            title: format!("Build failed: {class}"),
            reason: respond::short(
                &format!("Build failed: {class}: {}", why.line.as_deref().unwrap_or(&why.hint)),
                &format!(", see {url}"),
            ),
            detail: format!("{line}{}\n{} for {}: {url}/log", why.hint, build.title(), build.target),
            see: Some(url),
            retry_after: None,
        }
    }

    fn url(&self, build: &Build) -> String {
        format!("{}/+builds/{}", self.ctx.root(), build.id)
    }
}

fn is_uv(headers: &HeaderMap) -> bool {
    headers.get(header::USER_AGENT).is_some_and(|agent| agent.as_bytes().starts_with(b"uv/"))
}

/// Whether who asks for metadata is likely to ask for the wheel next.
fn installs(headers: &HeaderMap) -> bool {
    let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    agent.and_then(UserAgent::parse).is_some_and(|agent| agent.installs())
}

/// For how long a request is held.
fn patience(headers: &HeaderMap) -> Duration {
    let preferred = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    let mut preferred = preferred.flat_map(|value| value.split([',', ';']));
    let wait = preferred.find_map(|part| part.trim().strip_prefix("wait=")?.trim().parse::<u64>().ok());
    match wait {
        Some(seconds) => Duration::from_secs(seconds).min(MOST),
        None if is_uv(headers) => PATIENCE_OF_UV,
        None => PATIENCE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn a_request_is_held_for_less_than_its_client_waits() {
        let held = |name: &'static str, value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_static(value));
            patience(&headers).as_secs()
        };
        assert_eq!(held("user-agent", "pip/26.3 {}"), 12);
        assert_eq!(held("user-agent", "uv/0.13.9 {}"), 25);
        assert_eq!(held("user-agent", "a-uv/1"), 12);
        assert_eq!(held("prefer", "respond-async, wait=3"), 3);
        assert_eq!(held("prefer", "wait=0"), 0);
        assert_eq!(held("prefer", "wait=99999"), 600);
        assert_eq!(held("prefer", "wait=long"), 12);
    }
}
