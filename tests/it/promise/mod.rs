//! Stories of wheels and metadata that are promised before they exist, and of who resolves with them.

mod everywhere;
mod left_out;
pub mod metadata;
mod metadata_jobs;
mod metadata_pypi;
mod older;
mod pages;
mod pip_reqs;
pub mod proxy;
mod proxy_builds;
mod rows;
mod wheels;
