//! Backup and restore: everything an installation has, at one moment, in a folder or a bucket.
//!
//! A place holds each blob once, whatever backups name it, so that the next backup only adds:
//!
//! ```text
//! wheelwright-backups.json     whose backups these are, and whether they are encrypted
//! blobs/ab/cdef…               bytes by sha256
//! backups/20261129T230000Z/
//!     tables/NAME.jsonl.gz     a row is a JSON array
//!     blobs.txt.gz             which blobs belong to it
//!     files/…                  what else is in the data folder
//!     manifest.json            written last: without it there is no backup
//! ```
//!
//! The rows come from one snapshot of the database; it names the blobs, which are copied behind it. From before the
//! snapshot until the manifest stands, a hold in the database keeps every process from collecting bytes, so that what
//! the snapshot names stays there even if its row is deleted meanwhile.

mod files;
mod hold;
mod make;
mod manifest;
mod open;
mod place;
mod prune;
mod restore;
mod rows;
mod seal;
mod target;
mod vault;

pub use make::{BackupOrder, BackupReport, BackupSource, back_up, last_backup};
pub use manifest::{BackupManifest, BackupName};
pub use open::{BackupFault, BackupList, BlobPlace, OpenBackup, list};
pub use place::BackupPlace;
pub use restore::{RestoreReport, load, restore};
pub use seal::{BackupKey, BackupRecipient};
pub use target::{RestoreTarget, refuse_unfinished};

use crate::error::Result;
use bytes::Bytes;
use futures::stream::BoxStream;

/// Bytes on their way.
type ByteStream = BoxStream<'static, Result<Bytes>>;

/// Blobs that are copied at once.
const AT_ONCE: usize = 4;

/// Faults that a message names; the others are counted.
const NAMED: usize = 5;
