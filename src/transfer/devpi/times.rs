//! The ways in which devpi's exports write a time.

use crate::tools::time::Micros;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::rfc2822::DateTimeParser;
use jiff::tz::TimeZone;
use serde_json::Value;

/// `[2026, 11, 21, 9, 30, 58]`, `Sat, 21 Nov 2026 09:30:58 GMT` or `2026-11-21T09:30:58Z`, all UTC.
pub fn any(value: &Value) -> Option<Micros> {
    match value {
        Value::String(text) => written(text),
        Value::Array(numbers) => of_numbers(numbers),
        _ => None,
    }
}

fn written(text: &str) -> Option<Micros> {
    let http = DateTimeParser::new().relaxed_weekday(true);
    let time = text.parse::<Timestamp>().ok().or_else(|| http.parse_timestamp(text).ok());
    time.map(Timestamp::as_microsecond).or_else(|| utc(text.parse().ok()?))
}

fn of_numbers(numbers: &[Value]) -> Option<Micros> {
    let at = |place: usize| numbers.get(place).and_then(Value::as_i64);
    let small = |place: usize| i8::try_from(at(place)?).ok();
    let year = i16::try_from(at(0)?).ok()?;
    let time = DateTime::new(year, small(1)?, small(2)?, small(3)?, small(4)?, small(5)?, 0);
    utc(time.ok()?)
}

fn utc(time: DateTime) -> Option<Micros> {
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp().as_microsecond())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_way_to_write_a_time_means_the_same() {
        for value in [
            json!([2026, 11, 21, 9, 30, 58]),
            json!("Sat, 21 Nov 2026 09:30:58 GMT"),
            json!("2026-11-21T09:30:58Z"),
            json!("2026-11-21T09:30:58"),
        ] {
            assert_eq!(any(&value), Some(1_795_253_458_000_000), "{value}");
        }
        for value in [json!(null), json!([2026, 13, 1, 0, 0, 0]), json!([1]), json!("yesterday"), json!({})] {
            assert_eq!(any(&value), None, "{value}");
        }
    }
}
