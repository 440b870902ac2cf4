//! The list of all projects: small ones prepared, long ones streamed, since they can be very long.

use super::{BY_ACCEPT, LAST_SERIAL, as_of, form, open_to_scripts};
use crate::error::{Error, Result};
use crate::index::names::NameLists;
use crate::index::view::PageForm;
use crate::packaging::{html, json};
use crate::tools::hex;
use crate::web::http::{Ctx, negotiate};
use crate::web::target::for_target;
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderValue, StatusCode, header};
use std::io::{self, Write};
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};

/// Longer lists are streamed.
const SMALL: usize = 5000;
/// Long lists written at once; more wait their turn.
static WRITERS: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(8)));
/// A client that takes nothing for so long is given up.
const STALL: Duration = Duration::from_secs(30);

/// `…/+simple/`
pub async fn list(ctx: Ctx) -> Result<Response> {
    if !ctx.uri.path().ends_with('/') {
        return super::slash(ctx).await;
    }
    let ctx = ctx.without_body();
    let form = form(&ctx)?;
    // Names have no dates; that of the URL must be one all the same.
    as_of(&ctx)?;
    let (names, title) = named(&ctx).await?;
    let gzip = negotiate::takes_gzip(&ctx.headers);
    let public = names.public && ctx.who.user.is_none();
    let serial = names.serial;
    let mut response = match names.at_most() <= SMALL {
        true => small(&ctx, &names, form, &title, gzip)?,
        false => Response::new(long(names, form, title, gzip).await?),
    };
    let headers = response.headers_mut();
    headers.insert(header::VARY, BY_ACCEPT);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    if let Some(serial) = serial {
        headers.insert(LAST_SERIAL, serial.into());
    }
    if public {
        open_to_scripts(headers);
    }
    if response.status() == StatusCode::OK {
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, form.content_type());
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if gzip {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
    }
    Ok(response)
}

async fn named(ctx: &Ctx<()>) -> Result<(NameLists, String)> {
    let (indexes, several) = match ctx.param("indexes") {
        "" => (vec![ctx.index()?], String::new()),
        several => (ctx.indexes()?, format!(" ({several})")),
    };
    indexes.iter().try_for_each(|index| super::not_from_below(ctx, index))?;
    if !several.is_empty() {
        // A target that does not exist is told here, not project by project.
        for_target(ctx).await?;
    }
    let mut all = Vec::with_capacity(indexes.len());
    for index in &indexes {
        all.push(ctx.app.indexes.views.names(&ctx.directory, index, &ctx.who).await?);
    }
    let title: Vec<&str> = indexes.iter().map(|index| index.name.as_str()).collect();
    Ok((NameLists::join(all), format!("Simple index of {}{several}", title.join(", "))))
}

fn small(ctx: &Ctx<()>, names: &NameLists, form: PageForm, title: &str, gzip: bool) -> Result<Response> {
    let bytes = write(Vec::new(), names, form, title, gzip)?;
    let etag = format!("\"{}\"", hex::short_sha256(&bytes, 32));
    let etag = HeaderValue::try_from(etag).map_err(Error::internal)?;
    let unchanged = negotiate::none_match(&ctx.headers, &etag);
    let mut response = Response::new(if unchanged { Body::empty() } else { Body::from(bytes) });
    if unchanged {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    response.headers_mut().insert(header::ETAG, etag);
    Ok(response)
}

async fn long(names: NameLists, form: PageForm, title: String, gzip: bool) -> Result<Body> {
    let turn = WRITERS.clone().acquire_owned().await.map_err(Error::internal)?;
    let (sender, receiver) = mpsc::channel(4);
    let runtime = tokio::runtime::Handle::current();
    tokio::task::spawn_blocking(move || {
        let out = Chunks { sender: sender.clone(), runtime: runtime.clone(), chunk: Vec::new() };
        let written = write(out, &names, form, &title, gzip).and_then(|mut out| out.flush());
        if let Err(error) = written {
            // Ends the response without its last chunk, so that nobody takes it for the whole.
            runtime.block_on(async { sender.send(Err(error)).await }).unwrap_or_default();
        }
        drop(turn);
    });
    Ok(Body::from_stream(futures::stream::unfold(receiver, |mut receiver| async {
        receiver.recv().await.map(|chunk| (chunk, receiver))
    })))
}

fn write<W: Write>(mut out: W, names: &NameLists, form: PageForm, title: &str, gzip: bool) -> io::Result<W> {
    if !gzip {
        plain(&mut out, names, form, title)?;
        return Ok(out);
    }
    let mut encoder = GzEncoder::new(out, Compression::new(5));
    plain(&mut encoder, names, form, title)?;
    encoder.finish()
}

fn plain(out: &mut impl Write, names: &NameLists, form: PageForm, title: &str) -> io::Result<()> {
    match form {
        PageForm::Json => json::render_names(out, names.iter(), names.serial),
        PageForm::Html | PageForm::V1Html => {
            html::render_names(out, title, names.iter().map(|(name, _)| name), names.serial)
        }
    }
}

/// Hands what is written to the response, in chunks, as fast as the client takes them.
struct Chunks {
    sender: mpsc::Sender<io::Result<Bytes>>,
    runtime: tokio::runtime::Handle,
    chunk: Vec<u8>,
}

impl Write for Chunks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.chunk.extend_from_slice(bytes);
        if self.chunk.len() >= 64 * 1024 {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let chunk = Bytes::from(std::mem::take(&mut self.chunk));
        if chunk.is_empty() {
            return Ok(());
        }
        let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
        self.runtime.block_on(self.sender.send_timeout(Ok(chunk), STALL)).map_err(|_| gone())
    }
}
