//! Stories of indexes: pages, files, uploads, mirrors, inheritance.

mod devpi_api;
mod files;
mod inheritance;
mod keeping;
mod legacy_json;
mod map;
mod memory;
mod mirror;
mod pages;
mod provenance;
mod serials;
mod simple;
mod upload;
mod upload_both;
mod upload_form;
mod upload_hostile;
mod upload_identity;
mod upload_published;
mod upload_python;
mod versiondata;
mod xmlrpc;
