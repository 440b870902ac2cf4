//! Provenance objects (PEP 740) in words: who attests, from which repository.
//!
//! Nothing is verified here: what a certificate names is read from its bytes, as whoever wrote it says.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;
use serde_json::Value;

/// Attestations that are told.
const MOST: usize = 20;
/// Characters of a value.
const LONGEST: usize = 300;

/// One attestation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AttestationView {
    /// The address of what it states: that this file was published, for example.
    pub predicate: String,
    /// Who says so: `GitHub`; empty: the index does not tell.
    pub publisher: String,
    /// `owner/name`
    pub repository: String,
    /// `release.yml`
    pub workflow: String,
    pub environment: String,
    /// The address that the certificate names.
    pub identity: String,
}

/// The attestations of a provenance object; none if it is none.
pub fn read(bytes: &[u8]) -> Vec<AttestationView> {
    let object: Value = serde_json::from_slice(bytes).unwrap_or_default();
    let bundles = object.get("attestation_bundles").and_then(Value::as_array);
    let mut all = Vec::new();
    for bundle in bundles.into_iter().flatten() {
        let publisher = bundle.get("publisher").unwrap_or(&Value::Null);
        let said = |key: &str| short(publisher.get(key).and_then(Value::as_str).unwrap_or_default());
        let kind = Some(said("kind")).filter(|kind| kind != "index").unwrap_or_default();
        let attestations = bundle.get("attestations").and_then(Value::as_array);
        for attestation in attestations.into_iter().flatten() {
            if all.len() >= MOST {
                return all;
            }
            let workflow = Some(said("workflow")).filter(|name| !name.is_empty());
            all.push(AttestationView {
                predicate: predicate(attestation).unwrap_or_default(),
                publisher: kind.clone(),
                repository: said("repository"),
                workflow: workflow.unwrap_or_else(|| said("workflow_filepath")),
                environment: said("environment"),
                identity: identity(attestation).unwrap_or_default(),
            });
        }
    }
    all
}

fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(LONGEST).collect()
}

fn predicate(attestation: &Value) -> Option<String> {
    let statement = attestation.get("envelope")?.get("statement")?.as_str()?;
    let statement: Value = serde_json::from_slice(&BASE64_STANDARD.decode(statement).ok()?).ok()?;
    Some(short(statement.get("predicateType")?.as_str()?))
}

/// The first address in a certificate that leads into a repository.
fn identity(attestation: &Value) -> Option<String> {
    let certificate = attestation.get("verification_material")?.get("certificate")?.as_str()?;
    let der = BASE64_STANDARD.decode(certificate).ok()?;
    let starts = der.windows(8).enumerate().filter(|(_, bytes)| *bytes == b"https://").map(|(at, _)| at);
    let address = |at: usize| {
        let rest = der.get(at..).unwrap_or_default();
        let end = rest.iter().position(|byte| !byte.is_ascii_graphic()).unwrap_or(rest.len());
        String::from_utf8_lossy(rest.get(..end.min(LONGEST)).unwrap_or_default()).into_owned()
    };
    starts.take(50).map(address).find(|address| address.contains("@refs/") || address.contains("/workflows/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn a_provenance_object_says_who_attests() {
        let statement =
            BASE64_STANDARD.encode(json!({"predicateType": "https://docs.example/publish/v1"}).to_string());
        let certificate = BASE64_STANDARD.encode(
            b"\x30\x82https://ca.example\x00https://git.example/o/r/.github/workflows/a.yml@refs/tags/v1\x01",
        );
        let attestation = json!({
            "verification_material": {"certificate": certificate},
            "envelope": {"statement": statement},
        });
        let publisher =
            json!({"kind": "GitHub", "repository": "o/r", "workflow": "a.yml", "environment": null});
        let object =
            json!({"attestation_bundles": [{"publisher": publisher, "attestations": [attestation]}]});
        let told = read(object.to_string().as_bytes());
        let expected = AttestationView {
            predicate: "https://docs.example/publish/v1".into(),
            publisher: "GitHub".into(),
            repository: "o/r".into(),
            workflow: "a.yml".into(),
            environment: String::new(),
            identity: "https://git.example/o/r/.github/workflows/a.yml@refs/tags/v1".into(),
        };
        assert_eq!(told, [expected]);
        assert_eq!(read(b"[]"), []);
        assert_eq!(read(b"not JSON"), []);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC*") {
            let _ = read(text.as_bytes());
            let _ = read(json!({"attestation_bundles": [{"attestations": [{"envelope": {"statement": text}}]}]}).to_string().as_bytes());
        }
    }
}
