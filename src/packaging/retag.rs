//! Writes a wheel anew: one order, one time, one name, with other tags or members where asked.

use std::collections::BTreeMap;
use std::io::{Read, Seek, Write};

use crate::bad;
use crate::error::Result;

/// How a wheel is to be written.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Takes the place of the platform tags; `None`: they stay.
    pub platform: Option<Vec<String>>,
    /// Takes the place of the Python and ABI tags.
    pub python_abi: Option<(String, String)>,
    /// Begins with a digit.
    pub build: Option<String>,
    /// New content for members, by name.
    pub replaced: BTreeMap<String, Vec<u8>>,
    /// Seconds since 1970 that every member gets (`SOURCE_DATE_EPOCH`).
    pub timestamp: i64,
}

/// Rewrites the wheel `input`, whose file is called `filename`, into `output`; returns its new name.
///
/// # Errors
/// `Bad` if it is no wheel, or has two members of one name.
pub fn rewrite<R: Read + Seek, W: Write + Seek>(
    input: R,
    filename: &str,
    plan: &Plan,
    output: W,
) -> Result<String> {
    let _ = (input, filename, plan, output);
    Err(bad!("rewriting wheels is not written yet"))
}
