//! Upload forms: whatever the bytes and the pieces they come in, reading ends and never panics.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use wheelwright::web::http::multipart::Multipart;

fuzz_target!(|data: &[u8]| {
    let Some((&step, body)) = data.split_first() else { return };
    let step = usize::from(step).max(1);
    let whole = parts(body, body.len().max(1));
    // The pieces that the network makes of a form must not change what is read.
    assert_eq!(whole, parts(body, step));
});

type Parts = Option<Vec<(String, Option<String>, Vec<u8>)>>;

fn parts(body: &[u8], step: usize) -> Parts {
    let pieces: Vec<_> = body.chunks(step).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    futures::executor::block_on(async {
        let stream = futures::stream::iter(pieces);
        let mut form = Multipart::new(stream, "multipart/form-data; boundary=XX").ok()?;
        let mut parts = Vec::new();
        while let Some(part) = form.part().await.ok()? {
            let mut bytes = Vec::new();
            while let Some(chunk) = form.chunk().await.ok()? {
                bytes.extend_from_slice(&chunk);
            }
            parts.push((part.name, part.filename, bytes));
        }
        Some(parts)
    })
}
