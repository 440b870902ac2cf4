//! Pages of an upstream: asked for politely, bounded in size and time, told apart by what they hold.

use super::client::{UpstreamClient, UpstreamSource, failure, shown, unexpected};
use crate::error::{Error, Result};
use crate::names::{NameList, ProjectName};
use crate::packaging::html::proof::{self, Whole};
use crate::packaging::page::{File, Page};
use crate::packaging::{html, json};
use crate::{bad_upstream, timed_out};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use reqwest::Response;
use std::io::Read as _;
use std::sync::Arc;
use url::Url;

/// JSON first: it tells sizes and upload times, and is quicker to read.
/// `text/html` is not named: there are servers that answer it wherever it is accepted at all. Those
/// that know nothing else answer it to `*/*`.
const ACCEPT: &str = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.5, \
                      application/json;q=0.2, */*;q=0.1";

/// How much of an upstream's root is read to see what kind of page it is.
const PROBE: usize = 256 << 10;

/// What a conditional request needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validators {
    pub etag: Option<String>,
    pub last_modified: Option<String>,
}

/// An upstream's answer for a page.
pub enum Reply<P> {
    Page(P),
    /// What the validators stand for is still true.
    NotModified,
    /// There is no such page.
    Missing,
    /// 403: it is not for us, or a bucket does not have it.
    Refused(Error),
}

/// A page as it came, decompressed.
pub struct FetchedPage {
    pub bytes: Bytes,
    pub format: Format,
    /// Where it was found in the end; links are relative to this.
    pub url: Url,
    pub validators: Validators,
    /// `X-PyPI-Last-Serial`.
    pub serial: Option<u64>,
    /// The connection told where the body ends, so that it was not cut off on its way.
    pub framed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Format {
    Json,
    Html,
}

/// What the page at a mirror's URL lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpstreamKind {
    /// Projects: every project has a page below.
    Simple,
    /// Files of all projects (a find-links page).
    Flat,
}

/// Asks for a page of at most `limit` bytes, compressed or not.
///
/// # Errors
/// `Unavailable`, `Timeout`, `BadUpstream`: nothing was learnt about the page.
pub async fn fetch(
    client: &UpstreamClient,
    source: &UpstreamSource,
    url: &Url,
    known: &Validators,
    limit: u64,
) -> Result<Reply<FetchedPage>> {
    let total = client.timeout * 4;
    let fetching = fetch_untimed(client, source, url, known, limit);
    tokio::time::timeout(total, fetching).await.unwrap_or_else(|_| {
        Err(timed_out!("{} did not finish its answer within {} seconds", shown(url), total.as_secs()))
    })
}

async fn fetch_untimed(
    client: &UpstreamClient,
    source: &UpstreamSource,
    url: &Url,
    known: &Validators,
    limit: u64,
) -> Result<Reply<FetchedPage>> {
    let response = client.send(source, Method::GET, url, &request_headers(known)).await?;
    match response.status() {
        StatusCode::OK => {}
        StatusCode::NOT_MODIFIED if *known != Validators::default() => return Ok(Reply::NotModified),
        StatusCode::NOT_FOUND | StatusCode::GONE => return Ok(Reply::Missing),
        status if source.missing.contains(&status.as_u16()) => return Ok(Reply::Missing),
        StatusCode::FORBIDDEN => {
            return Ok(Reply::Refused(unexpected(response.url(), StatusCode::FORBIDDEN)));
        }
        other => return Err(unexpected(response.url(), other)),
    }
    let text = |name: header::HeaderName| {
        response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
    };
    let validators = Validators { etag: text(header::ETAG), last_modified: text(header::LAST_MODIFIED) };
    let serial = text(header::HeaderName::from_static("x-pypi-last-serial"));
    let content_type = text(header::CONTENT_TYPE);
    let encoding = text(header::CONTENT_ENCODING);
    let framed = is_framed(&response);
    let url = response.url().clone();
    let raw = collect(response, limit).await?;
    let bytes = decode(raw, encoding.as_deref(), &url, limit).await?;
    let format = format_of(content_type.as_deref(), &bytes, &url)?;
    let serial = serial.and_then(|s| s.trim().parse().ok());
    Ok(Reply::Page(FetchedPage { bytes, format, url, validators, serial, framed }))
}

/// Whether the end of the body is marked by more than the end of the connection.
fn is_framed(response: &Response) -> bool {
    let headers = response.headers();
    response.version() >= http::Version::HTTP_2
        || [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONTENT_ENCODING]
            .iter()
            .any(|name| headers.contains_key(name))
}

fn request_headers(known: &Validators) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT, HeaderValue::from_static(ACCEPT));
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    let conditions = [
        (header::IF_NONE_MATCH, known.etag.as_ref()),
        (header::IF_MODIFIED_SINCE, known.last_modified.as_ref()),
    ];
    for (name, value) in conditions {
        if let Some(value) = value.and_then(|text| HeaderValue::from_str(text).ok()) {
            headers.insert(name, value);
        }
    }
    headers
}

/// Reads a body of at most `limit` bytes.
pub async fn collect(mut response: Response, limit: u64) -> Result<Bytes> {
    let url = response.url().clone();
    let announced = response.content_length().unwrap_or(0);
    if announced > limit {
        return Err(too_large(&url, limit));
    }
    let mut bytes = bytes::BytesMut::with_capacity(usize::try_from(announced.min(1 << 20)).unwrap_or(0));
    while let Some(chunk) = response.chunk().await.map_err(|error| failure(&url, &error))? {
        if (bytes.len() + chunk.len()) as u64 > limit {
            return Err(too_large(&url, limit));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}

fn too_large(url: &Url, limit: u64) -> Error {
    bad_upstream!(
        "{} is larger than {limit} bytes: raise limits.upstream_page if that is correct",
        shown(url)
    )
}

async fn decode(raw: Bytes, encoding: Option<&str>, url: &Url, limit: u64) -> Result<Bytes> {
    let encoding = encoding.map(|text| text.trim().to_ascii_lowercase()).unwrap_or_default();
    match encoding.as_str() {
        "" | "identity" => Ok(raw),
        "gzip" | "x-gzip" => {
            let url = url.clone();
            tokio::task::spawn_blocking(move || gunzip(&raw, &url, limit)).await?
        }
        other => Err(bad_upstream!(
            "{} has the content encoding {other}, which wheelwright did not ask for",
            shown(url)
        )),
    }
}

fn gunzip(raw: &[u8], url: &Url, limit: u64) -> Result<Bytes> {
    let mut bytes = Vec::new();
    let read = flate2::read::MultiGzDecoder::new(raw).take(limit + 1).read_to_end(&mut bytes);
    read.map_err(|error| bad_upstream!("{} is not valid gzip: {error}", shown(url)))?;
    if bytes.len() as u64 > limit {
        return Err(too_large(url, limit));
    }
    Ok(bytes.into())
}

/// JSON or HTML, by the content type where it says so, else by how the body begins.
fn format_of(content_type: Option<&str>, body: &[u8], url: &Url) -> Result<Format> {
    let media = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let media = media.to_ascii_lowercase();
    let plain = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let first = plain.iter().copied().find(|byte| !byte.is_ascii_whitespace());
    if media.ends_with("/json") || media.ends_with("+json") {
        return Ok(Format::Json);
    }
    let textual = media.contains("html")
        || matches!(media.as_str(), "" | "text/plain")
        || media.ends_with("/octet-stream");
    match first {
        Some(b'{') if textual => Ok(Format::Json),
        Some(b'<') if textual => Ok(Format::Html),
        // An empty page, or one that begins with text.
        _ if media.contains("html") => Ok(Format::Html),
        _ => Err(bad_upstream!("{} is not a project page: its content type is {media:?}", shown(url))),
    }
}

/// An answer that does not prove to be what was asked for.
fn unproven(url: &Url, what: &str, doubt: proof::Doubt) -> Error {
    bad_upstream!("{} is not {what}: {doubt}", shown(url))
}

impl FetchedPage {
    /// Reads a project's page, if that is what it proves to be; off the async threads, as pages of 17 MB exist.
    /// One that may have been cut off must have all files of the one that is `known`.
    pub async fn into_page(self, project: ProjectName, known: Option<Arc<Page>>) -> Result<Page> {
        tokio::task::spawn_blocking(move || {
            let mut page = match self.format {
                Format::Json => json::parse(&self.bytes, &self.url, &project)?,
                Format::Html => {
                    let doubted = |doubt| unproven(&self.url, &format!("the page of {project}"), doubt);
                    let whole = proof::of_project(&self.bytes, &self.url, &project, self.framed);
                    let whole = whole.map_err(doubted)?;
                    let page = html::parse(&self.bytes, &self.url, &project);
                    let lacks = |known: &Page| {
                        let has = |file: &File| page.files.iter().any(|new| new.filename == file.filename);
                        !known.files.iter().all(has)
                    };
                    if whole == Whole::AsFarAsItGoes && known.as_deref().is_some_and(lacks) {
                        return Err(doubted(
                            "it does not tell where it ends, and lacks files that were there",
                        ));
                    }
                    page
                }
            };
            page.serial = self.serial.or(page.serial);
            page.dedupe();
            Ok(page)
        })
        .await?
    }

    /// Reads a project's files from a page that lists those of many.
    pub fn flat_page(&self, project: &ProjectName) -> Result<Option<Page>> {
        let mut page = match self.format {
            Format::Json => json::parse_flat(&self.bytes, &self.url, project)?,
            Format::Html => html::parse_flat(&self.bytes, &self.url, project),
        };
        page.dedupe();
        Ok(Some(page).filter(|page| !page.files.is_empty()))
    }

    /// The projects whose files a page of many projects' files has.
    pub fn flat_names(&self) -> NameList {
        let names = html::flat_projects(&self.bytes, &self.url);
        names.iter().map(ProjectName::as_str).collect()
    }

    /// Whether this is a list of projects or of files. `None`: it is neither.
    pub fn kind(&self) -> Option<UpstreamKind> {
        match self.format {
            Format::Html if !html::flat_projects(&self.bytes, &self.url).is_empty() => {
                Some(UpstreamKind::Flat)
            }
            Format::Html => self.html_names().ok().map(|_| UpstreamKind::Simple),
            Format::Json => {
                #[derive(serde::Deserialize)]
                struct Root {
                    projects: Option<serde::de::IgnoredAny>,
                    files: Option<serde::de::IgnoredAny>,
                }
                let root: Root = serde_json::from_slice(&self.bytes).ok()?;
                match root {
                    Root { projects: Some(_), .. } => Some(UpstreamKind::Simple),
                    Root { files: Some(_), .. } => Some(UpstreamKind::Flat),
                    _ => None,
                }
            }
        }
    }

    /// The projects of a project list, if that is what it proves to be.
    pub fn names(&self) -> Result<NameList> {
        self.whole("a list of projects")?;
        match self.format {
            Format::Json => json::parse_names(&self.bytes),
            Format::Html => self.html_names(),
        }
    }

    fn html_names(&self) -> Result<NameList> {
        let names = html::parse_names(&self.bytes, &self.url);
        let doubted = proof::of_list(&self.bytes, &self.url, names.len());
        doubted.map_err(|doubt| unproven(&self.url, "a simple index", doubt))?;
        Ok(names)
    }

    /// # Errors
    /// `BadUpstream` if HTML ends in the middle. JSON does not read as such then.
    pub fn whole(&self, what: &str) -> Result<()> {
        match self.format {
            Format::Json => Ok(()),
            Format::Html => proof::is_whole(&self.bytes, &self.url, self.framed)
                .map_err(|doubt| unproven(&self.url, what, doubt)),
        }
    }
}

/// What the beginning of a page tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    Like(UpstreamKind),
    /// It is a page, but neither a list of projects nor one of files.
    Neither,
    /// There is no page, or none that can be read.
    Nothing,
}

/// Looks at the beginning of the page at `url`: a list of projects can be too long to read it
/// before the first answer.
pub async fn probe(client: &UpstreamClient, source: &UpstreamSource, url: &Url) -> Result<Look> {
    let mut headers = request_headers(&Validators::default());
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    let mut response = client.send(source, Method::GET, url, &headers).await?;
    if response.status() != StatusCode::OK {
        return Ok(Look::Nothing);
    }
    let url = response.url().clone();
    let content_type = response.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
    let content_type = content_type.map(str::to_owned);
    let mut bytes = Vec::new();
    let mut whole = false;
    let until = tokio::time::Instant::now() + client.timeout * 2;
    while bytes.len() < PROBE && !whole {
        let chunk = tokio::time::timeout_at(until, response.chunk()).await;
        let chunk = chunk.map_err(|_| timed_out!("{} is too slow", shown(&url)))?;
        match chunk.map_err(|error| failure(&url, &error))? {
            Some(chunk) => bytes.extend_from_slice(&chunk),
            None => whole = true,
        }
    }
    let format = format_of(content_type.as_deref(), &bytes, &url)?;
    let validators = Validators::default();
    let body = FetchedPage { bytes: bytes.into(), format, url, validators, serial: None, framed: true };
    Ok(match (format, body.kind()) {
        // Cut off: only the list of projects is that long.
        (Format::Json, _) if !whole => Look::Like(UpstreamKind::Simple),
        (_, Some(kind)) => Look::Like(kind),
        (_, None) => Look::Neither,
    })
}

#[cfg(test)]
mod tests;
