//! Tables: grids of `+--+`, and simple ones below `===  ===`.

use super::lines::{Line, dedent, least, split, trimmed};

/// A table, as far as it can be read.
#[derive(Debug)]
pub struct RstTable<'a> {
    /// Rows of it that are its head.
    pub head: usize,
    pub rows: Vec<Vec<TableCell<'a>>>,
}

#[derive(Debug)]
pub struct TableCell<'a> {
    pub lines: Vec<Line<'a>>,
    pub columns: usize,
}

/// Columns and lines of a table; larger ones are shown as they stand.
const MOST_COLUMNS: usize = 60;
const MOST_LINES: usize = 3000;

/// How far tables of some lines were looked for the end of, so that no line is looked at for each of many beginnings.
#[derive(Default)]
pub struct TableEnds {
    /// No line before this one, from the beginning of a table on, is its last.
    until: usize,
}

/// A table and the line after it; no table if it is written wrongly or has cells over several rows.
pub fn read<'a>(
    lines: &[Line<'a>],
    at: usize,
    ends: &mut TableEnds,
) -> Option<(Option<RstTable<'a>>, usize)> {
    let first = lines.get(at)?.text;
    if is_grid_rule(first) {
        let end = at + lines.iter().skip(at).take_while(|line| line.text.starts_with(['+', '|'])).count();
        let inner = lines.get(at..end)?;
        return (end > at + 2).then(|| (grid(inner), end));
    }
    let columns = simple_columns(first).filter(|columns| columns.len() > 1)?;
    let end = ends.simple(lines, at)?;
    let inner = lines.get(at + 1..end - 1)?;
    Some((simple(inner, &columns), end))
}

fn is_grid_rule(text: &str) -> bool {
    text.len() > 2
        && text.starts_with('+')
        && text.ends_with('+')
        && text.bytes().all(|byte| b"+-=".contains(&byte))
}

/// The part of a line between two columns, counted in characters.
fn part(text: &str, from: usize, until: usize) -> &str {
    let place = |column: usize| text.char_indices().nth(column).map_or(text.len(), |(at, _)| at);
    match text.is_ascii() {
        true => text.get(from.min(text.len())..until.min(text.len())).unwrap_or_default(),
        false => text.get(place(from)..place(until)).unwrap_or_default(),
    }
}

fn at_column(text: &str, column: usize) -> Option<char> {
    part(text, column, column + 1).chars().next()
}

/// Lines of a cell: parts of the table's lines.
fn cell<'a>(lines: &[Line<'a>], from: usize, until: usize, columns: usize) -> TableCell<'a> {
    let texts = lines.iter().flat_map(|line| match split(part(line.text, from, until)) {
        none if none.is_empty() => vec![Line::default()],
        some => some,
    });
    let texts: Vec<Line<'a>> = texts.collect();
    let by = least(&texts);
    TableCell { lines: dedent(trimmed(&texts), by), columns }
}

fn grid<'a>(lines: &[Line<'a>]) -> Option<RstTable<'a>> {
    let rules = || lines.iter().enumerate().filter(|(_, line)| is_grid_rule(line.text));
    let mut bounds: Vec<usize> = Vec::new();
    for (_, rule) in rules() {
        bounds.extend(rule.text.bytes().enumerate().filter(|(_, byte)| *byte == b'+').map(|(at, _)| at));
    }
    bounds.sort_unstable();
    bounds.dedup();
    if bounds.len() > MOST_COLUMNS || lines.len() > MOST_LINES || !is_grid_rule(lines.last()?.text) {
        return None;
    }
    let places: Vec<usize> = rules().map(|(at, _)| at).collect();
    let mut table = RstTable { head: 0, rows: Vec::new() };
    for pair in places.windows(2) {
        let [above, below] = pair else { continue };
        let inner = lines.get(above + 1..*below)?;
        if inner.is_empty() {
            continue;
        }
        table.rows.push(grid_row(inner, &bounds)?);
        if lines.get(*below)?.text.contains('=') {
            table.head = table.rows.len();
        }
    }
    // A head alone is a body.
    if table.head == table.rows.len() {
        table.head = 0;
    }
    (!table.rows.is_empty()).then_some(table)
}

fn grid_row<'a>(lines: &[Line<'a>], bounds: &[usize]) -> Option<Vec<TableCell<'a>>> {
    // Such a line is the middle of a cell over several rows.
    if lines.iter().any(|line| line.text.starts_with('+') || line.text.contains("+--")) {
        return None;
    }
    let divides = |bound: &usize| lines.iter().all(|line| at_column(line.text, *bound) == Some('|'));
    let mut cells = Vec::new();
    let mut from = *bounds.first()?;
    let mut columns = 0;
    for bound in bounds.iter().skip(1) {
        columns += 1;
        if divides(bound) {
            cells.push(cell(lines, from + 1, *bound, columns));
            (from, columns) = (*bound, 0);
        }
    }
    (columns == 0 && divides(bounds.first()?)).then_some(cells)
}

/// The columns that a line of `===  ===` marks, each from and until where.
fn simple_columns(text: &str) -> Option<Vec<(usize, usize)>> {
    marked_columns(text, b'=')
}

/// Whether a line has marks alone, and blanks between them.
fn is_marked(text: &str, mark: u8) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte == mark || byte == b' ')
}

fn marked_columns(text: &str, mark: u8) -> Option<Vec<(usize, usize)>> {
    if !is_marked(text, mark) {
        return None;
    }
    let mut columns: Vec<(usize, usize)> = Vec::new();
    for (at, byte) in text.bytes().enumerate().filter(|(_, byte)| *byte == mark) {
        match columns.last_mut().filter(|(_, until)| *until == at) {
            Some((_, until)) => *until = at + 1,
            None => columns.push((at, at + usize::from(byte == mark))),
        }
    }
    Some(columns)
}

impl TableEnds {
    /// A simple table ends with the rule that a blank line follows.
    fn simple(&mut self, lines: &[Line<'_>], at: usize) -> Option<usize> {
        let ends = |place: usize| {
            let is_rule = lines.get(place).is_some_and(|line| is_marked(line.text, b'='));
            is_rule && lines.get(place + 1).is_none_or(Line::is_blank)
        };
        let most = lines.len().min(at + MOST_LINES);
        let end = (self.until.max(at + 1)..most).find(|place| ends(*place));
        self.until = end.unwrap_or(most.max(self.until));
        end.map(|place| place + 1)
    }
}

fn simple<'a>(lines: &[Line<'a>], columns: &[(usize, usize)]) -> Option<RstTable<'a>> {
    if columns.len() > MOST_COLUMNS {
        return None;
    }
    let mut table = RstTable { head: 0, rows: Vec::new() };
    let mut open: Vec<Line<'a>> = Vec::new();
    for line in lines {
        if is_marked(line.text, b'=') && line.indent == 0 {
            close(&mut table, &mut open, columns)?;
            table.head = table.rows.len();
        } else if let Some(spans) = marked_columns(line.text, b'-').filter(|_| line.indent == 0) {
            if spans.len() > MOST_COLUMNS {
                return None;
            }
            close(&mut table, &mut open, &spans)?;
        } else if line.is_blank() {
            close(&mut table, &mut open, columns)?;
        } else {
            // Only what has something in the first column begins a row.
            let begins = line.indent < columns.first()?.1;
            if begins {
                close(&mut table, &mut open, columns)?;
            }
            open.push(*line);
        }
    }
    close(&mut table, &mut open, columns)?;
    if table.head == table.rows.len() {
        table.head = 0;
    }
    (!table.rows.is_empty()).then_some(table)
}

/// Ends the row whose lines were read last.
fn close<'a>(table: &mut RstTable<'a>, open: &mut Vec<Line<'a>>, columns: &[(usize, usize)]) -> Option<()> {
    let row = std::mem::take(open);
    if !row.is_empty() {
        table.rows.push(simple_row(&row, columns)?);
    }
    Some(())
}

fn simple_row<'a>(lines: &[Line<'a>], columns: &[(usize, usize)]) -> Option<Vec<TableCell<'a>>> {
    let mut cells = Vec::new();
    for (at, (from, until)) in columns.iter().enumerate() {
        let next = columns.get(at + 1).map(|(next, _)| *next);
        let texts = lines.iter().map(|line| {
            // Columns are counted from the table's edge.
            let (from, until) = (
                from.saturating_sub(line.indent),
                next.map_or(usize::MAX, |_| until.saturating_sub(line.indent)),
            );
            if next.is_some() && line.indent >= columns.get(at)?.1 {
                return Some(Line::default());
            }
            // Text between two columns: the table is written wrongly.
            if let Some(next) = next.map(|next| next.saturating_sub(line.indent))
                && part(line.text, until, next).chars().any(|c| c != ' ')
            {
                return None;
            }
            let text = part(line.text, from, until);
            Some(split(text).first().copied().unwrap_or_default())
        });
        let texts: Option<Vec<Line<'a>>> = texts.collect();
        let texts = texts?;
        let by = least(&texts);
        let lines = dedent(trimmed(&texts), by);
        cells.push(TableCell { lines, columns: 1 });
    }
    // What is empty at the end is one cell, or a short line would become many.
    let (all, used) =
        (cells.len(), cells.iter().rposition(|cell| !cell.lines.is_empty()).map_or(0, |at| at + 1));
    if let Some(first) = cells.get_mut(used) {
        first.columns = all - used;
    }
    cells.truncate(used + 1);
    Some(cells)
}
