//! Wheels: what the strict reader accepts, the liberal one reads to the same metadata.
#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use wheelwright::names::ProjectName;
use wheelwright::packaging::filename::{SdistFilename, WheelFilename};
use wheelwright::packaging::{sdist, wheel};

fuzz_target!(|bytes: &[u8]| {
    let filename = WheelFilename::parse("demo-1.0-py3-none-any.whl").expect("a wheel's name");
    let liberal = wheel::read_metadata(Cursor::new(bytes));
    if let Ok(contents) = wheel::read(bytes, &filename) {
        assert_eq!(liberal.expect("strict is a part of liberal"), contents.metadata_bytes);
    }
    let project = ProjectName::new("demo").expect("a name");
    let filename = SdistFilename::parse_for(&project, "demo-1.0.zip").expect("an sdist's name");
    let _ = sdist::read(bytes, &filename, true);
});
