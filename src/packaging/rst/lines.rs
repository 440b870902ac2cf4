//! Lines with their indentation.

/// A line: how far it is indented, and the rest without blanks at its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Line<'a> {
    pub indent: usize,
    pub text: &'a str,
}

impl Line<'_> {
    pub fn is_blank(&self) -> bool {
        self.text.is_empty()
    }
}

/// Columns between two tab stops.
const TAB: usize = 8;

/// The text with blanks for tabs, so that a column is a character.
pub fn expand(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 64);
    let mut column = 0;
    for c in text.chars() {
        match c {
            '\n' => (column, _) = (0, out.push('\n')),
            '\t' => {
                let blanks = TAB - column % TAB;
                out.extend(std::iter::repeat_n(' ', blanks));
                column += blanks;
            }
            '\r' => {}
            '\u{b}' | '\u{c}' | '\u{a0}' => (column, _) = (column + 1, out.push(' ')),
            c => (column, _) = (column + 1, out.push(c)),
        }
    }
    out
}

pub fn split(text: &str) -> Vec<Line<'_>> {
    let line = |line| {
        let line: &str = str::trim_end(line);
        let text = line.trim_start_matches(' ');
        Line { indent: line.len() - text.len(), text }
    };
    text.lines().map(line).collect()
}

/// The lines moved to the left.
pub fn dedent<'a>(lines: &[Line<'a>], by: usize) -> Vec<Line<'a>> {
    lines.iter().map(|line| Line { indent: line.indent.saturating_sub(by), ..*line }).collect()
}

/// The smallest indentation of what is not blank.
pub fn least(lines: &[Line<'_>]) -> usize {
    lines.iter().filter(|line| !line.is_blank()).map(|line| line.indent).min().unwrap_or(0)
}

/// Up to which line a block goes on that is indented at least so far: blank lines at its end are not part of it.
pub fn end_of(lines: &[Line<'_>], from: usize, indent: usize) -> usize {
    let mut end = from;
    for (at, line) in lines.iter().enumerate().skip(from) {
        if line.is_blank() {
            continue;
        }
        if line.indent < indent {
            break;
        }
        end = at + 1;
    }
    end
}

/// The first line from here on that is not blank.
pub fn next_text(lines: &[Line<'_>], from: usize) -> usize {
    let rest = lines.get(from..).unwrap_or_default();
    from + rest.iter().take_while(|line| line.is_blank()).count()
}

/// Without blank lines at both ends.
pub fn trimmed<'b, 'a>(lines: &'b [Line<'a>]) -> &'b [Line<'a>] {
    let from = lines.iter().take_while(|line| line.is_blank()).count();
    let rest = lines.get(from..).unwrap_or_default();
    let blank = rest.iter().rev().take_while(|line| line.is_blank()).count();
    rest.get(..rest.len() - blank).unwrap_or_default()
}

/// The block that begins behind a marker, at `column` of its first line, as lines of their own; with the line after it.
/// `loose`: further lines may be indented as they like; otherwise as what stands behind the marker.
pub fn body<'a>(lines: &[Line<'a>], at: usize, column: usize, loose: bool) -> (Vec<Line<'a>>, usize) {
    let Some(first) = lines.get(at) else { return (Vec::new(), at + 1) };
    let end = end_of(lines, at + 1, first.indent + 1).max(at + 1);
    let further = lines.get(at + 1..end).unwrap_or_default();
    let rest = first.text.get(column..).unwrap_or_default();
    let text = rest.trim_start_matches(' ');
    let behind = first.indent + column + rest.len() - text.len();
    let by = match loose || text.is_empty() {
        true => least(further),
        false => behind.min(least(further)),
    };
    let mut body = vec![Line { indent: 0, text }];
    body.extend(dedent(further, by));
    (body, end)
}
