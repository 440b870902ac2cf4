//! A shadow: stands before an old devpi-server, forwards what its clients ask, asks a wheelwright the same beside it,
//! and compares the answers.
//!
//! Clients always get the old server's answer, and never wait for the new one.

mod beside;
mod compare;
mod forward;
mod headers;
mod ledger;
mod login;
mod observed;
mod proxy;
mod replay;
mod report;
mod subject;

pub use self::proxy::{Shadow, ShadowBounds};
pub use self::report::ShadowReport;
