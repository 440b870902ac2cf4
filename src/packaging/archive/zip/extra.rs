//! Extra fields of ZIP headers: well formed, and none that changes what the header says.

use super::super::{ArchiveResult, Fields, refuse};

const ZIP64: u16 = 0x0001;
/// Info-ZIP's other name for the member.
const UNICODE_PATH: u16 = 0x7075;
/// PKWARE's and WinZip's encryption, and a hidden "real" method.
const ENCRYPTION: [u16; 4] = [0x0014, 0x0015, 0x0017, 0x9901];

/// Checks every field; returns the ZIP64 field's data if there is one.
pub(super) fn check<'a>(extra: &'a [u8], name: &[u8]) -> ArchiveResult<Option<&'a [u8]>> {
    let (mut zip64, mut unicode_path) = (None, false);
    let mut fields = Fields(extra);
    while !fields.0.is_empty() {
        let (Some(id), Some(length)) = (fields.u16(), fields.u16()) else { refuse!("malformed extra field") };
        let Some(data) = fields.bytes(length.into()) else {
            refuse!("an extra field is longer than its header says")
        };
        match id {
            ZIP64 if zip64.replace(data).is_some() => refuse!("duplicate extra field 0x0001"),
            UNICODE_PATH if std::mem::replace(&mut unicode_path, true) => {
                refuse!("duplicate extra field 0x7075")
            }
            // Version 1, the CRC of the name it stands for, the name.
            UNICODE_PATH if data.get(5..) != Some(name) => {
                refuse!("the unicode path extra field names another file")
            }
            id if ENCRYPTION.contains(&id) => refuse!("encrypted member"),
            _ => {}
        }
    }
    Ok(zip64)
}

/// Only the ZIP64 field, from extra fields that may be malformed (mirrored files).
pub(super) fn zip64_of(extra: &[u8]) -> Option<&[u8]> {
    let mut fields = Fields(extra);
    loop {
        let (id, length) = (fields.u16()?, fields.u16()?);
        let data = fields.bytes(length.into())?;
        if id == ZIP64 {
            return Some(data);
        }
    }
}

/// Replaces each saturated 32-bit value by its 64-bit one, in the order the standard gives.
/// False if the field holds fewer or more values than are saturated. Where none is, the field may
/// repeat the values: Bazel's zipper writes that for some members.
pub(super) fn resolve(zip64: Option<&[u8]>, values: &mut [&mut u64]) -> bool {
    let mut fields = Fields(zip64.unwrap_or_default());
    let saturated = |value: u64| value == u64::from(u32::MAX);
    if !values.iter().any(|value| saturated(**value)) {
        let repeated = values.iter().all(|value| fields.0.is_empty() || fields.u64() == Some(**value));
        return repeated && fields.0.is_empty();
    }
    for value in values.iter_mut().filter(|value| saturated(***value)) {
        match fields.u64() {
            Some(long) => **value = long,
            None => return false,
        }
    }
    fields.0.is_empty()
}
