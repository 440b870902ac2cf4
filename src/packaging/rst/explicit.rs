//! What begins with two dots: directives, footnotes, targets, comments.

use super::lines::{Line, body, end_of, least, next_text};
use super::lists::field;

#[derive(Debug)]
pub enum Explicit<'a> {
    Directive(Directive<'a>),
    Footnote {
        label: &'a str,
        body: Vec<Line<'a>>,
    },
    /// A comment, or a target: nothing to show.
    Silent,
}

#[derive(Debug, Default)]
pub struct Directive<'a> {
    pub name: &'a str,
    /// What stands behind the name, up to options and a blank line.
    pub argument: Vec<Line<'a>>,
    pub options: Vec<(&'a str, &'a str)>,
    pub content: Vec<Line<'a>>,
    /// All of it, as it was written.
    pub written: Vec<Line<'a>>,
}

impl<'a> Directive<'a> {
    pub fn option(&self, name: &str) -> Option<&'a str> {
        self.options.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    /// The argument in one line.
    pub fn words(&self) -> String {
        let texts: Vec<&str> = self.argument.iter().map(|line| line.text).collect();
        texts.join(" ").trim().to_owned()
    }
}

/// What begins here with two dots, or two underscores.
pub fn read<'a>(lines: &[Line<'a>], at: usize) -> Option<(Explicit<'a>, usize)> {
    let line = lines.get(at)?;
    if line.text.starts_with("__ ") || line.text == "__" {
        return Some((Explicit::Silent, end_of(lines, at + 1, 1).max(at + 1)));
    }
    let rest = line.text.strip_prefix("..").filter(|rest| rest.is_empty() || rest.starts_with(' '))?;
    let text = rest.trim_start_matches(' ');
    // Two dots alone before a blank line do not swallow what is below.
    if text.is_empty() && lines.get(at + 1).is_none_or(Line::is_blank) {
        return Some((Explicit::Silent, at + 1));
    }
    let column = line.text.len() - text.len();
    if let Some((label, width)) = footnote(text) {
        let (body, end) = body(lines, at, column + width, true);
        return Some((Explicit::Footnote { label, body }, end));
    }
    if let Some((name, width)) = directive_name(text) {
        let (inner, end) = body(lines, at, column + width, true);
        let written = lines.get(at..end).unwrap_or_default().to_vec();
        return Some((Explicit::Directive(directive(name, &inner, written)), end));
    }
    Some((Explicit::Silent, end_of(lines, at + 1, 1).max(at + 1)))
}

/// `[1] text`
fn footnote(text: &str) -> Option<(&str, usize)> {
    let length = text.strip_prefix('[')?.find(']')?;
    let label = text.get(1..=length)?;
    let rest = text.get(length + 2..)?;
    let plain = !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || "#*-_.".contains(c));
    (plain && (rest.is_empty() || rest.starts_with(' '))).then_some((label, length + 2))
}

/// `name:: argument`, and how long the name with its colons is.
pub fn directive_name(text: &str) -> Option<(&str, usize)> {
    let length = text.find("::")?;
    let name = text.get(..length)?;
    let plain = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "-_.+: ".contains(c));
    let name = name.trim_end();
    let rest = text.get(length + 2..)?;
    (plain && !name.contains(' ') && (rest.is_empty() || rest.starts_with(' '))).then_some((name, length + 2))
}

/// `inner` is what stands behind the name and below.
pub fn directive<'a>(name: &'a str, inner: &[Line<'a>], written: Vec<Line<'a>>) -> Directive<'a> {
    let is_option = |line: &&Line<'_>| line.indent == 0 && field(line.text).is_some();
    let argument =
        inner.iter().take_while(|line| !line.is_blank()).take_while(|line| !is_option(line)).count();
    let mut at = argument;
    let first_is_blank = inner.first().is_some_and(Line::is_blank);
    if first_is_blank {
        at = 1;
    }
    let mut options = Vec::new();
    while let Some(line) = inner.get(at).filter(|line| is_option(line))
        && let Some((name, width)) = field(line.text)
    {
        options.push((name, line.text.get(width..).unwrap_or_default().trim()));
        at = end_of(inner, at + 1, 1).max(at + 1);
    }
    let content = inner.get(next_text(inner, at)..).unwrap_or_default();
    let content = super::lines::dedent(content, least(content));
    let argument = inner.get(..argument).unwrap_or_default().to_vec();
    Directive { name, argument, options, content, written }
}
