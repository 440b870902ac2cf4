//! File names of wheels and sdists, strict and liberal.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wheelwright::packaging::filename::{DistFilename, candidates, describe};

fuzz_target!(|name: &str| {
    if let Ok(parsed) = DistFilename::parse(name) {
        let described = describe(parsed.name(), name).expect("what may be uploaded is listed");
        assert_eq!(described.parsed.as_ref(), Some(parsed.version()));
    }
    for project in candidates(name) {
        let _ = describe(&project, name);
    }
});
