//! Stories of the command line: what is typed, what is printed, what lies there afterwards.

pub mod build;
mod build_pypi;
mod commands;
mod edges;
mod foreign;
mod install;
mod learned;
mod logins;
mod paths;
mod pip_conf;
mod places;
mod ready;
mod rebuild;
mod recipe;
mod requirements;
pub mod resolve;
mod ripple;
mod system;
mod tested;
mod tokens_kept;
