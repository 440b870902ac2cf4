//! Writing JSON pages: what is absent is left out, since one `null` makes uv refuse a whole page.

use std::io;

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::packaging::page::{CoreMetadata, File, LeftOut, Page, Yanked};
use crate::packaging::version::readable_specifiers;

/// A project's page (PEP 691). `root` leads from the page to what the files' URLs are relative
/// to, such as `../../../../`, or is an absolute URL that ends in `/`.
pub fn render(page: &Page, root: &str) -> Vec<u8> {
    // Strings, numbers and lists only: there is nothing here that JSON cannot express.
    serde_json::to_vec(&PageBody { page, root }).unwrap_or_default()
}

/// The list of all projects, written as it goes. `names` gives each project's normalised name and
/// last serial, where known (bandersnatch needs them).
///
/// # Errors
/// Only those of `out`.
pub fn render_names<'a>(
    out: &mut impl io::Write,
    names: impl IntoIterator<Item = (&'a str, Option<u64>)>,
    serial: Option<u64>,
) -> io::Result<()> {
    let serial_entry = |n: Option<u64>| n.map_or(String::new(), |n| format!("\"_last-serial\":{n},"));
    let mut text = format!("{{\"meta\":{{{}\"api-version\":\"1.4\"}},", serial_entry(serial));
    text.push_str("\"projects\":[");
    let mut separator = "";
    for (name, serial) in names {
        // A normalised name needs no escaping.
        for part in [separator, "{", &serial_entry(serial), "\"name\":\"", name, "\"}"] {
            text.push_str(part);
        }
        separator = ",";
        if text.len() > 32 * 1024 {
            out.write_all(text.as_bytes())?;
            text.clear();
        }
    }
    text.push_str("]}");
    out.write_all(text.as_bytes())
}

struct PageBody<'a> {
    page: &'a Page,
    root: &'a str,
}

impl Serialize for PageBody<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let page = self.page;
        let files: Vec<_> = page.offered().iter().map(|file| FileBody { file, root: self.root }).collect();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("meta", &Meta(page))?;
        map.serialize_entry("name", page.name.as_str())?;
        map.serialize_entry("project-status", &StatusBody(page))?;
        map.serialize_entry("versions", &page.versions())?;
        map.serialize_entry("files", &files)?;
        if !page.left_out.is_empty() {
            // The underscore says that it is ours alone (PEP 691).
            let left_out = page.left_out.iter().map(|left_out| LeftOutBody { left_out, root: self.root });
            map.serialize_entry("_left-out", &left_out.collect::<Vec<_>>())?;
        }
        map.end()
    }
}

struct LeftOutBody<'a> {
    left_out: &'a LeftOut,
    root: &'a str,
}

impl Serialize for LeftOutBody<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let left_out = self.left_out;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("version", &left_out.version)?;
        map.serialize_entry("source", &left_out.source)?;
        map.serialize_entry("why", &left_out.why)?;
        if let Some(href) = left_out.href(self.root) {
            map.serialize_entry("build", &href)?;
        }
        map.end()
    }
}

struct Meta<'a>(&'a Page);

impl Serialize for Meta<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(serial) = self.0.serial {
            map.serialize_entry("_last-serial", &serial)?;
        }
        // From 1.1 on every file must have a size (PEP 700).
        let sized = self.0.offered().iter().all(|file| file.size.is_some());
        map.serialize_entry("api-version", if sized { "1.4" } else { "1.0" })?;
        map.end()
    }
}

struct StatusBody<'a>(&'a Page);

impl Serialize for StatusBody<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("status", self.0.status.name())?;
        if let Some(reason) = &self.0.status_reason {
            map.serialize_entry("reason", reason)?;
        }
        map.end()
    }
}

struct FileBody<'a> {
    file: &'a File,
    root: &'a str,
}

impl Serialize for FileBody<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let file = self.file;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("filename", &file.filename)?;
        map.serialize_entry("url", &format_args!("{}", file.href(self.root)))?;
        map.serialize_entry("hashes", &Sha256(file.hashes.sha256.as_deref()))?;
        // An unreadable constraint makes some installers drop the file and others ignore it.
        let python = file.requires_python.as_deref().filter(|text| readable_specifiers(text));
        if let Some(python) = python {
            map.serialize_entry("requires-python", python)?;
        }
        if let Some(size) = file.size {
            map.serialize_entry("size", &size)?;
        }
        if let Some(time) = &file.uploaded {
            map.serialize_entry("upload-time", time)?;
        }
        match &file.yanked {
            Yanked::No => map.serialize_entry("yanked", &false)?,
            Yanked::Yes => map.serialize_entry("yanked", &true)?,
            Yanked::Because(reason) => map.serialize_entry("yanked", reason)?,
        }
        // The second is the name PyPI gave it by mistake, which older installers look for.
        for key in ["core-metadata", "data-dist-info-metadata"] {
            match &file.core_metadata {
                CoreMetadata::No => {}
                CoreMetadata::Yes => map.serialize_entry(key, &true)?,
                CoreMetadata::Sha256(hex) => map.serialize_entry(key, &Sha256(Some(hex)))?,
            }
        }
        if let Some(url) = file.provenance.url() {
            map.serialize_entry("provenance", url)?;
        }
        map.end()
    }
}

/// `{"sha256": …}`, or `{}`: the only algorithm every installer agrees on.
struct Sha256<'a>(Option<&'a str>);

impl Serialize for Sha256<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.map(|hex| ("sha256", hex)))
    }
}
