//! Just enough of Rust to see which modules a text uses: its paths, without comments, literals and tests.

/// A path that a text uses, as it is written: `super::room::Room`.
pub struct UsedPath {
    pub segments: Vec<String>,
    /// The name that a `use` gives it.
    pub alias: Option<String>,
    /// Handed on by `pub use`.
    pub public: bool,
}

/// What is left of a source without its comments and the contents of its literals.
pub fn without_comments(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut kept = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let next = chars.get(at + 1).copied();
        match chars[at] {
            '/' if next == Some('/') => at = find(&chars, at, |i| chars[i] == '\n'),
            'r' if matches!(next, Some('"' | '#')) && raw_hashes(&chars, at).is_some() => {
                let hashes = raw_hashes(&chars, at).unwrap_or_default();
                let body = at + hashes + 2;
                let ends = |i: usize| chars[i] == '"' && (1..=hashes).all(|n| chars.get(i + n) == Some(&'#'));
                at = find(&chars, body, ends) + hashes + 1;
                kept.push('"');
            }
            '"' => {
                at += 1;
                while at < chars.len() && chars[at] != '"' {
                    at += if chars[at] == '\\' { 2 } else { 1 };
                }
                at += 1;
                kept.push('"');
            }
            // A character; a lifetime has no second quote.
            '\'' if next == Some('\\') => at = find(&chars, at + 3, |i| chars[i] == '\'') + 1,
            '\'' if chars.get(at + 2) == Some(&'\'') => at += 3,
            other => {
                kept.push(other);
                at += 1;
            }
        }
    }
    kept
}

fn find(chars: &[char], from: usize, holds: impl Fn(usize) -> bool) -> usize {
    (from..chars.len()).find(|&i| holds(i)).unwrap_or(chars.len())
}

fn raw_hashes(chars: &[char], at: usize) -> Option<usize> {
    let inside_a_word = at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_');
    let hashes = chars[at + 1..].iter().take_while(|c| **c == '#').count();
    (!inside_a_word && chars.get(at + 1 + hashes) == Some(&'"')).then_some(hashes)
}

/// The text without what only tests compile, and the names of the modules that only tests have.
pub fn without_tests(text: &str) -> (String, Vec<String>) {
    let (mut kept, mut modules, mut rest) = (String::new(), Vec::new(), text);
    while let Some(at) = ["#[cfg(test)]", "#[cfg(all(test,"].iter().filter_map(|sign| rest.find(sign)).min() {
        kept.push_str(&rest[..at]);
        let item = &rest[at..];
        let end = end_of_item(item);
        let words: Vec<&str> = item[..end].split_whitespace().collect();
        if let Some(module) = words.iter().position(|word| *word == "mod").and_then(|n| words.get(n + 1)) {
            modules.push(module.trim_end_matches(';').to_owned());
        }
        rest = &item[end..];
    }
    kept.push_str(rest);
    (kept, modules)
}

/// An item ends with its semicolon, or with the brace that closes its first.
fn end_of_item(item: &str) -> usize {
    let mut depth = 0;
    for (at, c) in item.char_indices() {
        match c {
            ';' if depth == 0 => return at + 1,
            '{' => depth += 1,
            '}' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    item.len()
}

/// All paths of a text, those of `use` spelled out one by one.
pub fn paths(text: &str) -> Vec<UsedPath> {
    let tokens = tokens(text);
    let mut found = Vec::new();
    let mut at = 0;
    // Depths of the braces of modules that stand in the text.
    let (mut depth, mut inner) = (0, Vec::new());
    while at < tokens.len() {
        let before = found.len();
        if tokens[at] == "{" {
            depth += 1;
            if at > 1 && tokens[at - 2] == "mod" {
                inner.push(depth);
            }
        } else if tokens[at] == "}" {
            inner.pop_if(|own| *own == depth);
            depth -= 1;
        } else if tokens[at] == "use" {
            let public = at > 0 && matches!(tokens[at - 1], "pub" | ")");
            let end = (at..tokens.len()).find(|&i| tokens[i] == ";").unwrap_or(tokens.len());
            spell_out(&tokens[at + 1..end], &[], public, &mut found);
            at = end;
        } else if is_name(tokens[at]) && (at == 0 || !matches!(tokens[at - 1], "::" | "." | "mod")) {
            let mut segments = vec![tokens[at].to_owned()];
            while tokens.get(at + 1) == Some(&"::") && tokens.get(at + 2).is_some_and(|t| is_name(t)) {
                segments.push(tokens[at + 2].to_owned());
                at += 2;
            }
            if segments.len() > 1 {
                found.push(UsedPath { segments, alias: None, public: false });
            }
        }
        for used in &mut found[before..] {
            outward(used, inner.len());
        }
        at += 1;
    }
    found
}

/// A path in a module that stands in the text, as the text around it would write it.
fn outward(used: &mut UsedPath, nested: usize) {
    let up = used.segments.iter().take_while(|segment| *segment == "super").count();
    if up > 0 && nested > 0 {
        used.segments.drain(..up.min(nested));
    }
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let word = |c: char| c.is_alphanumeric() || c == '_';
        let end = if word(first) {
            rest.find(|c| !word(c)).unwrap_or(rest.len())
        } else if rest.starts_with("::") {
            2
        } else {
            first.len_utf8()
        };
        tokens.push(&rest[..end]);
        rest = rest[end..].trim_start();
    }
    tokens
}

/// `a::{b, c::{self, d as e}}`, as `a::b`, `a::c` and `a::c::d`.
fn spell_out(tree: &[&str], before: &[String], public: bool, found: &mut Vec<UsedPath>) {
    let Some(open) = tree.iter().position(|token| *token == "{") else {
        let name_ends = tree.iter().position(|token| *token == "as").unwrap_or(tree.len());
        let written = tree[..name_ends].iter().filter(|token| **token != "::");
        let mut segments: Vec<String> = before.to_vec();
        segments.extend(written.map(|token| (*token).to_owned()));
        if segments.len() > 1 && segments.last().is_some_and(|last| last == "self") {
            segments.pop();
        }
        let alias =
            tree.get(name_ends + 1).map_or_else(|| segments.last().cloned(), |t| Some((*t).to_owned()));
        if !segments.is_empty() {
            found.push(UsedPath { segments, alias, public });
        }
        return;
    };
    let mut prefix = before.to_vec();
    prefix.extend(tree[..open].iter().filter(|token| **token != "::").map(|token| (*token).to_owned()));
    let (mut depth, mut from) = (0, open + 1);
    for (at, token) in tree.iter().enumerate().skip(open) {
        match *token {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        let branch_ends = (*token == "," && depth == 1) || (*token == "}" && depth == 0);
        if branch_ends {
            if from < at {
                spell_out(&tree[from..at], &prefix, public, found);
            }
            from = at + 1;
        }
    }
}
