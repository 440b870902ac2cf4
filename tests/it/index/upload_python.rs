//! Core metadata read by us and by Python's email parser, which pip reads it with: what we accept
//! says the same to both.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use std::io::Write as _;
use std::process::{Command, Stdio};
use wheelwright::packaging::metadata::Metadata;

/// Reads a JSON list of texts; writes for each what Python finds in it.
const READER: &str = r#"
import email, json, sys
ONE = ["Metadata-Version", "Name", "Version", "Requires-Python"]
MANY = ["Requires-Dist", "Provides-Extra"]
found = []
for text in json.load(sys.stdin):
    message = email.message_from_bytes(text.encode("utf-8"))
    body = message.get_payload(decode=True)
    found.append({
        "one": {name: message[name] for name in ONE},
        "many": {name: message.get_all(name, []) for name in MANY},
        "body": None if body is None else body.decode("utf-8", "replace"),
    })
json.dump(found, sys.stdout)
"#;

/// Pieces of which most texts are nearly metadata.
const PIECES: [&str; 44] = [
    "Metadata-Version: 2.1\n",
    "Name: demo\n",
    "Name: evil\n",
    "Version: 1.0\n",
    "Version: 1.0\r\n",
    "Requires-Dist: a\n",
    "Requires-Dist: b ; os_name == 'nt'\r\n",
    "requires-dist:c\n",
    "REQUIRES-DIST:\td\t\n",
    "Requires-Dist: UNKNOWN\n",
    "Requires-Python: >=3.8\n",
    "Provides-Extra: fast\n",
    "Summary: a text\n",
    "Summary: From here\n",
    "License: MIT\n more\n\tand more\n \n",
    "Description: x\n        y\n       |z\n",
    "Author: Zo\u{eb}\n",
    "Author: =?utf-8?q?x?=\n",
    "From me\n",
    "From x: y\n",
    "From: me\n",
    ": no name\n",
    ":\n",
    "Name : demo\n",
    "Na me: demo\n",
    " continued\n",
    "\tRequires-Dist: hidden\n",
    "no field\n",
    "Summary: a\rRequires-Dist: hidden\n",
    "Summary: a\r\r\n",
    "\r",
    "\r\n",
    "\n",
    "\n\n",
    "Summary: a\x0bRequires-Dist: hidden\n",
    "Summary: a\x0cRequires-Dist: hidden\n",
    "Summary: a\x1cRequires-Dist: hidden\n",
    "Summary: a\u{85}Requires-Dist: hidden\n",
    "Summary: a\u{2028}Requires-Dist: hidden\n",
    "\u{feff}",
    "Content-Type: multipart/mixed; boundary=x\n",
    "Content-Transfer-Encoding: base64\n",
    "--x\n",
    "Description-Content-Type: text/markdown\n",
];

/// Texts to read: each piece at several places of good metadata, and many put together by chance.
fn texts() -> Vec<String> {
    let good =
        ["Metadata-Version: 2.1\n", "Name: demo\n", "Version: 1.0\n", "Requires-Dist: a\n", "\nbody\n"];
    let mut texts = Vec::new();
    for piece in PIECES {
        for at in 0..=good.len() {
            let (before, after) = good.split_at(at);
            texts.push([before, &[piece], after].concat().concat());
        }
        texts.push(good.concat() + piece);
        texts.push(good[..4].concat() + piece.trim_end_matches('\n'));
    }
    let mut runner = TestRunner::deterministic();
    let any = prop::collection::vec(prop::sample::select(PIECES.to_vec()), 0..9);
    for _ in 0..3000 {
        let tail = any.new_tree(&mut runner).expect("a value").current().concat();
        texts.push(format!("Name: demo\nVersion: 1.0\n{tail}"));
        texts.push(tail);
    }
    texts
}

/// What Python finds in each text.
fn found_by_python(texts: &[String]) -> Vec<Value> {
    let mut command = Command::new("python3");
    let mut child = command
        .args(["-c", READER])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 runs");
    let mut input = child.stdin.take().expect("its input");
    let sent = serde_json::to_vec(texts).expect("JSON");
    let writer = std::thread::spawn(move || input.write_all(&sent).expect("python3 reads"));
    let output = child.wait_with_output().expect("python3 ends");
    writer.join().expect("all is sent");
    assert!(output.status.success(), "python3 failed");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// As packaging tools take a value: without blanks around it; empty and `UNKNOWN` are nothing.
fn plain(value: &Value) -> Option<String> {
    let text = value.as_str().unwrap_or_default().trim();
    Some(text.to_owned()).filter(|text| !text.is_empty() && text != "UNKNOWN")
}

#[test]
fn what_is_accepted_says_the_same_to_pythons_email_parser() {
    let texts = texts();
    let found = found_by_python(&texts);
    assert_eq!(found.len(), texts.len());
    let (mut accepted, mut refused) = (0, 0);
    for (text, python) in texts.iter().zip(&found) {
        let (Ok(()), Ok(read)) = (Metadata::check_layout(text.as_bytes()), Metadata::parse(text.as_bytes()))
        else {
            refused += 1;
            continue;
        };
        accepted += 1;
        let one = |name: &str| plain(&python["one"][name]).unwrap_or_default();
        let many = |name: &str| -> Vec<String> {
            python["many"][name].as_array().expect("a list").iter().filter_map(plain).collect()
        };
        assert_eq!(read.metadata_version, one("Metadata-Version"), "{text:?}");
        assert_eq!((&read.name, &read.version), (&one("Name"), &one("Version")), "{text:?}");
        assert_eq!(read.requires_python.clone().unwrap_or_default(), one("Requires-Python"), "{text:?}");
        assert_eq!(read.requires_dist, many("Requires-Dist"), "{text:?}");
        assert_eq!(read.provides_extra, many("Provides-Extra"), "{text:?}");
        let body = python["body"].as_str().unwrap_or_default();
        if !body.trim().is_empty() {
            assert_eq!(read.description.as_deref(), Some(body), "{text:?}");
        }
    }
    assert!(accepted > 300 && refused > 300, "{accepted} accepted, {refused} refused");
    assert_ne!(json!(found[0]), Value::Null);
}
