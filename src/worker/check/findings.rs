//! What a check found: what it did, and what makes a wheel doubtful that can be installed all the same.

/// Most doubts that are told of one wheel.
const MOST: usize = 20;

/// The findings of a check that found nothing wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// For [`Evidence::checked`](crate::words::Evidence).
    pub done: Vec<String>,
    /// For [`Evidence::doubts`](crate::words::Evidence).
    pub doubts: Vec<String>,
}

impl Findings {
    /// Adds a doubt, in one line.
    pub fn doubt(&mut self, why: impl Into<String>) {
        if self.doubts.len() < MOST {
            self.doubts.push(why.into());
        }
    }

    /// Adds what another check found.
    pub fn extend(&mut self, more: Self) {
        self.done.extend(more.done);
        more.doubts.into_iter().for_each(|why| self.doubt(why));
    }
}
