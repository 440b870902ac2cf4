//! Stories of who may what, and of strangers.

mod account;
mod foreign_browser;
mod foreign_pages;
mod form_tokens;
mod handover;
mod inner_network;
mod ldap;
mod oidc;
mod people;
mod permissions;
mod publishing;
mod reused_names;
mod reused_names_mirror;
mod rights;
mod shared_caches;
mod smuggling;
mod strangers_builds;
mod strangers_downloads;
mod strangers_gc;
mod strangers_list;
mod strangers_slow;
mod strangers_turns;
mod user_header;
