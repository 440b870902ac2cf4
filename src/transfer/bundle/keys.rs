//! Files of keys, and those that an installation trusts.

use crate::bad;
use crate::error::Result;
use crate::packaging::bundle::signature::{LONGEST_KEY, TrustedKey};
use std::io::Read;
use std::path::Path;

/// Reads a key's file.
///
/// # Errors
/// `Bad` with its path.
pub fn text(path: &Path) -> Result<String> {
    let mut text = String::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(LONGEST_KEY).read_to_string(&mut text));
    read.map_err(|error| bad!("cannot read the key {}: {error}", path.display()))?;
    Ok(text)
}

/// A public key from its file.
///
/// # Errors
/// `Bad` with its path.
pub fn public(path: &Path) -> Result<TrustedKey> {
    TrustedKey::parse(&text(path)?).map_err(|error| bad!("{}: {error}", path.display()))
}

/// The keys of a setting: each a public key, or the path of its file; a relative one is below `data`.
///
/// # Errors
/// `Bad` with the one that is neither.
pub fn configured(values: &[String], data: &Path) -> Result<Vec<TrustedKey>> {
    let one = |value: &String| match TrustedKey::parse(value) {
        Ok(key) => Ok(key),
        Err(_) if data.join(value).is_file() => public(&data.join(value)),
        Err(error) => Err(bad!("bundles.trusted_keys: {error}")),
    };
    values.iter().map(one).collect()
}
