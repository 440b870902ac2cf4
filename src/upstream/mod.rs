//! Other indexes over HTTP: their pages, their files, and METADATA by range requests.

pub mod client;
pub mod files;
pub mod guard;
pub mod pages;

pub use client::{UpstreamClient, UpstreamSource};
