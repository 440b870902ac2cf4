//! Core metadata (`METADATA`, `PKG-INFO`): read from bytes liberally, checked for uploads strictly.

use serde::{Deserialize, Serialize};

use crate::bad;
use crate::error::Result;

mod check;
mod form;
mod layout;
mod mend;
mod same;
pub use check::invalid;
pub use form::form_fields;
pub use mend::MendedMetadata;

/// Every field of core metadata 1.0 to 2.6. Absent, empty and `UNKNOWN` are the same.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Metadata {
    /// Empty if absent.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub metadata_version: String,
    /// As written, not normalised.
    pub name: String,
    /// As written, not canonical.
    pub version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// From the header or the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description_content_type: Option<String>,
    /// As written: divided by commas, or blanks in old files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keywords: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub home_page: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub download_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author_email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maintainer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maintainer_email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub license_expression: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requires_python: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub license_files: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub classifiers: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub platforms: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub supported_platforms: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub requires_dist: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub requires_external: Vec<String>,
    /// `Label, URL` as written; see [`Metadata::labelled_urls`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub project_urls: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub provides_extra: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub provides_dist: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub obsoletes_dist: Vec<String>,
    /// Names of fields, in lower case.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dynamic: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub import_names: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub import_namespaces: Vec<String>,
    /// Of metadata 1.1, like the two that follow.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub requires: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub provides: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub obsoletes: Vec<String>,
}

impl Metadata {
    /// Whether a classifier says that it must not be published: `Private :: Do Not Upload`.
    pub fn is_private(&self) -> bool {
        self.classifiers.iter().any(|classifier| classifier.trim_start().starts_with("Private ::"))
    }

    /// Reads `METADATA` or `PKG-INFO`: UTF-8, or Latin-1 where an old file is not.
    ///
    /// # Errors
    /// `Bad` if there is no `Name` or no `Version`. Nothing else is checked here, since a mirror
    /// shows what there is; see [`Metadata::validate_upload`].
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
        };
        let (headers, body) = split(text.trim_start_matches('\u{feff}'));
        let mut metadata = Self::default();
        for (key, value) in &headers {
            metadata.set(key, value);
        }
        if let Some(body) = body.filter(|body| !body.trim().is_empty()) {
            metadata.description = Some(body.to_owned());
        }
        for (field, value) in [("Name", &metadata.name), ("Version", &metadata.version)] {
            if value.is_empty() {
                return Err(bad!("the core metadata has no {field}"));
            }
        }
        Ok(metadata)
    }

    /// Takes one header field; the first of a single field counts.
    fn set(&mut self, key: &str, value: &str) {
        let key = key.to_ascii_lowercase();
        let value = match key.as_str() {
            "description" => unfold_description(value),
            // Only a license may go over several lines; elsewhere a fold is a mere line break.
            "license" => value.lines().map(str::trim).collect::<Vec<_>>().join("\n"),
            _ => value.lines().map(str::trim).collect::<Vec<_>>().join(" "),
        };
        let value = value.trim();
        if value.is_empty() || value == "UNKNOWN" {
            return;
        }
        if let Some(single) = self.single(&key) {
            single.get_or_insert_with(|| value.to_owned());
        } else if let Some(many) = self.many(&key) {
            many.push(if key == "dynamic" { value.to_ascii_lowercase() } else { value.to_owned() });
        } else if let Some(required) = self.required(&key)
            && required.is_empty()
        {
            value.clone_into(required);
        }
    }

    fn required(&mut self, key: &str) -> Option<&mut String> {
        Some(match key {
            "metadata-version" => &mut self.metadata_version,
            "name" => &mut self.name,
            "version" => &mut self.version,
            _ => return None,
        })
    }

    fn single(&mut self, key: &str) -> Option<&mut Option<String>> {
        Some(match key {
            "summary" => &mut self.summary,
            "description" => &mut self.description,
            "description-content-type" => &mut self.description_content_type,
            "keywords" => &mut self.keywords,
            "home-page" => &mut self.home_page,
            "download-url" => &mut self.download_url,
            "author" => &mut self.author,
            "author-email" => &mut self.author_email,
            "maintainer" => &mut self.maintainer,
            "maintainer-email" => &mut self.maintainer_email,
            "license" => &mut self.license,
            "license-expression" => &mut self.license_expression,
            "requires-python" => &mut self.requires_python,
            _ => return None,
        })
    }

    fn many(&mut self, key: &str) -> Option<&mut Vec<String>> {
        Some(match key {
            "license-file" => &mut self.license_files,
            "classifier" => &mut self.classifiers,
            "platform" => &mut self.platforms,
            "supported-platform" => &mut self.supported_platforms,
            "requires-dist" => &mut self.requires_dist,
            "requires-external" => &mut self.requires_external,
            "project-url" => &mut self.project_urls,
            "provides-extra" => &mut self.provides_extra,
            "provides-dist" => &mut self.provides_dist,
            "obsoletes-dist" => &mut self.obsoletes_dist,
            "dynamic" => &mut self.dynamic,
            "import-name" => &mut self.import_names,
            "import-namespace" => &mut self.import_namespaces,
            "requires" => &mut self.requires,
            "provides" => &mut self.provides,
            "obsoletes" => &mut self.obsoletes,
            _ => return None,
        })
    }

    /// The project URLs as (label, URL), both trimmed.
    pub fn labelled_urls(&self) -> impl Iterator<Item = (&str, &str)> {
        let urls = self.project_urls.iter();
        urls.map(|text| text.split_once(',').unwrap_or(("", text)))
            .map(|(label, url)| (label.trim(), url.trim()))
    }
}

/// The header fields (values with their line breaks) and the body. As in Python's parser, the
/// first line that is no field and no continuation begins the body.
fn split(text: &str) -> (Vec<(&str, String)>, Option<&str>) {
    let mut headers: Vec<(&str, String)> = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.is_empty() {
            return (headers, Some(after));
        }
        match (line.starts_with([' ', '\t']), headers.last_mut(), line.split_once(':')) {
            (true, Some((_, value)), _) => {
                value.push('\n');
                value.push_str(line);
            }
            (false, _, Some((key, value))) if is_field_name(key) => {
                headers.push((key, value.to_owned()));
            }
            _ => return (headers, Some(rest)),
        }
        rest = after;
    }
    (headers, None)
}

fn is_field_name(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|b| b.is_ascii_graphic())
}

/// Takes away what writers put before each further line of a `Description` field: seven blanks
/// and `|`, or eight blanks.
fn unfold_description(value: &str) -> String {
    let unfold = |line: &str| {
        let bare = line.strip_prefix("       |").or_else(|| line.strip_prefix("        "));
        bare.unwrap_or(line).to_owned()
    };
    value.trim_start().lines().map(unfold).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests;
