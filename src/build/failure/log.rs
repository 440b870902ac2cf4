//! A build's log as lines that can be judged: no escape sequences, no progress, no installer's words.

/// Longer lines are compiler commands, or an attempt to fill the memory.
const LONGEST: usize = 2000;
/// What an index keeps of the one line that it shows.
const SHOWN: usize = 300;

/// The log's lines, cleaned.
pub fn lines(log: &str) -> Vec<String> {
    log.lines().map(clean).filter(|line| !line.is_empty()).collect()
}

/// Without escape sequences and control characters; of what was overwritten, the last.
fn clean(line: &str) -> String {
    let line = line.trim_end_matches('\r').rsplit('\r').next().unwrap_or(line);
    let mut text = String::with_capacity(line.len().min(LONGEST));
    let mut chars = line.chars().take(LONGEST);
    while let Some(c) = chars.next() {
        match c {
            '\x1b' => skip_escape(&mut chars),
            '\t' => text.push(' '),
            c if c.is_control() => {}
            c => text.push(c),
        }
    }
    text.trim_end().to_owned()
}

/// `ESC [ … letter`, `ESC ] … BEL`; any other has one character.
fn skip_escape(chars: &mut impl Iterator<Item = char>) {
    match chars.next() {
        Some('[') => {
            chars.find(|c| ('\x40'..='\x7e').contains(c));
        }
        Some(']') => {
            chars.find(|c| matches!(c, '\x07' | '\\'));
        }
        _ => {}
    }
}

/// Whether this line is about a trial that may fail: configure scripts ask the compiler what there is.
pub fn is_trial(line: &str) -> bool {
    [
        "_configtest",
        "conftest.c",
        "conftest.cpp",
        "CheckSymbolExists",
        "CMakeTmp",
        "CMakeScratch",
        "testfile.c",
    ]
    .iter()
    .any(|name| line.contains(name))
}

/// Whether pip or the build backend only repeats that something failed.
pub fn is_repetition(line: &str) -> bool {
    let line = line.trim_start();
    [
        "error: subprocess-exited-with-error",
        "error: metadata-generation-failed",
        "ERROR: Failed building wheel",
        "ERROR: Failed to build",
        "ERROR: Command errored out",
        "note: This ",
        "hint: See above",
        "full command:",
        "× ",
        "│ ",
        "╰─>",
    ]
    .iter()
    .any(|start| line.starts_with(start))
        || line.contains("subprocess.CalledProcessError")
}

/// A line as it is shown: trimmed, and cut in its middle where it is long.
pub fn shown(line: &str) -> String {
    let line = line.trim();
    let count = line.chars().count();
    if count <= SHOWN {
        return line.to_owned();
    }
    let start: String = line.chars().take(SHOWN * 2 / 3).collect();
    let end: String = line.chars().skip(count - SHOWN / 3).collect();
    format!("{start} … {end}")
}
