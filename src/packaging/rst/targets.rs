//! What names mean in a text: targets of links, substitutions. Collected before anything is written.

use super::explicit::{self, directive_name};
use super::lines::{Line, body};
use std::collections::HashMap;

/// Steps from a name to another name.
const MOST_STEPS: usize = 8;
/// Bytes of a link's text and address in one.
const LONGEST_LINK: usize = 1000;

/// What stands for `|name|`.
#[derive(Clone, Debug)]
pub enum Substitution {
    Text(String),
    Image { text: String, address: String },
}

impl Substitution {
    /// Its bytes.
    pub fn length(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Image { text, address } => text.len() + address.len(),
        }
    }
}

#[derive(Debug, Default)]
pub struct LinkTargets {
    named: HashMap<String, String>,
    /// Of links without a name, in order.
    pub anonymous: Vec<String>,
    substitutions: HashMap<String, Substitution>,
}

/// Names are the same whatever their case and blanks.
fn normal(name: &str) -> String {
    let words: Vec<String> = name.split_whitespace().map(str::to_lowercase).collect();
    words.join(" ")
}

impl LinkTargets {
    pub fn of(lines: &[Line<'_>]) -> Self {
        let mut targets = Self::default();
        let mut waiting: Vec<String> = Vec::new();
        for at in 0..lines.len() {
            let Some(line) = lines.get(at) else { continue };
            targets.embedded(lines, at);
            let anonymous = line.text.strip_prefix("__ ").or_else(|| line.text.strip_prefix(".. __: "));
            if let Some(address) = anonymous {
                // A link that leads nowhere keeps its place.
                targets.anonymous.push(joined(address, lines, at).unwrap_or_default());
            } else if let Some(rest) = line.text.strip_prefix(".. _") {
                let Some((name, address)) = named(rest) else { continue };
                if waiting.len() < MOST_STEPS {
                    waiting.push(normal(&name));
                }
                match joined(address, lines, at) {
                    Some(address) if address.is_empty() => {}
                    Some(address) => {
                        targets.named.extend(waiting.drain(..).map(|name| (name, address.clone())));
                    }
                    None => waiting.clear(),
                }
                continue;
            } else if let Some(rest) = line.text.strip_prefix(".. |") {
                targets.substitution(rest, lines, at);
            }
            if !line.is_blank() {
                waiting.clear();
            }
        }
        targets
    }

    /// The address that a name stands for.
    pub fn address(&self, name: &str) -> Option<&str> {
        let mut name = normal(name);
        for _ in 0..MOST_STEPS {
            let address = self.named.get(&name)?;
            match address.strip_suffix('_') {
                Some(other) if !address.contains("://") => name = normal(other.trim_matches('`')),
                _ => return Some(address),
            }
        }
        None
    }

    pub fn stands_for(&self, name: &str) -> Option<&Substitution> {
        self.substitutions.get(&normal(name))
    }

    /// `` `name <address>`_ `` in a line, or over two.
    fn embedded(&mut self, lines: &[Line<'_>], at: usize) {
        let text = lines.get(at).map(|line| line.text).unwrap_or_default();
        for (end, _) in text.match_indices(">`_") {
            let before = tail(text.get(..end).unwrap_or_default());
            let Some(open) = before.rfind('<') else { continue };
            let (name, address) =
                (before.get(..open).unwrap_or_default(), before.get(open + 1..).unwrap_or_default());
            let own = name.rfind('`').map(|from| name.get(from + 1..).unwrap_or_default().to_owned());
            let name = own.or_else(|| {
                let above = tail(lines.get(at.checked_sub(1)?)?.text);
                let from = above.rfind('`')?;
                Some(format!("{} {name}", above.get(from + 1..)?))
            });
            if let Some(name) = name {
                self.named.entry(normal(&name)).or_insert_with(|| address.to_owned());
            }
        }
    }

    fn substitution(&mut self, rest: &str, lines: &[Line<'_>], at: usize) {
        let Some((name, definition)) = rest.split_once('|') else { return };
        let definition = definition.trim_start();
        let Some((kind, _)) = directive_name(definition) else { return };
        let column = lines.get(at).map_or(0, |line| line.text.len() - definition.len()) + kind.len() + 2;
        let (inner, _) = body(lines, at, column, true);
        let directive = explicit::directive(kind, &inner, Vec::new());
        let words = directive.words();
        let meaning = match kind {
            "image" => Substitution::Image {
                text: directive.option("alt").unwrap_or(name).to_owned(),
                address: directive.option("target").map_or_else(|| words.replace(' ', ""), str::to_owned),
            },
            "unicode" => Substitution::Text(unicode(&words)),
            "replace" => Substitution::Text(words),
            _ => return,
        };
        self.substitutions.entry(normal(name)).or_insert(meaning);
    }

    /// What a `:target:` stands for that is a name: `name_`.
    pub fn meant(&self, target: &str) -> Option<&str> {
        let name = target.strip_suffix('_').filter(|_| !target.contains("://"))?;
        self.address(name.trim_matches('`'))
    }
}

/// The end of a text, as far as a link may be long.
fn tail(text: &str) -> &str {
    text.get(text.ceil_char_boundary(text.len().saturating_sub(LONGEST_LINK))..).unwrap_or_default()
}

/// `name: address`, the name perhaps in backquotes.
fn named(rest: &str) -> Option<(String, &str)> {
    if let Some(quoted) = rest.strip_prefix('`') {
        let (name, after) = quoted.split_once('`')?;
        return Some((name.to_owned(), after.strip_prefix(':')?));
    }
    let colon = rest.match_indices(':').map(|(at, _)| at).find(|at| {
        let escaped = rest.get(..*at).is_some_and(|before| before.ends_with('\\'));
        let ends = rest.get(at + 1..).is_some_and(|after| after.is_empty() || after.starts_with(' '));
        ends && !escaped
    })?;
    Some((rest.get(..colon)?.replace('\\', ""), rest.get(colon + 1..)?))
}

/// An address with what stands of it in further lines; `None` if it is too long for one.
fn joined(address: &str, lines: &[Line<'_>], at: usize) -> Option<String> {
    if address.len() > LONGEST_LINK {
        return None;
    }
    let mut whole = address.trim().to_owned();
    let indent = lines.get(at).map_or(0, |line| line.indent);
    for line in lines.iter().skip(at + 1).take_while(|line| !line.is_blank() && line.indent > indent) {
        if whole.len() + line.text.len() > LONGEST_LINK {
            return None;
        }
        whole.push_str(line.text);
    }
    let is_name = whole.starts_with('`') && whole.ends_with("`_");
    Some(if is_name { whole } else { whole.replace([' ', '\\'], "") })
}

/// `0xA9` and `U+00A9` as the characters that they stand for, other words as they are.
fn unicode(words: &str) -> String {
    let code = |word: &str| {
        let lower = word.to_ascii_lowercase();
        let hex = ["0x", "u+", "\\u", "x"].iter().find_map(|prefix| lower.strip_prefix(prefix))?;
        u32::from_str_radix(hex, 16).ok().and_then(char::from_u32)
    };
    let words = words.split(' ').take_while(|word| *word != "..");
    words.map(|word| code(word).map_or_else(|| word.to_owned(), String::from)).collect::<Vec<_>>().join(" ")
}
