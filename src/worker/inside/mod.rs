//! What this program does inside a sandbox: `wheelwright inside …`, hidden from people.
//!
//! `enter LIMITS -- COMMAND` stands over a run as its first process; `unpack ARCHIVE FOLDER` unpacks
//! a source distribution; `install WHEEL SITE-PACKAGES` puts a wheel's modules where an interpreter
//! finds them. No runtime, no configuration: it starts fast.

mod canary;
mod enter;
mod forward;
mod install;
mod place;
mod unpack;

pub(super) use forward::MOST_THREADS;
use std::ffi::OsString;
use std::process::ExitCode;
pub(super) use unpack::LACKS_PROGRAM;

/// Runs what follows `wheelwright inside`.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut arguments = arguments.into_iter();
    let verb = arguments.next().unwrap_or_default();
    let result = match verb.to_str() {
        Some("canary") => canary::main(arguments),
        Some("enter") => enter::main(arguments),
        Some("unpack") => unpack::main(arguments),
        Some("install") => install::main(arguments),
        _ => Err("this is for use in sandboxes only".to_owned()),
    };
    match result {
        Ok(code) => code,
        Err(text) => {
            eprintln!("error: {text}");
            ExitCode::from(125)
        }
    }
}
