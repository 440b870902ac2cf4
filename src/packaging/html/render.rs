//! Writing HTML pages, byte for byte as the standards and the parsers of installers want them.

use std::fmt::{self, Write};
use std::io;

use crate::packaging::page::{CoreMetadata, File, LeftOut, Page, Yanked};
use crate::packaging::version::readable_specifiers;
use crate::words::ProjectStatus;

/// A project's page (PEP 503, repository version 1.4). `root` leads from the page to what the
/// files' URLs are relative to, such as `../../../../`.
pub fn render(page: &Page, root: &str) -> String {
    let mut out = String::with_capacity(512 + page.offered().len() * 512);
    head(&mut out, &format!("Links for {}", page.name), Some(page));
    for file in page.offered() {
        anchor(&mut out, file, root);
    }
    for left_out in &page.left_out {
        comment(&mut out, left_out, root);
    }
    foot(&mut out, page.serial);
    out
}

/// A flat page for `--find-links`: without yanked files, since not every installer heeds the flag
/// there.
pub fn render_flat<'a>(title: &str, files: impl IntoIterator<Item = &'a File>, root: &str) -> String {
    join_flat(title, [flat_links(files, root).as_str()])
}

/// The part of a flat page that some of its files are.
pub fn flat_links<'a>(files: impl IntoIterator<Item = &'a File>, root: &str) -> String {
    let mut out = String::new();
    for file in files.into_iter().filter(|file| !file.yanked.is_yanked()) {
        anchor(&mut out, file, root);
    }
    out
}

/// A flat page of its parts, each as [`flat_links`] makes it.
pub fn join_flat<'a>(title: &str, parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut out = String::new();
    head(&mut out, title, None);
    out.extend(parts);
    foot(&mut out, None);
    out
}

/// The list of all projects, written as it goes: it can have very many. Each link is
/// `{name}/`, relative to the list itself. The names must be normalised.
///
/// # Errors
/// Only those of `out`.
pub fn render_names<'a>(
    out: &mut impl io::Write,
    title: &str,
    names: impl IntoIterator<Item = &'a str>,
    serial: Option<u64>,
) -> io::Result<()> {
    let mut text = String::new();
    head(&mut text, title, None);
    for name in names {
        // A normalised name needs no escaping.
        for part in ["    <a href=\"", name, "/\">", name, "</a><br />\n"] {
            text.push_str(part);
        }
        if text.len() > 32 * 1024 {
            out.write_all(text.as_bytes())?;
            text.clear();
        }
    }
    foot(&mut text, serial);
    out.write_all(text.as_bytes())
}

fn head(out: &mut String, title: &str, page: Option<&Page>) {
    out.push_str("<!DOCTYPE html>\n<html lang=\"en\">\n  <head>\n    <meta charset=\"utf-8\">\n");
    meta(out, "pypi:repository-version", "1.4");
    if let Some(page) = page.filter(|page| page.status != ProjectStatus::Active) {
        meta(out, "pypi:project-status", page.status.name());
        if let Some(reason) = &page.status_reason {
            meta(out, "pypi:project-status-reason", reason);
        }
    }
    out.push_str("    <title>");
    escape(out, title);
    out.push_str("</title>\n  </head>\n  <body>\n    <h1>");
    escape(out, title);
    out.push_str("</h1>\n");
}

fn meta(out: &mut String, name: &str, content: &str) {
    out.push_str("    <meta name=\"");
    escape(out, name);
    out.push_str("\" content=\"");
    escape(out, content);
    out.push_str("\">\n");
}

fn foot(out: &mut String, serial: Option<u64>) {
    out.push_str("  </body>\n</html>\n");
    if let Some(serial) = serial {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "<!--SERIAL {serial}-->");
    }
}

fn anchor(out: &mut String, file: &File, root: &str) {
    out.push_str("    <a href=\"");
    // Writing to a String cannot fail.
    let _ = write!(Escaped(out), "{}", file.href(root));
    if let Some(sha256) = &file.hashes.sha256 {
        out.push_str("#sha256=");
        escape(out, sha256);
    }
    out.push('"');
    // An unreadable constraint makes some installers drop the file and others ignore it.
    if let Some(python) = file.requires_python.as_deref().filter(|text| readable_specifiers(text)) {
        attribute(out, "data-requires-python", python);
    }
    match &file.yanked {
        Yanked::No => {}
        // A bare attribute means "not yanked" to pip.
        Yanked::Yes => attribute(out, "data-yanked", ""),
        Yanked::Because(reason) => attribute(out, "data-yanked", reason),
    }
    let metadata = match &file.core_metadata {
        CoreMetadata::No => None,
        CoreMetadata::Yes => Some("true".to_owned()),
        CoreMetadata::Sha256(hex) => Some(format!("sha256={hex}")),
    };
    if let Some(metadata) = metadata {
        attribute(out, "data-dist-info-metadata", &metadata);
        attribute(out, "data-core-metadata", &metadata);
    }
    if let Some(url) = file.provenance.url() {
        attribute(out, "data-provenance", url);
    }
    out.push('>');
    escape(out, &file.filename);
    out.push_str("</a><br />\n");
}

/// Says what is missing to people who read the page; installers pass it over.
fn comment(out: &mut String, left_out: &LeftOut, root: &str) {
    out.push_str("    <!-- left out: ");
    // What is escaped has no `>`, so that it cannot end the comment. Writing to a String cannot fail.
    let _ = write!(Escaped(out), "{left_out}");
    if let Some(href) = left_out.href(root) {
        let _ = write!(Escaped(out), ": {href}");
    }
    out.push_str(" -->\n");
}

fn attribute(out: &mut String, name: &str, value: &str) {
    out.push(' ');
    out.push_str(name);
    out.push_str("=\"");
    escape(out, value);
    out.push('"');
}

/// What is written here is escaped.
struct Escaped<'a>(&'a mut String);

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        escape(self.0, text);
        Ok(())
    }
}

/// Escapes for attribute values and text alike, once. Line ends become references, since parsers
/// that go by lines want each link on one; NUL cannot be expressed in HTML.
fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' => out.push_str("&#10;"),
            '\r' => out.push_str("&#13;"),
            '\0' => {}
            c => out.push(c),
        }
    }
}
