//! Small documents of other servers: whole, within bounds of bytes and time.

use super::{UpstreamClient, UpstreamSource, failure, offline, shown, silent};
use crate::bad_upstream;
use crate::error::Result;
use futures::StreamExt as _;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use reqwest::Response;
use std::time::Duration;
use url::Url;

/// What a document may take at most from the request to its last byte.
const PATIENCE: Duration = Duration::from_secs(15);

impl UpstreamClient {
    /// Asks for a document of at most `most` bytes; redirects are followed.
    pub async fn document(&self, source: &UpstreamSource, url: &Url, most: usize) -> Result<Vec<u8>> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        let asking = async {
            let answer = self.send(source, Method::GET, url, &headers).await?;
            match answer.status() {
                StatusCode::OK => within(answer, most).await,
                status => Err(bad_upstream!("{} answered {}", shown(url), status.as_u16())),
            }
        };
        self.within_patience(url, asking).await
    }

    /// Sends the fields of a form (`application/x-www-form-urlencoded`), with a header if the server wants to know who
    /// asks. No redirect is followed: it would be sent the same.
    pub async fn send_form(
        &self,
        source: &UpstreamSource,
        fields: &[(&str, &str)],
        authorization: Option<HeaderValue>,
        most: usize,
    ) -> Result<(StatusCode, Vec<u8>)> {
        let url = &source.url;
        if self.offline {
            return Err(offline(url));
        }
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let mut request = self
            .client_for(&self.reading, source, url)?
            .post(url.clone())
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ACCEPT, "application/json")
            .body(body);
        if let Some(authorization) = authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        let asking = async {
            let answer = request.send().await.map_err(|error| failure(url, &error))?;
            let status = answer.status();
            Ok((status, within(answer, most).await?))
        };
        self.within_patience(url, asking).await
    }
}

impl UpstreamClient {
    async fn within_patience<T>(&self, url: &Url, asking: impl Future<Output = Result<T>>) -> Result<T> {
        let patience = PATIENCE.min(self.timeout);
        tokio::time::timeout(patience, asking).await.map_err(|_| silent(url, patience))?
    }
}

async fn within(answer: Response, most: usize) -> Result<Vec<u8>> {
    let url = answer.url().clone();
    let mut read = Vec::new();
    let mut chunks = answer.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        read.extend_from_slice(&chunk.map_err(|error| failure(&url, &error))?);
        if read.len() > most {
            return Err(bad_upstream!("{} is longer than {most} bytes", shown(&url)));
        }
    }
    Ok(read)
}
