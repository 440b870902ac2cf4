//! Simple API pages in HTML, project pages and flat ones.
#![no_main]

use libfuzzer_sys::fuzz_target;
use url::Url;
use wheelwright::names::ProjectName;
use wheelwright::packaging::html;

fuzz_target!(|body: &[u8]| {
    let base = Url::parse("http://index.invalid/simple/demo/").expect("a URL");
    let project = ProjectName::new("demo").expect("a name");
    let _ = html::parse(body, &base, &project);
    let _ = html::parse_flat(body, &base, &project);
    let _ = html::flat_projects(body, &base);
    let _ = html::parse_names(body, &base);
});
