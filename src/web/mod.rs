//! The HTTP door: `routes` is its table of contents.

pub mod audience;
pub mod negotiate;
pub mod path;
pub mod respond;
pub mod router;
pub mod routes;
pub mod server;

mod operate;
pub mod simple;
