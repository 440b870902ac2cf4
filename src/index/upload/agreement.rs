//! Form against file: pages come from the file, and a form that says otherwise is refused, since
//! its sender shows people something else than installers get.

use super::form::Form;
use crate::bad;
use crate::error::Result;
use crate::names::ProjectName;
use crate::packaging::metadata::Metadata;
use crate::packaging::requirement::Requirement;
use crate::packaging::version;
use std::collections::BTreeSet;

impl Form {
    /// Compares name, version and what installers act on.
    ///
    /// # Errors
    /// `Bad` with the first field in which they differ.
    pub fn agrees_with(&self, metadata: &Metadata) -> Result<()> {
        check(self, metadata)
    }
}

fn check(form: &Form, metadata: &Metadata) -> Result<()> {
    let name = form.get("name").unwrap_or_default();
    if ProjectName::new(name) != ProjectName::new(&metadata.name) {
        return Err(disagree("Name", name, &metadata.name));
    }
    let version = form.get("version").unwrap_or_default();
    if version::parse(version) != version::parse(&metadata.version) {
        return Err(disagree("Version", version, &metadata.version));
    }
    // Scripts send a name, a version and the file: what is not said contradicts nothing.
    if silent(form) {
        return Ok(());
    }
    lists("Requires-Dist", form.all("requires_dist"), &metadata.requires_dist, requirement)?;
    let in_file: Vec<String> = metadata.requires_python.iter().cloned().collect();
    lists("Requires-Python", form.all("requires_python"), &in_file, specifiers)?;
    lists("Provides-Extra", form.all("provides_extra"), &metadata.provides_extra, extra)
}

fn silent(form: &Form) -> bool {
    ["requires_dist", "requires_python", "provides_extra"].iter().all(|field| form.all(field).is_empty())
}

fn lists(field: &str, form: &[String], file: &[String], normal: fn(&str) -> String) -> Result<()> {
    let set = |values: &[String]| values.iter().map(|value| normal(value)).collect::<BTreeSet<_>>();
    if set(form) == set(file) {
        return Ok(());
    }
    Err(disagree(field, &form.join("; "), &file.join("; ")))
}

fn disagree(field: &str, form: &str, file: &str) -> crate::error::Error {
    let shown = |text: &str| match text {
        "" => "nothing".to_owned(),
        text => format!("'{}'", text.chars().take(200).collect::<String>()),
    };
    bad!(
        "The form and the file disagree on {field}: the form says {}, the metadata in the file says {}.",
        shown(form),
        shown(file)
    )
}

/// Publishers write the same requirement with other blanks, quotes and parentheses.
fn requirement(text: &str) -> String {
    Requirement::parse_forgiving(text)
        .map_or_else(|_| without_blanks(text), |requirement| requirement.to_string())
}

fn specifiers(text: &str) -> String {
    match version::forgiving_specifiers(text) {
        Some(specifiers) => {
            specifiers.iter().map(ToString::to_string).collect::<BTreeSet<_>>().into_iter().collect()
        }
        None => without_blanks(text),
    }
}

fn extra(text: &str) -> String {
    ProjectName::new(text).map_or_else(|| without_blanks(text), |name| name.to_string())
}

fn without_blanks(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}
