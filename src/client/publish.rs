//! Uploads as publishers send them.

use super::sending::PIECE;
use super::{ServerClient, answer};
use crate::error::{Error, Result};
use crate::names::IndexName;
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream;
use http::{Method, header};
use serde_json::{Map, Value};
use std::path::Path;

/// A file with what its upload says of it.
pub struct FileToUpload<'a> {
    pub path: &'a Path,
    pub filename: &'a str,
    pub size: u64,
    /// The metadata, by the names of the form.
    pub fields: &'a Map<String, Value>,
    pub more: &'a [(&'a str, &'a str)],
}

impl ServerClient {
    /// Uploads a file to an index; `sent` hears of its bytes as they go.
    ///
    /// # Errors
    /// What the server answered.
    pub async fn publish(
        &self,
        index: &IndexName,
        file: &FileToUpload<'_>,
        sent: impl Fn(u64) + Send + Sync + 'static,
    ) -> Result<()> {
        let boundary = uuid::Uuid::new_v4().simple().to_string();
        let mut head = String::new();
        for (name, value) in texts(file) {
            head.push_str(&format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            ));
        }
        head.push_str(&format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"content\"; filename=\"{}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n",
            file.filename
        ));
        let tail = format!("\r\n--{boundary}--\r\n");
        let length = head.len() as u64 + file.size + tail.len() as u64;
        let content = tokio::fs::File::open(file.path).await?;
        let content = tokio_util::io::ReaderStream::with_capacity(content, PIECE);
        let content = content.inspect(move |piece| {
            if let Ok(piece) = piece {
                sent(piece.len() as u64);
            }
        });
        let ends = |text: String| stream::once(async move { Ok::<_, std::io::Error>(Bytes::from(text)) });
        let body = ends(head).chain(content).chain(ends(tail));
        let request = self
            .request(Method::POST, &format!("{index}/"))?
            .header(header::CONTENT_TYPE, format!("multipart/form-data; boundary={boundary}"))
            .header(header::ACCEPT, "application/json");
        let response = self.send_long(request, length, body).await?;
        match response.status().is_success() {
            true => Ok(()),
            // What comes after a redirect was not sent.
            false if response.status().is_redirection() => Err(Error::BadUpstream(format!(
                "{} answered {}: check its address",
                self.base(),
                response.status()
            ))),
            false => Err(answer::refusal(response, true).await.error),
        }
    }
}

/// The fields of the form: lists several times, nothing that is empty.
fn texts(file: &FileToUpload<'_>) -> Vec<(String, String)> {
    let mut all = vec![(":action".to_owned(), "file_upload".to_owned())];
    all.push(("protocol_version".to_owned(), "1".to_owned()));
    for (name, value) in file.fields {
        match value {
            Value::String(text) if !text.is_empty() => all.push((name.clone(), text.clone())),
            Value::Array(items) => {
                let items = items.iter().filter_map(Value::as_str);
                all.extend(items.map(|text| (name.clone(), text.to_owned())));
            }
            _ => {}
        }
    }
    all.extend(file.more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    all
}
