//! Requests with long bodies: a file may take as long as it needs, while the server takes bytes of it.

use super::{SILENCE, ServerClient, connections};
use crate::error::{Error, Result};
use crate::timed_out;
use crate::upstream::client::{BodyWatch, failure, shown};
use bytes::Bytes;
use futures::Stream;
use http::{Method, header};
use reqwest::{RequestBuilder, Response, ResponseBuilderExt as _};
use std::path::Path;

/// Bytes of a file that are read at once.
pub(super) const PIECE: usize = 64 << 10;

impl ServerClient {
    /// Sends a request with a body of so many bytes; the answer comes whole, whatever it is.
    ///
    /// # Errors
    /// `Timeout` if the server stops taking the body, or does not answer once it has it.
    pub(super) async fn send_long<E>(
        &self,
        request: RequestBuilder,
        length: u64,
        pieces: impl Stream<Item = Result<Bytes, E>> + Send + 'static,
    ) -> Result<Response>
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
    {
        let watch = BodyWatch::of(length);
        let request = request.header(header::CONTENT_LENGTH, length).body(watch.body(pieces));
        let request = request.build().map_err(Error::internal)?;
        let url = request.url().clone();
        let silence = self.silence.unwrap_or(SILENCE);
        let http = self.sending.get_or_try_init(async || connections(&self.base, None)).await?;
        let response = watch.answer(&url, silence, http.execute(request)).await?;
        let mut whole = http::Response::builder().status(response.status()).url(response.url().clone());
        if let Some(headers) = whole.headers_mut() {
            headers.clone_from(response.headers());
        }
        let body = tokio::time::timeout(silence, response.bytes()).await;
        let body = body.map_err(|_| timed_out!("{} did not end its answer", shown(&url)))?;
        let body = body.map_err(|error| failure(&url, &error))?;
        whole.body(body).map(Response::from).map_err(Error::internal)
    }

    /// Sends a file; any answer but a good one is the error that it stands for.
    pub(super) async fn send_file(&self, method: Method, path: &str, file: &Path) -> Result<Response> {
        let file = tokio::fs::File::open(file).await?;
        let length = file.metadata().await?.len();
        let pieces = tokio_util::io::ReaderStream::with_capacity(file, PIECE);
        let request = self.request(method, path)?.header(header::ACCEPT, "application/json");
        self.judged(self.send_long(request, length, pieces).await?).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpSocket;

    const END: &[u8] = b"the end";
    const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";

    /// A server that takes a piece after each pause, and answers once it has all; its URL, and how many pieces it took.
    async fn slow(pause: Duration, most: usize) -> (String, tokio::task::JoinHandle<u32>) {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(128 << 10).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1).unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let serving = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (mut buffer, mut taken, mut pieces) = (vec![0; 64 << 10], 0, 0);
            while taken < most {
                tokio::time::sleep(pause).await;
                let read = stream.read(&mut buffer).await.unwrap();
                (taken, pieces) = (taken + read, pieces + 1);
                if buffer[..read].ends_with(END) {
                    stream.write_all(ANSWER).await.unwrap();
                    return pieces;
                }
            }
            std::future::pending().await
        });
        (url, serving)
    }

    async fn send(url: &str, silence: Duration) -> Result<Response> {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut bytes = vec![b'x'; 8 << 20];
        bytes.extend(END);
        std::fs::write(file.path(), bytes).unwrap();
        let server = ServerClient::stranger(url).unwrap().with_silence(Some(silence)).unwrap();
        server.send_file(Method::PUT, "file", file.path()).await
    }

    #[tokio::test]
    async fn an_upload_may_take_longer_than_a_server_may_be_silent() {
        let (silence, pause) = (Duration::from_secs(2), Duration::from_millis(40));
        let (url, serving) = slow(pause, usize::MAX).await;
        send(&url, silence).await.unwrap();
        assert!(pause * serving.await.unwrap() > silence, "the server was quick: this shows nothing");
    }

    #[tokio::test]
    async fn a_server_that_stops_taking_an_upload_is_given_up() {
        let (url, serving) = slow(Duration::ZERO, 1).await;
        let ended = send(&url, Duration::from_millis(300)).await;
        assert!(matches!(ended, Err(Error::Timeout(_))), "{ended:?}");
        serving.abort();
    }
}
