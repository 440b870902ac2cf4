//! The `dataindex.json` of a devpi export.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wheelwright::transfer::devpi::dump::{Dump, DumpedIndex};

fuzz_target!(|json: &[u8]| {
    let Ok(dump) = Dump::read(json) else { return };
    for index in dump.indexes.into_values().map(DumpedIndex::read) {
        index.files.iter().for_each(|file| drop((file.filename().to_owned(), file.uploaded())));
    }
});
