//! What a source says of itself, before it is built.

use std::collections::BTreeSet;

/// What is known of the source, read before the build ran.
#[derive(Clone, Debug, Default)]
pub struct SourceFacts {
    /// `PKG-INFO`, where the source has one.
    pub pkg_info: Option<Vec<u8>>,
    /// Whether it looks as if extension modules belong to it, see [`looks_like_extensions`].
    pub extensions: bool,
    /// The sha256 of its files that are machine code, whoever compiled them.
    pub machine_code: BTreeSet<String>,
}

/// Whether a source with these file names and this `setup.py` builds extension modules, at least sometimes.
pub fn looks_like_extensions<'a>(names: impl IntoIterator<Item = &'a str>, setup_py: &str) -> bool {
    let ending =
        |name: &str| [".c", ".pyx", ".cpp", ".cc", ".cxx", ".rs"].iter().any(|ending| name.ends_with(ending));
    let asked = setup_py.contains("ext_modules") || setup_py.contains("Extension(");
    asked && names.into_iter().any(ending)
}
