//! The HTTP door: `routes` is its table of contents.

pub mod audience;
pub mod negotiate;
pub mod path;
mod resources;
pub mod respond;
pub mod router;
pub mod routes;
pub mod server;

pub mod pages;

mod devpi;
pub mod files;
mod legacy_json;
mod links;
mod operate;
mod ranges;
pub mod simple;
mod tokens;
