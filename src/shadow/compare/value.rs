//! devpi's JSON, compared as values without what differs by nature.

use super::differences::Differences;
use crate::config::secret_url::masked;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};
use std::borrow::Cow;
use url::Url;

/// What differs between two servers that hold the same, or says nothing about what they hold. These keys are not
/// compared, wherever they stand:
///
/// | key | why |
/// |---|---|
/// | `created`, `modified`, `last_modified` | an import is a new beginning for the rows of users and indexes |
/// | `when` | the same for the history of a file |
/// | `serial`, `+last-serial`, `_last-serial` | counts changes of one server |
/// | `features` | says what a client may ask beyond the old protocol |
/// | `expiration` | of a session |
/// | `+shadowing` | lists other releases, of mirrors at devpi and of stages here |
/// | `email` | this server shows it to the user and to root alone |
/// | `message` | words for people |
const BY_NATURE: [&str; 12] = [
    "created",
    "modified",
    "last_modified",
    "when",
    "serial",
    "+last-serial",
    "_last-serial",
    "features",
    "expiration",
    "+shadowing",
    "email",
    "message",
];

/// Lists whose order means nothing. The order of `bases` does.
const SETS: [&str; 7] = [
    "projects",
    "acl_upload",
    "acl_read",
    "acl_toxresult_upload",
    "mirror_whitelist",
    "classifiers",
    "+links",
];

/// Whether JSON under this path tells of the state of one server, and of nothing that it holds.
pub fn is_of_one_server(path: &str) -> bool {
    path.trim_end_matches('/') == "/+status"
}

/// Compares two JSON documents. What only the new one has is no difference: clients skip keys that they do not know.
pub fn values(own: &[String], old: &[u8], new: &[u8], found: &mut Differences) {
    let read = |bytes| serde_json::from_slice::<Value>(bytes);
    match (read(old), read(new)) {
        (Ok(old), Ok(new)) => Walk { own, found }.value("", "", &old, &new),
        (Err(_), Err(_)) => {}
        (Ok(_), Err(_)) => found.add("the body", "JSON", "something else"),
        (Err(_), Ok(_)) => found.add("the body", "something else", "JSON"),
    }
}

struct Walk<'a> {
    own: &'a [String],
    found: &'a mut Differences,
}

impl Walk<'_> {
    /// `at` is the place in the document, `key` the last key on the way there.
    fn value(&mut self, at: &str, key: &str, old: &Value, new: &Value) {
        match (old, new) {
            (Value::Object(old), Value::Object(new)) => self.objects(at, old, new),
            (Value::Array(old), Value::Array(new)) => self.lists(at, key, old, new),
            (Value::String(old), Value::String(new)) if meaning(self.own, old) == meaning(self.own, new) => {}
            (old, new) if old == new || (is_empty(old) && is_empty(new)) => {}
            _ => self.found.add(named(at), shown(key, old), shown(key, new)),
        }
    }

    fn objects(&mut self, at: &str, old: &Map<String, Value>, new: &Map<String, Value>) {
        for (key, was) in old.iter().filter(|(key, _)| !BY_NATURE.contains(&key.as_str())) {
            let at = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
            match new.get(key) {
                Some(is) => self.value(&at, key, was, is),
                None if is_empty(was) => {}
                None => self.found.add(at, shown(key, was), "absent"),
            }
        }
    }

    fn lists(&mut self, at: &str, key: &str, old: &[Value], new: &[Value]) {
        let (mut old, mut new) = (old.to_vec(), new.to_vec());
        if SETS.contains(&key) {
            for list in [&mut old, &mut new] {
                list.sort_by_cached_key(|value| self.rank(value));
            }
        }
        if old.len() != new.len() {
            let [was, is] = [&old, &new].map(|list| shown(key, &Value::Array(list.clone())));
            return self.found.add(named(at), was, is);
        }
        for (was, is) in old.iter().zip(&new) {
            self.value(at, key, was, is);
        }
    }

    /// What equal members of two lists have in common.
    fn rank(&self, value: &Value) -> String {
        let text = |value: &Value| value.as_str().map(|text| meaning(self.own, text).into_owned());
        match value {
            Value::Object(map) => ["rel", "href", "for_href"]
                .map(|key| map.get(key).and_then(text).unwrap_or_default())
                .join(" "),
            other => text(other).unwrap_or_else(|| other.to_string()),
        }
    }
}

fn named(at: &str) -> &str {
    if at.is_empty() { "the document" } else { at }
}

/// An absent value and an empty one say the same.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

/// What a text means: of a link to one of the servers, where on that server it leads.
fn meaning<'a>(own: &[String], text: &'a str) -> Cow<'a, str> {
    match text.starts_with("http://") || text.starts_with("https://") {
        true => link(own, text),
        false => text.into(),
    }
}

/// A URL without the servers' own address. A file is meant by its index and its name: its hash stands beside it.
pub fn link<'a>(own: &[String], text: &'a str) -> Cow<'a, str> {
    let Ok(url) = Url::parse(text) else { return text.into() };
    if !authority(&url).is_some_and(|authority| own.contains(&authority)) {
        return text.into();
    }
    let path = percent_decode_str(url.path()).decode_utf8_lossy();
    let parts: Vec<&str> = path.split('/').collect();
    let path = match parts.as_slice() {
        ["", user, index, "+f" | "+e", .., name] => format!("/{user}/{index}/…/{name}"),
        _ => path.into_owned(),
    };
    url.query().map_or(path.clone(), |query| format!("{path}?{query}")).into()
}

/// `host:port`, with the port that a scheme stands for.
pub fn authority(url: &Url) -> Option<String> {
    Some(format!("{}:{}", url.host_str()?, url.port_or_known_default()?))
}

/// A value for the report: short, and without secrets.
fn shown(key: &str, value: &Value) -> String {
    const LONGEST: usize = 200;
    let is_secret =
        |key: &str| ["password", "token", "secret", "pwhash"].iter().any(|word| key.contains(word));
    if is_secret(key) {
        return "****".to_owned();
    }
    let text = match value {
        Value::String(text) if text.contains("://") => masked(text),
        Value::String(text) => text.clone(),
        Value::Object(map) => {
            let keys: Vec<&str> = map.keys().map(String::as_str).collect();
            format!("{{{}}}", keys.join(", "))
        }
        Value::Array(list) => {
            let each: Vec<String> = list.iter().map(|value| shown(key, value)).collect();
            format!("[{}]", each.join(", "))
        }
        other => other.to_string(),
    };
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text,
    }
}
