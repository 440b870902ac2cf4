//! A build's log as its page shows it: in sections that fold, begun by what the worker says; lines have numbers that
//! can be linked, and the first error stands open.

use super::super::words::brief;
use std::ops::Range;

/// How lines of the worker begin.
const NOTE: &str = "[wheelwright] ";
/// Lines around the first error that are shown in any case.
const BEFORE_ERROR: usize = 30;
const BEHIND_ERROR: usize = 30;
/// Characters of a line.
const LONGEST_LINE: usize = 600;
/// Bytes of text that a page shows, at the end of the log and around its first error.
const AT_END: usize = 14 << 10;
const AT_ERROR: usize = 8 << 10;
/// The smallest room that a line takes.
const LINE: usize = 40;

/// What a page shows of a log.
#[derive(Debug, Default)]
pub struct ShownLog {
    pub sections: Vec<LogSection>,
    /// The number of the first error line; 0: none is known.
    pub error: usize,
    /// Lines that are not shown.
    pub left_out: usize,
    /// The number of the line that comes next; 0: they have none.
    pub next: usize,
}

/// Lines under one title.
#[derive(Debug)]
pub struct LogSection {
    pub title: String,
    pub open: bool,
    /// The first error is in it.
    pub failed: bool,
    pub count: usize,
    pub lines: Vec<ShownLine>,
    /// Lines behind these that are not shown.
    pub left_out: usize,
}

/// A line that is shown.
#[derive(Debug)]
pub struct ShownLine {
    /// From 1; 0 where the beginning of the log is not known.
    pub number: usize,
    pub text: String,
    pub is_error: bool,
    /// Lines before it that are not shown.
    pub left_out: usize,
}

/// `text` is plain; `error` the line that the failure quotes. Without `whole`, the beginning is missing.
pub fn shown(text: &str, error: Option<&str>, whole: bool) -> ShownLog {
    let lines: Vec<&str> = text.lines().collect();
    let error = error.and_then(|error| first_error(&lines, error));
    let kept = kept(&lines, error);
    let number = |at: usize| if whole { at + 1 } else { 0 };
    let mut log = ShownLog {
        error: error.map_or(0, number),
        left_out: kept.iter().filter(|kept| !**kept).count(),
        next: number(lines.len()),
        ..ShownLog::default()
    };
    let sections = sections(&lines);
    let last = sections.len().saturating_sub(1);
    for (place, range) in sections.into_iter().enumerate() {
        let failed = error.is_some_and(|error| range.contains(&error));
        let mut section = LogSection {
            title: title(&lines, &range),
            open: failed || error.is_none() && place == last,
            failed,
            count: range.len(),
            lines: Vec::new(),
            left_out: 0,
        };
        let mut left_out = 0;
        for at in range {
            let Some(line) = lines.get(at).filter(|_| kept.get(at) == Some(&true)) else {
                left_out += 1;
                continue;
            };
            let text = clipped(line);
            section.lines.push(ShownLine { number: number(at), text, is_error: error == Some(at), left_out });
            left_out = 0;
        }
        section.left_out = left_out;
        log.sections.push(section);
    }
    log
}

/// Where the line is that a failure quotes: cleaned there as here, and cut in its middle where it is long.
fn first_error(lines: &[&str], error: &str) -> Option<usize> {
    let same = |line: &str| line.replace('\t', " ");
    let (begin, end) = error.split_once(" … ").unwrap_or((error, ""));
    if begin.trim().is_empty() {
        return None;
    }
    let whole = lines.iter().position(|line| same(line).trim() == error.trim());
    let cut = || {
        lines.iter().position(|line| same(line).trim().starts_with(begin) && same(line).trim().ends_with(end))
    };
    whole.or_else(|| Some(()).filter(|()| !end.is_empty()).and_then(|()| cut()))
}

/// Which lines are shown: those around the error, and from the end on as many as there is room for.
fn kept(lines: &[&str], error: Option<usize>) -> Vec<bool> {
    let mut kept = vec![false; lines.len()];
    let room = |line: &str| line.len().min(LONGEST_LINE) + LINE;
    let mut mark = |places: &mut dyn Iterator<Item = usize>, mut left: usize| {
        for at in places {
            let needs = lines.get(at).map_or(0, |line| room(line));
            let Some(rest) = left.checked_sub(needs) else { break };
            left = rest;
            if let Some(kept) = kept.get_mut(at) {
                *kept = true;
            }
        }
    };
    if let Some(error) = error {
        mark(&mut (error..lines.len().min(error + BEHIND_ERROR)), AT_ERROR / 2);
        mark(&mut (error.saturating_sub(BEFORE_ERROR)..error).rev(), AT_ERROR / 2);
    }
    mark(&mut (0..lines.len()).rev(), AT_END);
    kept
}

/// A section begins where the worker says something after a program did.
fn sections(lines: &[&str]) -> Vec<Range<usize>> {
    let mut begins = vec![0];
    for (at, pair) in lines.windows(2).enumerate() {
        if let [before, line] = pair
            && line.starts_with(NOTE)
            && !before.starts_with(NOTE)
        {
            begins.push(at + 1);
        }
    }
    let ends = begins.iter().skip(1).copied().chain([lines.len()]);
    begins
        .iter()
        .copied()
        .zip(ends)
        .map(|(begin, end)| begin..end)
        .filter(|range| !range.is_empty())
        .collect()
}

/// What the worker says last before a program does.
fn title(lines: &[&str], range: &Range<usize>) -> String {
    let own = lines.get(range.clone()).unwrap_or_default();
    let said = own.iter().map_while(|line| line.strip_prefix(NOTE)).last();
    brief(said.unwrap_or("Output"), 120)
}

fn clipped(line: &str) -> String {
    match line.char_indices().nth(LONGEST_LINE) {
        Some((at, _)) => format!("{}…", line.get(..at).unwrap_or_default()),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "[wheelwright] attempt 1: as it is\n[wheelwright] installing setuptools\nok\n\
        [wheelwright] building\ngcc a.c\na.c:1: error: no\nerror: failed\n[wheelwright] failed at step build\n";

    #[test]
    fn a_log_folds_by_what_the_worker_says_and_stands_open_at_its_first_error() {
        let log = shown(LOG, Some("a.c:1: error: no"), true);
        let told: Vec<_> = log
            .sections
            .iter()
            .map(|section| (section.title.as_str(), section.open, section.count))
            .collect();
        let expected =
            [("installing setuptools", false, 3), ("building", true, 4), ("failed at step build", false, 1)];
        assert_eq!(told, expected);
        assert_eq!((log.error, log.left_out, log.next), (6, 0, 9));
        let error = &log.sections[1].lines[2];
        assert!(error.is_error && error.number == 6 && error.text == "a.c:1: error: no");
    }

    #[test]
    fn without_an_error_the_last_section_is_open_and_without_its_beginning_lines_have_no_numbers() {
        let log = shown(LOG, None, false);
        let open: Vec<bool> = log.sections.iter().map(|section| section.open).collect();
        assert_eq!((open, log.next), (vec![false, false, true], 0));
        assert!(log.sections.iter().flat_map(|section| &section.lines).all(|line| line.number == 0));
        assert!(shown("", Some("x"), true).sections.is_empty());
    }

    #[test]
    fn a_long_log_is_shown_around_its_error_and_at_its_end() {
        let mut text: String = (0..5000).map(|line| format!("gcc {line}.c\n")).collect();
        text.insert_str(0, "fatal error: x.h\n");
        let log = shown(&text, Some("fatal error: x.h"), true);
        let lines = &log.sections[0].lines;
        assert!(lines[0].is_error && lines[0].number == 1);
        assert_eq!(lines.last().map(|line| (line.number, line.text.as_str())), Some((5001, "gcc 4999.c")));
        assert!(lines.len() < 600 && log.left_out + lines.len() == 5001);
        let gap: usize = lines.iter().map(|line| line.left_out).sum();
        assert_eq!(gap + log.sections[0].left_out, log.left_out);
    }

    #[test]
    fn an_error_that_was_cut_in_its_middle_is_found_and_long_lines_are_clipped() {
        let long = format!("error: {} no such thing", "x".repeat(2000));
        let cut = format!("error: {} … {}", "x".repeat(190), "no such thing");
        let log = shown(&format!("before\n{long}\n"), Some(&cut), true);
        assert_eq!(log.error, 2);
        assert!(log.sections[0].lines[1].text.chars().count() == LONGEST_LINE + 1);
    }
}
