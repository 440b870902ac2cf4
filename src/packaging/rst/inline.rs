//! What stands within a paragraph: emphasis, literals, links, references, substitutions.
//!
//! Each kind of end is looked for once more only as long as there is one: time is linear in the text.

use super::targets::{Substitution, Targets};
use super::{LONGEST_ADDED, escape};

/// Bytes of the name of a role or a substitution.
const LONGEST_NAME: usize = 80;
/// Bytes of an address in the text.
const LONGEST_ADDRESS: usize = 2000;

/// What is known while one text is written.
pub struct Inline {
    pub targets: Targets,
    next_anonymous: usize,
    next_footnote: usize,
    /// Bytes that substitutions may still add.
    left: usize,
}

/// The ends that are looked for.
#[derive(Clone, Copy)]
enum End {
    Strong,
    Emphasis,
    Literal,
    Quoted,
    Bar,
}

const ENDS: [&str; 5] = ["**", "*", "``", "`", "|"];

/// One text while it is read.
struct Reader<'t> {
    text: &'t str,
    at: usize,
    /// No such end comes any more.
    none_left: [bool; ENDS.len()],
}

impl Inline {
    pub fn new(targets: Targets) -> Self {
        Self { targets, next_anonymous: 0, next_footnote: 1, left: LONGEST_ADDED }
    }

    /// Appends a text as HTML.
    pub fn write(&mut self, out: &mut String, text: &str) {
        self.write_within(out, text, 0);
    }

    fn write_within(&mut self, out: &mut String, text: &str, depth: usize) {
        let mut reader = Reader { text, at: 0, none_left: [false; ENDS.len()] };
        while let Some(c) = reader.rest().chars().next() {
            let taken = match c {
                '\\' => reader.escaped(out),
                '*' => reader.emphasis(out),
                '`' => self.quoted(&mut reader, out, None),
                '|' => self.substituted(&mut reader, out, depth),
                '[' => self.footnote(&mut reader, out),
                ':' => self.role(&mut reader, out),
                '_' => reader.inline_target(out),
                c if c.is_alphanumeric() => self.word(&mut reader, out),
                _ => false,
            };
            if !taken {
                escape(out, reader.text.get(reader.at..reader.at + c.len_utf8()).unwrap_or_default());
                reader.at += c.len_utf8();
            }
        }
    }

    /// `` ``literal`` ``, `` `text <address>`_ ``, `` `name`_ ``, `` `text`__ ``, `` `text` `` perhaps with a role.
    fn quoted(&mut self, reader: &mut Reader<'_>, out: &mut String, role: Option<&str>) -> bool {
        if reader.rest().starts_with("``") {
            return reader.literal(out);
        }
        if role.is_none() && !reader.may_begin(1) {
            return false;
        }
        let Some(text) = reader.until(End::Quoted, 1) else { return false };
        reader.at += 2 + text.len();
        let after = reader.rest();
        let marks = after.len() - after.trim_start_matches('_').len();
        if role.is_none() && (1..=2).contains(&marks) {
            reader.at += marks;
            self.reference(out, text, marks == 2);
            return true;
        }
        let given = after.strip_prefix(':').and_then(|rest| rest.split_once(':')).map(|(name, _)| name);
        let given = given.filter(|name| role.is_none() && is_role(name));
        reader.at += given.map_or(0, |name| name.len() + 2);
        interpreted(out, role.or(given), text);
        true
    }

    fn reference(&mut self, out: &mut String, text: &str, anonymous: bool) {
        let embedded = text.strip_suffix('>').and_then(|text| text.rsplit_once('<'));
        let embedded = embedded.filter(|(before, _)| before.is_empty() || before.ends_with([' ', '\n']));
        if let Some((label, address)) = embedded {
            let address: String = address.chars().filter(|c| !c.is_whitespace()).collect();
            let address = self.targets.meant(&address);
            let label = label.trim();
            link(out, if label.is_empty() { &address } else { label }, Some(&address));
            return;
        }
        let address = match anonymous {
            true => {
                self.next_anonymous += 1;
                self.targets.anonymous.get(self.next_anonymous - 1).cloned()
            }
            false => self.targets.address(text).map(str::to_owned),
        };
        let address = address.map(|address| self.targets.meant(&address));
        link(out, text, self.afford(address).as_deref());
    }

    /// The address, unless what names stand for has added too much.
    fn afford(&mut self, address: Option<String>) -> Option<String> {
        let address = address.filter(|address| address.len() <= self.left)?;
        self.left -= address.len();
        Some(address)
    }

    /// A word: perhaps an address, or a name with an underscore behind it.
    fn word(&mut self, reader: &mut Reader<'_>, out: &mut String) -> bool {
        let rest = reader.rest();
        if let Some(length) = address_at(rest).filter(|_| reader.begins_word()) {
            let address = rest.get(..length).unwrap_or_default();
            reader.at += length;
            link(out, address, Some(address));
            return true;
        }
        let mut end = 0;
        for (at, c) in rest.char_indices() {
            let joins = "-._+:".contains(c)
                && rest.get(at + 1..).is_some_and(|r| r.starts_with(char::is_alphanumeric));
            if !c.is_alphanumeric() && !joins {
                break;
            }
            end = at + c.len_utf8();
            // An address may begin behind a colon.
            if c == ':' {
                break;
            }
        }
        let name = rest.get(..end).unwrap_or_default();
        let after = rest.get(end..).unwrap_or_default();
        let marks = after.len() - after.trim_start_matches('_').len();
        let behind = after.get(marks..).unwrap_or_default();
        let is_reference = (1..=2).contains(&marks) && reader.begins_word() && may_follow(behind);
        let address = match (is_reference, marks) {
            (true, 1) => self.targets.address(name).map(str::to_owned),
            (true, _) => {
                self.next_anonymous += 1;
                self.targets.anonymous.get(self.next_anonymous - 1).cloned()
            }
            _ => None,
        };
        reader.at += end;
        match self.afford(address) {
            Some(address) => {
                reader.at += marks;
                link(out, name, Some(&address));
            }
            None => escape(out, name),
        }
        end > 0
    }

    fn substituted(&mut self, reader: &mut Reader<'_>, out: &mut String, depth: usize) -> bool {
        if !reader.may_begin(1) {
            return false;
        }
        let Some(name) = reader.until(End::Bar, 1) else { return false };
        let Some(meaning) = self.targets.stands_for(name).cloned() else { return false };
        let behind = reader.text.get(reader.at + name.len() + 2..).unwrap_or_default();
        let marks = behind.len() - behind.trim_start_matches('_').len();
        let address = (marks == 1).then(|| self.targets.address(name)).flatten().map(str::to_owned);
        let address = self.afford(address);
        let added = match &meaning {
            Substitution::Text(text) => text.len(),
            Substitution::Image { text, address } => text.len() + address.len(),
        };
        if depth > 2 || added > self.left {
            return false;
        }
        self.left -= added;
        reader.at += name.len() + 2 + marks.min(2);
        match meaning {
            Substitution::Text(text) if address.is_some() => link(out, &text, address.as_deref()),
            Substitution::Text(text) => self.write_within(out, &text, depth + 1),
            Substitution::Image { text, address: own } => {
                let address = address.unwrap_or_else(|| self.targets.meant(&own));
                link(out, if text.is_empty() { "[image]" } else { &text }, Some(&address));
            }
        }
        true
    }

    /// `[1]_`, `[#]_`, `[label]_`
    fn footnote(&mut self, reader: &mut Reader<'_>, out: &mut String) -> bool {
        let rest = reader.rest();
        let plain = |c: char| c.is_alphanumeric() || "#*-_.".contains(c);
        let label = rest.get(1..).unwrap_or_default();
        let length = label.find(|c| !plain(c)).unwrap_or(label.len());
        let ends = label.get(length..).is_some_and(|after| after.strip_prefix("]_").is_some_and(may_follow));
        if length == 0 || !ends {
            return false;
        }
        reader.at += length + 3;
        let label = label.get(..length).unwrap_or_default();
        let label = self.footnote_label(label);
        out.push_str("<sup>[");
        escape(out, &label);
        out.push_str("]</sup>");
        true
    }

    fn footnote_label(&mut self, label: &str) -> String {
        if label == "#" {
            self.next_footnote += 1;
            return (self.next_footnote - 1).to_string();
        }
        label.trim_start_matches('#').to_owned()
    }

    /// `` :role:`text` ``
    fn role(&mut self, reader: &mut Reader<'_>, out: &mut String) -> bool {
        let rest = reader.rest();
        let name = rest.get(1..).unwrap_or_default();
        let name = name.get(..name.floor_char_boundary(LONGEST_NAME)).unwrap_or_default();
        let length = name.find(|c: char| !c.is_ascii_alphanumeric() && !"-_.+:".contains(c)).unwrap_or(0);
        let name = name.get(..length).unwrap_or_default();
        let Some(name) = name.strip_suffix(':').filter(|name| is_role(name)) else { return false };
        if !rest.get(length + 1..).is_some_and(|after| after.starts_with('`') && !after.starts_with("``")) {
            return false;
        }
        let before = reader.at;
        reader.at += length + 1;
        let read = self.quoted(reader, out, Some(name));
        if !read {
            reader.at = before;
        }
        read
    }
}

fn is_role(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.len() < LONGEST_NAME
        && !name.contains(['`', ' ', '\n'])
}

impl<'t> Reader<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn before(&self) -> Option<char> {
        self.text.get(..self.at)?.chars().next_back()
    }

    fn begins_word(&self) -> bool {
        self.before().is_none_or(|c| !c.is_alphanumeric() && c != '_')
    }

    /// Whether markup of so many characters may begin here: not within a word, nor before a blank, nor between quotes.
    fn may_begin(&self, width: usize) -> bool {
        let after = self.text.get(self.at + width..).unwrap_or_default().chars().next();
        let Some(after) = after.filter(|c| !c.is_whitespace()) else { return false };
        let Some(before) = self.before() else { return true };
        let pairs = [('"', '"'), ('\'', '\''), ('(', ')'), ('[', ']'), ('{', '}'), ('<', '>')];
        let open = before.is_whitespace() || "'\"([{<-/:–—“‘«¡¿".contains(before);
        open && !pairs.contains(&(before, after))
    }

    /// The text up to an end that stands behind a text and before none; `from`: how long the beginning is.
    fn until(&mut self, end: End, from: usize) -> Option<&'t str> {
        let known = self.none_left.get_mut(end as usize)?;
        if *known {
            return None;
        }
        let mark = ENDS.get(end as usize)?;
        let begin = self.at + from;
        let body = self.text.get(begin..)?;
        for (at, _) in body.match_indices(mark) {
            let inner = body.get(..at)?;
            if matches!(end, End::Bar) && at > LONGEST_NAME {
                return None;
            }
            let behind = body.get(at + mark.len()..)?;
            let is_escaped = !matches!(end, End::Literal) && inner.ends_with('\\');
            let follows = match end {
                End::Quoted => may_follow(behind.trim_start_matches('_')) || behind.starts_with(':'),
                End::Bar => may_follow(behind.trim_start_matches('_')),
                End::Strong | End::Emphasis | End::Literal => may_follow(behind),
            };
            // A doubled mark is another kind of end.
            let other = matches!(end, End::Emphasis) && behind.starts_with('*');
            if !inner.is_empty() && !inner.ends_with([' ', '\n']) && !is_escaped && follows && !other {
                return Some(inner);
            }
        }
        *known = true;
        None
    }

    fn escaped(&mut self, out: &mut String) -> bool {
        self.at += 1;
        let Some(c) = self.rest().chars().next() else { return true };
        if !c.is_whitespace() {
            escape(out, self.text.get(self.at..self.at + c.len_utf8()).unwrap_or_default());
        }
        self.at += c.len_utf8();
        true
    }

    fn emphasis(&mut self, out: &mut String) -> bool {
        let (end, width, tag) = match self.rest().starts_with("**") {
            true => (End::Strong, 2, "strong"),
            false => (End::Emphasis, 1, "em"),
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

    fn literal(&mut self, out: &mut String) -> bool {
        let Some(text) = self.may_begin(2).then(|| self.until(End::Literal, 2)).flatten() else {
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
    fn inline_target(&mut self, out: &mut String) -> bool {
        if !self.rest().starts_with("_`") || !self.begins_word() {
            return false;
        }
        self.at += 1;
        let Some(text) = self.until(End::Quoted, 1) else {
            out.push('_');
            return true;
        };
        self.at += text.len() + 2;
        escape(out, text);
        true
    }
}

/// Whether markup may end before this.
fn may_follow(behind: &str) -> bool {
    let next = behind.chars().next();
    next.is_none_or(|c| c.is_whitespace() || "'\")]}>-/\\:.,;!?–—”’»…".contains(c))
}

/// How long the address is that begins here.
fn address_at(text: &str) -> Option<usize> {
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

fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match c {
            '\\' => plain.extend(characters.next().filter(|c| !c.is_whitespace())),
            c => plain.push(c),
        }
    }
    plain
}

fn tagged(out: &mut String, tag: &str, text: &str) {
    out.push('<');
    out.push_str(tag);
    out.push('>');
    escape(out, text);
    out.push_str("</");
    out.push_str(tag);
    out.push('>');
}

/// A link, or its text where nobody says where it leads.
pub fn link(out: &mut String, text: &str, address: Option<&str>) {
    let text = unescaped(text);
    let Some(address) = address else { return escape(out, &text) };
    out.push_str("<a href=\"");
    escape(out, address);
    out.push_str("\">");
    escape(out, &text);
    out.push_str("</a>");
}

/// Text with a role: what is code, strong or small is shown so.
fn interpreted(out: &mut String, role: Option<&str>, text: &str) {
    let name = role.unwrap_or_default().rsplit(':').next().unwrap_or_default();
    // `title <target>`, `~package.name`
    let shown =
        text.strip_suffix('>').and_then(|text| text.rsplit_once(" <")).map_or(text, |(title, _)| title);
    let plain = unescaped(shown);
    match name {
        "strong" => tagged(out, "strong", &plain),
        "sup" | "superscript" => tagged(out, "sup", &plain),
        "sub" | "subscript" => tagged(out, "sub", &plain),
        "pep" | "rfc" if plain.chars().all(|c| c.is_ascii_digit()) => {
            escape(out, &name.to_uppercase());
            out.push(' ');
            escape(out, &plain);
        }
        "" | "emphasis" | "title" | "title-reference" | "t" | "ref" | "doc" | "term" | "abbr" => {
            tagged(out, "em", &plain);
        }
        _ => tagged(out, "code", plain.trim_start_matches('~')),
    }
}
