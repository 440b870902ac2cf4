//! Core metadata with the mistakes corrected that installers forgive and an index refuses.

use std::str::FromStr;

use super::Metadata;
use super::check::{CONTENT_TYPES, LONGEST_SUMMARY};
use crate::names::ProjectName;
use crate::packaging::requirement::Requirement;
use crate::packaging::version::{VersionSpecifiers, forgiving_specifiers};

/// What became of `METADATA`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MendedMetadata {
    pub bytes: Vec<u8>,
    /// What was changed, for people; empty: the bytes are as they were.
    pub changes: Vec<String>,
}

impl MendedMetadata {
    /// Corrects single header lines and leaves all else as it is, byte for byte. `has_license` tells whether
    /// a licence file that is named is there.
    pub fn of(bytes: &[u8], has_license: impl Fn(&str) -> bool) -> Self {
        let unchanged = || Self { bytes: bytes.to_vec(), changes: Vec::new() };
        let (Ok(text), Ok(metadata)) = (std::str::from_utf8(bytes), Metadata::parse(bytes)) else {
            return unchanged();
        };
        let mut mended = String::with_capacity(text.len());
        let mut changes = Vec::new();
        let mut rest = text;
        while let Some((field, after)) = field(rest) {
            rest = after;
            let (name, value) = field.split_once(':').unwrap_or((field, ""));
            let value = value.lines().map(str::trim).collect::<Vec<_>>().join(" ");
            match mend(&name.to_ascii_lowercase(), value.trim(), &metadata, &has_license) {
                Mending::Right => mended.push_str(field),
                Mending::Instead(new) => {
                    changes.push(format!("{name}: {new} instead of {}", value.trim()));
                    mended.push_str(&format!("{name}: {new}\n"));
                }
                Mending::Gone(why) => changes.push(format!("{name}: removed, {why}")),
            }
        }
        mended.push_str(rest);
        match changes.is_empty() {
            true => unchanged(),
            false => Self { bytes: mended.into_bytes(), changes },
        }
    }
}

/// The first header field of `text` with the lines that continue it, and what follows; `None` where the
/// headers end.
fn field(text: &str) -> Option<(&str, &str)> {
    let first = text.split_inclusive('\n').next().filter(|line| !line.trim_end().is_empty())?;
    let mut end = first.len();
    for line in text.get(end..)?.split_inclusive('\n') {
        if !line.starts_with([' ', '\t']) {
            break;
        }
        end += line.len();
    }
    first.contains(':').then(|| text.split_at_checked(end))?
}

/// What is to be done with one field.
enum Mending {
    Right,
    Instead(String),
    Gone(&'static str),
}

fn mend(name: &str, value: &str, metadata: &Metadata, has_license: impl Fn(&str) -> bool) -> Mending {
    let or_instead = |is_right: bool, new: Option<String>| match (is_right, new) {
        (false, Some(new)) => Mending::Instead(new),
        _ => Mending::Right,
    };
    // As good as absent, and as right.
    if value.is_empty() || value == "UNKNOWN" {
        return Mending::Right;
    }
    let or_gone = |is_right: bool, why| if is_right { Mending::Right } else { Mending::Gone(why) };
    match name {
        "requires-python" => {
            let new = forgiving_specifiers(value).map(|specifiers| specifiers.to_string());
            or_instead(VersionSpecifiers::from_str(value).is_ok(), new)
        }
        "requires-dist" => {
            let new = Requirement::parse_forgiving(value).ok().map(|requirement| requirement.to_string());
            or_instead(Requirement::parse(value).is_ok(), new)
        }
        "description-content-type" => {
            let kind = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
            or_gone(CONTENT_TYPES.contains(&kind.as_str()), "it is none of those that exist")
        }
        "summary" => {
            let short = value.chars().take(LONGEST_SUMMARY).collect::<String>();
            or_instead(short == value, Some(short))
        }
        "license" => or_gone(metadata.license_expression.is_none(), "License-Expression takes its place"),
        "provides-extra" => or_gone(ProjectName::new(value).is_some(), "no extra can have this name"),
        "dynamic" => {
            let fixed = ["name", "version", "metadata-version"];
            or_gone(!fixed.contains(&value.to_ascii_lowercase().as_str()), "this field cannot be dynamic")
        }
        "license-file" => {
            let leaves =
                value.starts_with('/') || value.contains('\\') || value.split('/').any(|part| part == "..");
            or_gone(!leaves && has_license(value), "the wheel does not contain it")
        }
        _ => Mending::Right,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n";

    fn mended(more: &str) -> (String, usize) {
        let mended = MendedMetadata::of(format!("{HEAD}{more}").as_bytes(), |file| file == "LICENSE");
        let text = String::from_utf8(mended.bytes).unwrap();
        (text.strip_prefix(HEAD).unwrap().to_owned(), mended.changes.len())
    }

    #[test]
    fn what_installers_forgive_is_corrected_and_the_index_takes_it() {
        for (before, after) in [
            ("Requires-Python: >=3.6.*\n", "Requires-Python: >=3.6\n"),
            ("Requires-Python: >=2.7,!=3.0.*,<4.*\n", "Requires-Python: >=2.7, !=3.0.*, <4\n"),
            (
                "Requires-Python: >=3.6.*\n\nRequires-Python: >=3.6.*\n",
                "Requires-Python: >=3.6\n\nRequires-Python: >=3.6.*\n",
            ),
            ("Requires-Dist: six (>=1.0.*)\nX: y\n", "Requires-Dist: six>=1.0\nX: y\n"),
            ("Description-Content-Type: markdown\n\n# x\n", "\n# x\n"),
            ("License: MIT\n  or so\nLicense-Expression: MIT\n", "License-Expression: MIT\n"),
            ("Provides-Extra: a b\nProvides-Extra: c\n", "Provides-Extra: c\n"),
            ("Dynamic: Version\nDynamic: License\n", "Dynamic: License\n"),
            ("License-File: LICENSE\nLicense-File: ../AUTHORS\n", "License-File: LICENSE\n"),
        ] {
            let (text, changes) = mended(before);
            assert_eq!((text.as_str(), changes), (after, 1), "{before:?}");
            let metadata = Metadata::parse(format!("{HEAD}{text}").as_bytes()).unwrap();
            metadata.validate_upload().unwrap();
        }
        let long = format!("Summary: {}\n", "x".repeat(600));
        assert_eq!(mended(&long).0.len(), "Summary: \n".len() + 512);
    }

    #[test]
    fn what_is_right_stays_as_it_is_byte_for_byte() {
        for text in [
            "Requires-Python: >=3.6, <4\nRequires-Dist: six (>=1.0) ; python_version < '3'\n",
            "Summary: a\n\tb\nDescription-Content-Type: text/markdown; charset=UTF-8\r\n\r\nx\r\n",
            "Requires-Python: nonsense\n",
            "no field\nRequires-Python: >=3.6.*\n",
            "",
        ] {
            assert_eq!(mended(text), (text.to_owned(), 0), "{text:?}");
        }
    }
}
