//! File names of wheels and sdists, strict and liberal.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wheelwright::packaging::filename::{DistFilename, ListedFilename, candidates};

fuzz_target!(|name: &str| {
    if let Ok(parsed) = DistFilename::parse(name) {
        let listed = ListedFilename::parse(parsed.name(), name).expect("what may be uploaded is listed");
        assert_eq!(listed.version(), Some(parsed.version()));
    }
    for project in candidates(name) {
        let _ = ListedFilename::parse(&project, name);
    }
});
