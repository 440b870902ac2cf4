//! Space of the disk that stays free, for the database and for what else the machine does.

use crate::config::Reserve;
use crate::config::units::rounded;
use crate::error::{Error, Result};
use parking_lot::Mutex;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long a look at the disk counts.
const FRESH: Duration = Duration::from_secs(1);

/// How full the disk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskSpace {
    pub free: u64,
    pub size: u64,
    /// Bytes that are to stay free.
    pub reserve: u64,
}

impl DiskSpace {
    pub fn is_low(&self) -> bool {
        self.free < self.reserve
    }
}

/// Watches the disk of the data folder.
pub(super) struct ReserveWatch {
    folder: PathBuf,
    reserve: Reserve,
    seen: Mutex<Option<(Instant, DiskSpace)>>,
}

impl ReserveWatch {
    pub fn new(folder: PathBuf, reserve: Reserve) -> Self {
        Self { folder, reserve, seen: Mutex::default() }
    }

    /// How full the disk is, or was within the last second.
    pub fn space(&self) -> Result<DiskSpace> {
        let mut seen = self.seen.lock();
        if let Some((at, space)) = *seen
            && at.elapsed() < FRESH
        {
            return Ok(space);
        }
        let told = rustix::fs::statvfs(&self.folder).map_err(std::io::Error::from)?;
        let (free, size) = (told.f_bavail * told.f_frsize, told.f_blocks * told.f_frsize);
        let space = DiskSpace { free, size, reserve: self.reserve.of(size) };
        *seen = Some((Instant::now(), space));
        Ok(space)
    }

    /// # Errors
    /// `Full` if less is free than the setting wants.
    pub fn check(&self) -> Result<()> {
        if self.reserve.is_off() {
            return Ok(());
        }
        let space = self.space()?;
        if !space.is_low() {
            return Ok(());
        }
        Err(Error::Full(format!(
            "the server's disk is nearly full: less than {} are free (setting limits.reserve). An administrator can \
             free space with 'wheelwright gc', or add some",
            rounded(space.reserve)
        )))
    }
}
