//! Bundles as files: written, opened, checked and imported.

mod check;
mod import;
pub mod keys;
mod open;
mod volumes;
mod write;

pub use check::{BundleCheck, BundleDiff, CheckOrder, DiffFile};
pub use import::{extract, import};
pub use open::{OpenBundle, SignerTrust};
pub use volumes::volumes_beside;
pub use write::{BundleParts, BundlePlace, write};
