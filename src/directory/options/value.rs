//! The types of options, and how a value that came as text becomes its type's JSON form.

use crate::bad;
use crate::config::units::{bytes, seconds};
use crate::error::Result;
use crate::names::{IndexName, ProjectName};
use crate::packaging::requirement::Pattern;
use serde_json::Value;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Type {
    Text,
    Bool,
    /// Seconds.
    Number,
    /// `7d`, `36h` …; kept as written.
    Age,
    /// How many, from 0.
    Count,
    /// `10 GiB`; kept as written.
    Size,
    Url,
    Inheritance,
    /// When wheels are built that nobody waits for.
    Ahead,
    /// Whether the index's own page lists wheels that do not exist yet.
    Promise,
    List,
    /// Names of targets in which `*` stands for any characters.
    Targets,
    /// What mirrors allow or deny: `numpy<2`, `acme-*`; kept as written.
    Patterns,
    /// Names in which `*` stands for any characters; kept as written.
    NamePatterns,
    /// Principals; `:anonymous:` and `:authenticated:` are upper-cased.
    Acl,
    /// `user/index`, a leading slash dropped.
    Bases,
    /// Normalised project names, or `*`.
    Names,
    /// HTTP statuses that say that something is not there.
    Statuses,
}

impl Type {
    /// How a form asks for it.
    pub fn form(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Number | Self::Count => "number",
            Self::Inheritance | Self::Ahead | Self::Promise => "choice",
            of if of.is_list() => "list",
            _ => "text",
        }
    }

    /// The words that it can be.
    pub fn choices(self) -> &'static [&'static str] {
        match self {
            Self::Inheritance => &["intersection", "union"],
            Self::Ahead => &["never", "uploads", "requested", "all"],
            Self::Promise => &["auto", "never"],
            _ => &[],
        }
    }

    pub fn is_list(self) -> bool {
        matches!(
            self,
            Self::List
                | Self::Targets
                | Self::Patterns
                | Self::NamePatterns
                | Self::Acl
                | Self::Bases
                | Self::Names
                | Self::Statuses
        )
    }
}

/// A value as its type's JSON form; clients may send everything as text.
pub fn convert(key: &str, of: Type, value: &Value) -> Result<Value> {
    match of {
        Type::Bool => boolean(value),
        Type::Number => number(key, value),
        Type::Text => Ok(plain(value).into()),
        Type::Age => {
            let text = plain(value);
            seconds(&text).ok_or_else(|| bad!("'{key}' must be a time like 7d, 36h or 90s, not '{text}'"))?;
            Ok(text.into())
        }
        Type::Count => match plain(value).trim().parse::<u32>() {
            Ok(number) => Ok(number.into()),
            Err(_) => Err(bad!("'{key}' must be a whole number like 10, not '{}'", plain(value))),
        },
        Type::Size => {
            let text = plain(value);
            bytes(&text).ok_or_else(|| bad!("'{key}' must be a size like 10 GiB, or bytes, not '{text}'"))?;
            Ok(text.into())
        }
        Type::Url => url(key, &plain(value)),
        Type::Inheritance => match plain(value).as_str() {
            text @ ("intersection" | "union") => Ok(text.into()),
            other => Err(bad!("Unknown value '{other}' for {key}: must be 'intersection' or 'union'.")),
        },
        Type::Ahead => match plain(value).as_str() {
            text @ ("never" | "uploads" | "requested" | "all") => Ok(text.into()),
            other => Err(bad!(
                "Unknown value '{other}' for {key}: must be 'never', 'uploads', 'requested' or 'all'."
            )),
        },
        Type::Promise => match plain(value).as_str() {
            text @ ("auto" | "never") => Ok(text.into()),
            other => Err(bad!("Unknown value '{other}' for {key}: must be 'auto' or 'never'.")),
        },
        of => {
            let value = match value {
                Value::Number(_) if of == Type::Statuses => &plain(value).into(),
                _ => value,
            };
            let items = items(key, of, value)?;
            items.iter().map(|item| entry(key, of, item)).collect::<Result<Vec<_>>>().map(Value::Array)
        }
    }
}

pub fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn boolean(value: &Value) -> Result<Value> {
    let text = plain(value);
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" => Ok(true.into()),
        "false" | "no" => Ok(false.into()),
        _ => Err(bad!("Unknown boolean value '{text}'.")),
    }
}

fn number(key: &str, value: &Value) -> Result<Value> {
    let text = plain(value);
    let number: u64 =
        text.trim().parse().map_err(|_| bad!("'{key}' option must be a number of seconds, not '{text}'."))?;
    Ok(number.into())
}

fn url(key: &str, text: &str) -> Result<Value> {
    let parsed =
        url::Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    parsed.map(|_| text.into()).ok_or_else(|| bad!("'{key}' option must be a URL."))
}

fn items(key: &str, of: Type, value: &Value) -> Result<Vec<String>> {
    let fits = |item: &Value| item.is_string() || (of == Type::Statuses && item.is_number());
    let texts: Vec<String> = match value {
        Value::String(text) => split(text),
        Value::Array(items) if items.iter().all(fits) => items.iter().map(plain).collect(),
        _ => return Err(bad!("'{key}' must be a list, or text with commas")),
    };
    Ok(texts.iter().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()).collect())
}

/// At commas, but for those inside a specifier: `numpy>=1,<2,six` are two entries.
fn split(text: &str) -> Vec<String> {
    let mut entries: Vec<String> = Vec::new();
    for part in text.split(',') {
        match entries.last_mut() {
            Some(last) if part.trim_start().starts_with(['<', '>', '=', '!', '~']) => {
                last.push(',');
                last.push_str(part.trim());
            }
            _ => entries.push(part.to_owned()),
        }
    }
    entries
}

fn entry(key: &str, of: Type, item: &str) -> Result<Value> {
    Ok(match of {
        Type::Acl if matches!(item.to_ascii_uppercase().as_str(), ":ANONYMOUS:" | ":AUTHENTICATED:") => {
            item.to_ascii_uppercase().into()
        }
        Type::Bases => {
            let base = IndexName::parse(item)
                .ok_or_else(|| bad!("invalid base index '{item}': write user/index"))?;
            base.as_str().into()
        }
        Type::Targets => {
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-*".contains(&byte);
            if !item.bytes().all(fits) {
                return Err(bad!(
                    "'{key}' cannot contain '{item}': write targets like cp312-linux or cp3*-manylinux*"
                ));
            }
            item.into()
        }
        Type::Statuses => status(key, item)?.into(),
        Type::Names if item != "*" => {
            let name = ProjectName::new(item).ok_or_else(|| bad!("'{item}' is not a valid project name"))?;
            name.as_str().into()
        }
        Type::Patterns => {
            Pattern::parse(item).map_err(|why| bad!("'{key}' cannot contain '{item}': {why}"))?;
            item.into()
        }
        Type::NamePatterns => {
            let pattern =
                Pattern::parse(item).map_err(|why| bad!("'{key}' cannot contain '{item}': {why}"))?;
            if !pattern.is_whole_project() {
                return Err(bad!("'{key}' cannot contain '{item}': write the name without versions"));
            }
            item.into()
        }
        _ => item.into(),
    })
}

/// A status that can mean "not here" and nothing worse: a credential that expired, or a busy upstream,
/// must not look like a project that is gone.
fn status(key: &str, item: &str) -> Result<u16> {
    let number: Option<u16> = item.parse().ok();
    number.filter(|code| (400..500).contains(code) && ![401, 407, 408, 425, 429].contains(code)).ok_or_else(
        || {
            bad!(
                "'{key}' cannot contain '{item}': use status codes from 400 to 499 that mean 'no such \
                 project', such as 403. 401, 407, 408, 425 and 429 always mean something else"
            )
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn converted(of: Type, value: Value) -> Option<Value> {
        convert("key", of, &value).ok()
    }

    #[test]
    fn a_comma_inside_a_specifier_does_not_part_an_entry() {
        assert_eq!(split("numpy>=1, <2,six,flask!=1,==2"), ["numpy>=1,<2", "six", "flask!=1,==2"]);
    }

    #[test]
    fn text_becomes_what_its_option_is() {
        assert_eq!(converted(Type::Bool, json!("YES")), Some(json!(true)));
        assert_eq!(converted(Type::Bool, json!(1)), None);
        assert_eq!(converted(Type::Number, json!("0")), Some(json!(0)));
        assert_eq!(converted(Type::Number, json!("-1")), None);
        assert_eq!(converted(Type::Age, json!("7d")), Some(json!("7d")));
        assert_eq!(converted(Type::Age, json!("a week")), None);
        assert_eq!(
            converted(Type::Url, json!("https://host.test/simple/")),
            Some(json!("https://host.test/simple/"))
        );
        assert_eq!(converted(Type::Url, json!("file:///etc")), None);
        assert_eq!(converted(Type::Inheritance, json!("both")), None);
    }

    #[test]
    fn only_a_refusal_can_say_that_something_is_missing() {
        assert_eq!(converted(Type::Statuses, json!([403, "400"])), Some(json!([403, 400])));
        assert_eq!(converted(Type::Statuses, json!("403,404")), Some(json!([403, 404])));
        assert_eq!(converted(Type::Statuses, json!(403)), Some(json!([403])));
        for bad in [
            json!("200"),
            json!("401"),
            json!([429]),
            json!([500]),
            json!([-403]),
            json!([403.5]),
            json!("no"),
        ] {
            assert!(convert("mirror_missing", Type::Statuses, &bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_pattern_that_means_nothing_is_refused_by_its_name() {
        assert_eq!(
            converted(Type::Patterns, json!(["numpy>=1,<2", "a*"])),
            Some(json!(["numpy>=1,<2", "a*"]))
        );
        assert_eq!(converted(Type::NamePatterns, json!("Acme_*")), Some(json!(["Acme_*"])));
        for (of, text) in [
            (Type::Patterns, "numpy>>1"),
            (Type::Patterns, "<2"),
            (Type::NamePatterns, "a b"),
            (Type::NamePatterns, "acme<2"),
            (Type::NamePatterns, "^acme"),
        ] {
            let why = convert("deny", of, &json!(["six", text])).unwrap_err().to_string();
            assert!(why.starts_with(&format!("'deny' cannot contain '{text}'")), "{why}");
        }
    }

    #[test]
    fn what_is_built_ahead_is_a_known_word_and_targets_are_names() {
        assert_eq!(converted(Type::Ahead, json!("requested")), Some(json!("requested")));
        assert_eq!(converted(Type::Ahead, json!("some")), None);
        assert_eq!(converted(Type::Promise, json!("auto")), Some(json!("auto")));
        assert_eq!(converted(Type::Promise, json!("always")), None);
        assert_eq!(
            converted(Type::Targets, json!("cp27-linux, cp3*-manylinux_2_36_x86_64")),
            Some(json!(["cp27-linux", "cp3*-manylinux_2_36_x86_64"]))
        );
        assert_eq!(converted(Type::Targets, json!("cp27 linux")), None);
    }

    #[test]
    fn lists_are_json_or_text_with_commas() {
        assert_eq!(converted(Type::Acl, json!(" ann, :anonymous:,,")), Some(json!(["ann", ":ANONYMOUS:"])));
        assert_eq!(converted(Type::List, json!(["a", "b"])), Some(json!(["a", "b"])));
        assert_eq!(converted(Type::List, json!("")), Some(json!([])));
        assert_eq!(converted(Type::List, json!([1])), None);
        assert_eq!(converted(Type::Bases, json!("/root/pypi")), Some(json!(["root/pypi"])));
        assert_eq!(converted(Type::Bases, json!("pypi")), None);
        assert_eq!(converted(Type::Names, json!("He_llo,*")), Some(json!(["he-llo", "*"])));
        assert_eq!(converted(Type::Names, json!("-")), None);
    }
}
