//! For how long signed links are good, and when they are made anew.

use crate::config::units::show_seconds;
use crate::tools::time::{Micros, seconds};

/// No signature of S3 lasts longer.
const LONGEST: u64 = 7 * 86_400;

/// Signed links. Seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Presign {
    /// From the moment that a link is made.
    pub lasts: u64,
    /// No page holds a link that ends sooner than this.
    pub min_valid: u64,
}

impl Presign {
    /// Links that last so long; without `min_valid`, half of that is left at least.
    pub fn new(lasts: u64, min_valid: Option<u64>) -> Self {
        Self { lasts, min_valid: min_valid.unwrap_or(lasts / 2) }
    }

    /// What is wrong with the times.
    pub fn check(self) -> Result<(), String> {
        if self.lasts == 0 || self.lasts > LONGEST {
            return Err(format!(
                "links cannot be signed for {}: choose a time of at most 7d, the limit of S3",
                show_seconds(self.lasts)
            ));
        }
        if self.min_valid >= self.lasts {
            return Err(format!(
                "links that last {} are never good for another {}: choose a shorter min_valid, or sign them for longer",
                show_seconds(self.lasts),
                show_seconds(self.min_valid)
            ));
        }
        Ok(())
    }

    /// When links of that moment end.
    pub fn until(self, signed_at: Micros) -> Micros {
        signed_at.saturating_add(seconds(self.lasts))
    }

    /// When they are made anew: at half their life, or before too little of it is left.
    pub fn renew_at(self, signed_at: Micros) -> Micros {
        let life = (self.lasts / 2).min(self.lasts.saturating_sub(self.min_valid));
        signed_at.saturating_add(seconds(life))
    }

    pub(super) fn is_due(self, signed_at: Option<Micros>, now: Micros) -> bool {
        // One from the future was made by a clock that was wrong.
        signed_at.is_none_or(|at| now >= self.renew_at(at) || at > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_renewed_at_half_their_life_or_while_enough_of_it_is_left() {
        let hour = seconds(3600);
        assert_eq!(Presign::new(12 * 3600, None).renew_at(0), 6 * hour);
        assert_eq!(Presign::new(12 * 3600, Some(3600)).renew_at(0), 6 * hour);
        assert_eq!(Presign::new(12 * 3600, Some(10 * 3600)).renew_at(0), 2 * hour);
        let presign = Presign::new(12 * 3600, None);
        assert!(presign.is_due(None, 5) && presign.is_due(Some(0), 6 * hour) && presign.is_due(Some(9), 5));
        assert!(!presign.is_due(Some(0), 6 * hour - 1));
    }

    #[test]
    fn times_that_cannot_be_are_refused() {
        for (lasts, min_valid, words) in
            [(8 * 86_400, None, "at most 7d"), (0, None, "at most 7d"), (3600, Some(3600), "never good")]
        {
            let refused = Presign::new(lasts, min_valid).check().expect_err(words);
            assert!(refused.contains(words), "{refused}");
        }
        assert_eq!(Presign::new(7 * 86_400, None).check(), Ok(()));
    }
}
