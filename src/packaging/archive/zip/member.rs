//! One member of a ZIP archive and its bytes.

use std::io::{BufReader, Read};

use flate2::bufread::DeflateDecoder;

use super::super::{ArchiveResult, ReadAt, Span, refuse};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Stored,
    Deflated,
}

impl Method {
    /// As headers write it.
    pub(super) fn code(self) -> u16 {
        match self {
            Self::Stored => 0,
            Self::Deflated => 8,
        }
    }
}

/// A member as both its headers describe it.
#[derive(Debug)]
pub(crate) struct ZipMember {
    /// Without a directory's trailing slash.
    pub(crate) name: Box<str>,
    pub(crate) directory: bool,
    pub(super) method: Method,
    pub(super) flags: u16,
    pub(super) crc: u32,
    /// Bytes in the archive.
    pub(crate) packed: u64,
    /// Bytes unpacked.
    pub(crate) size: u64,
    /// Offset of the local header.
    pub(super) header: u64,
    /// Offset of the packed bytes.
    pub(super) data: u64,
}

impl ZipMember {
    pub(super) fn unpack<S: ReadAt + ?Sized>(
        &self,
        source: &S,
        piece: impl FnMut(&[u8]),
    ) -> ArchiveResult<()> {
        let packed = Span::new(source, self.data, self.packed);
        match self.method {
            Method::Stored => self.pump(packed, piece).map(drop),
            Method::Deflated => {
                let input = BufReader::with_capacity(64 << 10, packed);
                let decoder = self.pump(DeflateDecoder::new(input), piece)?;
                if decoder.total_in() != self.packed {
                    refuse!("bytes after the compressed data of {:?}", self.name);
                }
                Ok(())
            }
        }
    }

    /// Moves everything from `reader` to `piece`, then holds size and CRC against the header.
    fn pump<R: Read>(&self, mut reader: R, mut piece: impl FnMut(&[u8])) -> ArchiveResult<R> {
        let mut buffer = vec![0; 64 << 10];
        let mut crc = flate2::Crc::new();
        let mut total = 0u64;
        loop {
            let count = reader.read(&mut buffer)?;
            let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else { break };
            total += count as u64;
            if total > self.size {
                refuse!("member {:?} is larger than its header says", self.name);
            }
            crc.update(bytes);
            piece(bytes);
        }
        if total != self.size {
            refuse!("member {:?} is smaller than its header says", self.name);
        }
        if crc.sum() != self.crc {
            refuse!("wrong CRC of member {:?}", self.name);
        }
        Ok(reader)
    }
}
