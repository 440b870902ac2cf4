//! Bundles: archives, manifests, signatures and the lines of volumes. Whatever comes, it ends.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wheelwright::packaging::bundle::signature::{TrustedKey, verify};
use wheelwright::packaging::bundle::volume::{HEADER, VolumeHeader};
use wheelwright::packaging::bundle::{BundleManifest, BundleReader};

/// Of nobody here: no signature of it is ever right.
const KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";

fuzz_target!(|bytes: &[u8]| {
    if let Some(line) = bytes.first_chunk::<HEADER>() {
        let _ = VolumeHeader::parse(line);
    }
    if let Ok(manifest) = BundleManifest::parse(bytes) {
        manifest.to_bytes().expect("what was read can be written");
    }
    let Ok(mut reader) = BundleReader::open(bytes) else { return };
    let key = TrustedKey::parse(KEY).expect("a key");
    assert!(verify(reader.manifest(), reader.signatures(), &[key], 1).is_err());
    let Ok(manifest) = BundleManifest::parse(reader.manifest()) else { return };
    for file in &manifest.files {
        if reader.begin(file).is_err() {
            return;
        }
        while reader.piece().is_ok_and(|piece| !piece.is_empty()) {}
    }
    let _ = reader.end();
});
