//! Builds wheels: claims a job from a server, works in a sandbox, hands back what came out.
//!
//! The same code runs inside the server and as `wheelwright worker`; both speak HTTP (`client/worker`). One
//! job goes through the files in this order: `claim` → `fetch` → `environment` (an interpreter with
//! exact build requirements, cached) → `backend` (PEP 517 hooks) → `repair` → `check` → `report`.
//! A job at work is a [`running::RunningJob`]: its `room` (folder, limits, runs), its environments, and its
//! `root` of system packages, and for a cross target its `guest`, which tests, and perhaps its `older` system, where zig could not compile it; `ready` makes usual environments before a job asks. `sandbox` alone starts foreign code; `inside` is what this program does within it.

pub mod attempt;
pub mod backend;
pub mod begin;
pub mod bench;
pub mod built;
pub mod chain;
pub mod check;
pub mod claim;
pub mod clock;
pub mod environment;
pub mod fetch;
pub mod generator;
pub mod guest;
pub mod inner;
pub mod inside;
pub mod interpreters;
pub mod job;
pub mod log;
pub mod metadata;
pub mod older;
pub mod own_tests;
pub mod peek;
#[cfg(target_os = "linux")]
pub mod prepare;
pub mod processes;
pub mod prove;
pub mod ready;
pub mod remedy;
pub mod repair;
pub mod report;
pub mod room;
pub mod root;
pub mod running;
pub mod rust;
pub mod sandbox;
pub mod scripts;
pub mod services;
pub mod source;
pub mod twice;
pub mod zig;
