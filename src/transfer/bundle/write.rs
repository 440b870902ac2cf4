//! Writing a bundle: manifest, signatures, files.

use super::volumes::VolumeWriter;
use crate::bad;
use crate::error::{Error, Result};
use crate::packaging::bundle::entry::{BundleEntry, END, MANIFEST, padding};
use crate::packaging::bundle::{BundleManifest, SigningKey, manifest};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// What goes into a bundle.
pub struct BundleParts<'a> {
    pub manifest: &'a BundleManifest,
    pub keys: &'a [SigningKey],
    /// Where the bytes of each file are on this machine, by sha256.
    pub places: &'a BTreeMap<String, PathBuf>,
}

/// Where it goes.
pub struct BundlePlace<'a> {
    pub output: &'a Path,
    /// Bytes of a volume.
    pub volume: Option<u64>,
}

/// Writes a bundle; gives its identity and the files that it became. Blocks.
///
/// # Errors
/// `Bad` if something cannot be read or written; no file has its name then.
pub fn write(
    parts: &BundleParts<'_>,
    place: &BundlePlace<'_>,
    watch: &dyn Fn(&str),
) -> Result<(String, Vec<PathBuf>)> {
    let bytes = parts.manifest.to_bytes()?;
    let identity = manifest::identity(&bytes);
    let comment =
        format!("wheelwright bundle of {} made {}", parts.manifest.origin.index, parts.manifest.created);
    let mut small = vec![(MANIFEST.to_owned(), bytes)];
    let mut signed = BTreeMap::new();
    for key in parts.keys {
        signed.insert(key.id(), key.sign(&small[0].1, &comment)?);
    }
    small.extend(signed.into_values().map(|signature| (signature.path(), signature.text.into_bytes())));
    let entries =
        small.iter().map(|(path, bytes)| BundleEntry { path: path.clone(), size: bytes.len() as u64 });
    let files = parts.manifest.files.iter().map(|file| file.entry());
    let total = entries.chain(files).map(|entry| entry.whole()).sum::<u64>() + END as u64;
    let mut to = VolumeWriter::new(place.output, total, place.volume, &identity)?;
    let unwritten = |error: std::io::Error| unwritten(place.output, &error);
    for (path, bytes) in small {
        let entry = BundleEntry { path, size: bytes.len() as u64 };
        to.write_all(&entry.header()?).map_err(unwritten)?;
        to.write_all(&bytes).map_err(unwritten)?;
        to.write_all(&vec![0; padding(entry.size)]).map_err(unwritten)?;
    }
    for file in &parts.manifest.files {
        watch(&file.filename);
        let lost = || Error::internal(anyhow::anyhow!("{} was not fetched", file.filename));
        let from = parts.places.get(&file.sha256).ok_or_else(lost)?;
        to.write_all(&file.entry().header()?).map_err(unwritten)?;
        copy(from, file.size, &mut to, place.output)?;
        to.write_all(&vec![0; padding(file.size)]).map_err(unwritten)?;
    }
    to.write_all(&[0; END]).map_err(unwritten)?;
    Ok((identity, to.finish()?))
}

fn copy(from: &Path, size: u64, to: &mut VolumeWriter, output: &Path) -> Result<()> {
    let unreadable = |error: std::io::Error| bad!("cannot read {}: {error}", from.display());
    let mut file = File::open(from).map_err(unreadable)?;
    let mut buffer = vec![0; 256 << 10];
    let mut left = size;
    loop {
        let count = file.read(&mut buffer).map_err(unreadable)?;
        let piece = buffer.get(..count).unwrap_or_default();
        if piece.is_empty() || count as u64 > left {
            break;
        }
        left -= count as u64;
        to.write_all(piece).map_err(|error| unwritten(output, &error))?;
    }
    match left {
        0 => Ok(()),
        _ => Err(bad!("{} changed while the bundle was written", from.display())),
    }
}

fn unwritten(output: &Path, error: &std::io::Error) -> Error {
    bad!("cannot write {}: {error}", output.display())
}
