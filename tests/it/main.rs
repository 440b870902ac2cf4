//! Stories told to the real server. One binary; a module per subject.

mod kit;

mod database;
mod fsck;
mod mirror;
mod operation;
mod store;
mod tidy;
