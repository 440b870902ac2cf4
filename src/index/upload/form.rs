//! The form of an upload: fields in any order, and what they must say by themselves.

use crate::bad;
use crate::error::Result;
use crate::names::ProjectName;
use crate::packaging::attestation;
use crate::packaging::filename::DistFilename;
use crate::packaging::metadata::{Metadata, invalid};
use crate::packaging::version::{self, Version};
use crate::store::{Spool, SpooledDigests};
use crate::words::FileKind;
use std::collections::BTreeMap;

/// Bytes; a file system takes 255, and `.metadata` is appended.
const LONGEST_FILENAME: usize = 255 - ".metadata".len();

/// The text fields; what is empty or `UNKNOWN` counts as absent.
#[derive(Clone, Debug, Default)]
pub struct Form {
    fields: BTreeMap<String, Vec<String>>,
}

/// The file, spooled and hashed, not yet believed.
pub struct Content {
    pub filename: String,
    /// Of its part of the form.
    pub content_type: Option<String>,
    pub spool: Spool,
    pub digests: SpooledDigests,
}

/// What is sent under several names by different publishers.
fn usual_name(name: &str) -> &str {
    match name {
        "provides_extras" => "provides_extra",
        "platforms" => "platform",
        "supported_platforms" => "supported_platform",
        "license_files" => "license_file",
        "classifier" => "classifiers",
        "import_names" => "import_name",
        "import_namespaces" => "import_namespace",
        other => other,
    }
}

impl Form {
    /// Adds a field; one that is there already becomes a list.
    pub fn push(&mut self, name: &str, value: String) {
        let absent = value.trim().is_empty() || value == "UNKNOWN";
        if !absent {
            self.fields.entry(usual_name(name).to_owned()).or_default().push(value);
        }
    }

    /// Takes name and version from the file's name where a form has neither, as a browser's has.
    ///
    /// # Errors
    /// `Bad` if the file's name is none of a wheel or an sdist.
    pub fn fill_from(&mut self, filename: &str) -> Result<()> {
        if self.get("name").is_some() || self.get("version").is_some() {
            return Ok(());
        }
        self.check_shape(filename)?;
        let name = DistFilename::parse(filename)?;
        self.push("name", name.name().to_string());
        self.push("version", name.version().to_string());
        Ok(())
    }

    /// The first value of a field.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).first().map(String::as_str)
    }

    pub fn all(&self, name: &str) -> &[String] {
        self.fields.get(name).map_or(&[], Vec::as_slice)
    }

    /// Attestations (PEP 740) as sent.
    pub(super) fn attestations(&self) -> Option<&str> {
        self.get("attestations")
    }

    /// They must be of this very file: they are served as statements about it.
    pub(super) fn check_attestations(&self, filename: &str, sha256: &str) -> Result<()> {
        match self.all("attestations") {
            [] => Ok(()),
            [one] => attestation::check(one, filename, sha256),
            _ => Err(bad!("The form has more than one field attestations.")),
        }
    }

    /// The project that the form names.
    pub(in crate::index) fn project(&self) -> Result<ProjectName> {
        let name = self.get("name").ok_or_else(|| invalid("Name", "", "This field is required."))?;
        ProjectName::new(name).ok_or_else(|| {
            invalid(
                "Name",
                name,
                "Start and end with a letter or numeral containing only ASCII numeric and '.', '_' and '-'.",
            )
        })
    }

    /// Project and version, if this is a form that we understand.
    pub(super) fn identity(&self) -> Result<(ProjectName, Version)> {
        if !matches!(self.get("protocol_version"), None | Some("1")) {
            return Err(bad!("Unknown protocol version."));
        }
        for single in ["name", "version", "metadata_version", "filetype"] {
            if self.all(single).len() > 1 {
                return Err(bad!("The form has more than one field {single}."));
            }
        }
        let project = self.project()?;
        let text = self.get("version").ok_or_else(|| invalid("Version", "", "This field is required."))?;
        let version = version::parse(text).ok_or_else(|| {
            invalid("Version", text, "Must start and end with a letter or numeral: a version by PEP 440.")
        })?;
        Ok((project, version))
    }

    /// What the file's name must be.
    pub(super) fn check_filename(
        &self,
        content: &Content,
        project: &ProjectName,
        version: &Version,
    ) -> Result<DistFilename> {
        let filename = &content.filename;
        self.check_shape(filename)?;
        if content.content_type.as_deref().is_some_and(|kind| kind.starts_with("image/")) {
            return Err(bad!("Invalid distribution file."));
        }
        let name = DistFilename::parse(filename)?;
        if name.name() != project {
            return Err(bad!("filename '{filename}' does not match project name '{project}'"));
        }
        if name.version() != version {
            return Err(bad!("filename '{filename}' does not contain version '{version}'"));
        }
        Ok(name)
    }

    /// What is true of every file's name.
    pub(super) fn check_shape(&self, filename: &str) -> Result<()> {
        if filename.is_empty() || filename.chars().any(|c| c.is_control() || c == '/' || c == '\\') {
            return Err(bad!(
                "Invalid filename {filename:?}: it must be one path segment without control characters."
            ));
        }
        if filename.len() > LONGEST_FILENAME {
            return Err(bad!("Filename is too long: {} bytes, at most {LONGEST_FILENAME}.", filename.len()));
        }
        self.check_filetype(filename)
    }

    fn check_filetype(&self, filename: &str) -> Result<()> {
        let expected = match filename {
            name if name.ends_with(".whl") => FileKind::Wheel,
            name if name.ends_with(".tar.gz") || name.ends_with(".zip") => FileKind::Sdist,
            _ => {
                return Err(bad!(
                    "Invalid file extension: '{filename}' is not a valid archive name: use .tar.gz or .whl."
                ));
            }
        };
        match self.get("filetype") {
            Some(given) if given == expected.name() => Ok(()),
            Some(given) => Err(match FileKind::parse(given) {
                Some(FileKind::Sdist | FileKind::Wheel) => {
                    bad!("filetype '{given}' does not fit the file name '{filename}'.")
                }
                _ => bad!("Unknown type of file '{given}': filetype must be sdist or bdist_wheel."),
            }),
            // devpi asks for none, and the file's name tells it.
            None => Ok(()),
        }
    }

    /// Digests that came along must be those of the bytes that came.
    pub(in crate::index) fn check_digests(&self, digests: &SpooledDigests) -> Result<()> {
        let known = [
            ("md5_digest", &digests.md5),
            ("sha256_digest", &digests.sha256),
            ("blake2_256_digest", &digests.blake2_256),
        ];
        for (field, calculated) in known {
            for given in self.all(field) {
                let well_formed =
                    given.len() == calculated.len() && given.bytes().all(|b| b.is_ascii_hexdigit());
                if !well_formed {
                    return Err(bad!("{field} must be {} hexadecimal digits.", calculated.len()));
                }
                if !given.eq_ignore_ascii_case(calculated) {
                    return Err(bad!(
                        "The digest supplied does not match a digest calculated from the uploaded file. \
                         ({field}: {calculated} was received)"
                    ));
                }
            }
        }
        Ok(())
    }

    /// The form as metadata, for releases that are registered without a file.
    pub(in crate::index) fn metadata(&self) -> Metadata {
        let one = |name: &str| self.get(name).map(str::to_owned);
        let many = |name: &str| self.all(name).to_vec();
        Metadata {
            metadata_version: one("metadata_version").unwrap_or_default(),
            name: one("name").unwrap_or_default(),
            version: one("version").unwrap_or_default(),
            summary: one("summary"),
            description: one("description"),
            description_content_type: one("description_content_type"),
            keywords: one("keywords"),
            home_page: one("home_page"),
            download_url: one("download_url"),
            author: one("author"),
            author_email: one("author_email"),
            maintainer: one("maintainer"),
            maintainer_email: one("maintainer_email"),
            license: one("license"),
            license_expression: one("license_expression"),
            requires_python: one("requires_python"),
            classifiers: many("classifiers"),
            platforms: many("platform"),
            requires_dist: many("requires_dist"),
            requires_external: many("requires_external"),
            project_urls: many("project_urls"),
            provides_extra: many("provides_extra"),
            ..Metadata::default()
        }
    }
}
