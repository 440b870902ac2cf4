//! How much of a disk stays free.

/// Space of a disk that stays free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reserve {
    Bytes(u64),
    /// Hundredths of the disk.
    Share(u64),
}

impl Reserve {
    pub fn is_off(self) -> bool {
        matches!(self, Self::Bytes(0) | Self::Share(0))
    }

    /// In bytes, of a disk of `size` bytes.
    pub fn of(self, size: u64) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Share(share) => size / 100 * share,
        }
    }
}
