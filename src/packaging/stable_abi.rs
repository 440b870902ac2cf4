//! Python's stable ABI (PEP 384): which symbols an extension may use whose wheel is tagged `abi3`.

use std::collections::BTreeSet;

/// Lines of a Python's version and the symbols that it was the first to have.
const SYMBOLS: &str = include_str!("stable_abi.tsv");

/// What the symbols of Python's C API tell that an extension needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StableAbi {
    /// All are stable from Python 3.N on.
    Since(u32),
    /// This one is no part of it.
    Broken(String),
}

impl StableAbi {
    /// Judges `needed`. The stable ABI itself exists since 3.2.
    pub fn of(needed: &BTreeSet<String>) -> Self {
        let mut left: BTreeSet<&str> = needed.iter().map(String::as_str).collect();
        let mut since = 2;
        for line in SYMBOLS.lines().filter(|line| !line.starts_with('#')) {
            let Some((version, names)) = line.split_once('\t') else { continue };
            let minor: u32 = version.trim_start_matches("3.").parse().unwrap_or_default();
            let before = left.len();
            for name in names.split(' ') {
                left.remove(name);
            }
            if left.len() < before {
                since = since.max(minor);
            }
        }
        match left.first() {
            Some(other) => Self::Broken((*other).to_owned()),
            None => Self::Since(since),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(names: &[&str]) -> StableAbi {
        StableAbi::of(&names.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn the_newest_symbol_says_since_when_and_a_foreign_one_breaks_it() {
        assert_eq!(of(&[]), StableAbi::Since(2));
        assert_eq!(of(&["PyLong_FromLong", "PyModule_Create2", "_Py_NoneStruct"]), StableAbi::Since(2));
        assert_eq!(of(&["PyLong_FromLong", "PyUnicode_AsUTF8AndSize"]), StableAbi::Since(10));
        let broken = of(&["PyLong_FromLong", "_PyLong_AsInt"]);
        assert_eq!(broken, StableAbi::Broken("_PyLong_AsInt".to_owned()));
    }

    #[test]
    fn every_line_of_the_table_is_read() {
        let lines: Vec<&str> = SYMBOLS.lines().filter(|line| !line.starts_with('#')).collect();
        assert!(lines.len() > 10 && SYMBOLS.split_whitespace().count() > 900);
        let reads = |line: &&str| line.strip_prefix("3.").is_some_and(|rest| rest.contains('\t'));
        assert!(lines.iter().all(reads));
    }
}
