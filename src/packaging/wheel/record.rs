//! `RECORD`: every member named once, with the hash and size that its bytes have.

use std::collections::{HashMap, HashSet};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::super::archive::zip::{Archive, LEAD, ZipMember};
use super::super::archive::{ArchiveResult, INVALID, MAX_TEXT, ReadAt, names, refuse};
use crate::error::Result;

/// Files that cannot hold their own hash: RECORD and its signatures.
const UNHASHED: [&str; 3] = ["RECORD", "RECORD.jws", "RECORD.p7s"];

/// What RECORD says about one member.
struct Row {
    algorithm: Algorithm,
    digest: Box<[u8]>,
}

#[derive(Clone, Copy)]
enum Algorithm {
    Sha256,
    Sha384,
    Sha512,
}

/// Checks RECORD against the members, then every member's bytes against RECORD.
pub(super) fn verify<S: ReadAt + ?Sized>(archive: &Archive<S>, dist_info: &str) -> Result<()> {
    let rows = rows(archive, dist_info)?;
    for (member, row) in archive.members.iter().zip(&rows) {
        let mut hasher = Hasher::new(row.as_ref().map_or(Algorithm::Sha256, |row| row.algorithm));
        archive.unpack(member, |piece| hasher.update(piece)).map_err(|fault| fault.answer(LEAD))?;
        let Some(row) = row else { continue };
        if hasher.finish() != *row.digest {
            return Err(crate::bad!("{}RECORD has the wrong hash for {:?}", INVALID, member.name));
        }
    }
    Ok(())
}

/// RECORD's rows in the order of the members; none for directories and the unhashed.
fn rows<S: ReadAt + ?Sized>(archive: &Archive<S>, dist_info: &str) -> Result<Vec<Option<Row>>> {
    let path = format!("{dist_info}/RECORD");
    let Some(record) = archive.find(&path) else {
        return Err(crate::bad!("{}{path} not found in the wheel", INVALID));
    };
    let bytes = archive.bytes(record, MAX_TEXT).map_err(|fault| fault.answer(LEAD))?;
    match_rows(archive, dist_info, &bytes).map_err(|fault| fault.answer(INVALID))
}

fn match_rows<S: ReadAt + ?Sized>(
    archive: &Archive<S>,
    dist_info: &str,
    bytes: &[u8],
) -> ArchiveResult<Vec<Option<Row>>> {
    let Ok(text) = std::str::from_utf8(bytes) else { refuse!("RECORD is not UTF-8") };
    let members = &archive.members;
    let files = members.iter().enumerate().filter(|(_, member)| !member.directory);
    let places: HashMap<&str, usize> = files.map(|(index, member)| (&*member.name, index)).collect();
    let directories = directories(members);
    let unhashed = UNHASHED.map(|name| format!("{dist_info}/{name}"));
    let mut rows: Vec<Option<Row>> = members.iter().map(|_| None).collect();
    let mut named = vec![false; members.len()];
    for line in text.lines().filter(|line| !line.is_empty()) {
        let Some([path, hash, size]) = fields(line) else {
            refuse!("RECORD has the malformed line {line:?}")
        };
        let place = places.get(path.as_str()).and_then(|at| Some((*at, members.get(*at)?)));
        if unhashed.contains(&path) {
            // Signatures may be listed though a tool has taken them out.
            if path == unhashed[0] && !(hash.is_empty() && size.is_empty()) {
                refuse!("RECORD has a hash or size for itself");
            }
            continue;
        }
        if place.is_none() && directories.contains(path.trim_end_matches('/')) {
            // Some tools list directories, which have no bytes.
            if !matches!(size.as_str(), "" | "0") {
                refuse!("RECORD has the size {size:?} for the directory {path:?}");
            }
            continue;
        }
        let Some((at, member)) = place else { refuse!("RECORD names {path:?}, which is not in the wheel") };
        if named.get_mut(at).is_none_or(|named| std::mem::replace(named, true)) {
            refuse!("RECORD names {path:?} twice");
        }
        if size.parse() != Ok(member.size) {
            refuse!("RECORD has the size {size:?} for {path:?}, the file has {}", member.size);
        }
        if let Some(row) = rows.get_mut(at) {
            *row = Some(Row::parse(&path, &hash)?);
        }
    }
    for (member, row) in members.iter().zip(&rows) {
        let exempt = member.directory || unhashed.iter().any(|name| **name == *member.name);
        if row.is_none() && !exempt {
            refuse!("{:?} is not in RECORD", member.name);
        }
    }
    Ok(rows)
}

/// Those that are members, and those that hold members.
fn directories(members: &[ZipMember]) -> HashSet<&str> {
    let own = members.iter().filter(|member| member.directory).map(|member| &*member.name);
    own.chain(members.iter().flat_map(|member| names::above(&member.name))).collect()
}

impl Row {
    /// Reads `sha256=…`; weaker hashes are refused (PEP 427).
    fn parse(path: &str, hash: &str) -> ArchiveResult<Self> {
        let Some((name, encoded)) = hash.split_once('=') else { refuse!("RECORD has no hash for {path:?}") };
        let (algorithm, length) = match name {
            "sha256" => (Algorithm::Sha256, 32),
            "sha384" => (Algorithm::Sha384, 48),
            "sha512" => (Algorithm::Sha512, 64),
            other => refuse!("RECORD has a {other} hash for {path:?}: use sha256 or better"),
        };
        match URL_SAFE_NO_PAD.decode(encoded) {
            Ok(digest) if digest.len() == length => Ok(Self { algorithm, digest: digest.into() }),
            _ => refuse!("RECORD has a malformed hash for {path:?}"),
        }
    }
}

/// The three fields of a CSV line, which may be quoted.
fn fields(line: &str) -> Option<[String; 3]> {
    let mut fields = Vec::with_capacity(3);
    let mut rest = line;
    loop {
        let (field, after) = match rest.strip_prefix('"') {
            Some(quoted) => unquote(quoted)?,
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                let (field, after) = rest.split_at_checked(end)?;
                (field.to_owned(), after)
            }
        };
        fields.push(field);
        match after.strip_prefix(',') {
            Some(next) if fields.len() < 3 => rest = next,
            Some(_) => return None,
            None if after.is_empty() => return fields.try_into().ok(),
            None => return None,
        }
    }
}

/// Reads up to the closing quote; a quote within is doubled.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut field = String::new();
    let mut rest = text;
    loop {
        let (before, after) = rest.split_once('"')?;
        field.push_str(before);
        match after.strip_prefix('"') {
            Some(next) => {
                field.push('"');
                rest = next;
            }
            None => return Some((field, after)),
        }
    }
}

/// One of the hashes that RECORD may use.
enum Hasher {
    Sha256(Sha256),
    Sha384(Sha384),
    Sha512(Sha512),
}

impl Hasher {
    fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Sha256 => Self::Sha256(Sha256::new()),
            Algorithm::Sha384 => Self::Sha384(Sha384::new()),
            Algorithm::Sha512 => Self::Sha512(Sha512::new()),
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Sha384(hasher) => hasher.update(bytes),
            Self::Sha512(hasher) => hasher.update(bytes),
        }
    }

    fn finish(self) -> Vec<u8> {
        match self {
            Self::Sha256(hasher) => hasher.finalize().to_vec(),
            Self::Sha384(hasher) => hasher.finalize().to_vec(),
            Self::Sha512(hasher) => hasher.finalize().to_vec(),
        }
    }
}
