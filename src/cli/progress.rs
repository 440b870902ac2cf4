//! What is seen while builds run: a line each on a terminal, plain lines elsewhere.

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use parking_lot::Mutex;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Prints to standard error, so that standard output stays for results.
#[derive(Clone)]
pub struct Progress {
    bars: Option<MultiProgress>,
}

/// One thing that is under way. Its line on the terminal ends with it.
pub struct ProgressLine {
    bars: Option<(MultiProgress, ProgressBar)>,
    label: String,
    started: Instant,
    now: Mutex<Now>,
}

/// What it does, and what it said last: a new step does not wipe the last line of the log away.
#[derive(Default)]
struct Now {
    step: String,
    said: String,
}

/// One line, however narrow the terminal: what does not fit is cut at its end, since a line that wraps is
/// drawn again below itself.
const LINE: &str = "{spinner} {elapsed} {wide_msg}";

impl Progress {
    /// Lines that change, if standard error is a terminal.
    pub fn new() -> Self {
        Self { bars: std::io::stderr().is_terminal().then(MultiProgress::new) }
    }

    /// Whether anybody sees what changes.
    pub fn is_live(&self) -> bool {
        self.bars.is_some()
    }

    /// A line that stays.
    pub fn say(&self, text: &str) {
        match &self.bars {
            // Fails only if the terminal went away.
            Some(bars) => drop(bars.println(text)),
            None => eprintln!("{text}"),
        }
    }

    /// Something begins: `docopt 0.6.2 cp313-…`, `build`.
    pub fn begin(&self, label: &str, what: &str) -> ProgressLine {
        let bars = self.bars.as_ref().map(|bars| {
            let bar = bars.add(ProgressBar::new_spinner());
            if let Ok(style) = ProgressStyle::with_template(LINE) {
                bar.set_style(style);
            }
            bar.set_message(format!("{}: {what}", short(label)));
            bar.enable_steady_tick(Duration::from_millis(120));
            (bars.clone(), bar)
        });
        if bars.is_none() {
            eprintln!("{label}: {what} …");
        }
        ProgressLine { bars, label: label.to_owned(), started: Instant::now(), now: Mutex::default() }
    }
}

/// Shows how many of how many are done, on a terminal only.
pub fn counted() -> impl Fn(&str, u64, u64) + Sync {
    let bar = ProgressBar::new(0).with_style(ProgressStyle::default_bar());
    move |what, done, all| {
        bar.set_length(all.max(done));
        bar.set_position(done);
        bar.set_message(what.to_owned());
        if done >= all {
            bar.finish_and_clear();
        }
    }
}

/// A label that leaves room for what is said behind it.
fn short(label: &str) -> String {
    match label.char_indices().nth(LABEL) {
        Some((cut, _)) => format!("{}…", label.get(..cut).unwrap_or(label)),
        None => label.to_owned(),
    }
}

/// Characters of a label on a line that changes.
const LABEL: usize = 24;

impl ProgressLine {
    /// What it does now; on a terminal only.
    pub fn doing(&self, what: &str) {
        self.show(|now| what.clone_into(&mut now.step));
    }

    /// What it said last; on a terminal only.
    pub fn said(&self, last: &str) {
        self.show(|now| last.clone_into(&mut now.said));
    }

    fn show(&self, change: impl FnOnce(&mut Now)) {
        let Some((_, bar)) = &self.bars else { return };
        let mut now = self.now.lock();
        change(&mut now);
        let parts = [now.step.as_str(), now.said.as_str()].into_iter().filter(|part| !part.is_empty());
        bar.set_message(format!("{}: {}", short(&self.label), parts.collect::<Vec<_>>().join(" │ ")));
    }

    pub fn seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// It ended: `built in 0.9 s`.
    pub fn end(self, how: &str) {
        let text = format!("{}: {how}", self.label);
        match &self.bars {
            Some((bars, _)) => drop(bars.println(text)),
            None => eprintln!("{text}"),
        }
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        if let Some((bars, bar)) = &self.bars {
            bar.finish_and_clear();
            bars.remove(bar);
        }
    }
}

/// The last line of a log that says something, fit for one line of a terminal: no control characters,
/// at most `longest` of them.
pub fn last_line(text: &str, longest: usize) -> Option<String> {
    let lines = text.lines().rev().map(plain);
    lines.into_iter().find(|line| !line.is_empty()).map(|line| line.chars().take(longest).collect())
}

/// Text from a log without anything that a terminal would obey.
pub fn plain(line: &str) -> String {
    let mut clean = String::new();
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            // `ESC [ … letter`; other sequences are two characters long.
            if chars.next() == Some('[') {
                chars.by_ref().find(|c| c.is_ascii_alphabetic());
            }
        } else if c == '\t' {
            clean.push(' ');
        } else if !c.is_control()
            && !matches!(c, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        {
            clean.push(c);
        }
    }
    clean.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_cannot_steer_the_terminal() {
        let log = "first\n\u{1b}[2J\u{1b}[31mgcc:\u{7} error\u{1b}[0m: x.c\u{202e}\n\u{1b}]0;title\n  \n";
        assert_eq!(last_line("a\n\u{1b}[31mb\tc\u{1b}[0m\n\n", 9).as_deref(), Some("b c"));
        assert!(!last_line(log, 80).unwrap().contains('\u{1b}'));
        assert_eq!(plain("\u{1b}[31mgcc:\u{7} error\u{1b}[0m"), "gcc: error");
    }
}
