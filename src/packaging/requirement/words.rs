//! Texts for property tests, put together from the words of the fuzzers' dictionary.

use proptest::prelude::*;

/// The words of `fuzz/upload.dict`.
pub fn all() -> Vec<String> {
    let lines = include_str!("../../../fuzz/upload.dict").lines().filter(|line| line.starts_with('"'));
    lines.map(|line| unescaped(line.trim_matches('"'))).collect()
}

/// `\\"`, `\\\\` and `\\xHH` as libFuzzer reads them.
fn unescaped(line: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = line.bytes();
    while let Some(byte) = rest.next() {
        match (byte, if byte == b'\\' { rest.next() } else { None }) {
            (b'\\', Some(b'x')) => {
                let digits = [rest.next(), rest.next()].map(|digit| char::from(digit.unwrap_or(b'0')));
                bytes.push(u8::from_str_radix(&digits.iter().collect::<String>(), 16).unwrap_or_default());
            }
            (b'\\', Some(other)) => bytes.push(other),
            _ => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).unwrap_or_default()
}

/// One to nine of them.
pub fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(all()), 1..10).prop_map(|words| words.concat())
}
