//! Configuration files of pip and uv, and `~/.netrc`, with an index or a credential in them: all else stays as it is.

use crate::bad;
use crate::conflict;
use crate::error::Result;
use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, value};

/// `pip.conf` with these keys in its section `global`.
pub(super) fn pip(text: &str, keys: &[(&str, &str)]) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for (key, value) in keys {
        set(&mut lines, key, value);
    }
    lines.join("\n") + "\n"
}

/// Sets a key of the section `global`; what continues its old value on further lines goes.
fn set(lines: &mut Vec<String>, key: &str, value: &str) {
    let new = format!("{key} = {value}");
    let head = |line: &str| line.trim_start().starts_with('[');
    let Some(start) = lines.iter().position(|line| line.trim().eq_ignore_ascii_case("[global]")) else {
        if lines.last().is_some_and(|last| !last.is_empty()) {
            lines.push(String::new());
        }
        lines.extend(["[global]".to_owned(), new]);
        return;
    };
    let end =
        lines.iter().skip(start + 1).position(|line| head(line)).map_or(lines.len(), |at| start + 1 + at);
    let names = |line: &str| {
        let name = line.split(['=', ':']).next().unwrap_or_default();
        !line.starts_with([' ', '\t', '#', ';']) && name.trim().replace('_', "-").eq_ignore_ascii_case(key)
    };
    let own = lines.iter().take(end).skip(start + 1).position(|line| names(line)).map(|at| start + 1 + at);
    match own {
        Some(at) => {
            let continues = |line: &&String| line.starts_with([' ', '\t']) && !line.trim().is_empty();
            let more = lines.iter().take(end).skip(at + 1).take_while(continues).count();
            lines.splice(at..=at + more, [new]);
        }
        None => lines.insert(start + 1, new),
    }
}

/// `uv.toml` with this default index.
///
/// # Errors
/// `Bad` if it is no TOML.
pub(super) fn uv(text: &str, url: &str) -> Result<String> {
    let mut document: DocumentMut = text
        .parse()
        .map_err(|error: toml_edit::TomlError| bad!("uv.toml: {}: correct it first", error.message()))?;
    if document.contains_key("index-url") {
        document["index-url"] = value(url);
        return Ok(document.to_string());
    }
    let indexes = document.entry("index").or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
    let Some(indexes) = indexes.as_array_of_tables_mut() else {
        return Err(bad!("uv.toml: index is not written as [[index]]: write it so, or add {url} yourself"));
    };
    let is_default = |index: &Table| index.get("default").and_then(Item::as_bool) == Some(true);
    let at = indexes.iter().position(is_default);
    if let Some(index) = at.and_then(|at| indexes.get_mut(at)) {
        index["url"] = value(url);
    } else {
        let mut index = Table::new();
        index["url"] = value(url);
        index["default"] = value(true);
        indexes.push(index);
    }
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
    fn pip_conf_keeps_all_but_the_one_setting() {
        let pip = |text: &str| super::pip(text, &[("index-url", URL)]);
        assert_eq!(pip(""), format!("[global]\nindex-url = {URL}\n"));
        assert_eq!(
            pip("# mine\n[install]\nno-binary = x\n"),
            format!("# mine\n[install]\nno-binary = x\n\n[global]\nindex-url = {URL}\n")
        );
        assert_eq!(
            pip(
                "[global]\n# why\ntimeout = 5\nIndex_URL: http://a\n  http://b\nextra-index-url = c\n[x]\nindex-url = d\n"
            ),
            format!(
                "[global]\n# why\ntimeout = 5\nindex-url = {URL}\nextra-index-url = c\n[x]\nindex-url = d\n"
            )
        );
        assert_eq!(pip("[global]\n[x]\n"), format!("[global]\nindex-url = {URL}\n[x]\n"));
        assert_eq!(pip(&pip("[global]\na = 1\n")), pip("[global]\na = 1\n"), "again is the same");
    }

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
    fn a_difference_names_what_goes_and_what_comes() {
        assert_eq!(difference("a\nb\nc\n", "a\nx\nc\n"), ["-b", "+x"]);
        assert_eq!(difference("", "a\n"), ["+a"]);
        assert_eq!(difference("a\na\n", "a\na\na\n"), ["+a"]);
        assert!(difference("a\n", "a\n").is_empty());
    }
}
