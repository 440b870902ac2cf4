//! Files and pages on their way: streamed, bounded, hashed as they come.

use super::{ServerClient, connections, credential, without_user};
use crate::error::{Error, Result};
use crate::names::ProjectName;
use crate::packaging::json;
use crate::packaging::page::Page;
use crate::tools::hex;
use crate::upstream::client::{failure, shown};
use crate::{bad, bad_upstream};
use http::{Method, header};
use reqwest::Response;
use sha2::{Digest as _, Sha256};
use std::path::Path;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use url::Url;

const JSON_PAGE: &str = "application/vnd.pypi.simple.v1+json";
/// A page is refused beyond this many bytes.
const LONGEST_PAGE: usize = 512 << 20;
/// Redirects of a file that anybody may have put on the web.
const REDIRECTS: usize = 5;

impl ServerClient {
    /// A project's page, with absolute URLs; `None` if the index has no such project. `index` is a path: `alice/dev`,
    /// `v1/pypi/auto`.
    ///
    /// # Errors
    /// What the server answered, and `Unavailable` if it does not.
    pub async fn page(&self, index: &str, project: &ProjectName) -> Result<Option<Page>> {
        let path = format!("{index}/+simple/{project}/");
        let (url, request) = (self.url(&path)?, self.request(Method::GET, &path)?);
        let response = match self.send(request.header(header::ACCEPT, JSON_PAGE)).await {
            Err(Error::Missing(_) | Error::Gone(_)) => return Ok(None),
            other => other?,
        };
        let too_large = || bad_upstream!("the page {} is too large", shown(&url));
        let body = bounded(response, LONGEST_PAGE).await?.ok_or_else(too_large)?;
        json::parse(&body, &url, project).map(Some)
    }

    /// Writes what is at `url` to the new file `to`, and gives its sha256.
    ///
    /// # Errors
    /// What the server answered, and `Unavailable` if it does not.
    pub async fn download(&self, url: &Url, to: &Path) -> Result<String> {
        let mut response = self.send(self.request(Method::GET, url.as_str())?).await?;
        let (mut file, mut hash) = (tokio::fs::File::create_new(to).await?, Sha256::new());
        while let Some(chunk) = response.chunk().await.map_err(|error| failure(url, &error))? {
            hash.update(&chunk);
            file.write_all(&chunk).await?;
        }
        file.flush().await?;
        Ok(hex::encode(hash.finalize()))
    }

    /// The same for bytes whose sha256 is known.
    ///
    /// # Errors
    /// `BadUpstream` if other bytes arrive; nothing is left of them.
    pub async fn download_exactly(&self, url: &Url, sha256: &str, to: &Path) -> Result<()> {
        let arrived = self.download(url, to).await?;
        if arrived.eq_ignore_ascii_case(sha256) {
            return Ok(());
        }
        let _ = tokio::fs::remove_file(to).await;
        Err(bad_upstream!("{} has sha256 {arrived} instead of {sha256}: download it again", shown(url)))
    }
}

/// Reads a file from anywhere on the web, with what `~/.netrc` has for its host.
///
/// # Errors
/// `Bad` if there is none, or if it has more than `most` bytes.
pub async fn read_url(url: &Url, most: usize) -> Result<Vec<u8>> {
    let mut at = url.clone();
    for _ in 0..=REDIRECTS {
        let http = connections(&at, Some(Duration::from_secs(60)))?;
        let mut request = http.get(without_user(&at));
        if let Some(value) = credential::of(&at, None)? {
            request = request.header(header::AUTHORIZATION, value);
        }
        let response = request.send().await.map_err(|error| failure(&at, &error))?;
        let place = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
        match place.filter(|_| response.status().is_redirection()).and_then(|place| at.join(place).ok()) {
            Some(next) => at = next,
            None if response.status().is_success() => {
                let body = bounded(response, most).await?;
                return body.ok_or_else(|| bad!("{} is larger than {most} bytes", shown(url)));
            }
            None => return Err(bad!("{} answered {}", shown(&at), response.status())),
        }
    }
    Err(bad!("{} redirects more than {REDIRECTS} times", shown(url)))
}

/// A whole body; `None` if it has more bytes.
async fn bounded(mut response: Response, most: usize) -> Result<Option<Vec<u8>>> {
    let url = response.url().clone();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| failure(&url, &error))? {
        if body.len() + chunk.len() > most {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}
