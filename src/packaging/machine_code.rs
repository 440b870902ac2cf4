//! Machine code, told by the first bytes of a file.

use super::elf::is_elf;

/// Bytes of a file's beginning that [`MachineCode::of`] needs.
pub const BEGINNING: u64 = 4096;

/// The systems whose loaders know the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MachineCode {
    /// Linux and others.
    Elf,
    /// macOS.
    MachO,
    /// Windows.
    Pe,
}

impl MachineCode {
    /// By the file's beginning; `None`: it is something else.
    pub fn of(beginning: &[u8]) -> Option<Self> {
        let number = |at: usize| Some(u32::from_be_bytes(beginning.get(at..at + 4)?.try_into().ok()?));
        if is_elf(beginning) {
            return Some(Self::Elf);
        }
        match number(0)? {
            0xfeed_face | 0xfeed_facf | 0xcefa_edfe | 0xcffa_edfe => Some(Self::MachO),
            // For several processors; Java's classes begin alike, and have their version there, from 45 on.
            0xcafe_babe if number(4)? < 40 => Some(Self::MachO),
            _ if beginning.starts_with(b"MZ") => {
                let at = usize::try_from(number(0x3c)?.swap_bytes()).ok()?;
                let sign = beginning.get(at..at.checked_add(4)?)?;
                (sign == b"PE\0\0").then_some(Self::Pe)
            }
            _ => None,
        }
    }

    /// As it is called where people read of it.
    pub fn system(self) -> &'static str {
        match self {
            Self::Elf => "Linux",
            Self::MachO => "macOS",
            Self::Pe => "Windows",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machine_code_is_told_by_its_beginning_and_not_taken_for_text() {
        let mut windows = vec![0u8; 128];
        windows[..2].copy_from_slice(b"MZ");
        windows[0x3c] = 64;
        assert_eq!(MachineCode::of(&windows), None, "an old program for DOS");
        windows[64..68].copy_from_slice(b"PE\0\0");
        assert_eq!(MachineCode::of(&windows), Some(MachineCode::Pe));
        assert_eq!(MachineCode::of(b"\x7fELF\x02\x01"), Some(MachineCode::Elf));
        assert_eq!(MachineCode::of(b"\xcf\xfa\xed\xfe\x07\0\0\x01"), Some(MachineCode::MachO));
        assert_eq!(MachineCode::of(b"\xca\xfe\xba\xbe\0\0\0\x02"), Some(MachineCode::MachO));
        assert_eq!(MachineCode::of(b"\xca\xfe\xba\xbe\0\0\0\x37"), None, "a class of Java 11");
        for other in ["", "MZ", "MZ is how this text begins", "#!/bin/sh\n"] {
            assert_eq!(MachineCode::of(other.as_bytes()), None, "{other:?}");
        }
    }
}
