//! Tags: what `git ls-remote --tags` prints, and what a pattern makes of each.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wheelwright::packaging::remote_tag::read_tags;
use wheelwright::packaging::release_tag::TagPattern;

fuzz_target!(|input: (&str, &str)| {
    let (listed, pattern) = input;
    let tags = read_tags(listed);
    assert!(tags.windows(2).all(|pair| pair[0].name < pair[1].name));
    let Ok(pattern) = TagPattern::parse(pattern) else { return };
    for tag in tags {
        if let Ok(version) = pattern.version(&tag.name) {
            assert_eq!(pattern.version(&tag.name).ok(), Some(version));
        }
    }
});
