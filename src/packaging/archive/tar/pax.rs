//! The records of a PAX extended header (POSIX pax, `length key=value\n`).

use super::super::{ArchiveResult, refuse};

/// What a header says about the member after it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Records {
    pub(super) path: Option<String>,
    pub(super) linkpath: Option<String>,
    pub(super) size: Option<u64>,
    comments: usize,
    all: usize,
}

impl Records {
    /// Reads all records; refuses any that is malformed, given twice, or hides content.
    pub(super) fn parse(mut content: &[u8]) -> ArchiveResult<Self> {
        let mut records = Self::default();
        if content.is_empty() {
            refuse!("malformed PAX header: no records");
        }
        while !content.is_empty() {
            let Some((key, value, rest)) = record(content) else { refuse!("malformed PAX header") };
            records.take(key, value)?;
            content = rest;
        }
        Ok(records)
    }

    fn take(&mut self, key: &str, value: &[u8]) -> ArchiveResult<()> {
        self.all += 1;
        let twice = match key {
            "path" => self.path.replace(text(key, value)?).is_some(),
            "linkpath" => self.linkpath.replace(text(key, value)?).is_some(),
            "size" => self.size.replace(number(value)?).is_some(),
            "comment" => {
                self.comments += 1;
                false
            }
            "mtime" | "atime" | "ctime" | "uid" | "gid" => {
                let text = text(key, value)?;
                let number = text.strip_prefix('-').unwrap_or(&text);
                if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
                    refuse!("malformed PAX header: {key} is not a number");
                }
                false
            }
            "hdrcharset" => refuse!("PAX header with a character set of its own"),
            "SCHILY.realsize" | "SCHILY.filetype" => refuse!("sparse member"),
            key if key.starts_with("GNU.sparse") => refuse!("sparse member"),
            // User names, extended attributes, vendors' notes: no reader places files by them.
            _ => false,
        };
        if twice {
            refuse!("malformed PAX header: {key} is given twice");
        }
        Ok(())
    }

    /// Whether it holds comments and nothing else.
    pub(super) fn only_comment(&self) -> bool {
        self.all == self.comments
    }
}

/// Splits the first record off.
fn record(content: &[u8]) -> Option<(&str, &[u8], &[u8])> {
    let space = content.iter().position(|byte| *byte == b' ')?;
    let digits = content.get(..space)?;
    if !digits.iter().all(u8::is_ascii_digit) || digits.starts_with(b"0") {
        return None;
    }
    let length: usize = std::str::from_utf8(digits).ok()?.parse().ok()?;
    let (record, rest) = content.split_at_checked(length)?;
    let body = record.get(space + 1..)?.strip_suffix(b"\n")?;
    let equals = body.iter().position(|byte| *byte == b'=')?;
    let key = std::str::from_utf8(body.get(..equals)?).ok()?;
    let plain = key.bytes().all(|byte| byte.is_ascii_graphic());
    (plain && !key.is_empty()).then_some((key, body.get(equals + 1..)?, rest))
}

fn text(key: &str, value: &[u8]) -> ArchiveResult<String> {
    match std::str::from_utf8(value) {
        Ok(text) if !text.is_empty() && !text.contains('\0') => Ok(text.to_owned()),
        _ => refuse!("malformed PAX header: {key} is empty or not UTF-8"),
    }
}

fn number(value: &[u8]) -> ArchiveResult<u64> {
    let digits = value.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(value).ok().filter(|_| digits);
    match text.and_then(|text| text.parse().ok()) {
        Some(number) => Ok(number),
        None => refuse!("malformed PAX header: size is not a number"),
    }
}
