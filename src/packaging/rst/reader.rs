//! One text while it is read: where markup may begin, and where it ends.
//!
//! Each kind of end is looked for once more only as long as there is one: time is linear in the text.

use super::markup::{escape, tagged, unescaped};

/// Bytes of the name of a role or a substitution.
pub const LONGEST_NAME: usize = 80;
/// Bytes of an address in the text.
const LONGEST_ADDRESS: usize = 2000;

/// The ends that are looked for.
#[derive(Clone, Copy)]
pub enum InlineEnd {
    Strong,
    Emphasis,
    Literal,
    Quoted,
    Bar,
}

const ENDS: [&str; 5] = ["**", "*", "``", "`", "|"];

/// One text while it is read.
pub struct InlineReader<'t> {
    pub text: &'t str,
    pub at: usize,
    /// No such end comes any more.
    none_left: [bool; ENDS.len()],
}

impl<'t> InlineReader<'t> {
    pub fn new(text: &'t str) -> Self {
        Self { text, at: 0, none_left: [false; ENDS.len()] }
    }

    pub fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn before(&self) -> Option<char> {
        self.text.get(..self.at)?.chars().next_back()
    }

    pub fn begins_word(&self) -> bool {
        self.before().is_none_or(|c| !c.is_alphanumeric() && c != '_')
    }

    /// Whether markup of so many characters may begin here: not within a word, nor before a blank, nor between quotes.
    pub fn may_begin(&self, width: usize) -> bool {
        let after = self.text.get(self.at + width..).unwrap_or_default().chars().next();
        let Some(after) = after.filter(|c| !c.is_whitespace()) else { return false };
        let Some(before) = self.before() else { return true };
        let pairs = [('"', '"'), ('\'', '\''), ('(', ')'), ('[', ']'), ('{', '}'), ('<', '>')];
        let open = before.is_whitespace() || "'\"([{<-/:–—“‘«¡¿".contains(before);
        open && !pairs.contains(&(before, after))
    }

    /// The text up to an end that stands behind a text and before none; `from`: how long the beginning is.
    pub fn until(&mut self, end: InlineEnd, from: usize) -> Option<&'t str> {
        let known = self.none_left.get_mut(end as usize)?;
        if *known {
            return None;
        }
        let mark = ENDS.get(end as usize)?;
        let begin = self.at + from;
        let body = self.text.get(begin..)?;
        for (at, _) in body.match_indices(mark) {
            let inner = body.get(..at)?;
            if matches!(end, InlineEnd::Bar) && at > LONGEST_NAME {
                return None;
            }
            let behind = body.get(at + mark.len()..)?;
            let is_escaped = !matches!(end, InlineEnd::Literal) && inner.ends_with('\\');
            let follows = match end {
                InlineEnd::Quoted => may_follow(behind.trim_start_matches('_')) || behind.starts_with(':'),
                InlineEnd::Bar => may_follow(behind.trim_start_matches('_')),
                InlineEnd::Strong | InlineEnd::Emphasis | InlineEnd::Literal => may_follow(behind),
            };
            // A doubled mark is another kind of end.
            let other = matches!(end, InlineEnd::Emphasis) && behind.starts_with('*');
            if !inner.is_empty() && !inner.ends_with([' ', '\n']) && !is_escaped && follows && !other {
                return Some(inner);
            }
        }
        *known = true;
        None
    }

    pub fn escaped(&mut self, out: &mut String) -> bool {
        self.at += 1;
        let Some(c) = self.rest().chars().next() else { return true };
        if !c.is_whitespace() {
            escape(out, self.text.get(self.at..self.at + c.len_utf8()).unwrap_or_default());
        }
        self.at += c.len_utf8();
        true
    }

    pub fn emphasis(&mut self, out: &mut String) -> bool {
        let (end, width, tag) = match self.rest().starts_with("**") {
            true => (InlineEnd::Strong, 2, "strong"),
            false => (InlineEnd::Emphasis, 1, "em"),
        };
        let Some(text) = self.may_begin(width).then(|| self.until(end, width)).flatten() else {
            // Both stars are text, or the second would begin anew.
            let marks = self.rest().len() - self.rest().trim_start_matches('*').len();
            out.extend(std::iter::repeat_n('*', marks));
            self.at += marks;
            return true;
        };
        self.at += text.len() + 2 * width;
        tagged(out, tag, &unescaped(text));
        true
    }

    pub fn literal(&mut self, out: &mut String) -> bool {
        let Some(text) = self.may_begin(2).then(|| self.until(InlineEnd::Literal, 2)).flatten() else {
            let marks = self.rest().len() - self.rest().trim_start_matches('`').len();
            out.extend(std::iter::repeat_n('`', marks));
            self.at += marks;
            return true;
        };
        self.at += text.len() + 4;
        tagged(out, "code", text);
        true
    }

    /// `` _`text` ``
    pub fn inline_target(&mut self, out: &mut String) -> bool {
        if !self.rest().starts_with("_`") || !self.begins_word() {
            return false;
        }
        self.at += 1;
        let Some(text) = self.until(InlineEnd::Quoted, 1) else {
            out.push('_');
            return true;
        };
        self.at += text.len() + 2;
        escape(out, text);
        true
    }
}

/// Whether markup may end before this.
pub fn may_follow(behind: &str) -> bool {
    let next = behind.chars().next();
    next.is_none_or(|c| c.is_whitespace() || "'\")]}>-/\\:.,;!?–—”’»…".contains(c))
}

/// How long the address is that begins here.
pub fn address_at(text: &str) -> Option<usize> {
    if !["https://", "http://", "mailto:"].iter().any(|scheme| text.starts_with(scheme)) {
        return None;
    }
    let text = text.get(..text.floor_char_boundary(LONGEST_ADDRESS))?;
    let stop = |c: char| c.is_whitespace() || c.is_control() || "<>\"`{}|\\^*".contains(c);
    let address = text.split(stop).next()?;
    let mut address = address.trim_end_matches(['.', ',', ';', ':', '!', '?', '\'', '_']);
    // A bracket that was not opened within belongs to the sentence.
    for (open, close) in [('(', ')'), ('[', ']')] {
        let extra = address.matches(close).count().saturating_sub(address.matches(open).count());
        for _ in 0..extra {
            address = address.strip_suffix(close).unwrap_or(address);
        }
    }
    (address.len() > "https://".len()).then_some(address.len())
}
