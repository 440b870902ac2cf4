//! Members of a bundle's archive: one form of header, which any tar reads, and no other.

use crate::bad;
use crate::error::{Error, Result};
use tar::{EntryType, Header};

/// Bytes of a header, and what the bytes of a member are padded to.
pub const BLOCK: usize = 512;
/// What the header's eleven octal digits can say.
pub const LARGEST: u64 = (1 << 33) - 1;
/// The first member.
pub const MANIFEST: &str = "manifest.json";
/// The folder of the signatures.
pub const SIGNATURES: &str = "signatures/";
/// Zero blocks that end an archive.
pub const END: usize = 2 * BLOCK;

/// A member: where it is, and how many bytes it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleEntry {
    pub path: String,
    pub size: u64,
}

impl BundleEntry {
    /// Its header.
    ///
    /// # Errors
    /// `Bad` if the path or the size does not fit.
    pub fn header(&self) -> Result<[u8; BLOCK]> {
        let Self { path, size } = self;
        if *size > LARGEST {
            return Err(bad!("{path} has {size} bytes: a bundle takes files up to {LARGEST}"));
        }
        let mut header = Header::new_ustar();
        header.set_path(path).map_err(|why| bad!("{path} does not fit into a bundle: {why}"))?;
        header.set_entry_type(EntryType::Regular);
        header.set_mode(0o644);
        for set in [Header::set_uid, Header::set_gid, Header::set_mtime, Header::set_size] {
            set(&mut header, 0);
        }
        header.set_size(*size);
        header.set_cksum();
        Ok(*header.as_bytes())
    }

    /// Reads a header; `None` is a zero block, which ends the archive.
    ///
    /// # Errors
    /// `Bad` for every header that [`BundleEntry::header`] does not write.
    pub fn parse(block: &[u8; BLOCK]) -> Result<Option<Self>> {
        if block.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let strange = || bad!("it has a member in a form that wheelwright does not write");
        let header = Header::from_byte_slice(block);
        let path = String::from_utf8(header.path_bytes().into_owned()).map_err(|_| strange())?;
        let size = header.entry_size().map_err(|_| strange())?;
        let entry = Self { path, size };
        match entry.header() {
            Ok(own) if own == *block => Ok(Some(entry)),
            Ok(_) | Err(Error::Bad(_)) => Err(strange()),
            Err(other) => Err(other),
        }
    }

    /// Bytes of the member in the archive, with header and padding.
    pub fn whole(&self) -> u64 {
        BLOCK as u64 + self.size + padding(self.size) as u64
    }
}

/// Zero bytes behind a member of this size.
pub fn padding(size: u64) -> usize {
    let over = (size % BLOCK as u64) as usize;
    if over == 0 { 0 } else { BLOCK - over }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entry(path: &str, size: u64) -> BundleEntry {
        BundleEntry { path: path.to_owned(), size }
    }

    #[test]
    fn only_headers_of_our_own_form_are_read() {
        let deep = format!("files/{}/{}", "0".repeat(64), "n".repeat(100));
        for known in [entry("manifest.json", 0), entry(&deep, LARGEST)] {
            assert_eq!(BundleEntry::parse(&known.header().unwrap()).unwrap(), Some(known));
        }
        assert!(entry("manifest.json", LARGEST + 1).header().is_err());
        assert!(entry(&format!("files/{}", "n".repeat(101)), 1).header().is_err());
        assert_eq!(BundleEntry::parse(&[0; BLOCK]).unwrap(), None);
        let odd: [fn(&mut Header); 5] = [
            |header| header.set_entry_type(EntryType::Symlink),
            |header| header.set_entry_type(EntryType::XHeader),
            |header| header.set_mode(0o755),
            |header| header.set_mtime(1),
            |header| header.as_mut_bytes()[500] = 1,
        ];
        for change in odd {
            let mut header = Header::new_ustar();
            header.as_mut_bytes().copy_from_slice(&entry("manifest.json", 3).header().unwrap());
            change(&mut header);
            header.set_cksum();
            assert!(BundleEntry::parse(header.as_bytes()).is_err());
        }
    }

    proptest! {
        #[test]
        fn one_changed_byte_is_another_header_or_none(at in 0..BLOCK, byte in any::<u8>()) {
            let own = entry("files/00/demo-1.0-py3-none-any.whl", 1234);
            let mut block = own.header().unwrap();
            prop_assume!(block[at] != byte);
            block[at] = byte;
            prop_assert!(BundleEntry::parse(&block).is_err());
        }

        #[test]
        fn any_block_is_read_without_a_panic(block in prop::collection::vec(any::<u8>(), BLOCK)) {
            let _ = BundleEntry::parse(&block.try_into().unwrap());
        }
    }
}
