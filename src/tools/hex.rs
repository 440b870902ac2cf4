//! Bytes as hexadecimal digits, in lower case.

use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

/// Two digits for each byte.
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |half: u8| char::from(DIGITS[usize::from(half & 15)]);
    bytes.as_ref().iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

/// The sha256 of these bytes: 64 digits.
pub fn sha256(bytes: impl AsRef<[u8]>) -> String {
    encode(Sha256::digest(bytes.as_ref()))
}

/// The sha256 of a file.
pub fn file_sha256(path: &Path) -> std::io::Result<String> {
    let (mut file, mut hash, mut buffer) = (File::open(path)?, Sha256::new(), vec![0; 256 << 10]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(encode(hash.finalize())),
            read => hash.update(&buffer[..read]),
        }
    }
}

/// The first digits of the sha256: a name for something among the few of its kind.
pub fn short_sha256(bytes: impl AsRef<[u8]>, digits: usize) -> String {
    let mut all = sha256(bytes);
    all.truncate(digits);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_two_digits() {
        assert_eq!(encode([0, 9, 10, 0xab, 255]), "00090aabff");
        assert_eq!(encode([]), "");
        assert_eq!(short_sha256("", 8), "e3b0c442");
        assert_eq!(short_sha256("", 99), sha256(""));
    }
}
