//! When something happened.

use crate::tools::time::{Micros, SECOND};
use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};

/// As it is shown: text and JSON are RFC 3339 in whole seconds, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Moment(pub Micros);

impl Moment {
    /// With microseconds, as PEP 700 writes it.
    pub fn exact(self) -> String {
        Timestamp::from_microsecond(self.0).map(|time| format!("{time:.6}")).unwrap_or_default()
    }

    /// `2026-05-03`
    pub fn day(self) -> String {
        self.begin(10)
    }

    /// `2026-05-03 09:20`
    pub fn minute(self) -> String {
        self.begin(16)
    }

    /// `2026-05-03 09:20:00`
    pub fn second(self) -> String {
        self.begin(19)
    }

    fn begin(self, length: usize) -> String {
        self.exact().get(..length).unwrap_or_default().replace('T', " ")
    }
}

impl std::fmt::Display for Moment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", Timestamp::from_second(self.0.div_euclid(SECOND)).unwrap_or_default())
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl TryFrom<String> for Moment {
    type Error = jiff::Error;

    fn try_from(text: String) -> Result<Self, jiff::Error> {
        Ok(Self(text.parse::<Timestamp>()?.as_microsecond()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_told_as_exactly_as_it_is_asked_for() {
        let moment = Moment(1_777_800_000_000_001);
        assert_eq!(moment.exact(), "2026-05-03T09:20:00.000001Z");
        assert_eq!([moment.day(), moment.second()], ["2026-05-03", "2026-05-03 09:20:00"]);
        let json = serde_json::to_string(&moment).unwrap();
        assert_eq!(json, "\"2026-05-03T09:20:00Z\"");
        assert_eq!(serde_json::from_str::<Moment>(&json).unwrap(), Moment(1_777_800_000_000_000));
    }
}
