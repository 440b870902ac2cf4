//! Search texts: whatever is typed, it gives a bounded number of words of letters and digits, or is refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wheelwright::index::search::{SearchText, words};

fuzz_target!(|text: &str| {
    for word in words(text) {
        assert!(!word.is_empty() && word.chars().all(char::is_alphanumeric));
        assert!(word.chars().count() <= 64);
    }
    if let Ok(text) = SearchText::parse(text) {
        assert!(text.words.len() <= 20 && text.whole.len() <= 2000);
    }
});
