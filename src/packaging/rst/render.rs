//! Blocks as HTML.

use super::blocks::{Block, TitleStyle, divide};
use super::explicit::{Directive, Explicit};
use super::inline::Inline;
use super::lines::{Line, least};
use super::lists::{Counting, Enumerator, Term};
use super::markup::{escape, link};
use super::tables::{RstTable, TableCell};
use super::targets::LinkTargets;

/// What is nested deeper is shown as it stands.
const DEEPEST: usize = 20;
/// Bytes of HTML: of no more than that anything is made.
const LONGEST: usize = 2 << 20;

pub struct Renderer {
    inline: Inline,
    out: String,
    /// Of the titles so far, the outermost first.
    titles: Vec<TitleStyle>,
    /// Of the first heading.
    level: usize,
    depth: usize,
}

/// Boxes, and what they are called.
const ADMONITIONS: [(&str, &str, &str); 16] = [
    ("note", "note", "Note"),
    ("seealso", "note", "See also"),
    ("versionadded", "note", "New in version"),
    ("versionchanged", "note", "Changed in version"),
    ("admonition", "note", ""),
    ("topic", "note", ""),
    ("sidebar", "note", ""),
    ("tip", "tip", "Tip"),
    ("hint", "tip", "Hint"),
    ("important", "important", "Important"),
    ("warning", "warning", "Warning"),
    ("attention", "warning", "Attention"),
    ("deprecated", "warning", "Deprecated since version"),
    ("caution", "caution", "Caution"),
    ("danger", "caution", "Danger"),
    ("error", "caution", "Error"),
];

/// Directives about the page as a whole, which is not theirs.
const SILENT: [&str; 10] = [
    "contents",
    "sectnum",
    "section-numbering",
    "meta",
    "highlight",
    "default-role",
    "role",
    "target-notes",
    "currentmodule",
    "toctree",
];

impl Renderer {
    pub fn new(lines: &[Line<'_>], level: usize) -> Self {
        Self {
            inline: Inline::new(LinkTargets::of(lines)),
            out: String::new(),
            titles: Vec::new(),
            level,
            depth: 0,
        }
    }

    pub fn document(mut self, lines: &[Line<'_>]) -> Option<String> {
        self.blocks(lines);
        Some(self.out).filter(|out| out.len() <= LONGEST)
    }

    /// Nothing is written any more, for nobody will see it.
    fn is_full(&self) -> bool {
        self.out.len() > LONGEST
    }

    fn tag(&mut self, tag: &str) {
        if self.is_full() {
            return;
        }
        self.out.push('<');
        self.out.push_str(tag);
        self.out.push('>');
    }

    fn end(&mut self, tag: &str) {
        if self.is_full() {
            return;
        }
        self.out.push_str("</");
        self.out.push_str(tag);
        self.out.push_str(">\n");
    }

    fn inline(&mut self, text: &str) {
        if !self.is_full() {
            self.inline.write(&mut self.out, text);
        }
    }

    fn blocks(&mut self, lines: &[Line<'_>]) {
        match self.depth >= DEEPEST {
            true => self.literal(lines),
            false => self.divided(divide(lines)),
        }
    }

    fn divided(&mut self, blocks: Vec<Block<'_>>) {
        self.depth += 1;
        for block in blocks {
            if self.is_full() {
                break;
            }
            self.block(block);
        }
        self.depth -= 1;
    }

    fn block(&mut self, block: Block<'_>) {
        match block {
            Block::Title { text, style } => self.title(text, style),
            Block::Transition => self.tag("hr"),
            Block::Paragraph(lines) => {
                self.tag("p");
                self.inline(&joined(&lines));
                self.end("p");
            }
            Block::Literal(lines) => self.literal(&lines),
            Block::Quote(lines) => self.within("blockquote", &lines),
            Block::Bullets(items) => self.list("ul", items),
            Block::Numbered(first, items) => {
                self.numbered(first);
                self.items(items);
                self.end("ol");
            }
            Block::Terms(terms) => self.terms(terms),
            Block::Verse(lines) => self.verse(&lines),
            Block::Table(table) => self.table(table),
            Block::Explicit(Explicit::Directive(directive)) => self.directive(&directive),
            Block::Explicit(Explicit::Footnote { label, body }) => self.footnote(label, &body),
            Block::Explicit(Explicit::Silent) => {}
        }
    }

    fn within(&mut self, tag: &str, lines: &[Line<'_>]) {
        self.tag(tag);
        self.blocks(lines);
        self.end(tag);
    }

    fn title(&mut self, text: &str, style: TitleStyle) {
        let place = self.titles.iter().position(|known| *known == style);
        let place = place.unwrap_or_else(|| {
            self.titles.push(style);
            self.titles.len() - 1
        });
        let tag = format!("h{}", (self.level + place).min(6));
        self.tag(&tag);
        self.inline(text);
        self.end(&tag);
    }

    fn literal(&mut self, lines: &[Line<'_>]) {
        if self.is_full() {
            return;
        }
        self.out.push_str("<pre><code>");
        for line in lines {
            self.out.extend(std::iter::repeat_n(' ', if line.is_blank() { 0 } else { line.indent }));
            escape(&mut self.out, line.text);
            self.out.push('\n');
        }
        self.out.push_str("</code></pre>\n");
    }

    fn list(&mut self, tag: &str, items: Vec<Vec<Line<'_>>>) {
        self.tag(tag);
        self.items(items);
        self.end(tag);
    }

    fn items(&mut self, items: Vec<Vec<Line<'_>>>) {
        for item in items {
            self.tag("li");
            self.tight(&item);
            self.end("li");
        }
    }

    fn numbered(&mut self, first: Enumerator) {
        let kind = match first.kind {
            Counting::Numbers => "",
            Counting::Lower => " type=\"a\"",
            Counting::Upper => " type=\"A\"",
        };
        self.tag(&format!("ol{kind} start=\"{}\"", first.number));
    }

    /// One paragraph stands without a box of its own.
    fn tight(&mut self, lines: &[Line<'_>]) {
        if self.depth >= DEEPEST || self.is_full() {
            return self.literal(lines);
        }
        let blocks = divide(lines);
        match blocks.as_slice() {
            [Block::Paragraph(lines)] => self.inline(&joined(lines)),
            _ => self.divided(blocks),
        }
    }

    fn terms(&mut self, terms: Vec<Term<'_>>) {
        self.tag("dl");
        for term in terms {
            self.tag("dt");
            match term.exact {
                true => {
                    self.tag("code");
                    escape(&mut self.out, term.text);
                    self.end("code");
                }
                false => self.inline(term.text),
            }
            self.end("dt");
            self.tag("dd");
            self.tight(&term.body);
            self.end("dd");
        }
        self.end("dl");
    }

    fn verse(&mut self, lines: &[Line<'_>]) {
        self.tag("p");
        for (at, line) in lines.iter().enumerate() {
            if at > 0 {
                self.tag("br");
            }
            self.out.extend(std::iter::repeat_n('\u{a0}', line.indent.min(40)));
            self.inline(line.text);
        }
        self.end("p");
    }

    fn footnote(&mut self, label: &str, body: &[Line<'_>]) {
        self.tag("dl");
        self.tag("dt");
        self.out.push('[');
        escape(&mut self.out, label.trim_start_matches('#'));
        self.out.push(']');
        self.end("dt");
        self.tag("dd");
        self.tight(body);
        self.end("dd");
        self.end("dl");
    }

    fn table(&mut self, table: RstTable<'_>) {
        let mut rows = table.rows;
        let body = rows.split_off(table.head.min(rows.len()));
        self.tag("table");
        for (part, tag, rows) in [("thead", "th", rows), ("tbody", "td", body)] {
            if rows.is_empty() {
                continue;
            }
            self.tag(part);
            for row in rows {
                self.tag("tr");
                for cell in row {
                    self.cell(tag, &cell);
                }
                self.end("tr");
            }
            self.end(part);
        }
        self.end("table");
    }

    fn cell(&mut self, tag: &str, cell: &TableCell<'_>) {
        match cell.columns {
            1 => self.tag(tag),
            columns => self.tag(&format!("{tag} colspan=\"{columns}\"")),
        }
        self.tight(&cell.lines);
        self.end(tag);
    }

    fn directive(&mut self, directive: &Directive<'_>) {
        let name = directive.name.to_ascii_lowercase();
        let name = name.rsplit(':').next().unwrap_or_default();
        if SILENT.contains(&name) {
            return;
        }
        if let Some((_, class, title)) = ADMONITIONS.iter().find(|(known, _, _)| *known == name) {
            return self.admonition(directive, class, title);
        }
        match name {
            "image" | "figure" => self.image(directive),
            "code" | "code-block" | "sourcecode" | "parsed-literal" | "prompt" | "doctest" | "testcode"
            | "math" => {
                // What stands behind the name is the language.
                match directive.content.is_empty() {
                    true => self.literal(&directive.argument),
                    false => self.literal(&directive.content),
                }
            }
            "container" | "compound" | "epigraph" | "highlights" | "pull-quote" | "rubric" | "table"
            | "list-table" | "class" | "centered" | "note:" => {
                if !matches!(name, "container" | "class") && !directive.argument.is_empty() {
                    self.tag("p");
                    self.tag("strong");
                    self.inline(&directive.words());
                    self.end("strong");
                    self.end("p");
                }
                self.blocks(&directive.content);
            }
            _ => {
                let by = least(&directive.written);
                self.literal(&super::lines::dedent(&directive.written, by));
            }
        }
    }

    /// A box like that of an alert in Markdown.
    fn admonition(&mut self, directive: &Directive<'_>, class: &str, title: &str) {
        let takes_title = title.is_empty();
        let words = directive.words();
        self.tag(&format!("div class=\"markdown-alert markdown-alert-{class}\""));
        self.tag("p class=\"markdown-alert-title\"");
        let versioned = title.ends_with("version");
        match (takes_title, versioned) {
            (true, _) => self.inline(&words),
            (_, true) => self.inline(&format!("{title} {words}")),
            _ => self.out.push_str(title),
        }
        self.end("p");
        if !takes_title && !versioned {
            self.blocks(&directive.argument);
        }
        self.blocks(&directive.content);
        self.end("div");
    }

    /// Pictures are not loaded: a link leads to them, or where they lead themselves.
    fn image(&mut self, directive: &Directive<'_>) {
        let source = directive.words().replace(' ', "");
        let address = match directive.option("target") {
            Some(target) => self.inline.meant(target),
            None => Some(source),
        };
        let text = directive.option("alt").filter(|text| !text.is_empty()).unwrap_or("[image]");
        self.tag("p");
        if !self.is_full() {
            link(&mut self.out, text, address.as_deref());
        }
        self.end("p");
        self.blocks(&directive.content);
    }
}

fn joined(lines: &[Line<'_>]) -> String {
    let texts: Vec<&str> = lines.iter().map(|line| line.text).collect();
    texts.join("\n")
}
