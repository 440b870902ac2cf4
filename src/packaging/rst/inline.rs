//! What stands within a paragraph: emphasis, literals, links, references, substitutions.

use super::markup::{escape, interpreted, link};
use super::reader::{InlineEnd, InlineReader, LONGEST_NAME, address_at, may_follow};
use super::targets::{LinkTargets, Substitution};

/// Bytes that substitutions and the addresses of names may add to a text.
const LONGEST_ADDED: usize = 256 << 10;

/// What is known while one text is written.
pub struct Inline {
    pub targets: LinkTargets,
    next_anonymous: usize,
    next_footnote: usize,
    /// Bytes that substitutions may still add.
    left: usize,
}

impl Inline {
    pub fn new(targets: LinkTargets) -> Self {
        Self { targets, next_anonymous: 0, next_footnote: 1, left: LONGEST_ADDED }
    }

    /// Appends a text as HTML.
    pub fn write(&mut self, out: &mut String, text: &str) {
        self.write_within(out, text, 0);
    }

    fn write_within(&mut self, out: &mut String, text: &str, depth: usize) {
        let mut reader = InlineReader::new(text);
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
    fn quoted(&mut self, reader: &mut InlineReader<'_>, out: &mut String, role: Option<&str>) -> bool {
        if reader.rest().starts_with("``") {
            return reader.literal(out);
        }
        if role.is_none() && !reader.may_begin(1) {
            return false;
        }
        let Some(text) = reader.until(InlineEnd::Quoted, 1) else { return false };
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
            let meant = self.meant(&address);
            let label = label.trim();
            link(out, if label.is_empty() { &address } else { label }, meant.as_deref());
            return;
        }
        let address = match anonymous {
            true => {
                self.next_anonymous += 1;
                self.targets.anonymous.get(self.next_anonymous - 1).cloned()
            }
            false => self.targets.address(text).map(str::to_owned),
        };
        let address = address.filter(|address| !address.is_empty());
        let address =
            address.map(|address| self.targets.meant(&address).map(str::to_owned).unwrap_or(address));
        link(out, text, self.afford(address).as_deref());
    }

    /// The address of a `:target:`: itself, or what its name stands for, unless names have added too much.
    pub fn meant(&mut self, target: &str) -> Option<String> {
        match self.targets.meant(target).map(str::to_owned) {
            None => Some(target.to_owned()),
            address => self.afford(address),
        }
    }

    /// The address, unless what names stand for has added too much.
    fn afford(&mut self, address: Option<String>) -> Option<String> {
        let address = address.filter(|address| address.len() <= self.left)?;
        self.left -= address.len();
        Some(address)
    }

    /// A word: perhaps an address, or a name with an underscore behind it.
    fn word(&mut self, reader: &mut InlineReader<'_>, out: &mut String) -> bool {
        let rest = reader.rest();
        if let Some(length) = reader.begins_word().then(|| address_at(rest)).flatten() {
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

    fn substituted(&mut self, reader: &mut InlineReader<'_>, out: &mut String, depth: usize) -> bool {
        if !reader.may_begin(1) {
            return false;
        }
        let Some(name) = reader.until(InlineEnd::Bar, 1) else { return false };
        let Some(meaning) = self.targets.stands_for(name) else { return false };
        // Before it is copied.
        let added = meaning.length();
        if depth > 2 || added > self.left {
            return false;
        }
        self.left -= added;
        let meaning = meaning.clone();
        let behind = reader.text.get(reader.at + name.len() + 2..).unwrap_or_default();
        let marks = behind.len() - behind.trim_start_matches('_').len();
        let address = (marks == 1).then(|| self.targets.address(name)).flatten().map(str::to_owned);
        let address = self.afford(address);
        reader.at += name.len() + 2 + marks.min(2);
        match meaning {
            Substitution::Text(text) if address.is_some() => {
                link(out, text.trim_matches(['`', '*']), address.as_deref());
            }
            Substitution::Text(text) => self.write_within(out, &text, depth + 1),
            Substitution::Image { text, address: own } => {
                let address = address.or_else(|| self.meant(&own));
                link(out, if text.is_empty() { "[image]" } else { &text }, address.as_deref());
            }
        }
        true
    }

    /// `[1]_`, `[#]_`, `[label]_`
    fn footnote(&mut self, reader: &mut InlineReader<'_>, out: &mut String) -> bool {
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
    fn role(&mut self, reader: &mut InlineReader<'_>, out: &mut String) -> bool {
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
