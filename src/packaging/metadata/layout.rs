//! Whether the lines of core metadata read the same everywhere: pip reads them with Python's email
//! parser, uv with its own, and what one skips the other may take for a field.

use super::{Metadata, is_field_name};
use crate::bad;
use crate::error::Result;

/// Fields that installers act on: each stands on one line, and the single ones stand there once.
const DECIDING: [(&str, bool); 6] = [
    ("metadata-version", true),
    ("name", true),
    ("version", true),
    ("requires-python", true),
    ("requires-dist", false),
    ("provides-extra", false),
];

impl Metadata {
    /// Refuses metadata that two readers could take differently; to be asked of what is uploaded.
    ///
    /// # Errors
    /// `Bad` with the line and what is wrong with it.
    pub fn check_layout(bytes: &[u8]) -> Result<()> {
        if bytes.starts_with(b"\xef\xbb\xbf") {
            return Err(bad!(
                "The core metadata begins with a byte order mark. Save it as UTF-8 without one."
            ));
        }
        let mut lines = Lines::default();
        let mut rest = bytes;
        let mut number = 0;
        while !rest.is_empty() {
            number += 1;
            let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            let (line, after) = rest.split_at_checked(end).unwrap_or((rest, &[]));
            let line = line.strip_suffix(b"\r").filter(|_| !after.is_empty()).unwrap_or(line);
            if line.is_empty() {
                return Ok(());
            }
            lines.add(line).map_err(|why| bad!("Line {number} of the core metadata {why}."))?;
            rest = after.get(1..).unwrap_or_default();
        }
        Ok(())
    }
}

/// The header lines so far.
#[derive(Default)]
struct Lines {
    /// The field of the line before, in lower case.
    field: Option<String>,
    seen: Vec<&'static str>,
}

impl Lines {
    fn add(&mut self, line: &[u8]) -> Result<(), String> {
        if line.contains(&b'\r') {
            return Err("has a carriage return without a line feed".to_owned());
        }
        let odd = |byte: &u8| byte.is_ascii_control() && !matches!(byte, b'\t' | 0x0b | 0x0c);
        if line.iter().any(odd) {
            return Err("has a control character".to_owned());
        }
        if line.starts_with(b" ") || line.starts_with(b"\t") {
            return self.folded();
        }
        let text = String::from_utf8_lossy(line);
        let (name, value) = text.split_once(':').unwrap_or((&text, ""));
        if !text.contains(':') || !is_field_name(name) {
            return Err("is not a field, and there is no empty line before it".to_owned());
        }
        self.field(&name.to_ascii_lowercase(), value.trim())
    }

    fn folded(&self) -> Result<(), String> {
        match &self.field {
            None => Err("continues a field, but there is none before it".to_owned()),
            Some(field) if DECIDING.iter().any(|(known, _)| known == field) => {
                Err(format!("continues the field {field:?}, which must be on one line"))
            }
            Some(_) => Ok(()),
        }
    }

    fn field(&mut self, name: &str, value: &str) -> Result<(), String> {
        for (known, single) in DECIDING.iter().filter(|(known, _)| *known == name) {
            if *single && self.seen.contains(known) {
                return Err(format!("has the field {name:?} a second time"));
            }
            self.seen.push(known);
        }
        // Of the email, not of the metadata: they change how the body is read.
        let kind = value.to_ascii_lowercase();
        let body = name == "content-transfer-encoding"
            || name == "content-type" && (kind.starts_with("multipart/") || kind.starts_with("message/"));
        if body {
            return Err(format!("has the field {name:?}, which core metadata does not define"));
        }
        self.field = Some(name.to_owned());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> String {
        Metadata::check_layout(text.as_bytes()).map_or_else(|error| error.to_string(), |()| "fine".to_owned())
    }

    #[test]
    fn metadata_as_tools_write_it_is_fine() {
        for text in [
            "Metadata-Version: 2.1\nName: a\nVersion: 1\n\nFrom me\r to you\n: x\n",
            "Metadata-Version: 2.1\r\nName: a\r\nVersion: 1\r\n\r\ntext\r\n",
            "Name: a\nVersion: 1\nDescription: x\n        y\n\n",
            "Name: a\nVersion: 1\nLicense: x\n \n\ty\x0c\nRequires-Dist: b\nRequires-Dist: c",
            "Name: a\nVersion: 1\nAuthor: Zo\u{eb}\nContent-Type: text/plain\n",
        ] {
            assert_eq!(told(text), "fine", "{text:?}");
        }
    }

    #[test]
    fn what_pythons_parser_reads_otherwise_is_refused_with_its_line() {
        for (text, says) in [
            ("Name: a\rRequires-Dist: b\nVersion: 1\n", "Line 1 of the core metadata has a carriage return"),
            ("Name: a\nVersion: 1\r", "carriage return"),
            ("Name: a\r\r\nVersion: 1\n", "carriage return"),
            ("From me\nName: a\n", "Line 1 of the core metadata is not a field"),
            ("Name: a\nFrom x: y\nVersion: 1\n", "is not a field"),
            ("Name: a\n: x\nVersion: 1\n", "is not a field"),
            ("Name: a\nVersion : 1\n", "is not a field"),
            ("Name: a\nVersion 1\n", "is not a field"),
            (" x\nName: a\n", "continues a field, but there is none"),
            ("Name: a\nRequires-Dist: b\n ; x\n", "must be on one line"),
            ("Name: a\nname: b\n", "\"name\" a second time"),
            ("Name: a\nSummary: x\0y\n", "control character"),
            ("Name: a\nSummary: x\u{1c}y\n", "control character"),
            ("\u{feff}Name: a\n", "byte order mark"),
            ("Name: a\nContent-Type: Multipart/mixed; boundary=x\n", "core metadata does not define"),
            ("Name: a\nContent-Transfer-Encoding: base64\n", "core metadata does not define"),
        ] {
            assert!(told(text).contains(says), "{text:?}: {}", told(text));
        }
    }
}
