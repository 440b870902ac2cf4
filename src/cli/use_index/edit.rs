//! `uv.toml` with an index, `~/.netrc` with a credential: all else in them stays as it is.

use crate::bad;
use crate::conflict;
use crate::error::Result;
use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, value};

/// `uv.toml` with this default index.
///
/// # Errors
/// `Bad` if it is no TOML.
pub(super) fn uv(text: &str, url: &str) -> Result<String> {
    let mut document: DocumentMut = text
        .parse()
        .map_err(|error: toml_edit::TomlError| bad!("uv.toml: {}: correct it first", error.message()))?;
    let is_default = |index: &Table| index.get("default").and_then(Item::as_bool) == Some(true);
    let tables = document.get_mut("index").and_then(Item::as_array_of_tables_mut);
    let known = tables.and_then(|all| all.iter_mut().find(|index| is_default(index)));
    let has_default = known.is_some();
    if let Some(index) = known
        && index.get("url").and_then(Item::as_str) != Some(url)
    {
        index["url"] = value(url);
        // Variables that have its name hold a credential for the host of before.
        index.remove("name");
        index.remove("format");
    }
    // It counts for less than a default index, and is as good as one without it.
    if document.contains_key("index-url") {
        document["index-url"] = value(url);
        return Ok(document.to_string());
    }
    if has_default {
        return Ok(document.to_string());
    }
    let indexes = document.entry("index").or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
    let Some(indexes) = indexes.as_array_of_tables_mut() else {
        return Err(bad!("uv.toml: index is not written as [[index]]: write it so, or add {url} yourself"));
    };
    let mut index = Table::new();
    index["url"] = value(url);
    index["default"] = value(true);
    indexes.push(index);
    Ok(document.to_string())
}

/// `~/.netrc` with a token for a host.
///
/// # Errors
/// `Conflict` if it has another login for the host.
pub(super) fn netrc(text: &str, host: &str, token: &str) -> Result<String> {
    let own = format!("machine {host} login __token__ password ");
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let new = format!("{own}{token}");
    if let Some(line) = lines.iter_mut().find(|line| line.starts_with(&own)) {
        *line = new;
    } else {
        let words: Vec<&str> = text.split_whitespace().collect();
        let known = words.windows(2).any(|pair| pair == ["machine", host]);
        if known {
            return Err(conflict!(
                "it has another login for {host}: remove that, or give pip and uv a token yourself"
            ));
        }
        // Before others: an entry `default` ends the file for some readers.
        lines.insert(0, new);
    }
    Ok(lines.join("\n") + "\n")
}

/// `~/.netrc` with another token in the one line that [`netrc`] wrote for this one; without a new token, without the
/// line. `None` if there is no such line.
pub(super) fn netrc_again(text: &str, host: &str, old: &str, new: Option<&str>) -> Option<String> {
    let line = |token: &str| format!("machine {host} login __token__ password {token}");
    let own = line(old);
    let has = text.lines().any(|line| line == own);
    let rest = text.lines().filter_map(|known| match known == own {
        true => new.map(line),
        false => Some(known.to_owned()),
    });
    has.then(|| rest.map(|line| line + "\n").collect())
}

/// What changes, as a diff tells it: lines that go with `-`, lines that come with `+`.
pub(super) fn difference(before: &str, after: &str) -> Vec<String> {
    let (before, after): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let same = |(a, b): &(&&str, &&str)| a == b;
    let first = before.iter().zip(&after).take_while(same).count();
    let rest = before.len().min(after.len()) - first;
    let last = before.iter().rev().zip(after.iter().rev()).take(rest).take_while(same).count();
    let part = |lines: &[&str], sign: char| -> Vec<String> {
        let lines = lines.iter().take(lines.len() - last).skip(first);
        lines.map(|line| format!("{sign}{line}")).collect()
    };
    [part(&before, '-'), part(&after, '+')].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "http://h.example/alice/dev/+simple/";

    #[test]
    fn uv_toml_keeps_all_but_the_default_index() {
        let own = format!("[[index]]\nurl = \"{URL}\"\ndefault = true\n");
        assert_eq!(uv("", URL).unwrap(), own);
        let text = "# mine\noffline = false # why\n\n[[index]]\nname = \"other\"\nurl = \"http://o\"\n";
        assert_eq!(uv(text, URL).unwrap(), format!("{text}\n{own}"));
        let text = "[[index]]\nurl = \"http://a\" # old\ndefault = true\n";
        let after = uv(text, URL).unwrap();
        assert!(
            after.contains(URL) && !after.contains("http://a") && after.matches("[[index]]").count() == 1
        );
        assert_eq!(uv("index-url = \"http://a\"\n", URL).unwrap(), format!("index-url = \"{URL}\"\n"));
        // Both: uv takes the default index. Its name goes with its host, and the credential that goes by it.
        let both =
            "index-url = \"http://a\"\n\n[[index]]\nname = \"corp\"\nurl = \"http://b\"\ndefault = true\n";
        let after = uv(both, URL).unwrap();
        assert_eq!(after, format!("index-url = \"{URL}\"\n\n{own}"));
        let named = after.replace("[[index]]", "[[index]]\nname = \"ours\"");
        assert_eq!(uv(&named, URL).unwrap(), named, "the same URL keeps its name");
        for wrong in ["a = = b", "index = [{url = \"http://a\"}]"] {
            assert!(uv(wrong, URL).is_err(), "{wrong}");
        }
    }

    #[test]
    fn netrc_gets_one_line_and_loses_none() {
        let line = "machine h.example login __token__ password ww_a";
        assert_eq!(netrc("", "h.example", "ww_a").unwrap(), format!("{line}\n"));
        let other = "machine o.example login x password y\ndefault login a password b\n";
        assert_eq!(netrc(other, "h.example", "ww_a").unwrap(), format!("{line}\n{other}"));
        assert_eq!(
            netrc(&format!("{line}\n{other}"), "h.example", "ww_b").unwrap(),
            format!("{}\n{other}", line.replace("ww_a", "ww_b"))
        );
        for foreign in ["machine h.example login al password p\n", "machine h.example\n login al\n"] {
            assert!(netrc(foreign, "h.example", "ww_a").is_err(), "{foreign}");
        }
    }

    #[test]
    fn netrc_changes_or_loses_the_line_of_the_very_token_alone() {
        let line = "machine h.example login __token__ password ww_a";
        let text = format!("# mine\n{line}\ndefault login a password b\n");
        let again = |old: &str, new: Option<&str>| netrc_again(&text, "h.example", old, new);
        assert_eq!(again("ww_a", Some("ww_b")), Some(text.replace("ww_a", "ww_b")));
        assert_eq!(again("ww_a", None), Some("# mine\ndefault login a password b\n".to_owned()));
        assert_eq!(again("ww_", Some("ww_b")), None);
        assert_eq!(netrc_again(&text, "example", "ww_a", None), None);
        assert_eq!(netrc_again("", "h.example", "ww_a", None), None);
    }

    #[test]
    fn a_difference_names_what_goes_and_what_comes() {
        assert_eq!(difference("a\nb\nc\n", "a\nx\nc\n"), ["-b", "+x"]);
        assert_eq!(difference("", "a\n"), ["+a"]);
        assert_eq!(difference("a\na\n", "a\na\na\n"), ["+a"]);
        assert!(difference("a\n", "a\n").is_empty());
    }
}
