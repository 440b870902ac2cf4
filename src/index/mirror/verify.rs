//! Whether what came is what was advertised.

use crate::bad_upstream;
use crate::error::Result;
use crate::packaging::page::{File, Hashes};
use crate::store::SpooledDigests;
use crate::tools::hex;
use crate::upstream::client::shown;
use sha2::Digest as _;
use url::Url;

/// The size that the page and the response agree on.
pub fn agreed_size(url: &Url, page: Option<u64>, response: Option<u64>) -> Result<Option<u64>> {
    match (page, response) {
        (Some(page), Some(response)) if page != response => {
            Err(bad_upstream!("{} has {response} bytes, but its page says {page}", shown(url)))
        }
        // A response of no bytes cannot be broken off: it would be complete before it was verified.
        _ if page.or(response) == Some(0) => Err(bad_upstream!("{} is empty", shown(url))),
        _ => Ok(page.or(response)),
    }
}

/// Compares what came with everything that was advertised.
pub fn verify(url: &Url, file: &File, digests: &SpooledDigests, others: &OtherDigests) -> Result<()> {
    match differing(&file.hashes, digests, others) {
        None => Ok(()),
        Some(Differing { algorithm, told, found }) => {
            Err(bad_upstream!("{} has {algorithm} {found}, but its page says {told}", shown(url)))
        }
    }
}

/// A digest that is not the one that was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Differing {
    pub algorithm: String,
    pub told: String,
    pub found: String,
}

/// The first of the told hashes that is not that of the bytes.
pub fn differing(hashes: &Hashes, digests: &SpooledDigests, others: &OtherDigests) -> Option<Differing> {
    let sha256 = hashes.sha256.iter().map(|told| ("sha256", told));
    let rest = hashes.others.iter().map(|(algorithm, told)| (algorithm.as_str(), told));
    sha256.chain(rest).find_map(|(algorithm, told)| {
        let found = match algorithm {
            "sha256" => digests.sha256.clone(),
            "md5" => digests.md5.clone(),
            other => others.hex(other)?,
        };
        (found != *told).then(|| Differing { algorithm: algorithm.into(), told: told.clone(), found })
    })
}

/// Digests that the spool does not make and the page advertises.
#[derive(Default)]
pub struct OtherDigests {
    sha512: Option<sha2::Sha512>,
    sha384: Option<sha2::Sha384>,
    sha224: Option<sha2::Sha224>,
}

impl OtherDigests {
    pub fn new(hashes: &Hashes) -> Self {
        let told = |name: &str| hashes.others.iter().any(|(algorithm, _)| algorithm == name);
        Self {
            sha512: told("sha512").then(Default::default),
            sha384: told("sha384").then(Default::default),
            sha224: told("sha224").then(Default::default),
        }
    }

    pub fn update(&mut self, chunk: &[u8]) {
        if let Some(hash) = &mut self.sha512 {
            hash.update(chunk);
        }
        if let Some(hash) = &mut self.sha384 {
            hash.update(chunk);
        }
        if let Some(hash) = &mut self.sha224 {
            hash.update(chunk);
        }
    }

    fn hex(&self, algorithm: &str) -> Option<String> {
        let bytes = match algorithm {
            "sha512" => self.sha512.clone()?.finalize().to_vec(),
            "sha384" => self.sha384.clone()?.finalize().to_vec(),
            "sha224" => self.sha224.clone()?.finalize().to_vec(),
            _ => return None,
        };
        Some(hex::encode(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url() -> Url {
        Url::parse("http://h/demo-1.0.tar.gz").unwrap()
    }

    #[test]
    fn every_digest_that_a_page_tells_is_compared() {
        let mut hashes = Hashes::default();
        let bytes = b"hello";
        hashes.insert("sha384", &"0".repeat(96));
        let mut others = OtherDigests::new(&hashes);
        others.update(bytes);
        let right = others.hex("sha384").unwrap();
        let digests =
            SpooledDigests { sha256: "a".into(), md5: "b".repeat(32), blake2_256: String::new(), size: 5 };
        let file = |hashes: &Hashes| File { hashes: hashes.clone(), ..File::default() };
        assert!(verify(&url(), &file(&hashes), &digests, &others).is_err());

        let mut hashes = Hashes::default();
        hashes.insert("sha384", &right);
        hashes.insert("md5", &"b".repeat(32));
        let mut others = OtherDigests::new(&hashes);
        others.update(bytes);
        verify(&url(), &file(&hashes), &digests, &others).unwrap();
        hashes.insert("sha256", &"c".repeat(64));
        assert!(verify(&url(), &file(&hashes), &digests, &OtherDigests::default()).is_err());
    }

    #[test]
    fn a_size_that_page_and_response_tell_differently_is_no_size() {
        assert_eq!(agreed_size(&url(), Some(5), None).unwrap(), Some(5));
        assert_eq!(agreed_size(&url(), None, Some(6)).unwrap(), Some(6));
        assert!(agreed_size(&url(), Some(5), Some(6)).is_err());
        assert!(agreed_size(&url(), None, Some(0)).is_err());
    }
}
