//! The programs that change a source as a recipe says: laid out where they run. The portable worker fetches the same.

/// Name and text.
pub const SCRIPTS: &[(&str, &str)] = &[
    ("regenerate.py", include_str!("regenerate.py")),
    ("adjust.py", include_str!("adjust.py")),
    // What the latter puts into C sources.
    ("capi.h", include_str!("capi.h")),
];

/// The text of one of them.
pub fn script(name: &str) -> Option<&'static str> {
    SCRIPTS.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}
