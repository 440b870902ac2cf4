//! What gets built: targets, recipes, the queue, failures, evidence.
//!
//! A build is one attempt to turn one source into a wheel for one target. Whoever asks and however
//! often, it is one row, keyed by source, target, recipe, tool set and *context*: the index that
//! build requirements come from. A source that an index inherits is built in the context of the
//! index that owns it, so that nobody can slip their own build tools under another's wheel.
//!
//! A request: [`crate::packaging::choose`] finds the source on a page → [`queue`] joins or starts a build → a worker
//! (`worker/`, inside the server or elsewhere, always over HTTP) claims it under a lease → it sends
//! log, steps, and in the end a wheel, a failure or what is needed first → the wheel passes the
//! gate of a stranger's upload, and is listed.

pub mod ahead;
pub mod demand;
pub mod doctor;
pub mod failure;
pub mod job;
pub mod learned;
pub mod order;
pub mod parties;
pub mod promise;
pub mod publish;
pub mod queue;
pub mod readiness;
pub mod rebuild;
pub mod recipe;
pub mod statistics;
pub mod target;
pub mod targets;
pub mod tools;
pub mod view;
pub mod visible;
pub mod watch;
