//! wheelwright: one binary that gives an organisation its Python wheels.
//!
//! The modules in reading order; each uses only those before it (`tests/it/tidy.rs` checks).

pub mod config;
pub mod counters;
pub mod error;
pub mod tools;

// Words: names, and the packaging standards as pure functions.
pub mod names;
pub mod packaging;
pub mod words;

// The outside: rows, bytes, other indexes, repositories, the resolver.
pub mod db;
pub mod git;
pub mod store;
pub mod upstream;
pub mod uv;

// The rules: who may what, what an index shows, what gets built, what moves in, what is copied.
pub mod access;
pub mod build;
pub mod directory;
pub mod hooks;
pub mod index;
pub mod replica;
pub mod transfer;

// The doors: a client of other servers, the shadow of one, the builder, HTTP, the command line.
pub mod app;
pub mod cli;
pub mod client;
pub mod shadow;
pub mod web;
pub mod worker;
