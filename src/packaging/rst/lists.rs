//! Lists: with bullets, with numbers, of definitions, fields and options; and lines of verse.

use super::lines::{Line, body, dedent, end_of, least, next_text};

/// A term with what is said of it.
#[derive(Debug)]
pub struct Term<'a> {
    pub text: &'a str,
    /// Options of a program: shown as code.
    pub exact: bool,
    pub body: Vec<Line<'a>>,
}

/// How the items of a list are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enumerator {
    pub kind: Counting,
    /// Of the first item.
    pub number: u32,
    before: bool,
    after: char,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counting {
    Numbers,
    Lower,
    Upper,
}

/// What a list is read as: its parts, and the line after it.
type Read<T> = Option<(Vec<T>, usize)>;

fn bullet(text: &str) -> Option<(char, usize)> {
    let mark = text.chars().next().filter(|c| "*+-•‣⁃".contains(*c))?;
    let rest = text.get(mark.len_utf8()..)?;
    (rest.is_empty() || rest.starts_with(' ')).then_some((mark, mark.len_utf8()))
}

pub fn bullets<'a>(lines: &[Line<'a>], at: usize) -> Read<Vec<Line<'a>>> {
    let (mark, _) = bullet(lines.get(at)?.text)?;
    items(lines, at, |line| bullet(line.text).filter(|(other, _)| *other == mark).map(|(_, width)| width))
}

/// Items that follow each other, each as far as it is indented; `width` is of an item's marker.
fn items<'a>(
    lines: &[Line<'a>],
    mut at: usize,
    width: impl Fn(&Line<'a>) -> Option<usize>,
) -> Read<Vec<Line<'a>>> {
    let mut items = Vec::new();
    let mut end = at;
    while let Some(line) = lines.get(at).filter(|line| line.indent == 0)
        && let Some(width) = width(line)
    {
        let (item, after) = body(lines, at, width, false);
        items.push(item);
        end = after;
        at = next_text(lines, after);
    }
    (!items.is_empty()).then_some((items, end))
}

/// `1.`, `(a)`, `#)` and how many bytes they are.
fn enumerator(text: &str) -> Option<(Enumerator, usize)> {
    let before = text.starts_with('(');
    let bare = text.strip_prefix('(').unwrap_or(text);
    let length = bare.find(|c: char| !c.is_ascii_alphanumeric() && c != '#')?;
    let (word, rest) = bare.split_at_checked(length)?;
    let after = rest.chars().next().filter(|c| *c == ')' || *c == '.' && !before)?;
    let rest = rest.get(1..)?;
    let first = word.chars().next()?;
    let (kind, number) = match word {
        "#" => (Counting::Numbers, 1),
        _ if word.len() <= 6 && word.bytes().all(|byte| byte.is_ascii_digit()) => {
            (Counting::Numbers, word.parse().ok()?)
        }
        _ if word.len() == 1 && first.is_ascii_lowercase() => (Counting::Lower, u32::from(first) - 96),
        _ if word.len() == 1 && first.is_ascii_uppercase() => (Counting::Upper, u32::from(first) - 64),
        _ => return None,
    };
    let width = usize::from(before) + length + 1;
    (rest.is_empty() || rest.starts_with(' ')).then_some((Enumerator { kind, number, before, after }, width))
}

pub fn numbered<'a>(lines: &[Line<'a>], at: usize) -> Option<(Enumerator, Vec<Vec<Line<'a>>>, usize)> {
    let (first, _) = enumerator(lines.get(at)?.text)?;
    let alike = |line: &Line<'_>| {
        let (other, width) = enumerator(line.text)?;
        let same = (other.kind, other.before, other.after) == (first.kind, first.before, first.after);
        same.then_some(width)
    };
    // A sentence may begin like this and go on in the next line.
    let next = lines.get(at + 1).copied().unwrap_or_default();
    if !next.is_blank() && next.indent == 0 && alike(&next).is_none() {
        return None;
    }
    let (items, end) = items(lines, at, alike)?;
    Some((first, items, end))
}

/// `:name: body`: the name, and where the body begins.
pub fn field(text: &str) -> Option<(&str, usize)> {
    let bare = text.strip_prefix(':').filter(|bare| !bare.starts_with([' ', ':']))?;
    let length = bare.find(':')?;
    let name = bare.get(..length)?;
    let rest = bare.get(length + 1..)?;
    (rest.is_empty() || rest.starts_with(' ')).then_some((name, length + 2))
}

/// Fields that follow each other.
pub fn fields<'a>(lines: &[Line<'a>], at: usize) -> Read<Term<'a>> {
    terms(lines, at, |lines, at| {
        let (name, width) = field(lines.get(at)?.text)?;
        Some((name, false, width))
    })
}

/// Options of a program, each with what it does.
pub fn options<'a>(lines: &[Line<'a>], at: usize) -> Read<Term<'a>> {
    terms(lines, at, |lines, at| {
        let text = lines.get(at)?.text;
        let bare = text.trim_start_matches('-');
        let marks = text.len() - bare.len();
        if !(1..=2).contains(&marks) || !bare.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            return None;
        }
        match text.find("  ") {
            Some(width) => Some((text.get(..width)?, true, width)),
            None => lines.get(at + 1).filter(|next| next.indent > 0).map(|_| (text, true, text.len())),
        }
    })
}

fn terms<'a>(
    lines: &[Line<'a>],
    mut at: usize,
    marker: impl Fn(&[Line<'a>], usize) -> Option<(&'a str, bool, usize)>,
) -> Read<Term<'a>> {
    let mut terms = Vec::new();
    let mut end = at;
    while lines.get(at).is_some_and(|line| line.indent == 0)
        && let Some((text, exact, width)) = marker(lines, at)
    {
        let (body, after) = body(lines, at, width, true);
        terms.push(Term { text, exact, body });
        end = after;
        at = next_text(lines, after);
    }
    (!terms.is_empty()).then_some((terms, end))
}

/// Terms, each in a line of its own, with an indented block below it.
pub fn definitions<'a>(lines: &[Line<'a>], mut at: usize) -> Read<Term<'a>> {
    let mut terms = Vec::new();
    let mut end = at;
    while let [line, next, ..] = lines.get(at..).unwrap_or_default()
        && !line.is_blank()
        && line.indent == 0
        && !line.text.ends_with("::")
        && !next.is_blank()
        && next.indent > 0
    {
        end = end_of(lines, at + 1, 1);
        let inner = lines.get(at + 1..end).unwrap_or_default();
        let body = dedent(inner, least(inner));
        terms.push(Term { text: line.text, exact: false, body });
        at = next_text(lines, end);
    }
    (!terms.is_empty()).then_some((terms, end))
}

/// Up to where lines begin with a bar, or go on with such a one.
pub fn verse_end(lines: &[Line<'_>], at: usize) -> usize {
    let barred = |line: &&Line<'_>| line.text == "|" || line.text.starts_with("| ") || line.indent > 0;
    at + lines.iter().skip(at).take_while(|line| !line.is_blank()).take_while(barred).count()
}

/// Lines without their bars; how far each is indented behind it stays.
pub fn verse<'a>(lines: &[Line<'a>]) -> Vec<Line<'a>> {
    let bare = |line: &Line<'a>| {
        let rest = line.text.strip_prefix('|').unwrap_or(line.text);
        let text = rest.trim_start_matches(' ');
        Line { indent: (rest.len() - text.len()).saturating_sub(1), text }
    };
    lines.iter().map(bare).collect()
}
