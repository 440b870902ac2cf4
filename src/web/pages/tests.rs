//! What surrounds the pages: ways, headers, encodings.

use super::*;

#[test]
fn the_way_to_the_root_is_relative() {
    let root = |path| Frame::new(path, &[], None).root;
    assert_eq!(root("/"), "./");
    assert_eq!(root("/alice"), "./");
    assert_eq!(root("/alice/dev"), "../");
    assert_eq!(root("/alice/dev/"), "../../");
    assert_eq!(root("/alice/dev/demo/1.0"), "../../../");
}

#[test]
fn crumbs_are_encoded_links_from_the_root() {
    let frame = Frame::new("/a/b/c", &["a", "b c", "<d>"], None);
    let hrefs: Vec<&str> = frame.crumbs.iter().map(|crumb| crumb.href.as_str()).collect();
    assert_eq!(hrefs, ["a", "a/b%20c", "a/b%20c/%3Cd%3E"]);
    assert_eq!(frame.title, "<d> · wheelwright");
}
