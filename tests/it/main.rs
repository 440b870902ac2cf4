//! Stories told to the real server. One binary; a module per subject.

mod kit;

mod clients_install;
mod clients_publish;
mod database;
mod files;
mod durability;
mod fsck;
mod inheritance;
mod keeping;
mod mirror;
mod operation;
mod pages;
mod server;
mod simple;
mod store;
mod tidy;
mod upload;
