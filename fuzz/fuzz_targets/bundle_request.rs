//! Requests for bundles: what is read can be written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wheelwright::packaging::bundle::request::BundleRequest;

fuzz_target!(|text: &str| {
    if let Ok(request) = BundleRequest::parse(text) {
        assert_eq!(BundleRequest::parse(&request.to_text()).expect("it is one"), request);
    }
});
