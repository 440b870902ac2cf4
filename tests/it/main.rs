//! Stories told to the real server. One binary; a module per subject.

mod kit;

mod database;
mod files;
mod fsck;
mod inheritance;
mod mirror;
mod operation;
mod pages;
mod server;
mod simple;
mod store;
mod tidy;
