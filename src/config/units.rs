//! Values as people write them: `2 GiB`, `7d`.

use crate::bad;
use crate::error::Result;

/// `90s`, `15m`, `36h`, `7d`, `2w`, or plain seconds.
pub fn seconds(text: &str) -> Option<u64> {
    let (number, unit) = split(text)?;
    let unit = match unit {
        "" | "s" => 1,
        "m" | "min" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 604_800,
        _ => return None,
    };
    number.checked_mul(unit)
}

/// The same as the time after which a token or a login ends.
///
/// # Errors
/// `Bad` for what is no time, and for none.
pub fn lifetime(text: &str) -> Result<u64> {
    seconds(text).filter(|seconds| *seconds > 0).ok_or_else(|| bad!("'{text}' is not a time like 90d"))
}

/// `2 GiB`, `4.7GB`, `64k` (1024), or plain bytes.
pub fn bytes(text: &str) -> Option<u64> {
    let (number, rest) = split(text)?;
    let (parts, digits, unit) = match rest.strip_prefix('.') {
        Some(rest) => {
            let (parts, unit) = split(rest)?;
            let digits =
                u32::try_from(rest.trim_start().bytes().take_while(u8::is_ascii_digit).count()).ok()?;
            (parts, digits, unit)
        }
        None => (0, 0, rest),
    };
    let unit: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "t" | "tib" => 1 << 40,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        _ => return None,
    };
    let parts = parts.checked_mul(unit)?.checked_div(10_u64.checked_pow(digits)?)?;
    number.checked_mul(unit)?.checked_add(parts)
}

fn split(text: &str) -> Option<(u64, &str)> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(digits)?;
    Some((number.parse().ok()?, unit.trim()))
}

/// Bytes in the largest binary unit that divides them: `4 GiB`.
pub fn show_bytes(bytes: u64) -> String {
    let units = [(1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let unit = units.iter().find(|(unit, _)| bytes > 0 && bytes.is_multiple_of(*unit));
    unit.map_or_else(|| bytes.to_string(), |(unit, name)| format!("{} {name}", bytes / unit))
}

/// To whole units, so that large numbers can be read.
pub fn rounded(bytes: u64) -> String {
    let unit = [40, 30, 20, 10].into_iter().map(|bits| 1u64 << bits).find(|unit| bytes >= *unit).unwrap_or(1);
    show_bytes(bytes / unit * unit)
}

/// Seconds in the largest unit that divides them: `10m`.
pub fn show_seconds(seconds: u64) -> String {
    let units = [(86_400, "d"), (3600, "h"), (60, "m")];
    let unit = units.iter().find(|(unit, _)| seconds > 0 && seconds.is_multiple_of(*unit));
    unit.map_or_else(|| format!("{seconds}s"), |(unit, name)| format!("{}{name}", seconds / unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_are_read_as_people_write_them() {
        assert_eq!(bytes("2 GiB"), Some(2 << 30));
        assert_eq!(bytes("500MB"), Some(500_000_000));
        assert_eq!(bytes("4.7GB"), Some(4_700_000_000));
        assert_eq!(bytes("1.05 k"), Some(1075));
        assert_eq!((bytes("1."), bytes("1.x"), bytes("1.-1k")), (None, None, None));
        assert_eq!(bytes("12"), Some(12));
        assert_eq!(bytes("2 GiBs"), None);
        assert_eq!(bytes("99999999 TiB"), None);
        assert_eq!(seconds("7d"), Some(604_800));
        assert_eq!(seconds("90"), Some(90));
        assert_eq!(seconds("-1"), None);
        assert_eq!(seconds("1y"), None);
    }

    #[test]
    fn what_is_shown_reads_back() {
        for value in [0, 1, 1024, 3 << 30, 1_000_000, 90] {
            assert_eq!(bytes(&show_bytes(value)), Some(value));
            assert_eq!(seconds(&show_seconds(value)), Some(value));
        }
    }
}
