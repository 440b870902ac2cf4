//! The packaging standards as pure functions: nothing here does I/O on its own.

pub mod archive;
pub mod attestation;
pub mod choose;
pub mod elf;
pub mod filename;
pub mod html;
pub mod json;
pub mod lines;
pub mod machine_code;
pub mod manylinux;
pub mod metadata;
pub mod opens;
pub mod page;
pub mod pylock;
pub mod pyproject;
pub mod releases;
pub mod reqfile;
pub mod requirement;
pub mod retag;
pub mod sdist;
pub mod stable_abi;
pub mod tags;
pub mod upload_time;
pub mod user_agent;
pub mod version;
pub mod wheel;
