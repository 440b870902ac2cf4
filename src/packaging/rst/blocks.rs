//! What the next lines are: a title, a list, a table, a paragraph.

use super::explicit::{self, Explicit};
use super::lines::{Line, dedent, end_of, least, next_text, trimmed};
use super::lists::{self, Enumerator, Term};
use super::tables::{self, RstTable, TableEnds};

/// One block; what stands within it is divided when it is rendered.
#[derive(Debug)]
pub enum Block<'a> {
    Title { text: &'a str, style: TitleStyle },
    Transition,
    Paragraph(Vec<Line<'a>>),
    Literal(Vec<Line<'a>>),
    Quote(Vec<Line<'a>>),
    Bullets(Vec<Vec<Line<'a>>>),
    Numbered(Enumerator, Vec<Vec<Line<'a>>>),
    Terms(Vec<Term<'a>>),
    Verse(Vec<Line<'a>>),
    Table(RstTable<'a>),
    Explicit(Explicit<'a>),
}

/// The character of a title's lines, and whether one is above it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TitleStyle {
    mark: char,
    above: bool,
}

/// All blocks of some lines.
pub fn divide<'a>(lines: &[Line<'a>]) -> Vec<Block<'a>> {
    let mut blocks = Vec::new();
    let (mut at, mut ends) = (0, TableEnds::default());
    loop {
        at = next_text(lines, at);
        if at >= lines.len() {
            return blocks;
        }
        let after = next(lines, at, &mut blocks, &mut ends);
        // Each step takes a line, whatever it holds.
        at = after.max(at + 1);
    }
}

fn next<'a>(lines: &[Line<'a>], at: usize, blocks: &mut Vec<Block<'a>>, ends: &mut TableEnds) -> usize {
    let Some(line) = lines.get(at) else { return at };
    if line.indent > 0 {
        let end = end_of(lines, at, 1);
        let inner = lines.get(at..end).unwrap_or_default();
        blocks.push(Block::Quote(dedent(inner, least(inner))));
        return end;
    }
    if let Some((items, end)) = lists::bullets(lines, at) {
        blocks.push(Block::Bullets(items));
        return end;
    }
    if let Some((first, items, end)) = lists::numbered(lines, at) {
        blocks.push(Block::Numbered(first, items));
        return end;
    }
    if let Some((terms, end)) = lists::fields(lines, at).or_else(|| lists::options(lines, at)) {
        blocks.push(Block::Terms(terms));
        return end;
    }
    if line.text.starts_with(">>>") {
        let end = paragraph_end(lines, at);
        blocks.push(Block::Literal(lines.get(at..end).unwrap_or_default().to_vec()));
        return end;
    }
    if line.text == "|" || line.text.starts_with("| ") {
        let end = lists::verse_end(lines, at);
        blocks.push(Block::Verse(lists::verse(lines.get(at..end).unwrap_or_default())));
        return end;
    }
    if let Some((table, end)) = tables::read(lines, at, ends) {
        blocks.push(
            table.map_or_else(
                || Block::Literal(lines.get(at..end).unwrap_or_default().to_vec()),
                Block::Table,
            ),
        );
        return end;
    }
    if let Some((explicit, end)) = explicit::read(lines, at) {
        blocks.push(Block::Explicit(explicit));
        return end;
    }
    if let Some((block, end)) = title(lines, at) {
        blocks.push(block);
        return end;
    }
    if let Some((terms, end)) = lists::definitions(lines, at) {
        blocks.push(Block::Terms(terms));
        return end;
    }
    paragraph(lines, at, blocks)
}

fn paragraph_end(lines: &[Line<'_>], at: usize) -> usize {
    at + lines.iter().skip(at).take_while(|line| !line.is_blank()).count()
}

fn paragraph<'a>(lines: &[Line<'a>], at: usize, blocks: &mut Vec<Block<'a>>) -> usize {
    let colons = |line: &Line<'_>| line.text.ends_with("::");
    let mut end = at + 1;
    while let [one, next, ..] = lines.get(end - 1..).unwrap_or_default()
        // `::` with more text indented below it begins a literal block, also without a blank line.
        && !(next.is_blank() || colons(one) && one.indent == 0 && next.indent > 0)
    {
        end += 1;
    }
    let mut own: Vec<Line<'a>> = lines.get(at..end).unwrap_or_default().to_vec();
    if !own.last().is_some_and(colons) {
        blocks.push(Block::Paragraph(own));
        return end;
    }
    if let Some(last) = own.last_mut() {
        let bare = last.text.strip_suffix("::").unwrap_or(last.text);
        let kept = if bare.is_empty() || bare.ends_with(' ') {
            bare.trim_end()
        } else {
            last.text.strip_suffix(':').unwrap_or(bare)
        };
        last.text = kept;
    }
    own.retain(|line| !line.is_blank());
    if !own.is_empty() {
        blocks.push(Block::Paragraph(own));
    }
    let from = next_text(lines, end);
    let Some(first) = lines.get(from) else { return end };
    let until = match first.indent {
        0 => {
            let mark = first.text.chars().next().filter(char::is_ascii_punctuation);
            let quoted = |line: &&Line<'_>| mark.is_some_and(|mark| line.text.starts_with(mark));
            from + lines.iter().skip(from).take_while(quoted).count()
        }
        _ => end_of(lines, from, 1),
    };
    let inner = lines.get(from..until).unwrap_or_default();
    if inner.is_empty() {
        return end;
    }
    blocks.push(Block::Literal(dedent(trimmed(inner), least(inner))));
    until
}

/// A line of one mark alone.
fn rule(line: Option<&Line<'_>>) -> Option<(char, usize)> {
    let line = line.filter(|line| line.indent == 0)?;
    let mark = line.text.chars().next().filter(char::is_ascii_punctuation)?;
    line.text.chars().all(|c| c == mark).then_some((mark, line.text.len()))
}

/// A title with the line below it and perhaps one above; or a line between blank ones.
fn title<'a>(lines: &[Line<'a>], at: usize) -> Option<(Block<'a>, usize)> {
    let line = lines.get(at)?;
    if let Some((mark, length)) = rule(Some(line)) {
        let text = lines.get(at + 1).filter(|line| !line.is_blank());
        return match (text, rule(lines.get(at + 2))) {
            (Some(text), Some((below, _))) if below == mark => {
                Some((Block::Title { text: text.text, style: TitleStyle { mark, above: true } }, at + 3))
            }
            (None, _) if length >= 4 => Some((Block::Transition, at + 1)),
            _ => None,
        };
    }
    let (mark, length) = rule(lines.get(at + 1))?;
    let width = line.text.chars().count();
    let style = TitleStyle { mark, above: false };
    (length >= width.min(4)).then_some((Block::Title { text: line.text, style }, at + 2))
}
