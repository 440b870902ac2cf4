//! Simple API pages in JSON.
#![no_main]

use libfuzzer_sys::fuzz_target;
use url::Url;
use wheelwright::names::ProjectName;
use wheelwright::packaging::json;

fuzz_target!(|body: &[u8]| {
    let base = Url::parse("http://index.invalid/simple/demo/").expect("a URL");
    let project = ProjectName::new("demo").expect("a name");
    let _ = json::parse(body, &base, &project);
    let _ = json::parse_names(body);
});
