//! Bytes in gzip's format.

use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::{self, Write as _};

/// `bytes`, packed; levels go from 1 (fast) to 9 (small).
pub fn pack(bytes: &[u8], level: u32) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 3), Compression::new(level));
    encoder.write_all(bytes)?;
    encoder.finish()
}
