//! Loops that go on for ever: a failure is told once, until the work succeeds again.

use crate::error::Result;

/// Whether the work of a loop fails at present.
#[derive(Default)]
pub struct Failing(bool);

impl Failing {
    /// Notes how a round went; `what` is told of a failure: `cannot read events`.
    pub fn note(&mut self, round: &Result<()>, what: &str) {
        if let Err(error) = round
            && !self.0
        {
            tracing::warn!(error = format!("{error:#}"), "{what}; retrying");
        }
        self.0 = round.is_err();
    }
}
