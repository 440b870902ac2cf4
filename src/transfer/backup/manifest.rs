//! What a backup says of itself, and what it is called: the second in which it began.

use crate::db::dump::DumpedTable;
use crate::tools::time::{Micros, SECOND};
use crate::words::Moment;
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// The only one so far.
pub(super) const FORMAT: u32 = 1;

/// `20261129T230000Z`
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BackupName(Micros);

const NAME: &str = "%Y%m%dT%H%M%SZ";

impl BackupName {
    pub(super) fn of(at: Micros) -> Self {
        Self(at - at.rem_euclid(SECOND))
    }

    pub fn moment(self) -> Moment {
        Moment(self.0)
    }

    pub(super) fn folder(self) -> String {
        format!("backups/{self}")
    }
}

impl std::fmt::Display for BackupName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let at = jiff::Timestamp::from_microsecond(self.0).unwrap_or_default();
        write!(f, "{}", at.strftime(NAME))
    }
}

impl FromStr for BackupName {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let time = jiff::civil::DateTime::strptime(NAME, text).map_err(|_| ())?;
        let at = time.to_zoned(jiff::tz::TimeZone::UTC).map_err(|_| ())?.timestamp();
        Ok(Self(at.as_microsecond()))
    }
}

/// A place of backups: `wheelwright-backups.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PlaceNote {
    pub format: u32,
    /// The uuid of the installation whose backups these are.
    pub installation: String,
    /// Public keys that they are encrypted to; none: they are not.
    pub encrypted_to: Vec<String>,
}

/// The last file of a backup.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BackupManifest {
    pub format: u32,
    /// The wheelwright that made it.
    pub wheelwright: String,
    pub made_at: Moment,
    pub installation: String,
    /// The last step of the schema.
    pub schema: i64,
    /// The engine of the database that it was made from.
    pub engine: String,
    /// The newest change in it.
    pub serial: i64,
    /// In the order in which they are filled.
    pub tables: Vec<TablePart>,
    pub blobs: BlobPart,
    pub files: Vec<FilePart>,
    /// Blobs that rows refer to and that the installation itself did not have whole; some may be here from earlier backups.
    pub lost: Vec<String>,
}

/// A table of a backup.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TablePart {
    #[serde(flatten)]
    pub table: DumpedTable,
    pub rows: u64,
    /// Of the packed file.
    pub sha256: String,
}

/// The list of blobs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BlobPart {
    pub count: u64,
    pub bytes: u64,
    /// Of the packed list.
    pub sha256: String,
}

/// A file of the data folder.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FilePart {
    pub path: String,
    /// Permissions, as Unix writes them.
    pub mode: u32,
    pub sha256: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_second() {
        let name = BackupName::of(1_777_800_000_700_001);
        assert_eq!(name.to_string(), "20260503T092000Z");
        assert_eq!("20260503T092000Z".parse(), Ok(name));
        for wrong in ["", "20260503", "20261303T092000Z", "20260503T092000Z.half"] {
            assert!(wrong.parse::<BackupName>().is_err(), "{wrong}");
        }
    }
}
