//! Stories told to the real server. One binary; a folder for each room, a file for each subject.

#![allow(clippy::disallowed_types, reason = "a test ends with its first panic")]

mod kit;

mod access;
mod audit;
mod backup;
mod browser;
mod build;
mod bundle;
mod cli;
mod clients;
mod curation;
mod devpi;
mod doctor;
mod documented;
mod faults;
mod hooks;
mod index;
mod packages;
mod promise;
mod quarantine;
mod replica;
mod search;
mod serving;
mod space;
mod tidy;
mod transfer;
mod unchanged;
mod watch;
mod wheelhouse;
