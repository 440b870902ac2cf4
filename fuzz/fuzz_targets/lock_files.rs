//! Lock files of uv, Poetry and PEP 751: whatever comes, it ends.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wheelwright::packaging::lockhash;
use wheelwright::packaging::poetrylock::PoetryLock;
use wheelwright::packaging::pylock::Lock;
use wheelwright::packaging::uvlock::UvLock;

fuzz_target!(|text: &str| {
    let environment = [("sys_platform", "linux"), ("python_full_version", "3.13.1")];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let _ = lockhash::hashes(text);
    if let Ok(lock) = UvLock::parse(text) {
        let _ = lock.named(&environment);
    }
    if let Ok(lock) = PoetryLock::parse(text) {
        let _ = lock.named(&environment);
    }
    if let Ok(lock) = Lock::parse(text) {
        let _ = lock.named(&environment);
    }
});
