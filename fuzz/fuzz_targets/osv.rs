//! Advisories in OSV's format: whatever comes, it ends.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wheelwright::packaging::osv::Advisory;
use wheelwright::packaging::version;

fuzz_target!(|text: &str| {
    let Ok(advisory) = Advisory::parse(text) else { return };
    let Some(version) = version::parse("1.0") else { return };
    for affected in &advisory.affected {
        let _ = advisory.affects(&affected.project, &version);
        let _ = advisory.fixed_in(&affected.project, &version);
    }
});
