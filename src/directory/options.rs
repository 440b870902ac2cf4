//! Index options: devpi's names, types and error messages (`bases`, `mirror_url` …) and our own.
//!
//! What a client sends becomes a canonical JSON object ([`create`], [`modify`]); [`read`] turns
//! the stored object into an index of the directory, [`shown`] into what may be shown.

mod described;
mod read;
mod value;

pub use described::{IndexOption, described};
pub use read::{Options, bases, read, shown};

use crate::bad;
use crate::config::secret_url::masked;
use crate::error::Result;
use crate::names::IndexName;
use read::{BY_OPERATOR, kind_of};
use serde_json::Value;
use value::{Type, convert, plain};

/// Notes whether who runs this server named the mirror's URL, where it is another one than before.
pub fn note_operator(stored: Option<&Options>, options: &mut Options, is_operator: bool) {
    let of = |options: &Options| options.get("mirror_url").cloned();
    if stored.is_some_and(|stored| of(stored) == of(options)) || of(options).is_none() {
        return;
    }
    options.remove(BY_OPERATOR);
    if is_operator {
        options.insert(BY_OPERATOR.into(), true.into());
    }
}

/// The URL that a change gives a mirror.
pub fn new_url(change: &OptionsChange) -> Option<url::Url> {
    let text = match change {
        OptionsChange::Merge(given) => {
            let mut named = given.iter().filter(|(key, _)| canonical_key(key) == "mirror_url");
            named.find_map(|(_, value)| value.as_str().map(str::to_owned))
        }
        OptionsChange::Operations(operations) => {
            let pairs = operations.iter().filter_map(|operation| operation.split_once('='));
            let mut named = pairs.filter(|(key, _)| canonical_key(key) == "mirror_url");
            named.next_back().map(|(_, value)| value.to_owned())
        }
    };
    url::Url::parse(text?.trim()).ok()
}

/// Names that devpi 7 uses for the same options.
const RENAMED: &[(&str, &str)] = &[
    ("remote_url", "mirror_url"),
    ("remote_web_url_fmt", "mirror_web_url_fmt"),
    ("remote_refresh_delay", "mirror_cache_expiry"),
    ("remote_no_project_list", "mirror_no_project_list"),
    ("remote_use_external_urls", "mirror_use_external_urls"),
];

/// Always present in a stage's JSON, so they can be changed but not dropped.
const ALWAYS: [&str; 6] = [
    "volatile",
    "bases",
    "acl_upload",
    "acl_toxresult_upload",
    "mirror_whitelist",
    "mirror_whitelist_inheritance",
];

fn type_of(kind: &str, key: &str) -> Option<Type> {
    described(kind).find(|option| option.name == key).map(|option| option.of)
}

/// Whether an option of such an index can be changed, but not dropped.
fn is_always(kind: &str, key: &str) -> bool {
    ALWAYS.contains(&key) && (kind == "stage" || key == "volatile")
}

fn canonical_key(key: &str) -> &str {
    RENAMED.iter().find(|(newer, _)| *newer == key).map_or(key, |(_, ours)| ours)
}

/// The options of a new index of `owner`.
pub fn create(owner: &str, given: &Options) -> Result<Options> {
    let kind = match given.get("type") {
        None | Some(Value::Null) => "stage",
        Some(Value::String(kind)) if matches!(kind.as_str(), "stage" | "local") => "stage",
        Some(Value::String(kind)) if matches!(kind.as_str(), "mirror" | "remote") => "mirror",
        Some(other) => return Err(bad!("unknown index type '{}'", plain(other))),
    };
    let mut options = Options::new();
    options.insert("type".into(), kind.into());
    options.insert("volatile".into(), true.into());
    if kind == "stage" {
        options.insert("bases".into(), Value::Array(vec![]));
        options.insert("acl_upload".into(), vec![Value::from(owner)].into());
        options.insert("acl_toxresult_upload".into(), vec![Value::from(":ANONYMOUS:")].into());
        options.insert("mirror_whitelist_inheritance".into(), "intersection".into());
        options.insert("mirror_whitelist".into(), Value::Array(vec![]));
    }
    merge(&mut options, given)?;
    Ok(options)
}

/// What a PATCH asks for.
pub enum OptionsChange {
    /// Keys to set; the rest stays.
    Merge(Options),
    /// `key=value`, `key+=value`, `key-=value`, `key-=`, in order.
    Operations(Vec<String>),
}

impl OptionsChange {
    /// From the JSON of a request: an object (an `indexconfig` envelope is opened) or a list.
    pub fn from_json(json: Value) -> Result<Self> {
        match json {
            Value::Object(mut object) => {
                let envelope = object.get("type").and_then(Value::as_str) == Some("indexconfig");
                match object.remove("result") {
                    None => Ok(Self::Merge(object)),
                    Some(Value::Object(inner)) if envelope => Ok(Self::Merge(inner)),
                    Some(_) => Err(bad!("the change must be an object of options or a list of operations")),
                }
            }
            Value::Array(items) => {
                let texts = items.into_iter().map(|item| match item {
                    Value::String(text) => Ok(text),
                    other => {
                        Err(bad!("{other} is not an operation: write key=value, key+=value or key-=value"))
                    }
                });
                Ok(Self::Operations(texts.collect::<Result<_>>()?))
            }
            _ => Err(bad!("the change must be an object of options or a list of operations")),
        }
    }
}

/// The options after a change. The caller checks `bases` ([`new_bases`]).
pub fn modify(stored: &Options, change: &OptionsChange) -> Result<Options> {
    let mut options = stored.clone();
    match change {
        OptionsChange::Merge(given) => merge(&mut options, given)?,
        OptionsChange::Operations(operations) => {
            for operation in operations {
                operate(&mut options, operation)?;
            }
        }
    }
    Ok(options)
}

/// The bases that a change names; devpi checks all of them for the list form.
pub fn new_bases(changed: &Options, change: &OptionsChange) -> Vec<IndexName> {
    let named = match change {
        OptionsChange::Merge(given) => given.contains_key("bases"),
        OptionsChange::Operations(_) => true,
    };
    if named { bases(changed) } else { Vec::new() }
}

fn merge(options: &mut Options, given: &Options) -> Result<()> {
    let kind = kind_of(options).to_owned();
    let mut unknown = Vec::new();
    for (key, value) in given {
        let key = canonical_key(key);
        if key == "type" {
            if !same_kind(&kind, value) {
                return Err(bad!("the 'type' of an index can't be changed"));
            }
            continue;
        }
        match type_of(&kind, key) {
            None if key == "projects" => {}
            None => unknown.push(format!("{key}={}{}", plain(value), whose(&kind, key))),
            Some(_) if value.is_null() => drop_key(options, key, &kind)?,
            Some(of) => {
                let value = convert(key, of, value)?;
                if kind == "mirror" && of == Type::Ahead && value == "uploads" {
                    return Err(bad!(
                        "a mirror does not accept uploads: '{key}' must be 'requested', 'all' or 'never'"
                    ));
                }
                if key == "mirror_url" && keeps_credentials(options, &value) {
                    continue;
                }
                options.insert(key.to_owned(), value);
            }
        }
    }
    if unknown.is_empty() {
        return Ok(());
    }
    Err(bad!("indexconfig got unexpected keyword arguments: {}", unknown.join(", ")))
}

/// Tells whoever gave an option to the wrong kind of index.
fn whose(kind: &str, key: &str) -> &'static str {
    let other = if kind == "mirror" { "stage" } else { "mirror" };
    match (type_of(other, key).is_some(), kind) {
        (false, _) => "",
        (true, "mirror") => " (an option of stages)",
        (true, _) => " (an option of mirrors)",
    }
}

fn same_kind(kind: &str, value: &Value) -> bool {
    match value.as_str() {
        Some("local") => kind == "stage",
        Some("remote") => kind == "mirror",
        Some(other) => other == kind,
        None => value.is_null(),
    }
}

/// A client that read the masked URL and sends it back means no change.
fn keeps_credentials(options: &Options, sent: &Value) -> bool {
    let (Some(stored), Some(sent)) = (options.get("mirror_url").and_then(Value::as_str), sent.as_str())
    else {
        return false;
    };
    stored != sent && masked(stored) == sent
}

fn operate(options: &mut Options, operation: &str) -> Result<()> {
    let (left, value) = operation.split_once('=').ok_or_else(|| {
        bad!("'{operation}' is not an operation: write key=value, key+=value or key-=value")
    })?;
    if let Some(key) = left.strip_suffix('+') {
        return append(options, canonical_key(key), value);
    }
    if let Some(key) = left.strip_suffix('-') {
        return remove(options, canonical_key(key), value);
    }
    let mut one = Options::new();
    one.insert(left.to_owned(), value.into());
    merge(options, &one)
}

fn list_type(options: &Options, key: &str, operation: &str) -> Result<Type> {
    match type_of(kind_of(options), key) {
        Some(of) if of.is_list() => Ok(of),
        Some(_) => Err(bad!("The '{key}' setting is not a list: use {key}=value instead of {operation}")),
        None => {
            let whose = whose(kind_of(options), key);
            Err(bad!("indexconfig got unexpected keyword arguments: {key}{whose}"))
        }
    }
}

fn append(options: &mut Options, key: &str, value: &str) -> Result<()> {
    let of = list_type(options, key, "+=")?;
    let Value::Array(more) = convert(key, of, &value.into())? else { return Ok(()) };
    let list = options.entry(key).or_insert_with(|| Value::Array(vec![]));
    if let Value::Array(list) = list {
        for item in more {
            if !list.contains(&item) {
                list.push(item);
            }
        }
    }
    Ok(())
}

fn remove(options: &mut Options, key: &str, value: &str) -> Result<()> {
    if value.is_empty() {
        let kind = kind_of(options).to_owned();
        return drop_key(options, key, &kind);
    }
    let of = match list_type(options, key, "-=")? {
        // What was stored before patterns were checked can be taken away.
        Type::Patterns | Type::NamePatterns => Type::List,
        of => of,
    };
    let Value::Array(less) = convert(key, of, &value.into())? else { return Ok(()) };
    for item in less {
        let list = options.get_mut(key).and_then(Value::as_array_mut);
        let place = list.as_ref().and_then(|list| list.iter().position(|known| *known == item));
        match (list, place) {
            (Some(list), Some(place)) => drop(list.remove(place)),
            _ => return Err(bad!("The '{key}' setting doesn't have value '{}'", plain(&item))),
        }
    }
    Ok(())
}

fn drop_key(options: &mut Options, key: &str, kind: &str) -> Result<()> {
    if key == "type" || is_always(kind, key) {
        return Err(bad!("Default values can't be removed."));
    }
    options.remove(key);
    Ok(())
}
