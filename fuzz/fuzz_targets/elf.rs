//! Shared objects: reading never panics, and what is cleaned reads as it should.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wheelwright::packaging::elf::{self, Elf};

fuzz_target!(|bytes: &[u8]| {
    let before = Elf::read(bytes);
    let mut file = bytes.to_vec();
    if elf::clean(&mut file).is_ok() {
        let (before, after) =
            (before.expect("what is cleaned can be read"), Elf::read(&file).expect("still"));
        assert_eq!(before.versions, after.versions);
        assert!(after.rpath.iter().chain(&after.runpath).all(|path| path.starts_with('$')));
    }
});
