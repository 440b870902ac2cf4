//! What GitHub, GitLab, Gitea and Bitbucket send when somebody pushes: whether it is signed with a watch's secret.

use crate::tools::hex;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::HeaderMap;
use sha2::Sha256;

/// Headers with the HMAC-SHA256 of the body, as `sha256=HEX` or the digits alone. The last one is Bitbucket's;
/// GitHub's of this name has SHA-1, and the first one beside it.
const SIGNED: [&str; 3] = ["x-hub-signature-256", "x-gitea-signature", "x-hub-signature"];

/// Sent by GitLab: the secret itself.
const TOKEN: &str = "x-gitlab-token";

/// Whether one of the headers proves that the sender knows the secret.
pub fn is_signed(secret: &str, headers: &HeaderMap, body: &[u8]) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if secret.is_empty() {
        return false;
    }
    if let Some(token) = text(TOKEN) {
        return is_same(token, secret);
    }
    let Some(given) = SIGNED.iter().find_map(|name| text(name)) else { return false };
    let given = given.strip_prefix("sha256=").unwrap_or(given).to_ascii_lowercase();
    mac(secret.as_bytes(), body).is_some_and(|mac| is_same(&given, &hex::encode(mac.finalize().into_bytes())))
}

/// Takes the same time wherever the texts differ: their hashes under a random key are compared.
fn is_same(given: &str, expected: &str) -> bool {
    let key = rand::random::<[u8; 32]>();
    match (mac(&key, given.as_bytes()), mac(&key, expected.as_bytes())) {
        (Some(given), Some(expected)) => given.verify(&expected.finalize().into_bytes()).is_ok(),
        _ => false,
    }
}

/// Fails for no length of key.
fn mac(key: &[u8], text: &[u8]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(text);
    Some(mac)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    /// RFC 4231, case 2.
    const SIGNATURE: &str = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    const BODY: &[u8] = b"what do ya want for nothing?";

    fn signed(name: &'static str, value: &str, body: &[u8]) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        is_signed("Jefe", &headers, body)
    }

    #[test]
    fn each_forge_proves_the_secret_in_its_own_header() {
        let prefixed = format!("sha256={SIGNATURE}");
        assert!(signed("x-hub-signature-256", &prefixed, BODY));
        assert!(signed("x-gitea-signature", SIGNATURE, BODY));
        assert!(signed("x-hub-signature", &prefixed, BODY));
        assert!(signed("x-gitlab-token", "Jefe", b"anything"));
    }

    #[test]
    fn what_is_not_signed_or_wrongly_is_not_believed() {
        let prefixed = format!("sha256={SIGNATURE}");
        assert!(!signed("x-hub-signature-256", &prefixed, b"another body"));
        assert!(!signed("x-hub-signature-256", &prefixed[..70], BODY));
        assert!(!signed("x-hub-signature", "sha1=da39a3ee5e6b4b0d3255bfef95601890afd80709", b""));
        assert!(!signed("x-gitlab-token", "jefe", b""));
        assert!(!signed("x-gitlab-token", "", b""));
        assert!(!signed("x-other", "Jefe", b""));
        let mut both = HeaderMap::new();
        both.insert("x-gitlab-token", HeaderValue::from_static(""));
        assert!(!is_signed("", &both, b""), "a watch without a secret believes nobody");
    }
}
