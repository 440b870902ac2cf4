//! Volumes: a bundle cut into files for media that are smaller. Each begins with a line that says which piece it is.

use crate::bad;
use crate::error::{Error, Result};
use crate::packaging::page::sha256_hex;

/// Bytes of the line, blanks included.
pub const HEADER: usize = 160;
/// How every volume begins.
pub const MAGIC: &[u8] = b"wheelwright bundle, volume ";
/// Bytes of the smallest volume: what comes before the files should not be cut often.
pub const SMALLEST: u64 = 1 << 20;
/// The most volumes.
const MOST: u32 = 9999;

/// Which piece of which bundle a volume is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeHeader {
    /// From 1.
    pub number: u32,
    pub count: u32,
    /// The sha256 of the bundle's manifest.
    pub bundle: String,
    /// Bytes of the bundle in this volume.
    pub size: u64,
}

impl VolumeHeader {
    /// The line.
    ///
    /// # Errors
    /// `Bad` if there are too many volumes.
    pub fn to_bytes(&self) -> Result<[u8; HEADER]> {
        if self.count > MOST || self.number == 0 || self.number > self.count {
            return Err(bad!("a bundle has at most {MOST} volumes: choose larger ones"));
        }
        let Self { number, count, bundle, size } = self;
        let magic = String::from_utf8_lossy(MAGIC);
        let text = format!("{magic}{number} of {count}, {bundle}, {size} bytes");
        let line = format!("{text:width$}\n", width = HEADER - 1);
        let odd = |_| Error::internal(anyhow::anyhow!("the line of a volume is too long"));
        line.into_bytes().try_into().map_err(odd)
    }

    /// Reads the line.
    ///
    /// # Errors
    /// `Bad` if it is none.
    pub fn parse(line: &[u8; HEADER]) -> Result<Self> {
        let read = || {
            let text = str::from_utf8(line.strip_prefix(MAGIC)?).ok()?;
            let mut parts = text.trim_end().split(", ");
            let (number, count) = parts.next()?.split_once(" of ")?;
            let bundle = parts.next().and_then(sha256_hex)?;
            let size = parts.next()?.strip_suffix(" bytes")?.parse().ok()?;
            Some(Self { number: number.parse().ok()?, count: count.parse().ok()?, bundle, size })
        };
        let read: Option<Self> = read();
        // As strict as its writer: what is read is what would be written.
        let read = read.filter(|read| read.to_bytes().is_ok_and(|own| own == *line));
        read.ok_or_else(|| bad!("its first line does not say which volume it is: copy it again"))
    }
}

/// How many volumes of `size` bytes a bundle of `total` bytes needs, and how many of its bytes each takes.
///
/// # Errors
/// `Bad` if the volumes are too small.
pub fn cut(total: u64, size: u64) -> Result<(u32, u64)> {
    if size < SMALLEST {
        return Err(bad!("a volume needs at least {SMALLEST} bytes: choose a larger --volume"));
    }
    let each = size - HEADER as u64;
    let count = u32::try_from(total.div_ceil(each)).unwrap_or(u32::MAX);
    match count <= MOST {
        true => Ok((count.max(1), each)),
        false => Err(bad!("a bundle has at most {MOST} volumes: choose a larger --volume")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_line_of_a_volume_is_read_as_it_was_written() {
        let header = VolumeHeader { number: 9999, count: 9999, bundle: "a".repeat(64), size: u64::MAX };
        let bytes = header.to_bytes().unwrap();
        assert_eq!(VolumeHeader::parse(&bytes).unwrap(), header);
        for odd in [
            VolumeHeader { number: 0, ..header.clone() },
            VolumeHeader { number: 3, count: 2, ..header.clone() },
            VolumeHeader { count: 10_000, ..header },
        ] {
            assert!(odd.to_bytes().is_err());
        }
        assert!(VolumeHeader::parse(&[b' '; HEADER]).is_err());
    }

    #[test]
    fn a_bundle_is_cut_into_as_many_volumes_as_it_needs() {
        let each = SMALLEST - HEADER as u64;
        assert_eq!(cut(0, SMALLEST).unwrap(), (1, each));
        assert_eq!(cut(each, SMALLEST).unwrap(), (1, each));
        assert_eq!(cut(each + 1, SMALLEST).unwrap(), (2, each));
        assert!(cut(1, SMALLEST - 1).is_err());
        assert!(cut(u64::MAX, SMALLEST).is_err());
    }

    proptest! {
        #[test]
        fn any_line_is_read_or_refused(line in prop::collection::vec(any::<u8>(), HEADER)) {
            let mut line: [u8; HEADER] = line.try_into().unwrap();
            let _ = VolumeHeader::parse(&line);
            line[..MAGIC.len()].copy_from_slice(MAGIC);
            let _ = VolumeHeader::parse(&line);
        }
    }
}
