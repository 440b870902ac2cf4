//! Wheels of any build tool: what can be rewritten is the same when it is rewritten again.
#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use wheelwright::packaging::retag::{self, RetagPlan};

fuzz_target!(|bytes: &[u8]| {
    let plan = RetagPlan::default();
    let rewrite = |bytes: &[u8], filename: &str| {
        let mut output = Cursor::new(Vec::new());
        retag::rewrite(Cursor::new(bytes), filename, &plan, &mut output)
            .map(|name| (name, output.into_inner()))
    };
    if let Ok((filename, first)) = rewrite(bytes, "Demo-1.0-py3-none-any.whl") {
        assert_eq!(rewrite(&first, &filename).expect("our own"), (filename, first));
    }
});
