//! An upload to a server elsewhere, as publishers send it.

use super::{BodyWatch, UpstreamClient, UpstreamSource, offline};
use crate::error::{Error, Result};
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use http::header;
use std::io;

/// Bytes of the answer that are told to who asked.
const TOLD: usize = 1000;

/// A file of a form.
pub struct FormFile {
    /// Its field.
    pub field: &'static str,
    pub filename: String,
    /// Bytes.
    pub size: u64,
    pub content: BoxStream<'static, Result<Bytes>>,
}

impl UpstreamClient {
    /// Sends a form (`multipart/form-data`, RFC 7578) and answers the status with what the server said. No redirect
    /// is followed: it would be sent the file.
    pub async fn publish(
        &self,
        to: &UpstreamSource,
        fields: &[(String, String)],
        file: Option<FormFile>,
    ) -> Result<(u16, String)> {
        if self.offline {
            return Err(offline(&to.url));
        }
        let boundary = uuid::Uuid::new_v4().simple().to_string();
        let mut head = String::new();
        for (name, value) in fields {
            head.push_str(&format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"\r\n\r\n{value}\r\n",
                quoted(name)
            ));
        }
        let mut size = 0;
        let mut content = stream::empty().boxed();
        if let Some(file) = file {
            head.push_str(&format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"; filename=\"{}\"\r\n\
                 Content-Type: application/octet-stream\r\n\r\n",
                file.field,
                quoted(&file.filename)
            ));
            (size, content) = (file.size, file.content);
        }
        let tail = format!("\r\n--{boundary}--\r\n");
        let length = head.len() as u64 + size + tail.len() as u64;
        let ends = |text: String| stream::once(async move { Ok(Bytes::from(text)) });
        let body = ends(head).chain(content).chain(ends(tail));
        let body = body.map(|piece| piece.map_err(|error: Error| io::Error::other(error.to_string())));
        let client = self.client_for(&self.sending, to, &to.url)?;
        let watch = BodyWatch::of(length);
        let mut request = client
            .post(to.url.clone())
            .header(header::CONTENT_TYPE, format!("multipart/form-data; boundary={boundary}"))
            .header(header::CONTENT_LENGTH, length)
            .body(watch.body(body));
        if let Some(authorization) = &to.authorization {
            request = request.header(header::AUTHORIZATION, authorization.clone());
        }
        let answer = watch.answer(&to.url, self.timeout * 2, request.send()).await?;
        let status = answer.status().as_u16();
        let mut said = Vec::new();
        let mut body = answer.bytes_stream();
        while let Ok(Some(Ok(piece))) = tokio::time::timeout(self.timeout, body.next()).await {
            said.extend_from_slice(&piece);
            if said.len() >= TOLD {
                break;
            }
        }
        said.truncate(TOLD);
        Ok((status, String::from_utf8_lossy(&said).into_owned()))
    }
}

/// As it may stand between quotes in a part's head.
fn quoted(text: &str) -> String {
    text.replace('"', "%22").replace(['\r', '\n'], " ")
}
