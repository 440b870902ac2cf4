//! wheelwright: one binary that gives an organisation its Python wheels.
//!
//! The modules in reading order; each uses only those before it (`tests/it/tidy.rs` checks).

//MOD config
pub mod error;

// Words: the packaging standards as pure functions.
pub mod packaging;

// The outside: rows, bytes, other indexes.
//MOD db
//MOD store
//MOD upstream

// The rules: who may what, what an index shows.
//MOD access
//MOD index

// The doors: HTTP and the command line.
//MOD app
//MOD cli
//MOD web
