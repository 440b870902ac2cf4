//! Writers of archives byte by byte, so that tests can write any header wrongly.

use std::io::Write;

/// A ZIP member whose two headers start equal and can be made to differ.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) local: Head,
    pub(crate) central: Head,
    pub(crate) external: u32,
    pub(crate) comment: Vec<u8>,
    pub(crate) disk: u16,
    pub(crate) packed: Vec<u8>,
    /// Written behind the packed bytes: a data descriptor.
    pub(crate) behind: Vec<u8>,
    /// Only in one of the two places.
    pub(crate) skip_local: bool,
    pub(crate) skip_central: bool,
    /// Bytes written before the local header.
    pub(crate) before: Vec<u8>,
    /// Replaces the true offset of the local header.
    pub(crate) offset: Option<u32>,
}

/// What local and central header both tell.
#[derive(Clone)]
pub(crate) struct Head {
    pub(crate) name: Vec<u8>,
    pub(crate) flags: u16,
    pub(crate) method: u16,
    pub(crate) crc: u32,
    pub(crate) packed: u32,
    pub(crate) size: u32,
    pub(crate) extra: Vec<u8>,
}

impl Entry {
    /// A deflated file.
    pub(crate) fn new(name: &str, content: &[u8]) -> Self {
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(content).unwrap();
        Self::with(name, content, encoder.finish().unwrap(), 8)
    }

    pub(crate) fn stored(name: &str, content: &[u8]) -> Self {
        Self::with(name, content, content.to_vec(), 0)
    }

    fn with(name: &str, content: &[u8], packed: Vec<u8>, method: u16) -> Self {
        let mut crc = flate2::Crc::new();
        crc.update(content);
        let head = Head {
            name: name.as_bytes().to_vec(),
            flags: if name.is_ascii() { 0 } else { 0x0800 },
            method,
            crc: crc.sum(),
            packed: packed.len() as u32,
            size: content.len() as u32,
            extra: Vec::new(),
        };
        Self {
            local: head.clone(),
            central: head,
            external: 0o100_644 << 16,
            comment: Vec::new(),
            disk: 0,
            packed,
            behind: Vec::new(),
            skip_local: false,
            skip_central: false,
            before: Vec::new(),
            offset: None,
        }
    }

    /// Changes both headers alike.
    pub(crate) fn both(mut self, change: impl Fn(&mut Head)) -> Self {
        change(&mut self.local);
        change(&mut self.central);
        self
    }

    pub(crate) fn local(mut self, change: impl Fn(&mut Head)) -> Self {
        change(&mut self.local);
        self
    }

    /// As written to a pipe: sizes and CRC are behind the bytes only.
    pub(crate) fn piped(self) -> Self {
        let mut entry = self.both(|head| head.flags |= 0x0008);
        let head = entry.central.clone();
        entry.behind = b"PK\x07\x08".to_vec();
        for value in [head.crc, head.packed, head.size] {
            entry.behind.extend(value.to_le_bytes());
        }
        entry.local(|head| (head.crc, head.packed, head.size) = (0, 0, 0))
    }

    pub(crate) fn mode(mut self, mode: u32) -> Self {
        self.external = mode << 16;
        self
    }

    pub(crate) fn named(self, name: &[u8]) -> Self {
        self.both(|head| head.name = name.to_vec())
    }
}

/// Changes the ZIP64 end record and its locator.
pub(crate) type Change64 = fn(&mut Vec<u8>, &mut Vec<u8>);

/// A whole ZIP archive.
#[derive(Clone, Default)]
pub(crate) struct Zip {
    pub(crate) entries: Vec<Entry>,
    pub(crate) comment: Vec<u8>,
    /// Between the last member and the central directory.
    pub(crate) before_directory: Vec<u8>,
    /// Between the central directory and the end record.
    pub(crate) before_end: Vec<u8>,
    pub(crate) after: Vec<u8>,
    /// Writes ZIP64's record and locator, the former changed by the function.
    pub(crate) zip64: Option<Change64>,
    /// Changes the end record.
    pub(crate) end: Option<fn(&mut Vec<u8>)>,
}

impl Zip {
    pub(crate) fn of(entries: Vec<Entry>) -> Self {
        Self { entries, ..Self::default() }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut offsets = Vec::new();
        for entry in &self.entries {
            out.extend(&entry.before);
            offsets.push(entry.offset.unwrap_or(out.len() as u32));
            if !entry.skip_local {
                out.extend(b"PK\x03\x04\x14\0");
                head(&mut out, &entry.local, &[]);
                out.extend(&entry.local.name);
                out.extend(&entry.local.extra);
                out.extend(&entry.packed);
                out.extend(&entry.behind);
            }
        }
        out.extend(&self.before_directory);
        let directory = out.len();
        let listed: Vec<_> = self.entries.iter().zip(offsets).filter(|(e, _)| !e.skip_central).collect();
        for (entry, offset) in &listed {
            central(&mut out, entry, *offset);
        }
        let size = out.len() - directory;
        out.extend(&self.before_end);
        self.write_end(&mut out, listed.len(), size, directory);
        out.extend(&self.after);
        out
    }

    fn write_end(&self, out: &mut Vec<u8>, count: usize, size: usize, directory: usize) {
        if let Some(change) = self.zip64 {
            let at = out.len() as u64;
            let mut record = b"PK\x06\x06".to_vec();
            record.extend(44u64.to_le_bytes());
            record.extend([45, 3, 45, 0]);
            record.extend([0; 8]);
            for value in [count, count, size, directory] {
                record.extend((value as u64).to_le_bytes());
            }
            let mut locator = b"PK\x06\x07\0\0\0\0".to_vec();
            locator.extend(at.to_le_bytes());
            locator.extend(1u32.to_le_bytes());
            change(&mut record, &mut locator);
            out.extend(record);
            out.extend(locator);
        }
        let mut end = b"PK\x05\x06\0\0\0\0".to_vec();
        for _ in 0..2 {
            end.extend((count as u16).to_le_bytes());
        }
        end.extend((size as u32).to_le_bytes());
        end.extend((directory as u32).to_le_bytes());
        end.extend((self.comment.len() as u16).to_le_bytes());
        end.extend(&self.comment);
        if let Some(change) = self.end {
            change(&mut end);
        }
        out.extend(end);
    }
}

/// The fields from flags to the lengths; `more` follows the extra field's length.
fn head(out: &mut Vec<u8>, head: &Head, more: &[u8]) {
    out.extend(head.flags.to_le_bytes());
    out.extend(head.method.to_le_bytes());
    out.extend([0, 0, 0x21, 0]);
    for value in [head.crc, head.packed, head.size] {
        out.extend(value.to_le_bytes());
    }
    out.extend((head.name.len() as u16).to_le_bytes());
    out.extend((head.extra.len() as u16).to_le_bytes());
    out.extend(more);
}

fn central(out: &mut Vec<u8>, entry: &Entry, offset: u32) {
    out.extend(b"PK\x01\x02\x14\x03\x14\0");
    let mut more = (entry.comment.len() as u16).to_le_bytes().to_vec();
    more.extend(entry.disk.to_le_bytes());
    more.extend([0, 0]);
    more.extend(entry.external.to_le_bytes());
    more.extend(offset.to_le_bytes());
    head(out, &entry.central, &more);
    out.extend(&entry.central.name);
    out.extend(&entry.central.extra);
    out.extend(&entry.comment);
}

/// An extra field.
pub(crate) fn extra(id: u16, data: &[u8]) -> Vec<u8> {
    let mut field = id.to_le_bytes().to_vec();
    field.extend((data.len() as u16).to_le_bytes());
    field.extend(data);
    field
}

/// One tar header block with a right checksum, then its content and padding.
pub(crate) fn tar_member(kind: u8, name: &str, content: &[u8], change: impl Fn(&mut [u8; 512])) -> Vec<u8> {
    let mut block = [0; 512];
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[100..108].copy_from_slice(b"0000644\0");
    block[108..116].copy_from_slice(b"0000000\0");
    block[116..124].copy_from_slice(b"0000000\0");
    block[124..136].copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
    block[136..148].copy_from_slice(b"00000000000\0");
    block[156] = kind;
    block[257..265].copy_from_slice(b"ustar\x0000");
    change(&mut block);
    block[148..156].copy_from_slice(b"        ");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut out = block.to_vec();
    out.extend(content);
    out.resize(out.len().next_multiple_of(512), 0);
    out
}

/// A plain file.
pub(crate) fn tar_file(name: &str, content: &[u8]) -> Vec<u8> {
    tar_member(b'0', name, content, |_| {})
}

/// A link.
pub(crate) fn tar_link(kind: u8, name: &str, target: &str) -> Vec<u8> {
    tar_member(kind, name, b"", |block| block[157..157 + target.len()].copy_from_slice(target.as_bytes()))
}

/// A PAX header whose records have right lengths.
pub(crate) fn pax(kind: u8, records: &[(&str, &str)]) -> Vec<u8> {
    let content: String = records.iter().map(|(key, value)| pax_record(key, value)).collect();
    tar_member(kind, "PaxHeader", content.as_bytes(), |_| {})
}

fn pax_record(key: &str, value: &str) -> String {
    let rest = key.len() + value.len() + 3;
    let digits = (1..).find(|digits| (rest + digits).to_string().len() == *digits).unwrap();
    format!("{} {key}={value}\n", rest + digits)
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The members, two zero blocks, gzipped.
pub(crate) fn tar_gz(members: &[Vec<u8>]) -> Vec<u8> {
    let mut tar = members.concat();
    tar.extend([0; 1024]);
    gzip(&tar)
}
