//! Versions and specifiers (PEP 440): a thin wrap, so that the rest of the house has one import.

pub use pep440_rs::{Version, VersionSpecifiers};
