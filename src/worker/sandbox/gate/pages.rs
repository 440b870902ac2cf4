//! Which files a page leads to, and the page with links that hold inside.

use std::collections::HashSet;
use url::Url;

/// The path of a file on the server, if `path` is shaped like one: `/{user}/{index}/+f/{3}/{13}/{name}`
/// or `/{user}/{index}/+e/{key}/{name}`. Nothing is decoded: a page and an installer write it alike.
pub(super) fn is_file(path: &str) -> bool {
    let parts: Vec<_> = path.split('/').collect();
    let plain = parts.iter().skip(1).all(|part| !part.is_empty() && *part != "." && *part != "..");
    plain && matches!(parts.as_slice(), ["", _, _, "+f", _, _, _] | ["", _, _, "+e", _, _])
}

/// The paths of all files that a page, HTML or JSON, links to on its own server.
pub(super) fn links(body: &str, page: &Url) -> HashSet<String> {
    let quoted = body.split('"').skip(1);
    let links = quoted.filter(|text| text.contains("/+f/") || text.contains("/+e/"));
    let urls = links.filter_map(|text| page.join(text).ok());
    let own = urls.filter(|url| url.origin() == page.origin());
    own.map(|url| spelling(url.path())).filter(|path| is_file(path)).collect()
}

/// One spelling of a path: pip writes `+` as `%2B`.
pub(super) fn spelling(path: &str) -> String {
    path.replace("%2B", "+").replace("%2b", "+")
}

/// Links to the server by its own address, which is none inside, begin at the gate instead.
pub(super) fn rooted(body: String, server: &Url) -> String {
    let origin = format!("\"{}/", server.origin().ascii_serialization());
    match body.contains(&origin) {
        true => body.replace(&origin, "\"/"),
        false => body,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_leads_to_its_files_on_its_own_server_and_nowhere_else() {
        let page = Url::parse("http://here:1/root/pypi/+simple/demo/").expect("a URL");
        assert_eq!(spelling("/root/pypi/%2Bf/a/b/x-1%2b2.whl"), "/root/pypi/+f/a/b/x-1+2.whl");
        let body = r#"<a href="../../../../root/pypi/+f/abc/def/demo-1.tar.gz#sha256=abc">
            <a href="http://here:1/a/b/+e/key/demo-2.whl"> <a href="http://there/a/b/+e/key/demo-3.whl">
            <a href="../../../../root/pypi/+login">"#;
        let mut found: Vec<_> = links(body, &page).into_iter().collect();
        found.sort();
        assert_eq!(found, ["/a/b/+e/key/demo-2.whl", "/root/pypi/+f/abc/def/demo-1.tar.gz"]);
        assert!(rooted(body.to_owned(), &page).contains("href=\"/a/b/+e/key/demo-2.whl\""));
    }

    #[test]
    fn what_is_no_file_is_told_from_its_path() {
        assert!(is_file("/root/pypi/+f/abc/def/demo-1.tar.gz"));
        for path in
            ["/+f/a/b/c", "/root/pypi/+f/../../x", "/root/pypi/+f/a/b/", "/a/b/+api", "/a/b/+f/a/b/c/d"]
        {
            assert!(!is_file(path), "{path}");
        }
    }
}
