//! The `uv` program as a resolver: what it is told, and how it is started so that it reaches nothing
//! but one index and ends in time.
//!
//! It never runs anything of a package: wheels alone count, and of the interpreter that it resolves
//! for it sees a description ([`interpreter`]). So any target will do, also one that no machine here
//! has, or that uv would not run with (Python 2.7).

mod interpreter;
mod place;
mod run;

pub use place::{Known, on_path, pinned, version};
pub use run::{Question, Resolution, UvLimits, compile};
