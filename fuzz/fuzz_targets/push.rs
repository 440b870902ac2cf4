//! What a forge sends when somebody pushes: only who knows the secret is believed.
#![no_main]

use http::{HeaderMap, HeaderName, HeaderValue};
use libfuzzer_sys::fuzz_target;
use wheelwright::packaging::push_signature::is_signed;

/// Nobody finds it by trying.
const SECRET: &str = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";

fuzz_target!(|input: (Vec<(&str, &[u8])>, &[u8])| {
    let (given, body) = input;
    let mut headers = HeaderMap::new();
    for (name, value) in &given {
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value))
        {
            headers.append(name, value);
        }
    }
    assert!(!is_signed("", &headers, body), "without a secret nobody is believed");
    assert!(!is_signed(SECRET, &headers, body));
    headers.insert("x-gitlab-token", HeaderValue::from_static(SECRET));
    assert!(is_signed(SECRET, &headers, body));
});
