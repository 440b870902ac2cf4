//! One target, as pages and installers ask for it.

use crate::build::target::Target;
use crate::packaging::choose::Chooser;

/// A target with what is worked out of it once.
#[derive(Debug)]
pub struct Offered {
    pub target: Target,
    pub chooser: Chooser,
    /// Some worker builds for it at present. If not, what was promised and built is still served.
    pub open: bool,
    /// Tells pages for it apart from others.
    pub key: String,
}

impl Offered {
    pub fn new(target: Target, open: bool) -> Self {
        let key = format!("{}{}", target.name, if open { "" } else { " (away)" });
        Self { chooser: target.chooser(), target, open, key }
    }
}
