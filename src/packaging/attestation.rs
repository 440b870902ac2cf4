//! Attestations (PEP 740) as uploads bring them: their shape, and which file they are about.
//!
//! Signatures are not verified here; whoever installs verifies them. But a statement about another
//! file would be served as one about this.

use crate::error::{Result, clipped};
use crate::packaging::filename::identity;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

/// Attestations of one file; PyPI takes two.
const MOST: usize = 16;
/// Characters of a value that a refusal shows.
const SHOWN: usize = 60;
const STATEMENT: &str = "https://in-toto.io/Statement/v1";

/// Checks a JSON array of attestations of the file with this name and sha256.
///
/// # Errors
/// `Bad` with what is wrong with which of them.
pub fn check(text: &str, filename: &str, sha256: &str) -> Result<()> {
    let parsed: Result<Vec<Value>, _> = serde_json::from_str(text);
    let attestations =
        parsed.map_err(|error| crate::bad!("attestations is not a JSON array of objects: {error}"))?;
    if attestations.len() > MOST {
        return Err(crate::bad!("The upload has more than {MOST} attestations."));
    }
    for (number, attestation) in attestations.iter().enumerate() {
        check_one(attestation, filename, sha256)
            .map_err(|why| crate::bad!("Attestation {} of {filename} is not valid: {why}.", number + 1))?;
    }
    Ok(())
}

fn check_one(attestation: &Value, filename: &str, sha256: &str) -> Result<(), String> {
    if attestation.get("version").and_then(Value::as_u64) != Some(1) {
        return Err("its version is not 1".to_owned());
    }
    let material = attestation.get("verification_material").ok_or("it has no verification_material")?;
    text(material, "certificate")?;
    let entries = material.get("transparency_entries").and_then(Value::as_array);
    if !entries.is_some_and(|entries| !entries.is_empty() && entries.iter().all(Value::is_object)) {
        return Err("it has no transparency_entries".to_owned());
    }
    let envelope = attestation.get("envelope").ok_or("it has no envelope")?;
    decoded(envelope, "signature")?;
    let statement = decoded(envelope, "statement")?;
    let statement: Value =
        serde_json::from_slice(&statement).map_err(|error| format!("its statement is not JSON: {error}"))?;
    check_statement(&statement, filename, sha256)
}

fn check_statement(statement: &Value, filename: &str, sha256: &str) -> Result<(), String> {
    if statement.get("_type").and_then(Value::as_str) != Some(STATEMENT) {
        return Err(format!("its statement is not of type {STATEMENT}"));
    }
    text(statement, "predicateType")?;
    let subject = match statement.get("subject").and_then(Value::as_array).map(Vec::as_slice) {
        Some([one]) => one,
        _ => return Err("its statement must have one subject".to_owned()),
    };
    let name = text(subject, "name")?;
    if identity(name) != identity(filename) {
        return Err(format!("it is about {:?}", clipped(name, SHOWN)));
    }
    let digest = subject.get("digest").map(|digest| text(digest, "sha256")).transpose()?;
    match digest {
        Some(digest) if digest.eq_ignore_ascii_case(sha256) => Ok(()),
        Some(digest) => Err(format!("it is about a file with sha256 {:?}", clipped(digest, 64))),
        None => Err("its subject has no digest".to_owned()),
    }
}

fn text<'a>(object: &'a Value, key: &str) -> Result<&'a str, String> {
    let text = object.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    text.ok_or_else(|| format!("it has no {key}"))
}

fn decoded(object: &Value, key: &str) -> Result<Vec<u8>, String> {
    BASE64_STANDARD.decode(text(object, key)?).map_err(|_| format!("its {key} is not base64"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    const NAME: &str = "demo-1.0-py3-none-any.whl";
    const SHA: &str = "abababababababababababababababababababababababababababababababab";

    type Change = fn(&mut Value);

    fn statement() -> Value {
        json!({
            "_type": STATEMENT, "predicateType": "https://docs.example/publish/v1", "predicate": null,
            "subject": [{"name": NAME, "digest": {"sha256": SHA}}],
        })
    }

    fn attestation(statement: &Value) -> Value {
        json!({
            "version": 1,
            "verification_material": {"certificate": "MIIC", "transparency_entries": [{"logIndex": "1"}]},
            "envelope": {"statement": BASE64_STANDARD.encode(statement.to_string()), "signature": "MEU="},
        })
    }

    fn told(attestation: &Value) -> String {
        let text = json!([attestation]).to_string();
        check(&text, NAME, SHA).map_or_else(|error| error.to_string(), |()| "fine".to_owned())
    }

    #[test]
    fn an_attestation_of_this_file_is_fine_in_every_spelling_of_its_name() {
        assert_eq!(told(&attestation(&statement())), "fine");
        let mut other = statement();
        other["subject"][0]["name"] = "Demo-1.0.0-py3-none-any.whl".into();
        assert_eq!(told(&attestation(&other)), "fine");
        check("[]", NAME, SHA).unwrap();
    }

    #[test]
    fn one_of_another_file_or_of_another_shape_is_refused_with_the_reason() {
        let changes: [(Change, &str); 6] = [
            (|s| s["subject"][0]["name"] = "evil-1.0-py3-none-any.whl".into(), "about \"evil-1.0"),
            (|s| s["subject"][0]["digest"]["sha256"] = "00".into(), "a file with sha256 \"00\""),
            (|s| s["subject"][0]["digest"] = json!({}), "no sha256"),
            (|s| s["subject"] = json!([]), "one subject"),
            (|s| s["subject"] = json!([s["subject"][0], s["subject"][0]]), "one subject"),
            (|s| s["_type"] = "x".into(), "not of type"),
        ];
        for (change, says) in changes {
            let mut statement = statement();
            change(&mut statement);
            assert!(told(&attestation(&statement)).contains(says), "{}", told(&attestation(&statement)));
        }
        let changes: [(Change, &str); 6] = [
            (|a| a["version"] = 2.into(), "version is not 1"),
            (|a| a["envelope"]["statement"] = "%".into(), "statement is not base64"),
            (|a| a["envelope"]["statement"] = "e30=".into(), "not of type"),
            (|a| a["envelope"]["signature"] = "".into(), "no signature"),
            (|a| a["verification_material"] = json!({}), "no certificate"),
            (|a| *a = 1.into(), "version is not 1"),
        ];
        for (change, says) in changes {
            let mut changed = attestation(&statement());
            change(&mut changed);
            assert!(told(&changed).contains(says), "{}", told(&changed));
        }
        for text in ["{}", "{not json", "1", "\"[]\""] {
            let error = check(text, NAME, SHA).unwrap_err().to_string();
            assert!(error.starts_with("attestations is not a JSON array"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC*", json in "[\\[\\]{}\":,a-z0-9]{0,40}") {
            let _ = (check(&text, NAME, SHA), check(&json, NAME, SHA));
        }
    }
}
