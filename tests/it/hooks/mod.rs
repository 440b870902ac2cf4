//! Stories of those who are told what happens, and of programs that are asked before.

mod programs;
mod webhook_faults;
pub mod webhooks;
