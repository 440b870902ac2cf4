//! Reading a bundle piece by piece, in the one order that it may have.

use super::entry::{BLOCK, BundleEntry, MANIFEST, SIGNATURES, padding};
use super::file::BundledFile;
use super::manifest::LARGEST_MANIFEST;
use super::signature::{ENDING, NamedSignature};
use crate::bad;
use crate::error::{Error, Result, clipped};
use std::io::{ErrorKind, Read};

/// The most signatures of one bundle.
pub const MOST_SIGNATURES: usize = 32;
/// Bytes of the longest signature.
const LONGEST_SIGNATURE: u64 = 4096;
/// Bytes that are read at once.
const PIECE: u64 = 256 << 10;

/// A bundle of which manifest and signatures are read. Nothing of it is believed yet: that is the caller's to decide.
pub struct BundleReader<R> {
    from: R,
    manifest: Vec<u8>,
    signatures: Vec<NamedSignature>,
    /// The header behind the signatures.
    next: Option<[u8; BLOCK]>,
    /// Bytes of the file at hand that are yet to come.
    left: u64,
    padding: usize,
}

impl<R: Read> BundleReader<R> {
    /// Reads what comes before the files.
    ///
    /// # Errors
    /// `Bad` if it is no bundle, or damaged.
    pub fn open(mut from: R) -> Result<Self> {
        let first = BundleEntry::parse(&block(&mut from)?).map_err(|_| not_one())?;
        let first = first.filter(|entry| entry.path == MANIFEST).ok_or_else(not_one)?;
        if first.size > LARGEST_MANIFEST {
            return Err(bad!("the manifest of the bundle is too large"));
        }
        let manifest = small(&mut from, first.size)?;
        let mut signatures: Vec<NamedSignature> = Vec::new();
        loop {
            let next = block(&mut from)?;
            let entry = BundleEntry::parse(&next).map_err(damaged)?;
            let Some(entry) = entry.filter(|entry| entry.path.starts_with(SIGNATURES)) else {
                return Ok(Self { from, manifest, signatures, next: Some(next), left: 0, padding: 0 });
            };
            if signatures.len() == MOST_SIGNATURES || entry.size > LONGEST_SIGNATURE {
                return Err(bad!("the bundle has more or longer signatures than a bundle may have"));
            }
            let shown = clipped(&entry.path, 200);
            let key = entry.path.strip_prefix(SIGNATURES).and_then(|name| name.strip_suffix(ENDING));
            let key = key.filter(|key| signatures.last().is_none_or(|before| before.key.as_str() < *key));
            let key = key.ok_or_else(|| bad!("the bundle is damaged: {shown} is not where it should be"))?;
            let text = String::from_utf8(small(&mut from, entry.size)?);
            let text = text.map_err(|_| bad!("the bundle is damaged: {shown} is not text"))?;
            signatures.push(NamedSignature { key: key.to_owned(), text });
        }
    }

    /// What is signed.
    pub fn manifest(&self) -> &[u8] {
        &self.manifest
    }

    /// One of each signer.
    pub fn signatures(&self) -> &[NamedSignature] {
        &self.signatures
    }

    /// Goes to the bytes of the next file, which must be this one.
    ///
    /// # Errors
    /// `Bad` if another one comes, or none.
    pub fn begin(&mut self, file: &BundledFile) -> Result<()> {
        let next = match self.next.take() {
            Some(next) => next,
            None => block(&mut self.from)?,
        };
        let expected = file.entry();
        if next != expected.header()? {
            let found = BundleEntry::parse(&next).ok().flatten();
            let found = found.map_or_else(|| "something else".to_owned(), |entry| clipped(&entry.path, 200));
            return Err(bad!("the bundle is damaged: {found} is in the place of {}", file.filename));
        }
        (self.left, self.padding) = (file.size, padding(file.size));
        Ok(())
    }

    /// The next bytes of the file; empty at its end.
    ///
    /// # Errors
    /// `Bad` if the bundle ends before.
    pub fn piece(&mut self) -> Result<Vec<u8>> {
        let mut piece = vec![0; self.left.min(PIECE) as usize];
        self.from.read_exact(&mut piece).map_err(|error| unreadable(&error))?;
        self.left -= piece.len() as u64;
        if piece.is_empty() {
            let behind = std::mem::take(&mut self.padding);
            zeros(&mut self.from, behind)?;
        }
        Ok(piece)
    }

    /// Makes sure that nothing comes behind the last file.
    ///
    /// # Errors
    /// `Bad` if something does, or if the end is missing.
    pub fn end(&mut self) -> Result<()> {
        let next = match self.next.take() {
            Some(next) => next,
            None => block(&mut self.from)?,
        };
        if let Some(entry) = BundleEntry::parse(&next).map_err(damaged)? {
            return Err(bad!(
                "the bundle has {}, which its manifest does not list",
                clipped(&entry.path, 200)
            ));
        }
        zeros(&mut self.from, BLOCK)?;
        match self.from.read(&mut [0]).map_err(|error| unreadable(&error))? {
            0 => Ok(()),
            _ => Err(bad!("the bundle has bytes behind its end")),
        }
    }
}

fn block(from: &mut impl Read) -> Result<[u8; BLOCK]> {
    let mut block = [0; BLOCK];
    from.read_exact(&mut block).map_err(|error| unreadable(&error))?;
    Ok(block)
}

/// A small member, whole.
fn small(from: &mut impl Read, size: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // So that memory is taken for what is there, not for what a header says.
    from.by_ref().take(size).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
    if bytes.len() as u64 != size {
        return Err(truncated());
    }
    zeros(from, padding(size))?;
    Ok(bytes)
}

fn zeros(from: &mut impl Read, count: usize) -> Result<()> {
    let mut bytes = [0; BLOCK];
    let bytes = bytes.get_mut(..count).unwrap_or_default();
    from.read_exact(bytes).map_err(|error| unreadable(&error))?;
    match bytes.iter().all(|byte| *byte == 0) {
        true => Ok(()),
        false => Err(bad!("the bundle is damaged: there are bytes between its files")),
    }
}

fn not_one() -> Error {
    bad!("this is not a bundle: wheelwright bundle create makes one")
}

fn truncated() -> Error {
    bad!("the bundle is truncated: copy it again")
}

fn damaged(error: Error) -> Error {
    bad!("the bundle is damaged: {error}")
}

fn unreadable(error: &std::io::Error) -> Error {
    match error.kind() {
        ErrorKind::UnexpectedEof => truncated(),
        _ => bad!("cannot read the bundle: {error}"),
    }
}

#[cfg(test)]
mod tests;
