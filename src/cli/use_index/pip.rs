//! `pip.conf` with an index in it, line by line as pip reads it (Python's `configparser`): all else stays as it is.

/// What a line is.
#[derive(Debug, PartialEq, Eq)]
enum Line {
    /// Blank, or a comment.
    Nothing,
    /// `[global]`
    Section(String),
    /// The name of an option, as pip spells it.
    Option(String),
    /// It continues the value before it: it is indented more than its option.
    More,
}

fn indent(line: &str) -> usize {
    line.chars().take_while(|c| c.is_whitespace()).count()
}

/// The indentation itself.
fn margin(line: &str) -> String {
    line.chars().take_while(|c| c.is_whitespace()).collect()
}

fn read(lines: &[String]) -> Vec<Line> {
    let (mut level, mut in_value) = (0, false);
    let one = |line: &String| {
        let text = line.trim();
        if text.is_empty() || text.starts_with(['#', ';']) {
            return Line::Nothing;
        }
        if in_value && indent(line) > level {
            return Line::More;
        }
        level = indent(line);
        let section = text.strip_prefix('[').and_then(|rest| Some(rest.rsplit_once(']')?.0));
        in_value = section.is_none();
        match section {
            Some(name) => Line::Section(name.to_owned()),
            None => {
                let name = text.split(['=', ':']).next().unwrap_or_default();
                Line::Option(name.trim().to_lowercase().replace('_', "-"))
            }
        }
    };
    lines.iter().map(one).collect()
}

/// The file with this index as the one of all commands, and with a host that pip trusts beside those that it has.
pub(super) fn with_index(text: &str, url: &str, trusted: Option<&str>) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    set(&mut lines, "index-url", url);
    if let Some(host) = trusted {
        add(&mut lines, "trusted-host", host);
    }
    lines.join("\n") + "\n"
}

/// The lines of an option in the section `global`: its own, and the last one of its value.
fn option(lines: &[String], name: &str) -> Option<(usize, usize)> {
    let kinds = read(lines);
    let start = section(&kinds)? + 1;
    let rest = kinds.iter().enumerate().skip(start);
    let own = rest.take_while(|(_, line)| !matches!(line, Line::Section(_)));
    let at = own.into_iter().find(|(_, line)| matches!(line, Line::Option(known) if known == name))?.0;
    let value = kinds.iter().enumerate().skip(at + 1);
    let value = value.take_while(|(_, line)| matches!(line, Line::More | Line::Nothing));
    Some((at, value.filter(|(_, line)| **line == Line::More).last().map_or(at, |(last, _)| last)))
}

fn section(kinds: &[Line]) -> Option<usize> {
    kinds.iter().position(|line| matches!(line, Line::Section(name) if name == "global"))
}

/// Sets an option; of its old value nothing stays but comments between its lines.
fn set(lines: &mut Vec<String>, name: &str, value: &str) {
    if let Some((at, last)) = option(lines, name) {
        let kinds = read(lines);
        let comments: Vec<String> = (at + 1..=last)
            .filter(|line| kinds.get(*line) == Some(&Line::Nothing))
            .filter_map(|line| lines.get(line).cloned())
            .collect();
        let own = lines.get(at).map(|line| margin(line)).unwrap_or_default();
        let new = std::iter::once(format!("{own}{name} = {value}")).chain(comments);
        lines.splice(at..=last, new);
        return;
    }
    let kinds = read(lines);
    let Some(start) = section(&kinds) else {
        if lines.last().is_some_and(|last| !last.is_empty()) {
            lines.push(String::new());
        }
        lines.extend(["[global]".to_owned(), format!("{name} = {value}")]);
        return;
    };
    // Indented less than the next option, this one would swallow it.
    let next = kinds.iter().zip(lines.iter()).skip(start + 1).find(|(line, _)| **line != Line::Nothing);
    let own = next.filter(|(line, _)| matches!(line, Line::Option(_))).map(|(_, text)| margin(text));
    lines.insert(start + 1, format!("{}{name} = {value}", own.unwrap_or_default()));
}

/// Adds one value to an option that has several.
fn add(lines: &mut Vec<String>, name: &str, value: &str) {
    let Some((at, last)) = option(lines, name) else { return set(lines, name, value) };
    let own = lines.get(at).and_then(|line| line.split_once(['=', ':'])).map_or("", |(_, value)| value);
    let more = lines.iter().take(last + 1).skip(at + 1).filter(|line| !line.trim().starts_with(['#', ';']));
    if own.split_whitespace().chain(more.flat_map(|line| line.split_whitespace())).any(|one| one == value) {
        return;
    }
    let like = lines.get(last).filter(|_| last > at).map(|line| margin(line));
    let like = like.unwrap_or_else(|| lines.get(at).map(|line| margin(line)).unwrap_or_default() + "    ");
    lines.insert(last + 1, format!("{like}{value}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "http://h.example/alice/dev/+simple/";

    fn pip(text: &str) -> String {
        with_index(text, URL, None)
    }

    #[test]
    fn pip_conf_keeps_all_but_the_one_setting() {
        assert_eq!(pip(""), format!("[global]\nindex-url = {URL}\n"));
        assert_eq!(
            pip("# mine\n[install]\nno-binary = x\n"),
            format!("# mine\n[install]\nno-binary = x\n\n[global]\nindex-url = {URL}\n")
        );
        assert_eq!(
            pip(
                "[global]\n# why\ntimeout = 5\nIndex_URL: http://a\n  # old\n  http://b\nextra-index-url = c\n[x]\nindex-url = d\n"
            ),
            format!(
                "[global]\n# why\ntimeout = 5\nindex-url = {URL}\n  # old\nextra-index-url = c\n[x]\nindex-url = d\n"
            )
        );
        assert_eq!(pip("[global]\n[x]\n"), format!("[global]\nindex-url = {URL}\n[x]\n"));
        assert_eq!(pip(&pip("[global]\na = 1\n")), pip("[global]\na = 1\n"), "again is the same");
        // Another section to pip, which tells names apart by case.
        assert_eq!(pip("[Global]\na = 1\n"), format!("[Global]\na = 1\n\n[global]\nindex-url = {URL}\n"));
    }

    #[test]
    fn indented_options_stay_options_and_values_of_several_lines_stay_values() {
        assert_eq!(
            pip("[global]\n    timeout = 5\n    retries = 1\n"),
            format!("[global]\n    index-url = {URL}\n    timeout = 5\n    retries = 1\n")
        );
        assert_eq!(
            pip("[global]\n\tindex-url = http://a\n\t\thttp://b\n\ttimeout = 5\n"),
            format!("[global]\n\tindex-url = {URL}\n\ttimeout = 5\n")
        );
        // What looks like a section or an option belongs to the value.
        assert_eq!(
            pip("[global]\nfind-links =\n  [x]\n  index-url = a\n"),
            format!("[global]\nindex-url = {URL}\nfind-links =\n  [x]\n  index-url = a\n")
        );
    }

    #[test]
    fn a_trusted_host_comes_to_those_that_are_there() {
        let trusted = |text: &str| {
            let after = with_index(&format!("[global]\nindex-url = {URL}\n{text}"), URL, Some("h:1"));
            after.replace(&format!("[global]\nindex-url = {URL}\n"), "")
        };
        assert!(with_index("", URL, Some("h:1")).contains("\ntrusted-host = h:1\n"));
        assert_eq!(trusted("trusted-host = a\n"), "trusted-host = a\n    h:1\n");
        assert_eq!(
            trusted("trusted-host =\n  a\n\n  # why\n  b\ntimeout = 5\n"),
            "trusted-host =\n  a\n\n  # why\n  b\n  h:1\ntimeout = 5\n"
        );
        for known in ["trusted-host = h:1\n", "trusted-host = a h:1\n", "trusted-host =\n  h:1\n  a\n"] {
            assert_eq!(trusted(known), known);
        }
        assert_eq!(trusted("trusted-host =\n  a\n  # h:1\n"), "trusted-host =\n  a\n  h:1\n  # h:1\n");
    }
}
