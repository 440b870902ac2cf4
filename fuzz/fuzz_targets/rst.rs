//! Descriptions in reStructuredText.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wheelwright::packaging::rst;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let _ = rst::is_more_like_markdown(&text);
    let html = rst::html(&text, 3).unwrap_or_default();
    assert!(html.len() < 100 * text.len() + 1000);
});
