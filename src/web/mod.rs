//! The HTTP door: `routes` is its table of contents.

pub mod audience;
pub mod builds;
pub mod files;
pub mod integrity;
pub mod multipart;
pub mod negotiate;
pub mod pages;
pub mod path;
pub mod places;
pub mod proxy;
pub mod respond;
pub mod router;
pub mod routes;
pub mod server;
pub mod simple;
pub mod workers;

mod ctx;
mod devpi;
mod drain;
mod legacy_json;
mod links;
mod manage;
mod named;
mod operate;
mod origin;
mod promised;
mod ranges;
mod recipes;
mod resources;
mod shared_caches;
mod slow;
mod tokens;
mod upload;
mod versiondata;
mod whence;
