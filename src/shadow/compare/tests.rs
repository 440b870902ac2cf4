//! Pairs of answers, and what differs.

use super::*;
use crate::names::ProjectName;
use crate::shadow::observed::ObservedHead;
use crate::tools::gzip;
use http::Response;
use std::time::Duration;

const JSON: &str = "application/vnd.pypi.simple.v1+json";
const HTML: &str = "text/html; charset=utf-8";

fn observed(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Observed {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    let response = response.body(()).unwrap();
    let head = ObservedHead::new(response.status(), response.headers(), Duration::ZERO);
    let mut observer = crate::shadow::observed::Observer::new(head);
    observer.see(body);
    observer.end(true)
}

fn ok(content_type: &str, body: &str) -> Observed {
    observed(200, &[("content-type", content_type)], body.as_bytes())
}

fn compared(path: &str, old: &Observed, new: &Observed) -> Compared {
    let url = Url::parse(&format!("http://shadow:1{path}")).unwrap();
    let own = ["shadow:1", "old:2", "new:443"].map(str::to_owned);
    Compare { by_head: false, url: &url, subject: &AskedAbout::of(path), own: &own }.compare(old, new)
}

/// What differs, each as `what: old, new`.
#[track_caller]
fn differences(path: &str, old: &Observed, new: &Observed) -> Vec<String> {
    match compared(path, old, new) {
        Compared::Equal => Vec::new(),
        Compared::StatusAlone(why) => panic!("{why}"),
        Compared::Different(found) => {
            found.iter().map(|one| format!("{}: {}, {}", one.what, one.old, one.new)).collect()
        }
    }
}

const PAGE: &str = "/ann/dev/+simple/demo/";
const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

fn html_page(links: &[&str]) -> Observed {
    ok(HTML, &format!("<!DOCTYPE html><html><body><h1>demo</h1>{}</body></html>", links.join("<br/>")))
}

#[test]
fn a_page_is_its_files_in_any_order_spelling_and_format() {
    let old = html_page(&[
        &format!(
            r#"<a href="../../+f/aaa/a/demo-1.0.tar.gz#sha256={A}" data-requires-python="&gt;= 3.8">x</a>"#
        ),
        &format!(r#"<a href="http://shadow:1/ann/dev/+f/bbb/b/demo-1.0-py3-none-any.whl#sha256={B}">y</a>"#),
    ]);
    let json = serde_json::json!({"meta": {"api-version": "1.1"}, "name": "Demo", "files": [
        {"filename": "demo-1.0-py3-none-any.whl", "url": "/other/demo-1.0-py3-none-any.whl", "hashes": {"sha256": B},
         "core-metadata": true, "size": 7},
        {"filename": "demo-1.0.tar.gz", "url": "/other/demo-1.0.tar.gz", "hashes": {"sha256": A},
         "requires-python": ">=3.8"},
    ]});
    let new = ok(JSON, &json.to_string());
    assert_eq!(differences(PAGE, &old, &new), [""; 0]);
    assert_eq!(differences(PAGE, &new, &old), ["metadata of demo-1.0-py3-none-any.whl: served, not served"]);
}

#[test]
fn each_fact_of_a_file_is_compared_by_name() {
    let link =
        |name: &str, hash: &str, more: &str| format!(r#"<a href="/x/{name}#sha256={hash}" {more}>x</a>"#);
    let old = html_page(&[
        &link("demo-1.0.tar.gz", A, ""),
        &link("demo-1.1.tar.gz", A, ""),
        &link("demo-1.2.tar.gz", A, r#"data-requires-python="&gt;=3.8""#),
        &link("demo-1.3.tar.gz", A, r#"data-yanked="bad""#),
        &link("demo-1.4.tar.gz", A, ""),
    ]);
    let new = html_page(&[
        &link("demo-1.1.tar.gz", B, ""),
        &link("demo-1.2.tar.gz", A, r#"data-requires-python="&gt;=3.9""#),
        &link("demo-1.3.tar.gz", A, ""),
        &link("demo-1.4.tar.gz", A, r#"data-yanked="""#),
        &link("demo-1.5.tar.gz", A, ""),
    ]);
    assert_eq!(
        differences(PAGE, &old, &new),
        [
            format!("file demo-1.0.tar.gz: sha256={A}, absent"),
            format!("sha256 of demo-1.1.tar.gz: sha256={A}, sha256={B}"),
            "requires-python of demo-1.2.tar.gz: >=3.8, >=3.9".into(),
            "yanked of demo-1.3.tar.gz: yes bad, no".into(),
            "yanked of demo-1.4.tar.gz: no, yes".into(),
            format!("file demo-1.5.tar.gz: absent, sha256={A}"),
        ]
    );
}

#[test]
fn a_stronger_hash_is_no_difference_and_a_lost_or_other_one_is() {
    let md5 = |digit: &str| digit.repeat(32);
    let page = |fragment: &str| html_page(&[&format!(r#"<a href="/x/demo-1.0.tar.gz{fragment}">x</a>"#)]);
    let (weak, strong) = (format!("#md5={}", md5("a")), format!("#sha256={A}"));
    assert_eq!(differences(PAGE, &page(&weak), &page(&strong)), [""; 0]);
    assert_eq!(differences(PAGE, &page(""), &page(&strong)), [""; 0]);
    for (old, new) in [(&strong, ""), (&weak, ""), (&strong, &*weak), (&weak, &format!("#md5={}", md5("b")))]
    {
        assert_eq!(differences(PAGE, &page(old), &page(new)).len(), 1, "{old} {new}");
    }
}

#[test]
fn a_body_that_is_no_page_is_named() {
    let page = r#"{"meta": {"api-version": "1.0"}, "name": "demo", "files": []}"#;
    let found = differences(PAGE, &ok(JSON, page), &ok(JSON, "{"));
    assert_eq!((found.len(), found[0].starts_with("the page: readable, ")), (1, true), "{found:?}");
    assert_eq!(differences(PAGE, &ok(JSON, "["), &ok(JSON, "{")), [""; 0], "both are as bad");
}

#[test]
fn a_list_of_projects_is_a_set() {
    let list = |names: &[&str]| {
        let links = names.iter().map(|name| format!(r#"<a href="{name}/">{name}</a>"#)).collect::<String>();
        ok(HTML, &format!("<html><body>{links}</body></html>"))
    };
    let json = ok(JSON, r#"{"meta": {"api-version": "1.0"}, "projects": [{"name": "B"}, {"name": "a"}]}"#);
    let path = "/ann/dev/+simple/";
    assert_eq!(differences(path, &list(&["a", "b"]), &json), [""; 0]);
    let many: Vec<String> = (10..22).map(|number| format!("p{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(
        differences(path, &list(&many), &list(&["q"])),
        [
            "projects that the other side does not list: p10, p11, p12, p13, p14, p15, p16, p17, p18, p19 and 2 more, q"
        ]
    );
}

#[test]
fn statuses_are_compared_by_class_and_not_modified_is_a_success() {
    for (old, new, found) in [
        (404, 401, None),
        (403, 401, None),
        (502, 503, None),
        (200, 404, Some("status: 200, 404")),
        (404, 200, Some("status: 404, 200")),
        (302, 200, Some("status: 302, 200")),
    ] {
        let [old, new] = [old, new].map(|status| observed(status, &[], b""));
        assert_eq!(differences(PAGE, &old, &new), Vec::from_iter(found));
    }
    let both = compared(PAGE, &observed(304, &[], b""), &observed(200, &[], b"x"));
    assert_eq!(both, Compared::StatusAlone("conditional requests"));
}

#[test]
fn redirects_are_compared_by_where_they_lead() {
    let to = |location| observed(302, &[("location", location)], b"");
    let path = "/ann/dev/+simple/Demo";
    assert_eq!(
        differences(path, &to("/ann/dev/+simple/demo/"), &to("https://new/ann/dev/%2Bsimple/demo/")),
        [""; 0]
    );
    assert_eq!(differences(path, &to("/ann/dev/+simple/demo"), &to("/ann/dev/+simple/demo/")), [""; 0]);
    assert_eq!(
        differences(path, &to("http://old:2/a"), &to("http://else/a")),
        ["redirect: /a, http://else/a"]
    );
    assert_eq!(differences(path, &to("/a"), &observed(302, &[], b"")), ["redirect: /a, nowhere"]);
}

#[test]
fn files_are_compared_by_their_bytes_or_by_length_where_only_the_head_was_asked_for() {
    let path = "/ann/dev/+f/aaa/a/demo-1.0.tar.gz";
    let file = |length: &str, bytes: &[u8]| observed(200, &[("content-length", length)], bytes);
    assert_eq!(differences(path, &file("1", b"x"), &file("1", b"x")), [""; 0]);
    let found = differences(path, &file("1", b"x"), &file("1", b"y"));
    assert_eq!(
        (found.len(), found[0].starts_with("sha256 of demo-1.0.tar.gz: 2d71")),
        (1, true),
        "{found:?}"
    );
    let url = Url::parse(&format!("http://shadow:1{path}")).unwrap();
    let head = Compare { by_head: true, url: &url, subject: &AskedAbout::File, own: &[] };
    assert_eq!(head.compare(&file("1", b"x"), &file("1", b"")), Compared::Equal);
    assert_ne!(head.compare(&file("1", b"x"), &file("2", b"")), Compared::Equal);
}

fn json(value: serde_json::Value) -> Observed {
    ok("application/json", &value.to_string())
}

#[test]
fn json_is_compared_as_values_without_what_differs_by_nature() {
    let old = json(serde_json::json!({"type": "indexconfig", "message": "hello", "result": {
        "bases": ["root/pypi", "ann/prod"], "projects": ["b", "a"], "created": "2020", "title": "", "volatile": true,
        "index": "http://old:2/ann/dev", "mirror_url": "https://pypi.test/simple/",
        "+links": [
            {"rel": "releasefile", "href": "http://shadow:1/ann/dev/+f/aa/bb/demo-1.0.tar.gz", "hash_spec": "sha256=aa"},
            {"rel": "doczip", "href": "http://shadow:1/ann/dev/+f/cc/dd/demo-1.0.doc.zip"},
        ],
    }}));
    let new = json(serde_json::json!({"type": "indexconfig", "result": {
        "bases": ["root/pypi", "ann/prod"], "projects": ["a", "b"], "created": "2026", "volatile": true, "more": 1,
        "index": "https://new/ann/dev", "mirror_url": "https://pypi.test/simple/",
        "+links": [
            {"rel": "doczip", "href": "https://new/ann/dev/+f/xx/demo-1.0.doc.zip"},
            {"rel": "releasefile", "href": "https://new/ann/dev/+f/aab/b/demo-1.0.tar.gz", "hash_spec": "sha256=aa"},
        ],
    }}));
    assert_eq!(differences("/ann/dev", &old, &new), [""; 0]);
}

#[test]
fn json_that_says_something_else_is_named_by_its_place() {
    let index = |value: serde_json::Value| json(serde_json::json!({"result": value}));
    let of = |old, new| differences("/ann/dev", &index(old), &index(new));
    use serde_json::json as j;
    assert_eq!(
        of(j!({"bases": ["a/b", "c/d"]}), j!({"bases": ["c/d", "a/b"]})).len(),
        2,
        "their order decides"
    );
    assert_eq!(of(j!({"volatile": true}), j!({"volatile": false})), ["result.volatile: true, false"]);
    assert_eq!(of(j!({"projects": ["a", "b"]}), j!({"projects": ["a"]})), ["result.projects: [a, b], [a]"]);
    assert_eq!(of(j!({"1.0": {"name": "x"}}), j!({})), ["result.1.0: {name}, absent"]);
    assert_eq!(
        of(j!({"url": "https://u:hidden@a.test/x?token=hidden"}), j!({"url": "http://old:2/x"})),
        ["result.url: https://****@a.test/x?token=****, http://old:2/x"]
    );
    assert_eq!(of(j!({"password": "hidden"}), j!({"password": "other"})), ["result.password: ****, ****"]);
    assert_eq!(differences("/ann", &ok("application/json", "{}"), &ok(HTML, "<html>")).len(), 1);
}

#[test]
fn what_cannot_be_compared_is_said() {
    let page = |encoding, bytes: &[u8]| {
        observed(200, &[("content-type", HTML), ("content-encoding", encoding)], bytes)
    };
    let text = format!(r#"<a href="/x/demo-1.0.tar.gz#sha256={A}">x</a>"#);
    let packed = page("gzip", &gzip::pack(text.as_bytes(), 6).unwrap());
    assert_eq!(differences(PAGE, &page("identity", text.as_bytes()), &packed), [""; 0]);
    let huge = page("gzip", &gzip::pack(&vec![b' '; KEPT + 1], 1).unwrap());
    for odd in [page("br", b"x"), page("gzip", b"x"), huge] {
        assert_eq!(compared(PAGE, &odd, &packed), Compared::StatusAlone("unreadable bodies"));
    }
    let person = ok(HTML, "<html>");
    assert_eq!(compared("/ann/dev", &person, &person), Compared::StatusAlone("pages for people"));
    let state = json(serde_json::json!({"result": {}}));
    assert_eq!(compared("/+status", &state, &state), Compared::StatusAlone("states of one server"));
    assert!(ProjectName::new("demo").is_some_and(|name| AskedAbout::of(PAGE) == AskedAbout::Page(name)));
}
