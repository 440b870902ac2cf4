//! What forms may look like on the wire, and what no form may look like.

use super::*;
use proptest::prelude::*;

type Read = Result<Vec<(Part, Vec<u8>)>>;

/// Reads a whole form that arrives in pieces of `step` bytes.
fn read(content_type: &str, body: &[u8], step: usize) -> Read {
    let pieces: Vec<Result<Bytes>> =
        body.chunks(step.max(1)).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    futures::executor::block_on(async {
        let mut form = Multipart::new(futures::stream::iter(pieces), content_type)?;
        let mut parts = Vec::new();
        while let Some(part) = form.part().await? {
            let mut bytes = Vec::new();
            while let Some(chunk) = form.chunk().await? {
                assert!(!chunk.is_empty());
                bytes.extend_from_slice(&chunk);
            }
            parts.push((part, bytes));
        }
        Ok(parts)
    })
}

const TYPE: &str = "multipart/form-data; boundary=XX";

fn field(name: &str) -> Part {
    Part { name: name.into(), ..Part::default() }
}

#[test]
fn parts_are_read_whatever_the_pieces_they_arrive_in() {
    let body = b"--XX\r\nContent-Disposition: form-data; name=\":action\"\r\n\r\nfile_upload\r\n\
        --XX \t\r\ncontent-disposition: form-data; name=content; filename=\"a \\\"b\\\".whl\"\r\n\
        Content-Type: application/octet-stream\r\n\r\n\r\n--X\r\n--XY\r\n\r\n--XX\r\n\
        Content-Disposition: form-data; name=\"empty\"\r\n\r\n\r\n--XX--\r\n";
    let content = Part {
        name: "content".into(),
        filename: Some("a \"b\".whl".into()),
        content_type: Some("application/octet-stream".into()),
    };
    let expected = vec![
        (field(":action"), b"file_upload".to_vec()),
        (content, b"\r\n--X\r\n--XY\r\n".to_vec()),
        (field("empty"), b"".to_vec()),
    ];
    for step in 1..body.len() {
        assert_eq!(read(TYPE, body, step).unwrap(), expected, "in steps of {step}");
    }
}

#[test]
fn a_preamble_is_skipped_and_what_follows_the_end_is_not_read() {
    let body = b"hello\r\n--XX\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--XX--\r\nbye --XX";
    assert_eq!(read(TYPE, body, 7).unwrap(), vec![(field("a"), b"1".to_vec())]);
}

#[test]
fn an_extended_filename_wins_over_the_plain_one() {
    let head = b"\r\nContent-Disposition: form-data; name=\"content\"; filename=\"naive\"; \
        filename*=utf-8''na%C3%AFve-1.0.tar.gz";
    assert_eq!(headers(head).unwrap().filename.as_deref(), Some("naïve-1.0.tar.gz"));
}

#[test]
fn a_quoted_boundary_is_unquoted() {
    assert_eq!(boundary("Multipart/Form-Data; charset=utf-8; boundary=\"a b\"").unwrap(), "a b");
}

#[test]
fn other_content_types_and_bad_boundaries_are_refused() {
    let long = format!("multipart/form-data; boundary={}", "x".repeat(71));
    for kind in [
        "application/json",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/mixed; boundary=x",
        "",
        &long,
    ] {
        assert!(matches!(boundary(kind), Err(Error::Bad(_))), "{kind:?}");
    }
}

#[test]
fn malformed_parts_are_refused() {
    let forms: [&[u8]; 12] = [
        b"",
        b"--XX",
        b"--XX\r\nContent-Disposition: form-data; name=a\r\n\r\nnever ends",
        b"--XX\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--XX",
        b"--XX\r\n\r\n1\r\n--XX--",
        b"--XXX\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--XX--",
        b"--XX\r\nContent-Disposition: form-data\r\n\r\n1\r\n--XX--",
        b"--XX\r\nContent-Disposition: form-data; name=\"a\r\n\r\n1\r\n--XX--",
        b"--XX\r\nContent-Disposition: form-data; name=a; name=b\r\n\r\n1\r\n--XX--",
        b"--XX\r\nContent-Disposition: attachment; name=a\r\n\r\n1\r\n--XX--",
        b"--XX\r\nContent-Disposition: form-data; name=a\r\nContent-Disposition: form-data; name=b\r\n\r\n1\r\n--XX--",
        b"--XX\r\nContent-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: base64\r\n\r\n1\r\n--XX--",
    ];
    for form in forms {
        assert!(matches!(read(TYPE, form, 5), Err(Error::Bad(_))), "{}", String::from_utf8_lossy(form));
    }
}

#[test]
fn endless_headers_are_refused_before_they_fill_the_memory() {
    let mut body = b"--XX\r\nContent-Disposition: form-data; name=a; x=".to_vec();
    body.resize(1 << 20, b'y');
    assert!(matches!(read(TYPE, &body, 4096), Err(Error::Bad(_))));
}

#[test]
fn a_text_field_has_a_limit_and_no_nul() {
    let ask = |value: &[u8]| {
        let body = [b"--XX\r\nContent-Disposition: form-data; name=a\r\n\r\n", value, b"\r\n--XX--"].concat();
        futures::executor::block_on(async {
            let stream = futures::stream::iter([Ok(Bytes::from(body))]);
            let mut form = Multipart::new(stream, TYPE).unwrap();
            form.part().await.unwrap();
            text(&mut form, "a", 4).await
        })
    };
    assert_eq!(ask(b"1234").unwrap(), "1234");
    assert!(matches!(ask(b"12345"), Err(Error::TooLarge(_))));
    assert!(matches!(ask(b"1\x002"), Err(Error::Bad(_))));
    assert!(matches!(ask(b"1\xff2"), Err(Error::Bad(_))));
}

proptest! {
    #[test]
    fn what_was_written_is_read(
        fields in prop::collection::vec(("[a-z:_]{1,12}", prop::collection::vec(any::<u8>(), 0..200)), 0..6),
        step in 1usize..64,
    ) {
        let boundary = "=-boundary that no random bytes hold-=";
        let mut body = Vec::new();
        for (name, value) in &fields {
            body.extend_from_slice(format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n").as_bytes());
            body.extend_from_slice(value);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        let parts = read(&format!("multipart/form-data; boundary=\"{boundary}\""), &body, step).unwrap();
        let expected: Vec<_> = fields.into_iter().map(|(name, value)| (field(&name), value)).collect();
        prop_assert_eq!(parts, expected);
    }

    #[test]
    fn no_bytes_make_it_panic(body in prop::collection::vec(any::<u8>(), 0..400), kind in "\\PC{0,60}", step in 1usize..9) {
        let _ = read(&kind, &body, step);
        let _ = read(TYPE, &[b"--XX\r\n", &body[..]].concat(), step);
        let _ = headers(&body);
    }
}
