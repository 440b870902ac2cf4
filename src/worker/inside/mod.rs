//! What this program does inside a sandbox: `wheelwright inside …`, hidden from people.
//!
//! `unpack ARCHIVE FOLDER` unpacks a source distribution; `install WHEEL SITE-PACKAGES` puts a
//! wheel's modules where an interpreter finds them. No runtime, no configuration: it starts fast.

use std::ffi::OsString;
use std::process::ExitCode;

/// Runs what follows `wheelwright inside`.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let _ = arguments.into_iter().count();
    eprintln!("error: this is for use in sandboxes only");
    ExitCode::from(2)
}
