//! Versions: the canonical form is stable and equal to what it was made from.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wheelwright::packaging::version;

fuzz_target!(|text: &str| {
    let _ = version::readable_specifiers(text);
    if let Some(canonical) = version::canonical(text) {
        assert_eq!(version::canonical(&canonical).as_deref(), Some(&*canonical));
        assert_eq!(version::parse(text), version::parse(&canonical));
    }
});
