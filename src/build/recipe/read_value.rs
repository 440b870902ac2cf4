//! Reads one value of a recipe as its key's kind wants it.

use super::keys::{KeyKind, RecipeKey, SERVICE};
use crate::bad;
use crate::config::units;
use crate::error::{Error, Result};
use crate::names::ProjectName;
use crate::packaging::requirement::Requirement;
use crate::packaging::version::VersionSpecifiers;
use crate::tools::nearest::nearest;
use serde_json::{Map, Value, json};
use std::str::FromStr;
use toml::Spanned;
use toml::de::DeValue;

/// Finds a patch by its name beside the recipe.
pub type Patches<'a> = &'a dyn Fn(&str) -> Result<String, String>;

/// Where a value stands: for messages, and for files beside the recipe.
pub(super) struct RecipePlace<'a> {
    pub file: &'a str,
    pub text: &'a str,
    pub patches: Patches<'a>,
}

impl RecipePlace<'_> {
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
pub(super) fn value(
    place: &RecipePlace<'_>,
    key: &RecipeKey,
    path: &str,
    given: &Spanned<DeValue<'_>>,
) -> Result<Value> {
    let at = given.span().start;
    let refuse = |why: String| place.refuse(at, &format!("{path} {why}"));
    match key.kind {
        KeyKind::Services => services(place, given),
        KeyKind::Texts
        | KeyKind::Names
        | KeyKind::Requirements
        | KeyKind::Modules
        | KeyKind::Paths
        | KeyKind::Patches => list(place, key.kind, path, given),
        KeyKind::Packages => packages(place, path, given),
        KeyKind::Environment | KeyKind::Settings => table(place, key.kind, path, given),
        KeyKind::Flag => match given.get_ref() {
            DeValue::Boolean(flag) => Ok((*flag).into()),
            _ => Err(refuse(format!("must be {}", wanted(key.kind)))),
        },
        KeyKind::Time if matches!(given.get_ref(), DeValue::Integer(_)) => {
            let seconds = integer(given).filter(|seconds| *seconds > 0);
            seconds.map(Value::from).ok_or_else(|| refuse("must be more than 0".into()))
        }
        KeyKind::Size if matches!(given.get_ref(), DeValue::Integer(_)) => {
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

fn wanted(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::Name => "a project's name",
        KeyKind::Day => "a day like \"2019-05-01\"",
        KeyKind::Requirement => "a requirement like \"Cython<3\"",
        KeyKind::Versions => "version specifiers like \">=1.4,<3\"",
        KeyKind::Expect => "\"platform\" or \"pure\"",
        KeyKind::Flag => "true or false",
        KeyKind::Time => "a time like \"10m\"",
        KeyKind::Size => "a size like \"2 GiB\"",
        _ => "a text",
    }
}

/// One text; the error goes on after the key's name.
fn scalar(kind: KeyKind, text: &str) -> Result<Value, String> {
    let must = || format!("must be {}, not {text:?}", wanted(kind));
    let first_line = |why: String| why.lines().next().unwrap_or_default().to_owned();
    if text.contains('\0') {
        return Err("must not contain a zero byte".into());
    }
    match kind {
        KeyKind::Name => ProjectName::new(text).map(|name| json!(name)).ok_or_else(must),
        KeyKind::Names => match ProjectName::new(text) {
            Some(name) => Ok(json!(name)),
            None => Err(format!("must contain names of projects, not {text:?}")),
        },
        KeyKind::Day => {
            jiff::civil::Date::from_str(text).map(|day| json!(day.to_string())).map_err(|_| must())
        }
        KeyKind::Requirement => match Requirement::parse(text) {
            Ok(requirement) => Ok(requirement.to_string().into()),
            Err(_) => Err(must()),
        },
        KeyKind::Versions => match VersionSpecifiers::from_str(text) {
            Ok(_) => Ok(text.into()),
            Err(e) => Err(format!("{}: {}", must(), first_line(e.to_string()))),
        },
        KeyKind::Requirements => match Requirement::parse(text) {
            Ok(requirement) => Ok(requirement.to_string().into()),
            Err(e) => Err(format!("must contain requirements: {e}")),
        },
        KeyKind::Expect if matches!(text, "platform" | "pure") => Ok(text.into()),
        KeyKind::Time => units::seconds(text).filter(|s| *s > 0).map(Value::from).ok_or_else(must),
        KeyKind::Size => units::bytes(text).filter(|s| *s > 0).map(Value::from).ok_or_else(must),
        KeyKind::Expect => Err(must()),
        KeyKind::Modules if !text.split('.').all(is_identifier) => {
            Err(format!("must contain names of modules, not {text:?}"))
        }
        KeyKind::Paths if !is_inner_path(text) => {
            Err(format!("must contain paths inside the source, not {text:?}"))
        }
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

fn list(place: &RecipePlace<'_>, kind: KeyKind, path: &str, given: &Spanned<DeValue<'_>>) -> Result<Value> {
    let DeValue::Array(items) = given.get_ref() else {
        return Err(place.refuse(given.span().start, &format!("{path} must be a list of texts")));
    };
    let item = |item: &Spanned<DeValue<'_>>| {
        let refuse = |why: String| place.refuse(item.span().start, &format!("{path} {why}"));
        let DeValue::String(text) = item.get_ref() else {
            return Err(refuse("must be a list of texts".into()));
        };
        match kind {
            KeyKind::Patches => patch(place, text).map_err(refuse),
            kind => scalar(kind, text).map_err(refuse),
        }
    };
    Ok(Value::Array(items.iter().map(item).collect::<Result<_>>()?))
}

/// A diff that stands in the recipe, or the file of that name beside it.
fn patch(place: &RecipePlace<'_>, text: &str) -> Result<Value, String> {
    if text.contains('\n') {
        let name = format!("in {}", place.file.rsplit('/').next().unwrap_or_default());
        return Ok(json!({"name": name, "text": text}));
    }
    if text.is_empty() || text.starts_with('.') || text.contains(['/', '\\', '\0']) {
        return Err(format!("must contain names of files beside the recipe, not {text:?}"));
    }
    let found = (place.patches)(text).map_err(|why| format!("names {text}: {why}"))?;
    Ok(json!({"name": text, "text": found}))
}

/// `{debian = ["a", "b"]}`; a bare list is meant for any distribution.
fn packages(place: &RecipePlace<'_>, path: &str, given: &Spanned<DeValue<'_>>) -> Result<Value> {
    let names = |path: &str, given: &Spanned<DeValue<'_>>| {
        let names = list(place, KeyKind::Texts, path, given)?;
        let bad = names.as_array().into_iter().flatten().filter_map(Value::as_str).find(|n| !is_package(n));
        match bad {
            Some(name) => {
                let why = format!("{path} must contain names of packages, not {name:?}");
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

fn table(place: &RecipePlace<'_>, kind: KeyKind, path: &str, given: &Spanned<DeValue<'_>>) -> Result<Value> {
    let DeValue::Table(table) = given.get_ref() else {
        return Err(place.refuse(given.span().start, &format!("{path} must be a table of texts")));
    };
    let mut read = Map::new();
    for (name, given) in table {
        let refuse = |why: &str| place.refuse(name.span().start, &format!("{path}.{} {why}", name.get_ref()));
        let variable = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let name_fits = !name.get_ref().is_empty() && name.get_ref().chars().all(variable);
        if kind == KeyKind::Environment && !name_fits {
            return Err(refuse("is not a valid name of an environment variable"));
        }
        let value = match given.get_ref() {
            DeValue::String(text) if !text.contains('\0') => Value::from(text.as_ref()),
            DeValue::Array(_) if kind == KeyKind::Settings => list(place, KeyKind::Texts, path, given)?,
            _ => return Err(refuse("must be a text")),
        };
        read.insert(name.get_ref().to_string(), value);
    }
    Ok(read.into())
}

/// The tables of `[[test.service]]`.
fn services(place: &RecipePlace<'_>, given: &Spanned<DeValue<'_>>) -> Result<Value> {
    let must = "test.service must be a list of tables, each written as [[test.service]]";
    let DeValue::Array(tables) = given.get_ref() else {
        return Err(place.refuse(given.span().start, must));
    };
    let mut names = Vec::new();
    let mut services = Vec::new();
    for table in tables.iter() {
        let at = table.span().start;
        let DeValue::Table(inner) = table.get_ref() else { return Err(place.refuse(at, must)) };
        let mut fields = Map::new();
        for (key, given) in inner {
            let path = format!("test.service.{}", key.get_ref());
            let known = SERVICE.iter().find(|known| known.path == key.get_ref().as_ref());
            let known = known.ok_or_else(|| {
                place.unknown(key.span().start, &path, SERVICE.iter().map(|known| known.path))
            })?;
            fields.insert(known.path.into(), value(place, known, &path, given)?);
        }
        for needed in ["name", "start"] {
            if !fields.contains_key(needed) {
                return Err(place.refuse(at, &format!("a service needs the key {needed}")));
            }
        }
        let name = fields.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if names.contains(&name) || name.is_empty() || !name.chars().all(plain) {
            let why = format!("{name:?} must be a unique name of letters, digits, '-' and '_'");
            return Err(place.refuse(at, &format!("test.service.name: {why}")));
        }
        names.push(name);
        services.push(fields.into());
    }
    Ok(Value::Array(services))
}
