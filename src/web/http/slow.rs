//! Clients that are slow: bodies that trickle in, answers that are not taken.

use crate::bad;
use crate::error::{Error, Result};
use crate::tools::pace::{Meter, Pace, TooSlow};
use axum::body::Body;
use bytes::{Buf, Bytes};
use http_body::{Body as HttpBody, Frame, SizeHint};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A request's body that fails with [`TooSlow`] when it does not come at a client's pace.
pub struct Paced<B> {
    body: B,
    meter: Meter,
}

impl<B> Paced<B> {
    pub fn new(body: B, pace: Pace) -> Self {
        Self { body, meter: Meter::new(pace) }
    }
}

impl<B> HttpBody for Paced<B>
where
    B: HttpBody<Data = Bytes> + Unpin,
    B::Error: Into<Failure>,
{
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(frame) => {
                let frame = frame.map(|frame| frame.map_err(Into::into));
                let bytes = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref());
                self.meter.came(bytes.map_or(0, |bytes| bytes.remaining() as u64));
                Poll::Ready(frame)
            }
            Poll::Pending => self.meter.poll_over(context).map(|slow| Some(Err(slow.into()))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The answer for a body that broke off; `what` it was: `the upload`.
pub fn broken(what: &str, error: &axum::Error) -> Error {
    match cause::<TooSlow>(error) {
        Some(TooSlow(pace)) => Error::Slow(format!(
            "{what} arrived too slowly: send at least {} bytes a second, and pause for less than {} seconds \
             (settings limits.slowest and limits.pause)",
            pace.rate,
            pace.patience.as_secs()
        )),
        None => bad!("{what} was cut off: {error}"),
    }
}

/// All of a body of at most `limit` bytes; `what` it is: `the JSON body`.
pub async fn whole(body: Body, limit: usize, what: &str) -> Result<Bytes> {
    axum::body::to_bytes(body, limit).await.map_err(|error| {
        match cause::<http_body_util::LengthLimitError>(&error) {
            Some(_) => Error::TooLarge(format!("{what} is larger than {limit} bytes")),
            None => broken(what, &error),
        }
    })
}

fn cause<'a, T: std::error::Error + 'static>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// A connection that ends when the client takes nothing of what is sent, or hardly anything.
pub struct Taken<S> {
    stream: S,
    meter: Meter,
}

impl<S> Taken<S> {
    pub fn new(stream: S, pace: Pace) -> Self {
        Self { stream, meter: Meter::new(pace) }
    }
}

impl<S: Unpin> Taken<S> {
    fn met<T>(
        &mut self,
        context: &mut Context<'_>,
        outcome: Poll<io::Result<T>>,
        bytes: impl FnOnce(&T) -> usize,
    ) -> Poll<io::Result<T>> {
        match outcome {
            Poll::Ready(outcome) => {
                self.meter.came(outcome.as_ref().map_or(0, bytes) as u64);
                Poll::Ready(outcome)
            }
            Poll::Pending => {
                self.meter.poll_over(context).map(|slow| Err(io::Error::new(io::ErrorKind::TimedOut, slow)))
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Taken<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Taken<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.met(context, written, |written| *written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.met(context, written, |written| *written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.met(context, flushed, |()| 0)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(context);
        self.met(context, shut, |()| 0)
    }
}
