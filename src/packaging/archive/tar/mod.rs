//! The strict tar reader: plain files and directories, told the same way by every header.

mod header;
mod links;
mod pax;
#[cfg(test)]
mod tests;

use super::gzip::Gzip;
use super::sniff::BLOCK;
use super::{ArchiveResult, MAX_MEMBERS, MAX_NAME_BYTES, ReadAt, names, refuse};
use header::{Header, Kind};
use links::Links;

/// What the message before each reason says.
pub(crate) const LEAD: &str = "tar archive not accepted: ";
/// Most bytes of one extended header (PAX records or a long name).
const MAX_EXTENDED: u64 = 64 << 10;

/// A file or directory of the archive, its extended headers put in.
#[derive(Debug)]
pub(crate) struct TarMember {
    /// Without a directory's trailing slash.
    pub(crate) name: String,
    pub(crate) directory: bool,
    /// Bytes of its content.
    pub(crate) size: u64,
}

/// Whether `keep` wants a member's content: the most bytes it may have.
pub(crate) type Keep = Option<u64>;

/// Walks a gzipped tar archive; `keep` is told each member in order and says whether to collect
/// its bytes. Returns what was kept.
pub(crate) fn walk<S: ReadAt + ?Sized>(
    source: &S,
    allow_links: bool,
    keep: impl FnMut(&TarMember) -> ArchiveResult<Keep>,
) -> ArchiveResult<Vec<(String, Vec<u8>)>> {
    let walk = Walk {
        gzip: Gzip::open(source)?,
        links: Links::new(allow_links),
        keep,
        kept: Vec::new(),
        seen: 0,
        name_bytes: 0,
        pending: Pending::default(),
    };
    walk.run()
}

/// What extended headers said about the member that follows them.
#[derive(Default)]
struct Pending {
    pax: Option<pax::Records>,
    long_name: Option<String>,
    long_link: Option<String>,
}

struct Walk<'a, S: ReadAt + ?Sized, K> {
    gzip: Gzip<'a, S>,
    links: Links,
    keep: K,
    kept: Vec<(String, Vec<u8>)>,
    seen: u64,
    name_bytes: usize,
    pending: Pending,
}

impl<S: ReadAt + ?Sized, K: FnMut(&TarMember) -> ArchiveResult<Keep>> Walk<'_, S, K> {
    fn run(mut self) -> ArchiveResult<Vec<(String, Vec<u8>)>> {
        loop {
            let block = self.block()?;
            if block == [0; BLOCK] {
                break;
            }
            self.seen += 1;
            // Twice: each member may have one extended header of its own.
            if self.seen > 2 * MAX_MEMBERS {
                refuse!("more than {MAX_MEMBERS} entries");
            }
            let header = Header::parse(&block)?;
            match header.kind {
                Kind::Pax => self.pax(&header)?,
                Kind::Global => self.global(&header)?,
                Kind::LongName => self.long_name(&header)?,
                Kind::LongLink => self.long_link(&header)?,
                Kind::File | Kind::Directory | Kind::Symlink | Kind::Hardlink => {
                    self.member(&header)?;
                }
            }
        }
        self.end()
    }

    /// After the first zero block: at least one more, and nothing else.
    fn end(mut self) -> ArchiveResult<Vec<(String, Vec<u8>)>> {
        if self.pending.any() {
            refuse!("an extended header is followed by no member");
        }
        if self.block()? != [0; BLOCK] {
            refuse!("the archive ends with one zero block instead of two");
        }
        let mut rest = vec![0; 64 << 10];
        loop {
            let count = self.gzip.fill(&mut rest)?;
            if rest.iter().take(count).any(|byte| *byte != 0) {
                refuse!("bytes after the end of the archive");
            }
            if count < rest.len() {
                break;
            }
        }
        self.gzip.finish()?;
        self.links.check()?;
        Ok(self.kept)
    }

    fn block(&mut self) -> ArchiveResult<[u8; BLOCK]> {
        let mut block = [0; BLOCK];
        if self.gzip.fill(&mut block)? != BLOCK {
            refuse!("truncated: the archive has no end");
        }
        Ok(block)
    }

    /// Reads a member's content with its padding; `most` bytes of it are kept in memory.
    fn content(&mut self, size: u64, keep: bool) -> ArchiveResult<Vec<u8>> {
        let mut kept = Vec::new();
        let mut buffer = vec![0; 64 << 10];
        let padded = size.next_multiple_of(BLOCK as u64);
        let (mut left, mut content) = (padded, size);
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
            let window = buffer.get_mut(..most).unwrap_or_default();
            if self.gzip.fill(window)? != most {
                refuse!("truncated: a member's content is cut off");
            }
            left -= most as u64;
            let part = usize::try_from(content).unwrap_or(usize::MAX).min(most);
            content -= part as u64;
            if keep {
                kept.extend_from_slice(window.get(..part).unwrap_or_default());
            }
        }
        Ok(kept)
    }

    fn extended(&mut self, header: &Header) -> ArchiveResult<Vec<u8>> {
        if header.size > MAX_EXTENDED {
            refuse!("an extended header is larger than {} KiB", MAX_EXTENDED >> 10);
        }
        self.content(header.size, true)
    }

    fn pax(&mut self, header: &Header) -> ArchiveResult<()> {
        if self.pending.any() {
            refuse!("two extended headers for one member");
        }
        self.pending.pax = Some(pax::Records::parse(&self.extended(header)?)?);
        Ok(())
    }

    /// `git archive` begins with a global header that holds the commit as a comment, which no
    /// reader acts on. Any other would change all members that follow.
    fn global(&mut self, header: &Header) -> ArchiveResult<()> {
        let first = self.seen == 1;
        let records = pax::Records::parse(&self.extended(header)?)?;
        if !first || !records.only_comment() {
            refuse!("global PAX header");
        }
        Ok(())
    }

    fn long_name(&mut self, header: &Header) -> ArchiveResult<()> {
        if self.pending.pax.is_some() || self.pending.long_name.is_some() {
            refuse!("two extended headers for one member");
        }
        self.pending.long_name = Some(long(&self.extended(header)?)?);
        Ok(())
    }

    fn long_link(&mut self, header: &Header) -> ArchiveResult<()> {
        if self.pending.pax.is_some() || self.pending.long_link.is_some() {
            refuse!("two extended headers for one member");
        }
        self.pending.long_link = Some(long(&self.extended(header)?)?);
        Ok(())
    }

    fn member(&mut self, header: &Header) -> ArchiveResult<()> {
        let pending = std::mem::take(&mut self.pending);
        let records = pending.pax.unwrap_or_default();
        let written = records.path.or(pending.long_name);
        let written = match written {
            Some(name) => name,
            None => header.name()?,
        };
        let name = match header.kind {
            Kind::Directory => written.strip_suffix('/').unwrap_or(&written).to_owned(),
            _ => written,
        };
        names::check(&name)?;
        self.name_bytes += name.len();
        if self.name_bytes > MAX_NAME_BYTES {
            refuse!("member names take more than {} MiB", MAX_NAME_BYTES >> 20);
        }
        if records.size.is_some_and(|size| size != header.size) {
            refuse!("PAX and ustar header disagree on the size of {name:?}");
        }
        header.check_mode(&name)?;
        let target = match records.linkpath.or(pending.long_link) {
            Some(target) => Some(target),
            None => header.link()?,
        };
        self.links.add(&name, header.kind, target)?;
        let directory = header.kind == Kind::Directory;
        if header.size != 0 && header.kind != Kind::File {
            refuse!("{name:?} has content but is not a file");
        }
        let member = TarMember { name, directory, size: header.size };
        let keep = (self.keep)(&member)?;
        if keep.is_some() && header.kind != Kind::File {
            refuse!("{:?} must be a plain file", member.name);
        }
        if keep.is_some_and(|most| member.size > most) {
            refuse!("{:?} is too large", member.name);
        }
        let bytes = self.content(member.size, keep.is_some())?;
        if keep.is_some() {
            self.kept.push((member.name, bytes));
        }
        Ok(())
    }
}

impl Pending {
    fn any(&self) -> bool {
        self.pax.is_some() || self.long_name.is_some() || self.long_link.is_some()
    }
}

/// The content of a GNU long-name header: text that ends in one NUL (some writers: in none).
fn long(content: &[u8]) -> ArchiveResult<String> {
    let text = content.strip_suffix(b"\0").unwrap_or(content);
    if text.is_empty() || text.contains(&0) {
        refuse!("malformed GNU long name");
    }
    match std::str::from_utf8(text) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => refuse!("member name {:?} is not UTF-8", String::from_utf8_lossy(text)),
    }
}
