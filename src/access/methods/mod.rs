//! The ways to prove who one is: a password here, LDAP, a proxy's header, a provider of OpenID Connect. `people`
//! asks them, and keeps what tokens and sessions prove.

pub mod issuers;
pub mod jwt;
pub mod ldap;
pub mod oidc;
pub mod passwords;
pub mod proxy;
pub mod vouched;

use sha2::{Digest, Sha256};

/// Makes hashes that mean nothing outside this process, so that no secret is kept in memory.
#[derive(Clone)]
pub struct HashKey([u8; 32]);

impl HashKey {
    pub fn random() -> Self {
        Self(rand::random())
    }

    pub fn hash(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.0);
        for part in std::iter::once(&purpose.as_bytes()).chain(parts) {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hash.finalize().into()
    }
}
