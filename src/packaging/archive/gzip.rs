//! One gzip member and nothing after it: what every reader unpacks to the same bytes.

use std::io::{BufRead, BufReader, Read};

use flate2::bufread::GzDecoder;

use super::{ArchiveResult, ReadAt, Span, check_ratio, refuse, zip};

/// An unpacking reader that counts, and refuses a bomb while it reads.
pub(crate) struct Gzip<'a, S: ReadAt + ?Sized> {
    decoder: GzDecoder<BufReader<Span<'a, S>>>,
    packed: u64,
    unpacked: u64,
}

impl<'a, S: ReadAt + ?Sized> Gzip<'a, S> {
    pub(crate) fn open(source: &'a S) -> ArchiveResult<Self> {
        let packed = source.length()?;
        let mut header = [0; 4];
        Span::new(source, 0, 4).read_exact(&mut header)?;
        match header {
            [0x1f, 0x8b, 8, flags] if flags & 0xe0 == 0 => {}
            [0x1f, 0x8b, ..] => refuse!("unknown gzip method or flags"),
            _ => refuse!("not a gzip file"),
        }
        if zip::has_end(source, packed)? {
            refuse!("the file is a gzip and a ZIP archive at once");
        }
        let input = BufReader::with_capacity(64 << 10, Span::new(source, 0, packed));
        let decoder = GzDecoder::new(input);
        let name = decoder.header().and_then(|header| header.filename()).unwrap_or_default();
        // Python and pip ignore the name; old setuptools writes `dist/x.tar` there.
        if name.iter().any(u8::is_ascii_control) {
            refuse!("control character in the gzip header's name");
        }
        Ok(Self { decoder, packed, unpacked: 0 })
    }

    /// Reads until `buffer` is full or the stream ends; returns how many bytes came.
    pub(crate) fn fill(&mut self, buffer: &mut [u8]) -> ArchiveResult<usize> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let count = self.decoder.read(rest)?;
            if count == 0 {
                break;
            }
            filled += count;
        }
        self.unpacked += filled as u64;
        check_ratio(self.unpacked, self.packed)?;
        Ok(filled)
    }

    /// Refuses whatever follows the first gzip member.
    pub(crate) fn finish(self) -> ArchiveResult<()> {
        if self.decoder.into_inner().fill_buf()?.is_empty() {
            return Ok(());
        }
        refuse!("bytes after the gzip data (a second member, or something hidden)")
    }
}
