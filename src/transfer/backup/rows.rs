//! Rows of a table as gzipped lines of JSON, and back, with little memory.

use super::ByteStream;
use crate::error::{Error, Result};
use crate::lost;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::{GzDecoder, GzEncoder};
use futures::stream::BoxStream;
use futures::{Stream, StreamExt, TryStreamExt};
use std::io::Write;

/// Packed bytes that are handed on together.
const PIECE: usize = 256 << 10;

/// Packed bytes that are unpacked in one go: at most a thousand times as many come out.
const SIP: usize = 4 << 10;

/// Packs lines.
pub(super) fn packed<'a>(
    lines: impl Stream<Item = Result<String>> + Send + 'a,
) -> BoxStream<'a, Result<Bytes>> {
    let pieces = async_stream::try_stream! {
        let mut lines = std::pin::pin!(lines);
        let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
        while let Some(line) = lines.try_next().await? {
            encoder.write_all(line.as_bytes())?;
            encoder.write_all(b"\n")?;
            if encoder.get_ref().len() >= PIECE {
                yield std::mem::take(encoder.get_mut()).into();
            }
        }
        yield encoder.finish()?.into();
    };
    pieces.boxed()
}

/// Unpacks lines. `what` it is is told in errors.
pub(super) fn unpacked(mut packed: ByteStream, what: String) -> BoxStream<'static, Result<String>> {
    let lines = async_stream::try_stream! {
        let damaged = |why: std::io::Error| lost!("{what} is damaged: {why}");
        let mut decoder = GzDecoder::new(Vec::new());
        let mut line: Vec<u8> = Vec::new();
        while let Some(bytes) = packed.try_next().await? {
            for sip in bytes.chunks(SIP) {
                decoder.write_all(sip).map_err(damaged)?;
                for whole in split(&mut line, std::mem::take(decoder.get_mut())) {
                    yield text(whole, &what)?;
                }
            }
        }
        for whole in split(&mut line, decoder.finish().map_err(damaged)?) {
            yield text(whole, &what)?;
        }
        if !line.is_empty() {
            Err(lost!("{what} is damaged: its last line is not whole"))?;
        }
    };
    lines.boxed()
}

/// The lines that end in `bytes`; the beginning of the next one stays in `begun`.
fn split(begun: &mut Vec<u8>, bytes: Vec<u8>) -> Vec<Vec<u8>> {
    let mut whole = Vec::new();
    let mut parts = bytes.split(|byte| *byte == b'\n');
    begun.extend_from_slice(parts.next().unwrap_or_default());
    for part in parts {
        whole.push(std::mem::replace(begun, part.to_vec()));
    }
    whole
}

fn text(line: Vec<u8>, what: &str) -> Result<String, Error> {
    String::from_utf8(line).map_err(|_| lost!("{what} is damaged: a line is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::stream;

    #[tokio::test]
    async fn lines_come_back_as_they_were_and_half_a_file_is_an_error() {
        let lines: Vec<String> = (0..2000).map(|at| format!("{at} {}", "é".repeat(at))).collect();
        for count in [0, 1, 2000] {
            let some = lines.iter().take(count).cloned().map(Ok);
            let pieces: Vec<Bytes> = packed(stream::iter(some)).try_collect().await.unwrap();
            let all: Bytes = pieces.concat().into();
            let flow = |bytes: Bytes| stream::iter([Ok(bytes)]).boxed();
            let back: Vec<String> = unpacked(flow(all.clone()), "t".into()).try_collect().await.unwrap();
            assert_eq!(back, lines[..count]);
            let short = all.slice(..all.len() - 9);
            let why = unpacked(flow(short), "t".into()).try_collect::<Vec<String>>().await.unwrap_err();
            assert!(why.to_string().starts_with("t is damaged"), "{why}");
        }
    }
}
