//! What an upload of a file would be told, before it is sent: the same strict readers, without a server.

use super::form::Form;
use super::{Maker, read_source};
use crate::bad;
use crate::error::{Error, Result};
use crate::names::ProjectName;
use crate::packaging::filename::DistFilename;
use crate::packaging::metadata::form_fields;
use crate::tools::hex;
use serde_json::{Map, Value};
use std::fs::File;
use std::path::Path;

/// A file that an index would take, as far as the file itself tells.
#[derive(Clone, Debug)]
pub struct CheckedFile {
    pub filename: String,
    pub project: ProjectName,
    pub version: String,
    pub sha256: String,
    /// Bytes.
    pub size: u64,
    /// It says `Private :: …`.
    pub private: bool,
    /// Its metadata, as the form of an upload has them.
    pub fields: Map<String, Value>,
}

/// Reads the file as an upload is read. This blocks.
///
/// # Errors
/// `Bad` with what is wrong, as an upload would be told; `TooLarge` beyond `largest` bytes.
pub fn check_file(path: &Path, largest: u64) -> Result<CheckedFile> {
    let filename = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    Form::default().check_shape(filename)?;
    let name = DistFilename::parse(filename)?;
    let unreadable = |error: std::io::Error| bad!("cannot read the file: {error}");
    let file = File::open(path).map_err(unreadable)?;
    let size = file.metadata().map_err(unreadable)?.len();
    if size > largest {
        return Err(Error::TooLarge(format!(
            "the file has {size} bytes, and uploads are limited to {largest} (setting limits.upload)"
        )));
    }
    let contents = read_source(&file, &name, Maker::Publisher)?;
    contents.metadata.validate_upload()?;
    let mut fields = form_fields(&contents.metadata);
    fields.insert("name".into(), contents.metadata.name.as_str().into());
    fields.insert("version".into(), name.version().to_string().into());
    Ok(CheckedFile {
        filename: filename.to_owned(),
        project: name.name().clone(),
        version: name.version().to_string(),
        sha256: hex::file_sha256(path).map_err(unreadable)?,
        size,
        private: contents.metadata.is_private(),
        fields,
    })
}
