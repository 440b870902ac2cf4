//! The hashes that lock files of any kind give for files: uv.lock, poetry.lock, pylock.toml.

use super::filename::decode_once;
use super::page::sha256_hex;
use crate::bad;
use crate::error::Result;
use std::collections::BTreeMap;
use toml::{Table, Value};
use url::Url;

/// How deep the tables of a lock file are nested, at most.
const DEEPEST: usize = 16;

/// The sha256 of every file that a lock file names, by file name.
///
/// # Errors
/// `Bad` if it is not TOML, or gives one file two hashes.
pub fn hashes(text: &str) -> Result<BTreeMap<String, String>> {
    let table: Table = toml::from_str(text).map_err(|error| bad!("{}", error.to_string().trim()))?;
    within(&Value::Table(table))
}

/// The same of a part of one.
///
/// # Errors
/// `Bad` if it gives one file two hashes.
pub fn within(part: &Value) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    collect(part, &mut found, DEEPEST)?;
    Ok(found)
}

fn collect(value: &Value, found: &mut BTreeMap<String, String>, deeper: usize) -> Result<()> {
    let Some(deeper) = deeper.checked_sub(1) else { return Ok(()) };
    match value {
        Value::Array(all) => all.iter().try_for_each(|one| collect(one, found, deeper)),
        Value::Table(table) => {
            if let Some((name, sha256)) = filename(table).zip(sha256(table))
                && let Some(other) = found.insert(name.clone(), sha256.clone())
                && other != sha256
            {
                return Err(bad!("it gives two hashes for {name}"));
            }
            table.values().try_for_each(|one| collect(one, found, deeper))
        }
        _ => Ok(()),
    }
}

/// `hash = "sha256:00…"`, or `hashes = {sha256 = "00…"}`.
fn sha256(table: &Table) -> Option<String> {
    let plain = table.get("hash").and_then(Value::as_str).and_then(|text| text.strip_prefix("sha256:"));
    let listed = || table.get("hashes")?.get("sha256")?.as_str();
    sha256_hex(plain.or_else(listed)?)
}

/// What the file is called, else what its address ends in.
fn filename(table: &Table) -> Option<String> {
    let text = |key: &str| table.get(key).and_then(Value::as_str);
    let of_url = || Url::parse(text("url")?).ok()?.path_segments()?.next_back().and_then(decode_once);
    let of_path = || Some(text("path")?.rsplit(['/', '\\']).next()?.to_owned());
    text("file").or_else(|| text("name")).map(str::to_owned).or_else(of_url).or_else(of_path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_kind_of_lock_file_gives_its_hashes() {
        let (one, two) = ("1".repeat(64), "2".repeat(64));
        let uv = format!(
            "[[package]]\nname = 'a'\nsdist = {{ url = 'https://h/a-1.tar.gz', hash = 'sha256:{one}' }}\n\
             wheels = [{{ url = 'https://h/a-1%2Bx-py3-none-any.whl', hash = 'sha256:{two}' }}]\n"
        );
        let found = hashes(&uv).unwrap();
        assert_eq!(found["a-1.tar.gz"], one);
        assert_eq!(found["a-1+x-py3-none-any.whl"], two);
        let poetry = format!("[[package]]\nfiles = [{{file = 'a-1.tar.gz', hash = 'sha256:{one}'}}]\n");
        assert_eq!(hashes(&poetry).unwrap()["a-1.tar.gz"], one);
        let pylock = format!(
            "[[packages]]\nname = 'a'\n[[packages.wheels]]\nurl = 'https://h/a-1-py3-none-any.whl'\nhashes = {{sha256 = '{two}'}}\n"
        );
        assert_eq!(hashes(&pylock).unwrap(), BTreeMap::from([("a-1-py3-none-any.whl".into(), two.clone())]));
        let torn =
            format!("a = [{{file = 'x', hash = 'sha256:{one}'}}, {{file = 'x', hash = 'sha256:{two}'}}]");
        assert!(hashes(&torn).unwrap_err().to_string().contains("two hashes for x"));
        assert!(hashes("=").is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "([a-z]+ = (\\[|\\{|'sha256:|\"|\\}|\\])?[a-z0-9]{0,9}\n?){0,9}") {
            let _ = hashes(&text);
        }
    }
}
