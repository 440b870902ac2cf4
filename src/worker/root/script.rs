//! Maintainer scripts as text: statements, and variables whose values stand there in plain words. Nothing runs.

use std::collections::BTreeMap;

/// Values of one variable: more than one of what a loop runs through.
const MOST_VALUES: usize = 200;
/// Bytes of one value.
const LONGEST_VALUE: usize = 8 << 10;
/// Bytes that all values and words of one script may come to.
const BUDGET: usize = 4 << 20;
/// Stands for a word that only a shell could read.
const UNREADABLE: &str = "$";

/// The statements of a script, one a line or between semicolons, without comments and the words that
/// only open a block.
pub(super) fn statements(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.lines().map(without_comment);
    lines.flat_map(|line| line.split(';')).map(|statement| {
        let mut statement = statement.trim();
        for word in ["then", "else", "do"] {
            if let Some(rest) = statement.strip_prefix(word).filter(|rest| rest.starts_with([' ', '\t'])) {
                statement = rest.trim_start();
            }
        }
        statement
    })
}

fn without_comment(line: &str) -> &str {
    let starts_word =
        |at: usize| line.get(..at).is_none_or(|before| before.is_empty() || before.ends_with([' ', '\t']));
    let comment = line.match_indices('#').map(|(at, _)| at).find(|at| starts_word(*at));
    comment.and_then(|at| line.get(..at)).unwrap_or(line)
}

/// What is known of a script's variables so far.
pub(super) struct ScriptVariables {
    values: BTreeMap<String, Vec<String>>,
    left: usize,
}

impl Default for ScriptVariables {
    fn default() -> Self {
        Self { values: BTreeMap::new(), left: BUDGET }
    }
}

impl ScriptVariables {
    /// Whether a statement gives a variable a value, or runs it through several; that is known from now on,
    /// if it can be read. Conditions are not looked at.
    pub(super) fn learn(&mut self, statement: &str) -> bool {
        if let Some((name, list)) = loop_head(statement) {
            let words = list.split_whitespace().flat_map(|word| self.each(word));
            let values: Vec<String> = words
                .flatten()
                .flat_map(|text| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
                .take(MOST_VALUES)
                .collect();
            self.keep(name, values);
            return true;
        }
        let Some((name, value)) = assignment(statement) else { return false };
        let values: Option<Vec<String>> = self.each(value).into_iter().collect();
        if let Some(values) = values {
            self.keep(name, values);
        }
        true
    }

    fn keep(&mut self, name: &str, values: Vec<String>) {
        let size: usize = values.iter().map(String::len).sum();
        if values.iter().all(|value| value.len() <= LONGEST_VALUE) && self.spend(size) {
            self.values.insert(name.to_owned(), values);
        } else {
            self.values.remove(name);
        }
    }

    fn spend(&mut self, size: usize) -> bool {
        let left = self.left.checked_sub(size + 1);
        self.left = left.unwrap_or(0);
        left.is_some()
    }

    /// The words of a statement, once for each value of the loop that it is in.
    pub(super) fn expanded(&mut self, statement: &str) -> Vec<Vec<String>> {
        let mut all = Vec::new();
        for turn in 0..self.turns(statement) {
            let mut words = Vec::new();
            for word in statement.split_whitespace() {
                let text = self.expand(word, turn).unwrap_or_else(|| UNREADABLE.to_owned());
                if !self.spend(text.len()) {
                    return all;
                }
                words.extend(text.split_whitespace().map(str::to_owned));
            }
            all.push(words);
        }
        all
    }

    /// A text with each value of its loop.
    fn each(&self, text: &str) -> Vec<Option<String>> {
        (0..self.turns(text)).map(|turn| self.expand(text, turn)).collect()
    }

    /// How many values the variables of a text have.
    fn turns(&self, text: &str) -> usize {
        let counts =
            text.split('$').skip(1).filter_map(|rest| self.values.get(variable(rest)?.0)).map(Vec::len);
        counts.max().unwrap_or(1)
    }

    /// `None` for what only a shell could read.
    fn expand(&self, text: &str, turn: usize) -> Option<String> {
        let mut parts = text.split('$');
        let mut expanded = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (name, rest) = variable(part)?;
            let values = self.values.get(name)?;
            expanded.push_str(if values.len() == 1 { values.first()? } else { values.get(turn)? });
            expanded.push_str(rest);
            if expanded.len() > LONGEST_VALUE {
                return None;
            }
        }
        expanded.retain(|c| !matches!(c, '"' | '\''));
        (!expanded.contains(['`', '*'])).then_some(expanded)
    }
}

/// `name` or `{name}` behind a `$`, and what follows it.
fn variable(text: &str) -> Option<(&str, &str)> {
    if let Some(braced) = text.strip_prefix('{') {
        return braced.split_once('}').filter(|(name, _)| is_name(name));
    }
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len());
    text.split_at_checked(end).filter(|(name, _)| is_name(name))
}

fn is_name(text: &str) -> bool {
    let first = text.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    first && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// `name=value`, where the value is one word or stands in quotes.
fn assignment(statement: &str) -> Option<(&str, &str)> {
    let (name, value) = statement.split_once('=').filter(|(name, _)| is_name(name))?;
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
    let is_one = match quote {
        Some(quote) => value.len() > 1 && value.ends_with(quote) && value.matches(quote).count() == 2,
        None => !value.contains(char::is_whitespace),
    };
    (is_one && !value.contains("$(")).then_some((name, value))
}

/// `for name in list`
fn loop_head(statement: &str) -> Option<(&str, &str)> {
    let (name, list) = statement.strip_prefix("for ")?.trim_start().split_once(" in ")?;
    is_name(name.trim()).then(|| (name.trim(), list))
}
