//! Signed tokens (JWT, RFC 7519): the one place that says whether an issuer signed one, for us, for now.

mod ring;

use super::issuers::{Issuer, Issuers};
use crate::error::{Error, Result, clipped};
use crate::forbidden;
use crate::tools::time::{SECOND, now};
use crate::upstream::client::Trust;
use crate::words::Moment;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, Validation};
use serde::Deserialize;
use serde_json::{Map, Value};

/// Bytes of a token.
pub const LONGEST: usize = 32 << 10;

/// Seconds that clocks may differ.
const LEEWAY: u64 = 60;

/// The claims of a token.
pub type Claims = Map<String, Value>;

#[derive(Deserialize)]
struct Head {
    alg: String,
    kid: Option<String>,
    /// Extensions that must be understood: none is.
    crit: Option<Value>,
}

/// What a token must be.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    pub issuer: &'a str,
    pub trust: Trust,
    pub audience: &'a str,
}

impl Issuers {
    /// The claims of a token that this issuer signed for this audience and that holds now.
    ///
    /// # Errors
    /// `Forbidden` with what is wrong with the token; others if the issuer cannot be asked.
    pub async fn verify(&self, token: &str, expected: Expected<'_>) -> Result<Claims> {
        let head: Head = part(token, 0)?;
        if head.crit.is_some() {
            return Err(forbidden!("the token has extensions (crit) that are not supported"));
        }
        // Keys of issuers are public: what they sign by HMAC, anybody can.
        let algorithm =
            head.alg.parse::<Algorithm>().ok().filter(|known| known.family() != AlgorithmFamily::Hmac);
        let algorithm = algorithm.ok_or_else(|| {
            forbidden!(
                "the token is signed with the algorithm '{}', which is not accepted: use RS256, ES256 or EdDSA",
                clipped(&head.alg, 40)
            )
        })?;
        let issuer = self.get(expected.issuer, expected.trust).await?;
        match with_keys(&issuer, token, &head, algorithm, expected)? {
            Some(claims) => Ok(claims),
            // The issuer may sign with a new key.
            None => match self.look_again(&issuer, expected.issuer, expected.trust).await? {
                Some(newer) => with_keys(&newer, token, &head, algorithm, expected)?
                    .ok_or_else(|| unsigned(&head, expected)),
                None => Err(unsigned(&head, expected)),
            },
        }
    }
}

/// A claim of a token that nobody verified: to find out who could.
pub fn unverified(token: &str, claim: &str) -> Result<Option<String>> {
    let claims: Claims = part(token, 1)?;
    Ok(claims.get(claim).and_then(Value::as_str).map(str::to_owned))
}

/// The head or the claims.
fn part<T: serde::de::DeserializeOwned>(token: &str, which: usize) -> Result<T> {
    let malformed =
        || forbidden!("the token is malformed: it must be three parts of base64 with dots between them");
    let parts: Vec<&str> = token.split('.').take(4).collect();
    let part =
        parts.get(which).filter(|_| parts.len() == 3 && token.len() <= LONGEST).ok_or_else(malformed)?;
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(part).map_err(|_| malformed())?;
    serde_json::from_slice(&bytes).map_err(|_| malformed())
}

fn unsigned(head: &Head, expected: Expected<'_>) -> Error {
    match &head.kid {
        Some(kid) => forbidden!(
            "the signature of the token is of no key of {} with the id '{}'",
            expected.issuer,
            clipped(kid, 100)
        ),
        None => forbidden!("the signature of the token is of no key of {}", expected.issuer),
    }
}

/// `None` if none of the issuer's keys has signed it.
fn with_keys(
    issuer: &Issuer,
    token: &str,
    head: &Head,
    algorithm: Algorithm,
    expected: Expected<'_>,
) -> Result<Option<Claims>> {
    ring::install();
    let mut validation = Validation::new(algorithm);
    validation.leeway = LEEWAY;
    validation.validate_nbf = true;
    validation.set_required_spec_claims(&["exp", "iss", "aud"]);
    validation.set_issuer(&[expected.issuer]);
    validation.set_audience(&[expected.audience]);
    for key in issuer.keys(head.kid.as_deref()) {
        let Ok(key) = DecodingKey::from_jwk(key) else { continue };
        if key.family() != algorithm.family() {
            continue;
        }
        match jsonwebtoken::decode::<Claims>(token, &key, &validation) {
            Ok(verified) => return timely(verified.claims).map(Some),
            Err(error) => match error.kind() {
                ErrorKind::InvalidSignature => {}
                other => return Err(wrong(token, other, expected)),
            },
        }
    }
    Ok(None)
}

/// Not from the future, which the library does not look at.
fn timely(claims: Claims) -> Result<Claims> {
    let latest = now() / SECOND + i64::try_from(LEEWAY).unwrap_or(0);
    match claims.get("iat") {
        Some(issued) if issued.as_f64().is_none_or(|at| at > latest as f64) => {
            Err(forbidden!("the token was issued in the future (iat): correct the clock of the issuer"))
        }
        _ => Ok(claims),
    }
}

fn wrong(token: &str, what: &ErrorKind, expected: Expected<'_>) -> Error {
    let claims: Claims = part(token, 1).unwrap_or_default();
    let said =
        |claim: &str| claims.get(claim).map(|said| clipped(&said.to_string(), 200)).unwrap_or_default();
    let time = |claim: &str| {
        let seconds = claims.get(claim).and_then(Value::as_i64);
        seconds.map(|at| Moment(at.saturating_mul(SECOND)).second()).unwrap_or_default()
    };
    match what {
        ErrorKind::ExpiredSignature => forbidden!("the token expired at {}: get a new one", time("exp")),
        ErrorKind::ImmatureSignature => forbidden!("the token is not valid before {}", time("nbf")),
        ErrorKind::InvalidAudience => {
            forbidden!("the token is for the audience {}, not for '{}'", said("aud"), expected.audience)
        }
        ErrorKind::InvalidIssuer => {
            forbidden!("the token is of the issuer {}, not of '{}'", said("iss"), expected.issuer)
        }
        ErrorKind::MissingRequiredClaim(claim) => forbidden!("the token has no claim '{claim}'"),
        other => forbidden!("the token is malformed: {other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_nobody_signed_can_be_asked_for_its_issuer_alone() {
        let token = |claims: &str| format!("e30.{}.x", BASE64_URL_SAFE_NO_PAD.encode(claims));
        assert_eq!(
            unverified(&token(r#"{"iss": "https://a"}"#), "iss").unwrap().as_deref(),
            Some("https://a")
        );
        assert_eq!(unverified(&token(r#"{"iss": ["https://a"]}"#), "iss").unwrap(), None);
        for odd in ["[]", "1", "{", r#"{"iss": "a"} x"#] {
            assert!(matches!(unverified(&token(odd), "iss"), Err(Error::Forbidden(_))), "{odd}");
        }
        let long = token(&format!(r#"{{"iss": "{}"}}"#, "a".repeat(LONGEST)));
        assert!(unverified(&long, "iss").is_err());
    }

    proptest! {
        #[test]
        fn no_text_is_more_than_refused(text in "[A-Za-z0-9_.-]{0,80}|.{0,20}") {
            let _ = unverified(&text, "iss");
            let _: Result<Head> = part(&text, 0);
        }
    }
}
