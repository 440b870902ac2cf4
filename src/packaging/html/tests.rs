//! HTML: what is read from pages good and bad, and that each rule of writing is kept.

use super::*;
use crate::packaging::page::tests::{HOST, any_page, demo, file};
use proptest::prelude::*;

fn project() -> ProjectName {
    ProjectName::new("demo-pkg").unwrap()
}

fn at() -> Url {
    Url::parse("https://files.example/simple/demo-pkg/").unwrap()
}

fn read(body: &str) -> Page {
    parse(body.as_bytes(), &at(), &project())
}

/// The one line of a rendered page that holds its one link.
fn line(file: File) -> String {
    let page = Page { files: vec![file], ..demo(&[]) };
    let html = render(&page, "../../");
    html.lines().find(|line| line.contains("<a ")).unwrap().trim().to_owned()
}

#[test]
fn tags_and_attributes_are_read_in_any_case_quoted_or_not() {
    let page = read(
        "<A HREF=/f/demo_pkg-1.0-py3-none-any.whl DATA-REQUIRES-PYTHON='&gt;=3.8'\nData-Yanked>x</A>\
         <a href='//cdn.example/demo&#95;pkg-2.0.tar.gz' data-yanked='bad &amp; broken'>y</a>",
    );
    assert_eq!(page.files.len(), 2);
    assert_eq!(page.files[0].link(), format!("{HOST}/f/demo_pkg-1.0-py3-none-any.whl"));
    assert_eq!(page.files[0].requires_python.as_deref(), Some(">=3.8"));
    assert_eq!(page.files[0].yanked, Yanked::Yes);
    assert_eq!(page.files[1].link(), "https://cdn.example/demo_pkg-2.0.tar.gz");
    assert_eq!(page.files[1].yanked, Yanked::Because("bad & broken".into()));
}

#[test]
fn a_base_moves_the_links_and_only_the_first_counts() {
    let page = read("<base href='https://cdn.example/x/'><base href='/y/'><a href=demo_pkg-1.0.tar.gz>a</a>");
    assert_eq!(page.files[0].link(), "https://cdn.example/x/demo_pkg-1.0.tar.gz");
}

#[test]
fn any_fragment_is_understood_or_ignored() {
    let (md5, sha) = ("A".repeat(32), "b".repeat(64));
    let page = read(&format!(
        "<a href='demo_pkg-1.tar.gz#md5={md5}'></a><a href='demo_pkg-2.tar.gz#sha256={sha}&amp;egg=x'></a>\
         <a href='demo_pkg-3.tar.gz#egg=demo'></a><a href='demo_pkg-4.tar.gz#sha1=abc'></a>"
    ));
    assert_eq!(page.files[0].hashes.others, [("md5".to_owned(), "a".repeat(32))]);
    assert_eq!(page.files[1].hashes.sha256, Some(sha));
    assert!(page.files[2].hashes.is_empty() && page.files[3].hashes.is_empty());
}

#[test]
fn links_that_are_no_files_of_the_project_are_left_out() {
    let page = read(
        "<pre><a href='../'>Up</a><a href='?C=M;O=A'>Sort</a><a name=x>no link</a>\
         <a href=other-1.0-py3-none-any.whl>o</a><a href=demo_pkg-1.0.tar.gz.asc>s</a>\
         <a href=sub/>d</a><script>'<a href=demo_pkg-9.tar.gz>'</script>\
         <a href=demo_pkg-1.0.tar.gz?token=1>demo_pk..&gt;</a></pre>",
    );
    let names: Vec<_> = page.files.iter().map(|file| file.filename.as_str()).collect();
    assert_eq!(names, ["demo_pkg-1.0.tar.gz"]);
    assert_eq!(page.files[0].link(), format!("{HOST}/simple/demo-pkg/demo_pkg-1.0.tar.gz?token=1"));
}

#[test]
fn metadata_is_believed_when_true_or_a_digest() {
    let sha = "c".repeat(64);
    for (attribute, expected) in [
        ("data-core-metadata=true".to_owned(), CoreMetadata::Yes),
        (format!("data-core-metadata=sha256={sha}"), CoreMetadata::Sha256(sha.clone())),
        (format!("data-dist-info-metadata=sha256={sha}"), CoreMetadata::Sha256(sha.clone())),
        ("data-core-metadata=sha512=ab".to_owned(), CoreMetadata::Yes),
        (format!("data-core-metadata=false data-dist-info-metadata={sha}"), CoreMetadata::No),
        ("data-core-metadata".to_owned(), CoreMetadata::No),
    ] {
        let page = read(&format!("<a href=demo_pkg-1.tar.gz {attribute}>x</a>"));
        assert_eq!(page.files[0].core_metadata, expected, "{attribute}");
    }
}

#[test]
fn status_and_serial_are_read() {
    let page = read(
        "<meta name='pypi:project-status' content='archived'>\
         <meta name='pypi:project-status-reason' content='moved'><!--SERIAL 123-->",
    );
    assert_eq!((page.status, page.serial), (ProjectStatus::Archived, Some(123)));
    assert_eq!(page.status_reason.as_deref(), Some("moved"));
}

#[test]
fn a_flat_page_is_split_by_project() {
    let body = b"<a href=demo-pkg-1.0.tar.gz>a</a><a href=demo_pkg-1.0-py3-none-any.whl>b</a>\
        <a href=Other-2.zip>c</a><a href=demo-3.tar.gz>d</a><a href=readme.html>e</a>";
    let names: Vec<_> = flat_projects(body, &at()).iter().map(ToString::to_string).collect();
    assert_eq!(names, ["demo", "demo-pkg", "other"]);
    let files = |name: &str| parse_flat(body, &at(), &ProjectName::new(name).unwrap()).files.len();
    assert_eq!((files("demo-pkg"), files("demo"), files("other"), files("pkg")), (2, 1, 1, 0));
}

#[test]
fn a_project_list_is_read_from_its_links() {
    let names = parse_names(
        b"<a href='/simple/Zope.Interface/'>zope</a><a href=demo>d</a><a href='../'>up</a>\
          <a href='https://files.example/simple/a_b/?x=1#y'>text is no name</a>\
          <a href='/help/'>help</a><a href='demo/files/'>deeper</a>",
        &Url::parse("https://files.example/simple/").unwrap(),
    );
    assert_eq!(names.as_str(), "a-b\ndemo\nzope-interface\n");
}

#[test]
fn a_page_is_written_exactly_like_this() {
    let mut wheel = file("demo_pkg-1.0+l-py3-none-any.whl");
    wheel.place = FilePlace::Renamed("root/pypi/+f/aaa/demo_pkg-1.0%2Bl-py3-none-any.whl".into());
    wheel.hashes.sha256 = Some("a".repeat(64));
    wheel.hashes.insert("md5", &"b".repeat(32));
    wheel.requires_python = Some(">=3.8,<4".into());
    wheel.yanked = Yanked::Because("bad & \"broken\"".into());
    wheel.core_metadata = CoreMetadata::Sha256("c".repeat(64));
    wheel.provenance = Provenance::At(format!("{HOST}/p"));
    let mut page = Page { files: vec![wheel], serial: Some(123), ..demo(&[]) };
    page.status = ProjectStatus::Archived;
    page.status_reason = Some("moved to <foo2>".into());
    insta::assert_snapshot!(render(&page, "../../../../"));
}

#[test]
fn each_link_is_one_line_without_a_blank_before_its_end() {
    let mut file = file("demo_pkg-1.0.tar.gz");
    file.yanked = Yanked::Because("two\r\nlines".into());
    let line = line(file);
    assert!(line.contains("data-yanked=\"two&#13;&#10;lines\">demo_pkg-1.0.tar.gz</a><br />"));
    assert!(!line.contains("  ") && !line.contains(" >"));
}

#[test]
fn special_characters_are_escaped_once() {
    let mut file = file("demo_pkg-1.0.tar.gz");
    file.yanked = Yanked::Because("&gt;<'\">".into());
    assert!(line(file).contains("data-yanked=\"&amp;gt;&lt;&#39;&quot;&gt;\""));
}

#[test]
fn a_yank_without_a_reason_has_an_empty_value() {
    let file = File { yanked: Yanked::Yes, ..file("demo_pkg-1.0.tar.gz") };
    assert!(line(file).contains(" data-yanked=\"\">"));
}

#[test]
fn what_is_absent_has_no_attribute_and_no_fragment() {
    let place = FilePlace::Renamed("f/demo_pkg-1.0.tar.gz".to_owned());
    let line = line(File { place, ..file("demo_pkg-1.0.tar.gz") });
    assert_eq!(line, "<a href=\"../../f/demo_pkg-1.0.tar.gz\">demo_pkg-1.0.tar.gz</a><br />");
}

#[test]
fn an_unreadable_python_constraint_is_not_shown() {
    let with = |text: &str| line(File { requires_python: Some(text.into()), ..file("demo_pkg-1.0.tar.gz") });
    assert!(!with("three or more").contains("data-requires-python"));
    assert!(with(">=3.6.*").contains("data-requires-python=\"&gt;=3.6.*\""));
}

#[test]
fn metadata_is_told_under_both_names_alike() {
    let line = line(File { core_metadata: CoreMetadata::Yes, ..file("demo_pkg-1.0.tar.gz") });
    assert!(line.contains(" data-dist-info-metadata=\"true\" data-core-metadata=\"true\">"));
}

#[test]
fn only_sha256_is_shown() {
    let mut file = file("demo_pkg-1.0.tar.gz");
    file.hashes.insert("md5", &"b".repeat(32));
    assert!(!line(file).contains('#'));
}

#[test]
fn only_an_absolute_provenance_is_shown() {
    let provenance = Provenance::Own;
    assert!(!line(File { provenance, ..file("demo_pkg-1.0.tar.gz") }).contains("provenance"));
}

#[test]
fn a_page_has_a_doctype_and_no_base() {
    let html = render(&demo(&["demo_pkg-1.0.tar.gz"]), "");
    assert!(html.starts_with("<!DOCTYPE html>\n"));
    assert!(html.contains("<meta name=\"pypi:repository-version\" content=\"1.4\">"));
    assert!(!html.contains("<base") && !html.contains("SERIAL"));
}

#[test]
fn a_quarantined_project_offers_no_files() {
    let page = Page { status: ProjectStatus::Quarantined, ..demo(&["demo_pkg-1.0.tar.gz"]) };
    let html = render(&page, "");
    assert!(html.contains("quarantined") && !html.contains("<a "));
}

#[test]
fn a_flat_page_leaves_out_what_is_yanked() {
    let mut page = demo(&["demo_pkg-1.0.tar.gz", "demo_pkg-2.0.tar.gz"]);
    page.files[1].yanked = Yanked::Yes;
    page.files[0].requires_python = Some(">=3".into());
    let html = render_flat("Links & more", &page.files, "../");
    assert!(html.contains("<title>Links &amp; more</title>"));
    assert!(html.contains("1.0.tar.gz\" data-requires-python=\"&gt;=3\">demo_pkg-1.0.tar.gz</a>"));
    assert!(!html.contains("2.0"));
}

#[test]
fn a_project_list_has_relative_links_and_can_be_read_back() {
    let mut out = Vec::new();
    let names: NameList = ["b", "A_a"].into_iter().collect();
    render_names(&mut out, "Simple index", names.iter(), Some(9)).unwrap();
    let html = String::from_utf8(out).unwrap();
    assert!(html.contains("    <a href=\"a-a/\">a-a</a><br />\n    <a href=\"b/\">b</a><br />\n"));
    assert!(html.contains("repository-version") && html.ends_with("<!--SERIAL 9-->\n"));
    assert_eq!(parse_names(html.as_bytes(), &at()), names);
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(mut page in any_page()) {
        // HTML has no place for these.
        page.more_versions.clear();
        for file in &mut page.files {
            (file.size, file.uploaded) = (None, None);
        }
        prop_assert_eq!(&read(&render(&page, "")), &page);
    }

    #[test]
    fn reading_never_panics(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        soup in "(<|>|</?a |<!--|--!?>|<!DOCTYPE|<\\?|<base |<meta |name=|content=|href=|data-yanked|['\"=/&#; \n\u{0}a-z]|&gt|&#x[0-9a-f]{0,9};|<script>|<!\\[CDATA\\[|\\]\\]>){0,40}",
    ) {
        for body in [bytes.as_slice(), soup.as_bytes()] {
            let _ = parse(body, &at(), &project());
            let _ = (parse_flat(body, &at(), &project()), flat_projects(body, &at()), parse_names(body, &at()));
        }
    }
}
