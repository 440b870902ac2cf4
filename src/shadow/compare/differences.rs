//! Differences of one pair of answers, while they are found.

/// More differences of one pair of answers are counted, not named.
const NAMED: usize = 20;

/// Something that the new server answers otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Difference {
    /// `status`, `sha256 of demo-1.0.tar.gz`
    pub what: String,
    pub old: String,
    pub new: String,
}

/// Collects differences, and how many there were.
#[derive(Default)]
pub struct Differences {
    named: Vec<Difference>,
    more: usize,
}

impl Differences {
    pub fn add(&mut self, what: impl Into<String>, old: impl Into<String>, new: impl Into<String>) {
        match self.named.len() < NAMED {
            true => self.named.push(Difference { what: what.into(), old: old.into(), new: new.into() }),
            false => self.more += 1,
        }
    }

    /// All of them; the last one counts those without a name.
    pub fn into_named(mut self) -> Vec<Difference> {
        if self.more > 0 {
            let more = self.more.to_string();
            self.named.push(Difference { what: "more differences".into(), old: more.clone(), new: more });
        }
        self.named
    }
}
