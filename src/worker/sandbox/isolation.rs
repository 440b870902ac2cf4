//! Ways to shut foreign code off.

use crate::bad;
use crate::error::Result;
use serde::{Deserialize, Serialize};

/// How foreign code is shut off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Isolation {
    /// Namespaces and a system call filter, by `bwrap`.
    #[default]
    Bubblewrap,
    /// Nothing: a build can read and change whatever the worker can. Only limits hold.
    None,
}

impl Isolation {
    /// By the name that the setting `build.isolation` has.
    ///
    /// # Errors
    /// `Bad` with the names there are.
    pub fn named(name: &str) -> Result<Self> {
        match name {
            "bubblewrap" => Ok(Self::Bubblewrap),
            "none" => Ok(Self::None),
            _ => Err(bad!("there is no isolation {name:?}: it is `bubblewrap`, or `none` for unsafe builds")),
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Bubblewrap => "bubblewrap",
            Self::None => "none",
        }
    }
}
