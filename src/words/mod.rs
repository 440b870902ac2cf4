//! The words that rows, JSON and pages share: each list of them is one type.

mod event;

pub use event::EventKind;
