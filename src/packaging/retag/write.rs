//! The archive that is written: sorted, `.dist-info` behind all else, `RECORD` last, no traces of time or place.

use std::io::{self, Read, Seek, Write};

use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::super::version;
use super::{LEAD, MAX_TEXT, PlainWheel, RetagPlan, WheelMember, text, unreadable};
use crate::bad;
use crate::error::{Error, Result};
use crate::names::ProjectName;

/// 1 January 1980, where ZIP's calendar begins, and 31 December 2107, where it ends.
const CALENDAR: (i64, i64) = (315_532_800, 4_354_732_799);

impl<R: Read + Seek> PlainWheel<R> {
    /// Writes it anew; the file is to be called [`PlainWheel::filename`].
    ///
    /// # Errors
    /// `Bad` if a member is damaged; `Internal` if `output` cannot be written.
    pub fn write<W: Write + Seek>(&mut self, plan: &RetagPlan, output: W) -> Result<W> {
        let mut writer = ZipWriter::new(output);
        let options = options(plan.timestamp);
        let mut record = String::new();
        for (name, member) in self.order()? {
            let mode = if member.executable { 0o755 } else { 0o644 };
            let large = member.size.max(plan.replaced.get(&member.name).map_or(0, |new| new.len() as u64));
            let options =
                options.unix_permissions(mode).large_file(large >= u64::from(u32::MAX) - (64 << 20));
            writer.start_file(name.as_str(), options).map_err(|error| unwritten(&error))?;
            let mut hashing = Hashing { inner: &mut writer, hasher: Sha256::new(), size: 0 };
            self.content(&name, &member, plan, &mut hashing)?;
            text::record(&mut record, &name, &hashing.hasher.finalize(), hashing.size);
        }
        let name = format!("{}.dist-info/RECORD", self.release());
        record.push_str(&name);
        record.push_str(",,\n");
        let options = options.unix_permissions(0o644);
        writer.start_file(name, options).map_err(|error| unwritten(&error))?;
        writer.write_all(record.as_bytes()).map_err(|error| unwritten(&error))?;
        writer.finish().map_err(|error| unwritten(&error))
    }

    /// Members with their names to be, in the order to be; without `RECORD` and its signatures.
    fn order(&self) -> Result<Vec<(String, WheelMember)>> {
        let own = format!("{}.dist-info", self.release());
        let record = ["RECORD", "RECORD.jws", "RECORD.p7s"].map(|file| format!("{own}/{file}"));
        let mut order: Vec<(String, WheelMember)> = Vec::with_capacity(self.members.len());
        for member in &self.members {
            let name = self.renamed(&member.name);
            if !record.contains(&name) {
                order.push((name, member.clone()));
            }
        }
        let last = |name: &str| name.split('/').next() == Some(&own);
        order.sort_by(|(a, _), (b, _)| (last(a), a).cmp(&(last(b), b)));
        for pair in order.windows(2) {
            if let [(first, _), (second, _)] = pair
                && first == second
            {
                return Err(bad!("{LEAD}it has two members {first:?} after names are normalised"));
            }
        }
        Ok(order)
    }

    /// The name with the directories of this release (`.dist-info`, `.data`) in their one spelling.
    fn renamed(&self, name: &str) -> String {
        let Some((top, rest)) = name.split_once('/') else { return name.to_owned() };
        if top == self.dist_info {
            return format!("{}.dist-info/{rest}", self.release());
        }
        let release = top.strip_suffix(".data").and_then(|stem| stem.split_once('-'));
        let old = self.dist_info.strip_suffix(".dist-info");
        let same = release.is_some_and(|(project, number)| {
            ProjectName::new(project).as_ref() == Some(&self.name)
                && version::parse(number).as_ref() == Some(&self.version)
        });
        match same || top.strip_suffix(".data").is_some_and(|stem| Some(stem) == old) {
            true => format!("{}.data/{rest}", self.release()),
            false => name.to_owned(),
        }
    }

    fn content(
        &mut self,
        name: &str,
        member: &WheelMember,
        plan: &RetagPlan,
        to: &mut impl Write,
    ) -> Result<()> {
        if let Some(new) = plan.replaced.get(&member.name) {
            return to.write_all(new).map_err(|error| unwritten(&error));
        }
        if name == format!("{}.dist-info/WHEEL", self.release()) {
            let before = self.bytes(member, MAX_TEXT)?;
            let build = plan.build.as_ref().or(self.build.as_ref());
            let after = text::wheel(&before, build.map(String::as_str), &self.tags_after(plan));
            return to.write_all(after.as_bytes()).map_err(|error| unwritten(&error));
        }
        let file = self.archive.by_index(member.index).map_err(|error| unreadable(member, &error))?;
        let written = io::copy(&mut file.take(member.size.saturating_add(1)), to);
        let written = written.map_err(|error| unreadable(member, &error))?;
        if written != member.size {
            return Err(unreadable(member, &"its size is not what the header says"));
        }
        Ok(())
    }
}

fn unwritten(error: &dyn std::fmt::Display) -> Error {
    Error::internal(anyhow::anyhow!("cannot write a wheel: {error}"))
}

fn options(timestamp: i64) -> SimpleFileOptions {
    SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(6))
        .last_modified_time(date(timestamp).unwrap_or_default())
}

fn date(timestamp: i64) -> Option<DateTime> {
    let timestamp = jiff::Timestamp::from_second(timestamp.clamp(CALENDAR.0, CALENDAR.1)).ok()?;
    let at = timestamp.to_zoned(jiff::tz::TimeZone::UTC);
    let field = |number: i8| u8::try_from(number).ok();
    let (month, day) = (field(at.month())?, field(at.day())?);
    let (hour, minute, second) = (field(at.hour())?, field(at.minute())?, field(at.second())?);
    DateTime::from_date_and_time(u16::try_from(at.year()).ok()?, month, day, hour, minute, second).ok()
}

/// Passes on what is written, and hashes and counts it.
struct Hashing<'a, W> {
    inner: &'a mut W,
    hasher: Sha256,
    size: u64,
}

impl<W: Write> Write for Hashing<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.hasher.update(bytes.get(..count).unwrap_or_default());
        self.size += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
