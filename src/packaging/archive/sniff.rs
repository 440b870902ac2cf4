//! Telling a tar archive by its first block, whoever reads it: what is two archives at once is refused.

pub(crate) const BLOCK: usize = 512;

/// Whether the block's checksum is that of a tar header.
pub(crate) fn is_tar_header(block: &[u8; BLOCK]) -> bool {
    octal(field(block, 148, 8)) == Some(checksum(block))
}

fn checksum(block: &[u8; BLOCK]) -> u64 {
    let (before, rest) = block.split_at(148);
    let after = rest.get(8..).unwrap_or_default();
    // The checksum counts as eight spaces.
    before.iter().chain(after).map(|byte| u64::from(*byte)).sum::<u64>() + 8 * 32
}

pub(super) fn field(block: &[u8; BLOCK], at: usize, length: usize) -> &[u8] {
    block.get(at..at + length).unwrap_or_default()
}

/// An octal number as tar writers pad it: spaces before, spaces or NULs after. GNU's binary form
/// (above 8 GiB) and signs are not read.
pub(super) fn octal(field: &[u8]) -> Option<u64> {
    let start = field.iter().position(|byte| *byte != b' ')?;
    let digits = field.get(start..)?;
    let end = digits.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len());
    let (digits, padding) = digits.split_at(end);
    if digits.is_empty() || padding.iter().any(|byte| !matches!(byte, 0 | b' ')) {
        return None;
    }
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok()
}
