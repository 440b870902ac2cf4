//! Hashes that devpi made before argon2: verified until the first login replaces them.

use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// More rounds than anybody uses; each costs time at a login.
const MOST_ROUNDS: u32 = 10_000_000;

/// Before passlib: `$devpi-sha256$SALT$HEX`. Only we write it so; an export has salt and hash apart.
const SALTED: &str = "$devpi-sha256$";

/// By passlib: `$pbkdf2-sha256$ROUNDS$SALT$CHECKSUM`.
const PBKDF2: &str = "$pbkdf2-sha256$";

/// A hash that is not argon2's.
#[derive(Debug, PartialEq, Eq)]
pub enum OlderHash {
    Pbkdf2 {
        rounds: u32,
        salt: Vec<u8>,
        checksum: Vec<u8>,
    },
    /// sha256 in hex of the salt's text and the password.
    Salted {
        salt: String,
        hex: String,
    },
}

/// The text under which a hash with its salt is kept.
pub fn salted(salt: &str, hex: &str) -> String {
    format!("{SALTED}{salt}${hex}")
}

impl OlderHash {
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(rest) = text.strip_prefix(SALTED) {
            let (salt, hex) = rest.split_once('$')?;
            let is_hash = hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
            return is_hash.then(|| Self::Salted { salt: salt.to_owned(), hex: hex.to_ascii_lowercase() });
        }
        let mut parts = text.strip_prefix(PBKDF2)?.split('$');
        let (rounds, salt, checksum) = (parts.next()?, parts.next()?, parts.next()?);
        let rounds = rounds.parse().ok().filter(|rounds| (1..=MOST_ROUNDS).contains(rounds))?;
        let checksum = adapted(checksum).filter(|bytes| bytes.len() == 32)?;
        let whole = parts.next().is_none();
        Some(Self::Pbkdf2 { rounds, salt: adapted(salt)?, checksum }).filter(|_| whole)
    }

    pub fn opens(&self, password: &str) -> bool {
        match self {
            Self::Pbkdf2 { rounds, salt, checksum } => {
                pbkdf2(password, salt, *rounds).is_some_and(|found| same(&found, checksum))
            }
            Self::Salted { salt, hex } => {
                let found = Sha256::new().chain_update(salt).chain_update(password).finalize();
                same(crate::tools::hex::encode(found).as_bytes(), hex.as_bytes())
            }
        }
    }
}

/// passlib's base64: `.` for `+`, and nothing at the end.
fn adapted(text: &str) -> Option<Vec<u8>> {
    BASE64_STANDARD_NO_PAD.decode(text.replace('.', "+")).ok()
}

/// RFC 8018 with HMAC-SHA256, the first block: as long as a checksum is.
fn pbkdf2(password: &str, salt: &[u8], rounds: u32) -> Option<[u8; 32]> {
    let keyed = Hmac::<Sha256>::new_from_slice(password.as_bytes()).ok()?;
    let mut step: [u8; 32] =
        keyed.clone().chain_update(salt).chain_update([0, 0, 0, 1]).finalize().into_bytes().into();
    let mut found = step;
    for _ in 1..rounds {
        step = keyed.clone().chain_update(step).finalize().into_bytes().into();
        found.iter_mut().zip(step).for_each(|(byte, other)| *byte ^= other);
    }
    Some(found)
}

/// Takes the same time wherever the two differ.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `pbkdf2_sha256.using(rounds=1000, salt=b"0123456789abcdef").hash("annpw")` of passlib.
    const PASSLIB: &str =
        "$pbkdf2-sha256$1000$MDEyMzQ1Njc4OWFiY2RlZg$ZzTYX8s0U1WrSMfxuRGwBNMOzq2AZVIuk.5DjTU.3lA";

    #[test]
    fn a_hash_of_passlib_opens_with_its_password_alone() {
        let hash = OlderHash::parse(PASSLIB).unwrap();
        assert!(hash.opens("annpw"));
        assert!(!hash.opens("annpW") && !hash.opens(""));
    }

    #[test]
    fn a_salted_hash_opens_with_its_password_alone() {
        // Of an export of devpi-server 1.2.
        let kept = salted(
            "RMAM7ycp8aqw4vytBOBEKA==",
            "d9f98f41f8cbdeb6a30a7b6c376d0ccdd76e862ad1fa508b79d4c2098cc9d69a",
        );
        let hash = OlderHash::parse(&kept).unwrap();
        assert!(hash.opens("123"));
        assert!(!hash.opens("1234"));
    }

    #[test]
    fn what_is_no_such_hash_is_not_taken_for_one() {
        for text in [
            "",
            "plain",
            "$argon2id$v=19$m=64,t=1,p=1$pkpJLgyWYgPFHDCUyCdCFg$rcGufa8HsI0z5z87KnmI1QuNxm/peI0NXnDctiNw5Ok",
            "$pbkdf2-sha256$0$AA$ZzTYX8s0U1WrSMfxuRGwBNMOzq2AZVIuk.5DjTU.3lA",
            "$pbkdf2-sha256$4294967295$AA$ZzTYX8s0U1WrSMfxuRGwBNMOzq2AZVIuk.5DjTU.3lA",
            "$pbkdf2-sha256$1000$AA$AA",
            "$devpi-sha256$salt$short",
            "$devpi-sha256$salt",
        ] {
            assert_eq!(OlderHash::parse(text), None, "{text}");
        }
    }
}
