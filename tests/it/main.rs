//! Stories told to the real server. One binary; a module per subject.

mod kit;

mod cli;
mod clients_install;
mod clients_publish;
mod database;
mod devpi_api;
mod durability;
mod files;
mod fsck;
mod inheritance;
mod keeping;
mod mirror;
mod operation;
mod pages;
mod people;
mod permissions;
mod server;
mod simple;
mod store;
mod tidy;
mod upload;
mod upload_both;
