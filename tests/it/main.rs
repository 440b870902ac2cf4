//! Stories told to the real server. One binary; a module per subject.

mod kit;

mod operation;
mod tidy;
