//! The name of a blob: a sha256, and nothing else can be one.

use crate::tools::hex;
use std::fmt;

/// Parsed from 64 lower-case hex digits, so that no other text ever becomes part of a path.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlobKey([u8; 32]);

impl BlobKey {
    /// `None` unless `text` is a sha256 in lower-case hex.
    pub fn parse(text: &str) -> Option<Self> {
        let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
        let mut key = [0; 32];
        if pairs.len() != key.len() {
            return None;
        }
        for (byte, [high, low]) in key.iter_mut().zip(pairs) {
            *byte = digit(*high)? << 4 | digit(*low)?;
        }
        Some(Self(key))
    }

    /// The sha256 of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest;
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// Two hex digits: the folder it lies in.
    pub fn shard(&self) -> String {
        hex::encode(&self.0[..1])
    }

    /// The other 62.
    pub fn rest(&self) -> String {
        hex::encode(&self.0[1..])
    }

    /// 0..256
    pub fn shard_number(&self) -> usize {
        usize::from(self.0[0])
    }
}

impl From<[u8; 32]> for BlobKey {
    fn from(digest: [u8; 32]) -> Self {
        Self(digest)
    }
}

impl fmt::Display for BlobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for BlobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn digit(ascii: u8) -> Option<u8> {
    match ascii {
        b'0'..=b'9' => Some(ascii - b'0'),
        b'a'..=b'f' => Some(ascii - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_64_lower_case_hex_digits() {
        let text = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let key = BlobKey::parse(text).unwrap();
        assert_eq!(key, BlobKey::of(b""));
        assert_eq!(key.to_string(), text);
        assert_eq!(format!("{}{}", key.shard(), key.rest()), text);
        for wrong in
            ["", "e3", &text.to_uppercase(), &text[..63], &format!("{text}0"), &format!("../{}", &text[3..])]
        {
            assert_eq!(BlobKey::parse(wrong), None, "{wrong}");
        }
    }
}
