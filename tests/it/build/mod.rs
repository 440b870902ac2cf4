//! Stories of builds: the queue, workers, sandboxes, and what stands on the pages afterwards.

mod ahead;
mod built;
pub mod chain;
mod cross;
mod cross_tested;
mod doubts;
mod live;
mod mirrors;
mod older;
mod pages;
mod private_names;
mod queue;
mod ready;
mod recipes;
mod remedies;
mod repair;
mod sandbox;
mod sandbox_gate;
mod sources;
mod statistics;
mod targets;
mod workers;
