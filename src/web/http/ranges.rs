//! Byte ranges (RFC 9110): which part of a file an answer has. Pure.

use http::{HeaderMap, HeaderValue, header};
use std::ops::Range;

/// The part that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RangePart {
    /// 200
    Whole,
    /// 206
    Some(Range<u64>),
    /// 416
    None,
}

/// Reads `Range` and `If-Range` of a request for a file of `size` bytes. Several ranges at once,
/// other units and what cannot be read are answered with the whole file.
pub fn part(
    headers: &HeaderMap,
    size: u64,
    etag: &HeaderValue,
    last_modified: Option<&HeaderValue>,
) -> RangePart {
    let Some(asked) = headers.get(header::RANGE) else { return RangePart::Whole };
    let known = |wanted: &HeaderValue| wanted == etag || last_modified == Some(wanted);
    if headers.get(header::IF_RANGE).is_some_and(|wanted| !known(wanted)) {
        return RangePart::Whole;
    }
    asked.to_str().ok().and_then(|text| single(text, size)).unwrap_or(RangePart::Whole)
}

fn single(text: &str, size: u64) -> Option<RangePart> {
    let (unit, spec) = text.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = spec.trim().split_once('-')?;
    let range = match (number(first)?, number(last)?) {
        (None, None) => return None,
        (None, Some(tail)) => size.saturating_sub(tail)..size,
        (Some(first), None) => first..size,
        (Some(first), Some(last)) if last < first => return None,
        (Some(first), Some(last)) => first..last.saturating_add(1).min(size),
    };
    Some(if range.start < range.end { RangePart::Some(range) } else { RangePart::None })
}

/// Digits, or nothing at all (`Some(None)`); a number too large is as good as the largest.
fn number(text: &str) -> Option<Option<u64>> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some((!text.is_empty()).then(|| text.parse().unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ETAG: HeaderValue = HeaderValue::from_static("\"tag\"");

    fn asked(range: &str, if_range: Option<&str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, range.parse().unwrap());
        if let Some(if_range) = if_range {
            headers.insert(header::IF_RANGE, if_range.parse().unwrap());
        }
        headers
    }

    fn of(range: &str, size: u64) -> RangePart {
        part(&asked(range, None), size, &ETAG, None)
    }

    #[test]
    fn single_ranges_are_cut_out() {
        for (range, expected) in [
            ("bytes=0-0", RangePart::Some(0..1)),
            ("bytes=2-5", RangePart::Some(2..6)),
            ("bytes=5-", RangePart::Some(5..10)),
            ("bytes=-3", RangePart::Some(7..10)),
            ("bytes=-100", RangePart::Some(0..10)),
            ("bytes=0-99", RangePart::Some(0..10)),
            ("bytes=0-99999999999999999999999", RangePart::Some(0..10)),
            ("Bytes=1-2", RangePart::Some(1..3)),
            ("bytes=10-", RangePart::None),
            ("bytes=10-20", RangePart::None),
            ("bytes=-0", RangePart::None),
            ("bytes=5-2", RangePart::Whole),
            ("bytes=0-1,3-4", RangePart::Whole),
            ("bytes=a-b", RangePart::Whole),
            ("bytes=-", RangePart::Whole),
            ("bytes", RangePart::Whole),
            ("lines=0-1", RangePart::Whole),
            ("bytes=--1", RangePart::Whole),
        ] {
            assert_eq!(of(range, 10), expected, "{range}");
        }
        assert_eq!(of("bytes=0-", 0), RangePart::None);
        assert_eq!(of("bytes=-1", 0), RangePart::None);
    }

    #[test]
    fn a_range_of_another_file_is_answered_with_the_whole() {
        let date = HeaderValue::from_static("Sun, 03 May 2026 00:00:00 GMT");
        let with = |if_range| part(&asked("bytes=1-2", Some(if_range)), 10, &ETAG, Some(&date));
        assert_eq!(with("\"tag\""), RangePart::Some(1..3));
        assert_eq!(with("Sun, 03 May 2026 00:00:00 GMT"), RangePart::Some(1..3));
        assert_eq!(with("\"other\""), RangePart::Whole);
        assert_eq!(with("W/\"tag\""), RangePart::Whole);
        assert_eq!(with("Sat, 02 May 2026 00:00:00 GMT"), RangePart::Whole);
    }

    proptest! {
        #[test]
        fn a_part_is_never_outside_the_file(range in "bytes=[0-9]{0,20}-[0-9]{0,20}", size in 0u64..50) {
            if let RangePart::Some(range) = of(&range, size) {
                prop_assert!(range.start < range.end && range.end <= size);
            }
        }
    }
}
