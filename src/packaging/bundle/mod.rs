//! Bundles: signed archives that carry releases to a server without a network.
//!
//! A bundle is an uncompressed tar archive of one strict form: `manifest.json`, then a signature of the manifest for
//! each signer, then the files in the manifest's order. So a reader knows what to believe before the first byte of a
//! file, and each file's hash as it passes.

mod base;
pub mod entry;
mod file;
pub mod manifest;
pub mod reader;
pub mod request;
pub mod signature;
pub mod volume;

pub use base::DeltaBase;
pub use file::{BundledFile, BundledKind, Carried, FileEvidence};
pub use manifest::{BundleManifest, BundleOrigin, RefusedRequest};
pub use reader::BundleReader;
pub use signature::{SigningKey, TrustedKey};
