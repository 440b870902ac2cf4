//! Time as one number: what the rows, the JSON and the memory of every room count in.

/// A moment: microseconds since 1970, UTC. How long something takes is no moment: that is an `i64` of
/// microseconds, or a `Duration`.
pub type Micros = i64;

/// In microseconds.
pub const SECOND: i64 = 1_000_000;

/// The present.
pub fn now() -> Micros {
    jiff::Timestamp::now().as_microsecond()
}

/// So many seconds in microseconds, or as many as there can be.
pub fn seconds(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX).saturating_mul(SECOND)
}
