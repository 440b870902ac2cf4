//! Stories of the audit log: what it says of each change, and that nobody changes it unnoticed.

mod chain;
mod command;
mod pages;
mod routes;
