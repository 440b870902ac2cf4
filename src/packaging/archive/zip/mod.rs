//! The strict ZIP reader: one reading of the bytes, or none.
//!
//! The members, the central directory and the end records must tile the file without gap or
//! overlap, and say the same twice. The lenient counterpart for mirrored files is in `remote`.

mod central;
mod end;
mod extra;
mod local;
mod member;
#[cfg(test)]
mod tests;

use std::io::{BufReader, Read};

use super::{ArchiveResult, MAX_MEMBERS, MAX_NAME_BYTES, ReadAt, Span, check_ratio, names, refuse};
pub(crate) use central::Central;
pub(crate) use end::{End, exists as has_end, find as find_end};
pub(crate) use member::ZipMember;

/// What the message before each reason says.
pub(crate) const LEAD: &str = "ZIP archive not accepted: ";

/// How strict to be about names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Names {
    /// Wheels: must exist side by side on every file system.
    Portable,
    /// Legacy `.zip` sdists, whose test data may be of one system only.
    Legacy,
}

/// An archive whose structure has been checked; the members' bytes have not.
pub(crate) struct Archive<'a, S: ?Sized> {
    source: &'a S,
    /// In the order of their bytes in the file.
    pub(crate) members: Vec<ZipMember>,
}

impl<'a, S: ReadAt + ?Sized> Archive<'a, S> {
    /// Reads every header and refuses what two readers could take differently.
    pub(crate) fn open(source: &'a S, names: Names) -> ArchiveResult<Self> {
        let length = source.length()?;
        refuse_tar(source)?;
        let end = end::find(source, length)?;
        let mut members = read_directory(source, &end)?;
        let unpacked = members.iter().fold(0u64, |sum, m| sum.saturating_add(m.size));
        check_ratio(unpacked, length)?;
        check_names(&members, names)?;
        members.sort_by_key(|member| member.header);
        local::check_all(source, &mut members, end.directory)?;
        Ok(Self { source, members })
    }

    /// The member of that name that is no directory.
    pub(crate) fn find(&self, name: &str) -> Option<&ZipMember> {
        self.members.iter().find(|member| !member.directory && &*member.name == name)
    }

    /// Unpacks `member` in pieces, and refuses it if its bytes are not those the header tells.
    pub(crate) fn unpack(&self, member: &ZipMember, piece: impl FnMut(&[u8])) -> ArchiveResult<()> {
        member.unpack(self.source, piece)
    }

    /// Unpacks `member` into memory; refused above `most` bytes.
    pub(crate) fn bytes(&self, member: &ZipMember, most: u64) -> ArchiveResult<Vec<u8>> {
        if member.size > most {
            refuse!("{} is larger than {} MiB", member.name, most >> 20);
        }
        let mut bytes = Vec::new();
        self.unpack(member, |piece| bytes.extend_from_slice(piece))?;
        Ok(bytes)
    }
}

fn read_directory<S: ReadAt + ?Sized>(source: &S, end: &End) -> ArchiveResult<Vec<ZipMember>> {
    if end.count > MAX_MEMBERS {
        refuse!("more than {MAX_MEMBERS} entries");
    }
    let mut reader = BufReader::new(Span::new(source, end.directory, end.directory_size));
    let mut members = Vec::with_capacity(usize::try_from(end.count).unwrap_or_default());
    let mut name_bytes = 0;
    for _ in 0..end.count {
        let central = Central::read(&mut reader)?;
        name_bytes += central.name.len();
        if name_bytes > MAX_NAME_BYTES {
            refuse!("member names take more than {} MiB", MAX_NAME_BYTES >> 20);
        }
        members.push(central.check()?);
    }
    if reader.read(&mut [0])? != 0 {
        refuse!("the central directory has more than its {} entries", end.count);
    }
    Ok(members)
}

/// Refuses bad names, and any two that would be one file somewhere.
fn check_names(members: &[ZipMember], rules: Names) -> ArchiveResult<()> {
    let (mut all, mut files) = (names::SeenNames::default(), names::SeenNames::default());
    for member in members {
        names::check(&member.name)?;
        if rules == Names::Portable {
            names::check_windows(&member.name)?;
        }
        let folded = names::fold(&member.name);
        if !all.insert(&folded) {
            refuse!("duplicate member {:?} (or one that differs only in case or spelling)", member.name);
        }
        if !member.directory {
            files.insert(&folded);
        }
    }
    for member in members {
        let folded = names::fold(&member.name);
        if let Some(file) = names::above(&folded).find(|directory| files.contains(directory)) {
            refuse!("{file:?} is both a file and a directory");
        }
    }
    Ok(())
}

/// A file that begins with a tar header is two archives in one.
fn refuse_tar<S: ReadAt + ?Sized>(source: &S) -> ArchiveResult<()> {
    let mut block = [0; 512];
    let mut span = Span::new(source, 0, 512);
    let mut filled = 0;
    while let Some(rest) = block.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match span.read(rest)? {
            0 => return Ok(()),
            count => filled += count,
        }
    }
    if super::sniff::is_tar_header(&block) {
        refuse!("the file is a ZIP and a tar archive at once");
    }
    Ok(())
}
