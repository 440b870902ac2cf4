//! Stories told to the real server. One binary; a module per subject.

mod kit;

mod big;
mod cli;
mod clients_install;
mod clients_publish;
mod clients_pypi;
mod counted;
mod database;
mod devpi_api;
mod disk_full;
mod durability;
mod files;
mod fsck;
mod inheritance;
mod keeping;
mod legacy_json;
mod memory;
mod mirror;
mod operation;
mod pages;
mod people;
mod permissions;
mod provenance;
mod recipes;
mod serials;
mod server;
mod serving;
mod simple;
mod smuggling;
mod store;
mod tidy;
mod upload;
mod upload_both;
mod upload_form;
mod versiondata;
