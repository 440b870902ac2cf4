//! Others over HTTP: the pages of indexes, their files, METADATA by range requests; and messages to whoever
//! wants to hear of events.

pub mod client;
pub mod files;
pub mod guard;
pub mod message;
pub mod pages;

pub use client::{UpstreamClient, UpstreamSource};
