//! Stories of the server as a program: connections, proxies, TLS, numbers, its keepers.

mod behind_a_proxy;
mod connections;
mod counted;
mod lifetime;
mod observed;
mod operation;
mod operator;
mod rolling;
mod starting;
mod two_nodes;
