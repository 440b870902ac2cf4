//! The part of the product that reads what strangers write, and the few words it needs: what `with-counters` compiles in
//! place of `src/lib.rs`, as counters in all the rest would take minutes and lead the fuzzer nowhere.

#[path = "../src/config/mod.rs"]
pub mod config;
#[path = "../src/counters.rs"]
pub mod counters;
#[path = "../src/error.rs"]
pub mod error;
#[path = "../src/names/mod.rs"]
pub mod names;
#[path = "../src/packaging/mod.rs"]
pub mod packaging;
#[path = "../src/tools/mod.rs"]
pub mod tools;
#[path = "../src/words/mod.rs"]
pub mod words;
