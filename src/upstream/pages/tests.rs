//! Tests of what is taken for a page.

use super::*;

fn at() -> Url {
    Url::parse("http://index.example/simple/six/").unwrap()
}

fn format(content_type: &str, body: &str) -> Option<Format> {
    format_of(Some(content_type), body.as_bytes(), &at()).ok()
}

#[test]
fn the_format_follows_the_type_and_where_that_is_vague_the_body() {
    assert_eq!(format("application/vnd.pypi.simple.v1+json", ""), Some(Format::Json));
    assert_eq!(format("Text/HTML; charset=utf-8", "<!doctype html>"), Some(Format::Html));
    assert_eq!(format("text/plain", "\u{feff} {\"files\": []}"), Some(Format::Json));
    assert_eq!(format("application/octet-stream", "<a href=x>"), Some(Format::Html));
    assert_eq!(format("Binary/Octet-Stream", "<a href=x>"), Some(Format::Html));
    assert_eq!(format("text/plain", "hello"), None);
    assert_eq!(format("image/png", "<a href=x>"), None);
}

#[tokio::test]
async fn a_login_page_is_no_project_without_files() {
    let read = async |text: &str| {
        let bytes = Bytes::from(text.to_owned());
        let body = FetchedPage {
            bytes,
            format: Format::Html,
            url: at(),
            validators: Validators::default(),
            serial: None,
            framed: true,
        };
        body.into_page(ProjectName::new("six").unwrap(), None).await
    };
    assert!(read("<html><FORM action=login><input name=user></form>").await.is_err());
    assert!(read("<html><h1>Links for six</h1></html>").await.unwrap().files.is_empty());
    let with_search = "<form></form><a href=six-1.0.tar.gz>six</a>";
    assert_eq!(read(with_search).await.unwrap().files.len(), 1);
}

#[tokio::test]
async fn a_page_that_does_not_tell_where_it_ends_takes_nothing_away() {
    let read = async |text: &'static str, known: Option<Arc<Page>>| {
        let body = FetchedPage {
            bytes: Bytes::from(text),
            format: Format::Html,
            url: at(),
            validators: Validators::default(),
            serial: None,
            framed: false,
        };
        body.into_page(ProjectName::new("six").unwrap(), known).await
    };
    let both = read("<a href=six-1.0.tar.gz>1</a><br>\n<a href=six-2.0.tar.gz>2</a>", None).await.unwrap();
    let both = Arc::new(both);
    assert_eq!(both.files.len(), 2);
    let cut = read("<a href=six-1.0.tar.gz>1</a>", Some(both.clone())).await.unwrap_err();
    assert!(cut.to_string().ends_with("lacks files that were there"), "{cut}");
    let more = "<a href=six-3.0.tar.gz>3</a><a href=six-1.0.tar.gz>1</a><a href=six-2.0.tar.gz>2</a>";
    assert_eq!(read(more, Some(both)).await.unwrap().files.len(), 3);
}

#[tokio::test]
async fn the_name_of_a_content_coding_is_read_in_any_case() {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(b"hello").unwrap();
    let packed = Bytes::from(encoder.finish().unwrap());
    for coding in ["gzip", "GZIP", " X-Gzip "] {
        assert_eq!(decode(packed.clone(), Some(coding), &at(), 99).await.unwrap(), "hello");
    }
    assert_eq!(decode("hello".into(), Some("Identity"), &at(), 99).await.unwrap(), "hello");
    assert!(decode(packed, Some("br"), &at(), 99).await.is_err());
}

#[test]
fn a_bomb_of_zeros_is_refused_at_the_limit() {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(&vec![0; 4 << 20]).unwrap();
    let packed = encoder.finish().unwrap();
    assert!(gunzip(&packed, &at(), 1 << 20).is_err());
    assert_eq!(gunzip(&packed, &at(), 4 << 20).unwrap().len(), 4 << 20);
    assert!(gunzip(&packed[..100], &at(), 4 << 20).is_err());
}

#[test]
fn a_page_of_files_is_told_from_a_list_of_projects() {
    let kind = |format, text: &str| {
        let bytes = Bytes::from(text.to_owned());
        let validators = Validators::default();
        FetchedPage { bytes, format, url: at(), validators, serial: None, framed: true }.kind()
    };
    assert_eq!(kind(Format::Html, "<a href='six/'>six</a>"), Some(UpstreamKind::Simple));
    assert_eq!(
        kind(Format::Html, "<a href='../'>..</a><a href='six-1.0.tar.gz'>x</a>"),
        Some(UpstreamKind::Flat)
    );
    assert_eq!(kind(Format::Json, r#"{"meta":{},"projects":[]}"#), Some(UpstreamKind::Simple));
    assert_eq!(kind(Format::Json, r#"{"meta":{},"files":[]}"#), Some(UpstreamKind::Flat));
    assert_eq!(kind(Format::Json, r#"{"message":"hello"}"#), None);
    assert_eq!(kind(Format::Html, "<html><h1>Access blocked</h1></html>"), None);
}
