//! The HTTP door: `routes` is its table of contents.

pub mod builds;
pub mod files;
pub mod forward;
pub mod http;
pub mod integrity;
pub mod pages;
pub mod proxy;
mod publishers;
pub mod router;
pub mod routes;
pub mod server;
pub mod simple;
pub mod workers;

mod admission;
mod devpi;
mod documentation;
mod learned;
mod legacy_json;
mod links;
mod manage;
mod operate;
mod promised;
mod push;
mod readiness;
mod rebuild;
mod recipes;
mod refusal;
mod replica;
mod resources;
mod results;
mod target;
mod tokens;
mod upload;
mod versiondata;
mod webhooks;
mod xmlrpc;
