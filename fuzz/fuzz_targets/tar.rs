//! Sdists: the input as a file, and as the tar archive within one (the fuzzer cannot write gzip).
#![no_main]

use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use libfuzzer_sys::fuzz_target;
use wheelwright::names::ProjectName;
use wheelwright::packaging::{filename::SdistFilename, sdist};

fuzz_target!(|bytes: &[u8]| {
    let project = ProjectName::new("demo").expect("a name");
    let filename = SdistFilename::parse_for(&project, "demo-1.0.tar.gz").expect("an sdist's name");
    let _ = sdist::read(bytes, &filename, true);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
    encoder.write_all(bytes).expect("memory");
    let packed = encoder.finish().expect("memory");
    let strict = sdist::read(&*packed, &filename, false).is_ok();
    let linked = sdist::read(&*packed, &filename, true).is_ok();
    assert!(linked || !strict, "allowing links refuses nothing");
});
