//! Mirrors: what an upstream says, kept; its files, fetched once, verified and stored.

mod absent;
mod ask;
mod asked;
mod download;
mod elsewhere;
mod files;
mod gone;
mod held;
mod imported;
mod kinds;
mod known;
mod listed;
mod look;
mod metadata;
mod pages;
mod patience;
mod running;
mod seen;
mod settle;
mod state;
mod turns;
mod used;
mod verify;

pub use imported::MirroredProject;
pub use listed::{stands_for, url_key};
pub use running::Download;
pub use settle::forget;
pub use state::{Changed, Key, Located, MirrorPage, Mirrors};
pub use verify::{Differing, OtherDigests, agreed_size, differing};
