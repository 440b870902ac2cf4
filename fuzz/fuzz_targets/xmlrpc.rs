//! Calls of XML-RPC: whatever comes, it ends, and what was read can be written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wheelwright::packaging::xmlrpc;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(call) = xmlrpc::read(bytes) {
        for param in &call.params {
            let _ = xmlrpc::response(param);
        }
    }
});
