//! Pages of an upstream: asked for politely, bounded in size and time, told apart by what they hold.

use super::client::{Client, Source, failure, shown, unexpected};
use crate::error::{Error, Result};
use crate::packaging::name::{NameList, ProjectName};
use crate::packaging::page::Page;
use crate::packaging::{html, json};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use reqwest::Response;
use std::io::Read as _;
use url::Url;

/// JSON first: it tells sizes and upload times, and is quicker to read.
const ACCEPT: &str = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.5, \
                      text/html;q=0.3, application/json;q=0.2, */*;q=0.1";

/// How much of an upstream's root is read to see what kind of page it is.
const PROBE: usize = 256 << 10;

/// What a conditional request needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validators {
    pub etag: Option<String>,
    pub last_modified: Option<String>,
}

/// An upstream's answer for a page.
pub enum Reply {
    Page(Body),
    /// What the validators stand for is still true.
    NotModified,
    /// There is no such page.
    Missing,
}

/// A page as it came, decompressed.
pub struct Body {
    pub bytes: Bytes,
    pub format: Format,
    /// Where it was found in the end; links are relative to this.
    pub url: Url,
    pub validators: Validators,
    /// `X-PyPI-Last-Serial`.
    pub serial: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Format {
    Json,
    Html,
}

/// What the page at a mirror's URL lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
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
    client: &Client,
    source: &Source,
    url: &Url,
    known: &Validators,
    limit: u64,
) -> Result<Reply> {
    let total = client.timeout * 4;
    let fetching = fetch_untimed(client, source, url, known, limit);
    tokio::time::timeout(total, fetching).await.unwrap_or_else(|_| {
        Err(Error::Timeout(format!(
            "{} did not finish its answer in {} seconds",
            shown(url),
            total.as_secs()
        )))
    })
}

async fn fetch_untimed(
    client: &Client,
    source: &Source,
    url: &Url,
    known: &Validators,
    limit: u64,
) -> Result<Reply> {
    let response = client.send(source, Method::GET, url, &request_headers(known)).await?;
    match response.status() {
        StatusCode::OK => {}
        StatusCode::NOT_MODIFIED if *known != Validators::default() => return Ok(Reply::NotModified),
        StatusCode::NOT_FOUND | StatusCode::GONE => return Ok(Reply::Missing),
        other => return Err(unexpected(response.url(), other)),
    }
    let text = |name: header::HeaderName| {
        response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
    };
    let validators = Validators { etag: text(header::ETAG), last_modified: text(header::LAST_MODIFIED) };
    let serial = text(header::HeaderName::from_static("x-pypi-last-serial"));
    let content_type = text(header::CONTENT_TYPE);
    let encoding = text(header::CONTENT_ENCODING);
    let url = response.url().clone();
    let raw = collect(response, limit).await?;
    let bytes = decode(raw, encoding.as_deref(), &url, limit).await?;
    let format = format_of(content_type.as_deref(), &bytes, &url)?;
    Ok(Reply::Page(Body { bytes, format, url, validators, serial: serial.and_then(|s| s.parse().ok()) }))
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
pub(super) async fn collect(mut response: Response, limit: u64) -> Result<Bytes> {
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
    Error::BadUpstream(format!(
        "{} is larger than {limit} bytes: raise limits.upstream_page if that is as it should be",
        shown(url)
    ))
}

async fn decode(raw: Bytes, encoding: Option<&str>, url: &Url, limit: u64) -> Result<Bytes> {
    match encoding.map(str::trim).unwrap_or_default() {
        "" | "identity" => Ok(raw),
        "gzip" | "x-gzip" => {
            let url = url.clone();
            tokio::task::spawn_blocking(move || gunzip(&raw, &url, limit)).await?
        }
        other => {
            Err(Error::BadUpstream(format!("{} is encoded as {other}, which was not asked for", shown(url))))
        }
    }
}

fn gunzip(raw: &[u8], url: &Url, limit: u64) -> Result<Bytes> {
    let mut bytes = Vec::new();
    let read = flate2::read::MultiGzDecoder::new(raw).take(limit + 1).read_to_end(&mut bytes);
    read.map_err(|error| Error::BadUpstream(format!("{} is not valid gzip: {error}", shown(url))))?;
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
    let textual =
        media.contains("html") || matches!(media.as_str(), "" | "text/plain" | "application/octet-stream");
    match first {
        Some(b'{') if textual => Ok(Format::Json),
        Some(b'<') if textual => Ok(Format::Html),
        // An empty page, or one that begins with text.
        _ if media.contains("html") => Ok(Format::Html),
        _ => Err(Error::BadUpstream(format!("{} is no project page: its type is {media:?}", shown(url)))),
    }
}

/// Whether people could fill something in on a page, which no project page wants.
fn has_form(html: &[u8]) -> bool {
    html.windows(5).any(|part| part.eq_ignore_ascii_case(b"<form"))
}

impl Body {
    /// Reads a project's page; off the async threads, as pages of 17 MB exist.
    pub async fn into_page(self, project: ProjectName) -> Result<Page> {
        tokio::task::spawn_blocking(move || {
            let mut page = match self.format {
                Format::Json => json::parse(&self.bytes, &self.url, &project)?,
                Format::Html => html::parse(&self.bytes, &self.url, &project),
            };
            if page.files.is_empty() && self.format == Format::Html && has_form(&self.bytes) {
                // A login page, say: believed, it would be a project without files for a while.
                return Err(Error::BadUpstream(format!(
                    "{} is no project page: it has a form",
                    shown(&self.url)
                )));
            }
            page.serial = self.serial.or(page.serial);
            page.dedupe();
            Ok(page)
        })
        .await?
    }

    /// Reads a project's files from a page that lists those of many.
    pub fn flat_page(&self, project: &ProjectName) -> Result<Option<Page>> {
        let mut page = match self.format {
            Format::Json => json::parse(&self.bytes, &self.url, project)?,
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
    pub fn kind(&self) -> Option<Kind> {
        match self.format {
            Format::Html if !html::flat_projects(&self.bytes, &self.url).is_empty() => Some(Kind::Flat),
            Format::Html => Some(Kind::Simple),
            Format::Json => {
                #[derive(serde::Deserialize)]
                struct Root {
                    projects: Option<serde::de::IgnoredAny>,
                    files: Option<serde::de::IgnoredAny>,
                }
                let root: Root = serde_json::from_slice(&self.bytes).ok()?;
                match root {
                    Root { projects: Some(_), .. } => Some(Kind::Simple),
                    Root { files: Some(_), .. } => Some(Kind::Flat),
                    _ => None,
                }
            }
        }
    }

    /// The projects of a project list.
    pub fn names(&self) -> Result<NameList> {
        match self.format {
            Format::Json => json::parse_names(&self.bytes),
            Format::Html => Ok(html::parse_names(&self.bytes)),
        }
    }
}

/// Looks at the beginning of the page at `url`: a list of projects can be too long to read it
/// before the first answer. `None`: it cannot be told.
pub async fn probe(client: &Client, source: &Source, url: &Url) -> Result<Option<Kind>> {
    let mut headers = request_headers(&Validators::default());
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    let mut response = client.send(source, Method::GET, url, &headers).await?;
    if response.status() != StatusCode::OK {
        return Ok(None);
    }
    let url = response.url().clone();
    let content_type = response.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
    let content_type = content_type.map(str::to_owned);
    let mut bytes = Vec::new();
    let mut whole = false;
    while bytes.len() < PROBE && !whole {
        match response.chunk().await.map_err(|error| failure(&url, &error))? {
            Some(chunk) => bytes.extend_from_slice(&chunk),
            None => whole = true,
        }
    }
    let format = format_of(content_type.as_deref(), &bytes, &url)?;
    let validators = Validators::default();
    let body = Body { bytes: bytes.into(), format, url, validators, serial: None };
    Ok(match format {
        // Cut off: only the list of projects is that long.
        Format::Json if !whole => Some(Kind::Simple),
        _ => body.kind(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at() -> Url {
        Url::parse("http://index.example/simple/six/").unwrap()
    }

    fn format(content_type: &str, body: &str) -> Option<Format> {
        format_of(Some(content_type), body.as_bytes(), &at()).ok()
    }

    #[test]
    fn the_format_follows_the_type_and_where_that_is_vague_the_body() {
        assert_eq!(format("application/vnd.pypi.simple.v1+json", ""), Some(Format::Json));
        assert_eq!(format("Text/HTML; charset=utf-8", "<!doctype html>"), Some(Format::Html));
        assert_eq!(format("text/plain", "\u{feff} {\"files\": []}"), Some(Format::Json));
        assert_eq!(format("application/octet-stream", "<a href=x>"), Some(Format::Html));
        assert_eq!(format("text/plain", "hello"), None);
        assert_eq!(format("image/png", "<a href=x>"), None);
    }

    #[tokio::test]
    async fn a_login_page_is_no_project_without_files() {
        let read = async |text: &str| {
            let bytes = Bytes::from(text.to_owned());
            let body = Body {
                bytes,
                format: Format::Html,
                url: at(),
                validators: Validators::default(),
                serial: None,
            };
            body.into_page(ProjectName::new("six").unwrap()).await
        };
        assert!(read("<html><FORM action=login><input name=user></form>").await.is_err());
        assert!(read("<html><h1>Links for six</h1></html>").await.unwrap().files.is_empty());
        let with_search = "<form></form><a href=six-1.0.tar.gz>six</a>";
        assert_eq!(read(with_search).await.unwrap().files.len(), 1);
    }

    #[test]
    fn a_bomb_of_zeros_is_refused_at_the_limit() {
        use std::io::Write as _;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(&vec![0; 4 << 20]).unwrap();
        let packed = encoder.finish().unwrap();
        assert!(gunzip(&packed, &at(), 1 << 20).is_err());
        assert_eq!(gunzip(&packed, &at(), 4 << 20).unwrap().len(), 4 << 20);
        assert!(gunzip(&packed[..100], &at(), 4 << 20).is_err());
    }

    #[test]
    fn a_page_of_files_is_told_from_a_list_of_projects() {
        let kind = |format, text: &str| {
            let bytes = Bytes::from(text.to_owned());
            Body { bytes, format, url: at(), validators: Validators::default(), serial: None }.kind()
        };
        assert_eq!(kind(Format::Html, "<a href='six/'>six</a>"), Some(Kind::Simple));
        assert_eq!(
            kind(Format::Html, "<a href='../'>..</a><a href='six-1.0.tar.gz'>x</a>"),
            Some(Kind::Flat)
        );
        assert_eq!(kind(Format::Json, r#"{"meta":{},"projects":[]}"#), Some(Kind::Simple));
        assert_eq!(kind(Format::Json, r#"{"meta":{},"files":[]}"#), Some(Kind::Flat));
        assert_eq!(kind(Format::Json, r#"{"message":"hello"}"#), None);
    }
}
