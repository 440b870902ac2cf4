//! Reads one value of a recipe as its key's kind wants it.

use super::keys::{Key, Kind, nearest};
use super::read::{Patches, services};
use crate::bad;
use crate::config::units;
use crate::error::{Error, Result};
use crate::names::ProjectName;
use crate::packaging::requirement::Requirement;
use crate::packaging::version::VersionSpecifiers;
use serde_json::{Map, Value, json};
use std::str::FromStr;
use toml::Spanned;
use toml::de::DeValue;

/// Where a value stands: for messages, and for files beside the recipe.
pub(super) struct Place<'a> {
    pub file: &'a str,
    pub text: &'a str,
    pub patches: Patches<'a>,
}

impl Place<'_> {
    pub fn refuse(&self, offset: usize, why: &str) -> Error {
        let line = self.text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1;
        bad!("{}:{line}: {why}", self.file)
    }

    pub fn unknown<'k>(&self, offset: usize, path: &str, known: impl Iterator<Item = &'k str>) -> Error {
        let hint = nearest(path, known).map(|near| format!(", did you mean {near}?"));
        self.refuse(offset, &format!("unknown key {path}{}", hint.unwrap_or_default()))
    }
}

/// The value as JSON, checked.
pub(super) fn value(place: &Place<'_>, key: &Key, path: &str, given: &Spanned<DeValue<'_>>) -> Result<Value> {
    let at = given.span().start;
    let refuse = |why: String| place.refuse(at, &format!("{path} {why}"));
    match key.kind {
        Kind::Services => services(place, given),
        Kind::Texts | Kind::Requirements | Kind::Modules | Kind::Paths | Kind::Patches => {
            list(place, key.kind, path, given)
        }
        Kind::Packages => packages(place, path, given),
        Kind::Environment | Kind::Settings => table(place, key.kind, path, given),
        Kind::Flag => match given.get_ref() {
            DeValue::Boolean(flag) => Ok((*flag).into()),
            _ => Err(refuse(format!("must be {}", wanted(key.kind)))),
        },
        Kind::Time if matches!(given.get_ref(), DeValue::Integer(_)) => {
            let seconds = integer(given).filter(|seconds| *seconds > 0);
            seconds.map(Value::from).ok_or_else(|| refuse("must be more than no time".into()))
        }
        Kind::Size if matches!(given.get_ref(), DeValue::Integer(_)) => {
            integer(given).map(Value::from).ok_or_else(|| refuse("must be a number of bytes".into()))
        }
        kind => {
            let DeValue::String(text) = given.get_ref() else {
                return Err(refuse(format!("must be {}", wanted(kind))));
            };
            scalar(kind, text).map_err(refuse)
        }
    }
}

fn integer(given: &Spanned<DeValue<'_>>) -> Option<u64> {
    let number = given.get_ref().as_integer()?;
    u64::from_str_radix(number.as_str(), number.radix()).ok()
}

fn wanted(kind: Kind) -> &'static str {
    match kind {
        Kind::Name => "a project's name",
        Kind::Versions => "version specifiers like \">=1.4,<3\"",
        Kind::Expect => "\"platform\" or \"pure\"",
        Kind::Flag => "true or false",
        Kind::Time => "a time like \"10m\"",
        Kind::Size => "a size like \"2 GiB\"",
        _ => "a text",
    }
}

/// One text; the error goes on after the key's name.
fn scalar(kind: Kind, text: &str) -> Result<Value, String> {
    let must = || format!("must be {}, not {text:?}", wanted(kind));
    let first_line = |why: String| why.lines().next().unwrap_or_default().to_owned();
    if text.contains('\0') {
        return Err("must not contain a zero byte".into());
    }
    match kind {
        Kind::Name => ProjectName::new(text).map(|name| json!(name)).ok_or_else(must),
        Kind::Versions => match VersionSpecifiers::from_str(text) {
            Ok(_) => Ok(text.into()),
            Err(e) => Err(format!("{}: {}", must(), first_line(e.to_string()))),
        },
        Kind::Requirements => match Requirement::parse(text) {
            Ok(requirement) => Ok(requirement.to_string().into()),
            Err(e) => Err(format!("must hold requirements: {e}")),
        },
        Kind::Expect if matches!(text, "platform" | "pure") => Ok(text.into()),
        Kind::Time => units::seconds(text).filter(|s| *s > 0).map(Value::from).ok_or_else(must),
        Kind::Size => units::bytes(text).filter(|s| *s > 0).map(Value::from).ok_or_else(must),
        Kind::Expect => Err(must()),
        Kind::Modules if !text.split('.').all(is_identifier) => {
            Err(format!("must hold names of modules, not {text:?}"))
        }
        Kind::Paths if !is_inner_path(text) => Err(format!("must hold paths below the source, not {text:?}")),
        _ if text.is_empty() => Err("must not be empty".into()),
        _ => Ok(text.into()),
    }
}

fn is_identifier(text: &str) -> bool {
    let first = text.chars().next();
    first.is_some_and(|c| c.is_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_alphanumeric() || c == '_')
}

/// Relative, and without a way up.
fn is_inner_path(text: &str) -> bool {
    !text.is_empty() && !text.starts_with('/') && text.split('/').all(|part| !part.is_empty() && part != "..")
}

fn list(place: &Place<'_>, kind: Kind, path: &str, given: &Spanned<DeValue<'_>>) -> Result<Value> {
    let DeValue::Array(items) = given.get_ref() else {
        return Err(place.refuse(given.span().start, &format!("{path} must be a list of texts")));
    };
    let item = |item: &Spanned<DeValue<'_>>| {
        let refuse = |why: String| place.refuse(item.span().start, &format!("{path} {why}"));
        let DeValue::String(text) = item.get_ref() else {
            return Err(refuse("must be a list of texts".into()));
        };
        match kind {
            Kind::Patches => patch(place, text).map_err(refuse),
            kind => scalar(kind, text).map_err(refuse),
        }
    };
    Ok(Value::Array(items.iter().map(item).collect::<Result<_>>()?))
}

/// A diff that stands in the recipe, or the file of that name beside it.
fn patch(place: &Place<'_>, text: &str) -> Result<Value, String> {
    if text.contains('\n') {
        let name = format!("in {}", place.file.rsplit('/').next().unwrap_or_default());
        return Ok(json!({"name": name, "text": text}));
    }
    if text.is_empty() || text.starts_with('.') || text.contains(['/', '\\', '\0']) {
        return Err(format!("must hold names of files beside the recipe, not {text:?}"));
    }
    let found = (place.patches)(text).map_err(|why| format!("names {text}: {why}"))?;
    Ok(json!({"name": text, "text": found}))
}

/// `{debian = ["a", "b"]}`; a bare list is meant for any distribution.
fn packages(place: &Place<'_>, path: &str, given: &Spanned<DeValue<'_>>) -> Result<Value> {
    let names = |path: &str, given: &Spanned<DeValue<'_>>| {
        let names = list(place, Kind::Texts, path, given)?;
        let bad = names.as_array().into_iter().flatten().filter_map(Value::as_str).find(|n| !is_package(n));
        match bad {
            Some(name) => {
                let why = format!("{path} must hold names of packages, not {name:?}");
                Err(place.refuse(given.span().start, &why))
            }
            None => Ok(names),
        }
    };
    let DeValue::Table(table) = given.get_ref() else {
        return Ok(json!({"any": names(path, given)?}));
    };
    let mut by = Map::new();
    for (distribution, given) in table {
        let distribution = distribution.get_ref().as_ref();
        by.insert(distribution.to_owned(), names(&format!("{path}.{distribution}"), given)?);
    }
    Ok(by.into())
}

/// As Debian's policy has it (§5.6.7), with capitals for other distributions: such a name cannot be
/// an option or a path.
fn is_package(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.' | '_' | ':'))
}

fn table(place: &Place<'_>, kind: Kind, path: &str, given: &Spanned<DeValue<'_>>) -> Result<Value> {
    let DeValue::Table(table) = given.get_ref() else {
        return Err(place.refuse(given.span().start, &format!("{path} must be a table of texts")));
    };
    let mut read = Map::new();
    for (name, given) in table {
        let refuse = |why: &str| place.refuse(name.span().start, &format!("{path}.{} {why}", name.get_ref()));
        let variable = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let name_fits = !name.get_ref().is_empty() && name.get_ref().chars().all(variable);
        if kind == Kind::Environment && !name_fits {
            return Err(refuse("is no name of an environment variable"));
        }
        let value = match given.get_ref() {
            DeValue::String(text) if !text.contains('\0') => Value::from(text.as_ref()),
            DeValue::Array(_) if kind == Kind::Settings => list(place, Kind::Texts, path, given)?,
            _ => return Err(refuse("must be a text")),
        };
        read.insert(name.get_ref().to_string(), value);
    }
    Ok(read.into())
}
