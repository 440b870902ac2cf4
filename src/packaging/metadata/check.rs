//! What an upload's core metadata must satisfy, with the messages publishers know from PyPI.

use std::fmt::Display;
use std::str::FromStr;

use super::Metadata;
use crate::bad;
use crate::error::{Error, Result, clipped};
use crate::names::ProjectName;
use crate::packaging::requirement::Requirement;
use crate::packaging::version::{self, VersionSpecifiers};

/// 2.0 was never a standard, but what the wheel tool wrote until 2018; PyPI takes it.
const METADATA_VERSIONS: [&str; 10] = ["1.0", "1.1", "1.2", "2.0", "2.1", "2.2", "2.3", "2.4", "2.5", "2.6"];
pub(super) const CONTENT_TYPES: [&str; 3] = ["text/plain", "text/x-rst", "text/markdown"];
/// Characters.
pub(super) const LONGEST_SUMMARY: usize = 512;

/// Characters of a value that a refusal shows: the reason behind it must fit into a status line.
const SHOWN: usize = 60;

/// The refusal of a field's value, as PyPI words it.
pub fn invalid(field: &str, value: &str, why: impl Display) -> Error {
    bad!(
        "'{}' is an invalid value for {field}. Error: {why} \
         See https://packaging.python.org/specifications/core-metadata for more information.",
        clipped(value, SHOWN)
    )
}

impl Metadata {
    /// Checks what an upload must have right, the most telling fields first. Local versions are
    /// allowed. Fields newer than `Metadata-Version` are allowed too: setuptools wrote
    /// `License-File` into metadata 2.1 for years.
    ///
    /// # Errors
    /// `Bad` with the first field that is wrong and why.
    pub fn validate_upload(&self) -> Result<()> {
        if !METADATA_VERSIONS.contains(&self.metadata_version.as_str()) {
            let why = format!("use one of {}.", METADATA_VERSIONS.join(", "));
            return Err(invalid("Metadata-Version", &self.metadata_version, why));
        }
        if ProjectName::new(&self.name).is_none() {
            let why = "start and end with a letter or digit, and use only letters, digits, '-', \
                       '_' and '.' between.";
            return Err(invalid("Name", &self.name, why));
        }
        if version::parse(&self.version).is_none() {
            return Err(invalid("Version", &self.version, "use a version as PEP 440 defines it."));
        }
        self.check_texts()?;
        self.check_requirements()?;
        self.check_lists()
    }

    fn check_texts(&self) -> Result<()> {
        if let Some(text) = &self.description_content_type {
            let kind = text.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
            if !CONTENT_TYPES.contains(&kind.as_str()) {
                let why = format!("use one of {}.", CONTENT_TYPES.join(", "));
                return Err(invalid("Description-Content-Type", text, why));
            }
        }
        if self.license.is_some() && self.license_expression.is_some() {
            let why =
                "License is deprecated when License-Expression is present. Use only License-Expression.";
            return Err(invalid("License", self.license.as_deref().unwrap_or(""), why));
        }
        if let Some(summary) = &self.summary
            && summary.chars().count() > LONGEST_SUMMARY
        {
            let why = format!("use at most {LONGEST_SUMMARY} characters.");
            return Err(invalid("Summary", summary, why));
        }
        Ok(())
    }

    fn check_requirements(&self) -> Result<()> {
        if let Some(text) = &self.requires_python {
            // Old mistakes that installers mend (`>=3.6.*`) are on PyPI for ever.
            if version::forgiving_specifiers(text).is_none() {
                let why = VersionSpecifiers::from_str(text).err().map(|e| first_line(&e)).unwrap_or_default();
                let why = clipped(&why, SHOWN);
                return Err(invalid("Requires-Python", text, format!("{why}.")));
            }
        }
        for text in &self.requires_dist {
            Requirement::parse_forgiving(text)
                .map_err(|e| invalid("Requires-Dist", text, format!("{}.", without_text(&first_line(&e)))))?;
        }
        Ok(())
    }

    fn check_lists(&self) -> Result<()> {
        for extra in &self.provides_extra {
            if ProjectName::new(extra).is_none() {
                return Err(invalid("Provides-Extra", extra, "it is not a valid name of an extra."));
            }
        }
        for field in &self.dynamic {
            if ["name", "version", "metadata-version"].contains(&field.as_str()) {
                return Err(invalid("Dynamic", field, "this field cannot be dynamic."));
            }
        }
        for path in &self.license_files {
            let climbs = path.split('/').any(|part| part == "..");
            if climbs || path.starts_with('/') || path.contains('\\') {
                let why = "use a relative path with '/' that stays within the project.";
                return Err(invalid("License-File", path, why));
            }
        }
        Ok(())
    }
}

/// The text stands before it already.
fn without_text(why: &str) -> String {
    match why.split_once("(PEP 508): ") {
        Some((_, why)) => format!("it is not a valid requirement (PEP 508): {why}"),
        None => why.to_owned(),
    }
}

/// Parsers point at the place on further lines, which no status line can show.
fn first_line(error: &impl Display) -> String {
    let text = error.to_string();
    text.lines().next().unwrap_or_default().trim_end_matches('.').to_owned()
}
