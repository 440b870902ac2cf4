//! Core metadata, read liberally and then checked as an upload's.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wheelwright::packaging::metadata::Metadata;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(metadata) = Metadata::parse(bytes) {
        let _ = metadata.validate_upload();
        let _ = metadata.labelled_urls().count();
    }
});
