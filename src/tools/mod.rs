//! What every room needs and no crate brings along: each small thing once.

pub mod claim;
pub mod failing;
pub mod flight;
pub mod glob;
pub mod gzip;
pub mod hex;
pub mod hops;
pub mod links;
pub mod locks;
pub mod loopback;
pub mod nearest;
pub mod pace;
pub mod panics;
pub mod process;
pub mod replaced;
pub mod request_id;
pub mod scratch;
pub mod time;
