//! Files of an upstream: whole as a stream, in ranges, and the small documents beside them.

use super::client::{UpstreamClient, UpstreamSource, shown, unexpected};
use super::pages::collect;
use crate::error::{Error, Result};
use crate::{missing, timed_out};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use reqwest::Response;
use std::ops::Range;
use url::Url;

/// METADATA with a whole book as description is smaller.
const DOCUMENT: u64 = 16 << 20;

/// Bytes as they lie there: hashes are of these.
fn identity() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers
}

/// Starts to download a file. The body ends with an error when the upstream stops too early or is
/// silent for too long.
///
/// # Errors
/// `Missing` if the upstream does not have what it lists.
pub async fn open(client: &UpstreamClient, source: &UpstreamSource, url: &Url) -> Result<Response> {
    checked(get(client, source, url).await?, url)
}

/// [`open`] without a look at the status.
pub async fn get(client: &UpstreamClient, source: &UpstreamSource, url: &Url) -> Result<Response> {
    client.send(source, Method::GET, url, &identity()).await
}

/// Whether the link may have expired or moved.
pub fn is_refusal(status: StatusCode) -> bool {
    matches!(status.as_u16(), 401 | 403 | 404 | 410)
}

/// # Errors
/// `Missing`, `BadUpstream`, `Unavailable`: the answer is not the file.
pub fn checked(response: Response, url: &Url) -> Result<Response> {
    match response.status() {
        StatusCode::OK => Ok(response),
        StatusCode::NOT_FOUND | StatusCode::GONE => Err(gone(url)),
        other => Err(unexpected(url, other)),
    }
}

fn gone(url: &Url) -> Error {
    missing!("the upstream lists {}, but does not have it", shown(url))
}

/// A small document: METADATA or provenance.
pub async fn document(client: &UpstreamClient, source: &UpstreamSource, url: &Url) -> Result<Bytes> {
    let total = client.timeout * 2;
    let fetching = async { collect(open(client, source, url).await?, DOCUMENT).await };
    tokio::time::timeout(total, fetching).await.unwrap_or_else(|_| {
        Err(timed_out!("{} did not finish its answer within {} seconds", shown(url), total.as_secs()))
    })
}

/// How long the file is, if the upstream's HEAD tells.
pub async fn size(client: &UpstreamClient, source: &UpstreamSource, url: &Url) -> Result<Option<u64>> {
    let response = client.send(source, Method::HEAD, url, &identity()).await?;
    // The client would tell the length of the body, which HEAD does not have.
    let length = response.headers().get(header::CONTENT_LENGTH);
    match response.status() {
        StatusCode::OK => Ok(length.and_then(|value| value.to_str().ok()?.parse().ok())),
        StatusCode::NOT_FOUND | StatusCode::GONE => Err(gone(url)),
        // HEAD is not everybody's; GET will tell.
        _ => Ok(None),
    }
}

/// The bytes of `range`. `None` if the upstream answers anything but exactly these.
pub async fn range(
    client: &UpstreamClient,
    source: &UpstreamSource,
    url: &Url,
    range: Range<u64>,
) -> Result<Option<Bytes>> {
    let length = range.end.saturating_sub(range.start);
    if length == 0 || length > DOCUMENT {
        return Ok(None);
    }
    let mut headers = identity();
    let wanted = format!("bytes={}-{}", range.start, range.end - 1);
    headers.insert(header::RANGE, HeaderValue::from_str(&wanted).map_err(Error::internal)?);
    let response = client.send(source, Method::GET, url, &headers).await?;
    let expected = format!("bytes {}-{}/", range.start, range.end - 1);
    let told = response.headers().get(header::CONTENT_RANGE).and_then(|value| value.to_str().ok());
    if response.status() != StatusCode::PARTIAL_CONTENT
        || !told.is_some_and(|text| text.starts_with(&expected))
    {
        return Ok(None);
    }
    let bytes = tokio::time::timeout(client.timeout * 2, collect(response, length)).await;
    let bytes = bytes.map_err(|_| timed_out!("{} is too slow", shown(url)))??;
    Ok(Some(bytes).filter(|bytes| bytes.len() as u64 == length))
}
