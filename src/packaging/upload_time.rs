//! When a file was uploaded, as PEP 700 writes it: `2026-01-02T03:04:05.678901Z`.

use crate::tools::time::Micros;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use serde::{Deserialize, Serialize, Serializer};
use std::fmt;

/// A moment, and how exactly it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct UploadTime {
    micros: Micros,
    /// Of the fraction of a second, at most 6: an upstream's own spelling is passed on.
    digits: u8,
}

impl UploadTime {
    pub fn new(micros: Micros) -> Self {
        Self { micros, digits: 6 }
    }

    pub fn micros(self) -> Micros {
        self.micros
    }

    /// `2026-01-02`
    pub fn day(self) -> String {
        self.to_string().chars().take(10).collect()
    }

    /// A time as upstreams write it. One that has the form of PEP 700 keeps its digits; any other
    /// is converted to UTC and microseconds. A time without offset is UTC, as in PyPI's older JSON.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let time = text.parse::<Timestamp>().ok().or_else(|| {
            let civil = text.parse::<DateTime>().ok()?;
            Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp())
        })?;
        let time = Self::new(time.as_microsecond());
        match digits(text) {
            Some(digits) => Some(Self { digits, ..time }),
            None => digits(&time.to_string()).map(|_| time),
        }
    }
}

/// The digits of the fraction if `text` has the form that PEP 700 wants: `YYYY-MM-DDTHH:MM:SS[.f{1,6}]Z`.
fn digits(text: &str) -> Option<u8> {
    let shape = "dddd-dd-ddTdd:dd:dd";
    let (seconds, rest) = text.split_at_checked(shape.len())?;
    let fits = seconds.bytes().zip(shape.bytes()).all(|(byte, shape)| match shape {
        b'd' => byte.is_ascii_digit(),
        _ => byte == shape,
    });
    // Python, which most installers are written in, knows neither leap seconds nor the year 0.
    let known = !seconds.starts_with("0000") && !seconds.ends_with(":60");
    let fraction = match rest.strip_suffix('Z')? {
        "" => "",
        rest => rest.strip_prefix('.').filter(|digits| !digits.is_empty())?,
    };
    let fraction_fits = fraction.len() <= 6 && fraction.bytes().all(|byte| byte.is_ascii_digit());
    (fits && known && fraction_fits).then_some(fraction.len() as u8)
}

impl fmt::Display for UploadTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = Offset::UTC.to_datetime(Timestamp::from_microsecond(self.micros).unwrap_or_default());
        write!(f, "{:04}-{:02}-{:02}T", time.year(), time.month(), time.day())?;
        write!(f, "{:02}:{:02}:{:02}", time.hour(), time.minute(), time.second())?;
        let digits = usize::from(self.digits);
        if digits > 0 {
            let micros = format!("{:06}", time.subsec_nanosecond() / 1000);
            write!(f, ".{}", micros.get(..digits).unwrap_or_default())?;
        }
        f.write_str("Z")
    }
}

impl Serialize for UploadTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl TryFrom<String> for UploadTime {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("{text:?} is no time"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Option<String> {
        UploadTime::parse(text).map(|time| time.to_string())
    }

    #[test]
    fn times_that_every_installer_reads_keep_their_spelling() {
        for time in ["2026-01-02T03:04:05Z", "2026-01-02T03:04:05.1Z", "2026-01-02T03:04:05.678901Z"] {
            assert_eq!(told(time).as_deref(), Some(time));
        }
        for time in [
            "",
            "2026-01-02",
            "2026-01-02T03:04:05",
            "2026-01-02T03:04:05.Z",
            "2026-13-02T03:04:05Z",
            "2026-02-30T03:04:05Z",
            "2026-01-02T03:04:05.1234567Z",
            "2026-01-02T03:04:05+00:00",
            "2026-01-02 03:04:05Z",
            "2026-01-02T03:04:60Z",
            "0000-01-02T03:04:05Z",
            "2026-01-02T24:00:00Z",
        ] {
            assert_ne!(told(time).as_deref(), Some(time));
        }
    }

    #[test]
    fn a_time_in_any_form_is_told_in_the_form_of_pep_700() {
        for (text, expected) in [
            ("2016-01-01T00:00:00Z", "2016-01-01T00:00:00Z"),
            ("2016-01-01T00:00:00.5Z", "2016-01-01T00:00:00.5Z"),
            ("2016-01-01T00:00:00+00:00", "2016-01-01T00:00:00.000000Z"),
            ("2016-01-01T00:00:00.123456789Z", "2016-01-01T00:00:00.123456Z"),
            ("2016-01-01T00:00:00.123456-05:00", "2016-01-01T05:00:00.123456Z"),
            ("2016-01-01 00:00:00", "2016-01-01T00:00:00.000000Z"),
            ("2016-01-01T00:00:00.25", "2016-01-01T00:00:00.250000Z"),
            ("1969-12-31T23:59:59.25Z", "1969-12-31T23:59:59.25Z"),
        ] {
            assert_eq!(told(text).as_deref(), Some(expected), "{text}");
        }
        for text in ["", "yesterday", "2016-13-01T00:00:00Z", "0000-01-01T00:00:00Z", "1451606400"] {
            assert_eq!(told(text), None, "{text}");
        }
    }
}
