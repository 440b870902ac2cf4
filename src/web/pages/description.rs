//! A project's description as HTML that is safe to show, whoever wrote it.
//!
//! Markdown and reStructuredText are rendered, raw HTML dropped, and the result reduced to harmless elements once
//! more. Anything else is shown as the text it is. Pictures are not loaded: each would tell a
//! stranger's server who here looks at which project; their text and address stay.

use crate::packaging::rst::{self, escape};
use ammonia::UrlRelative;
use comrak::arena_tree::NodeEdge;
use comrak::nodes::{AstNode, NodeValue};
use comrak::{Arena, Options, format_html, parse_document};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt::{self, Write};
use std::sync::LazyLock;

/// Longer markup is shown as text: nobody reads it, and rendering it would hold up the rest.
const LONGEST_MARKUP: usize = 256 << 10;
/// Deeper Markdown too: the time a parser of HTML takes grows with the square of the depth.
const DEEPEST_MARKDOWN: usize = 60;
/// Longer text is cut.
const LONGEST_TEXT: usize = 1 << 20;
/// Markup that becomes longer HTML is shown as text: short markup can stand for much.
const LONGEST_HTML: usize = 2 << 20;

/// Renders `text`, which is of `content_type` (core metadata's `Description-Content-Type`; none
/// means reStructuredText). The result is to be shown inside the page's own section: headings
/// begin at the third level.
pub fn render(text: &str, content_type: Option<&str>) -> String {
    let kind = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let kind = kind.to_ascii_lowercase();
    match kind.as_str() {
        _ if text.len() > LONGEST_MARKUP => plain(text),
        "text/markdown" => markdown(text).unwrap_or_else(|| plain(text)),
        "text/x-rst" => restructured(text).unwrap_or_else(|| plain(text)),
        // Old descriptions do not say what they are.
        "" if !rst::is_more_like_markdown(text) => restructured(text).unwrap_or_else(|| plain(text)),
        _ => plain(text),
    }
}

/// Whether it costs little to show a text, whatever it is.
pub fn is_cheap(text: &str) -> bool {
    text.len() <= CHEAP
}

/// `None` if it becomes longer than anybody means it.
fn restructured(text: &str) -> Option<String> {
    let html = rst::html(text, FIRST_LEVEL)?;
    Some(SANITISER.clean(&html).to_string())
}

/// Bytes of a description that is rendered without a turn: most have fewer.
const CHEAP: usize = 24 << 10;

/// Of the first heading.
const FIRST_LEVEL: usize = 3;

/// HTML while it is written, up to a length.
struct BoundedHtml(String);

impl Write for BoundedHtml {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.0.len() + text.len() > LONGEST_HTML {
            return Err(fmt::Error);
        }
        self.0.push_str(text);
        Ok(())
    }
}

/// `None` if it is nested deeper, or becomes longer, than anybody means it.
fn markdown(text: &str) -> Option<String> {
    let mut options = Options::default();
    options.extension.table = true;
    options.extension.strikethrough = true;
    options.extension.autolink = true;
    options.extension.tasklist = true;
    options.extension.footnotes = true;
    options.extension.alerts = true;
    let arena = Arena::new();
    let root = parse_document(&arena, text, &options);
    if tame(root) > DEEPEST_MARKDOWN {
        return None;
    }
    let mut html = BoundedHtml(String::with_capacity(text.len() * 2));
    format_html(root, &options, &mut html).ok()?;
    // Boxes that nobody can tick are signs.
    let html = html
        .0
        .replace("<input type=\"checkbox\" checked=\"\" disabled=\"\" />", "☑")
        .replace("<input type=\"checkbox\" disabled=\"\" />", "☐");
    Some(SANITISER.clean(&html).to_string())
}

/// Sinks headings below the page's own; turns pictures into links to them, and what would be a
/// link inside a link into its text. How deep it is nested.
fn tame<'a>(root: &'a AstNode<'a>) -> usize {
    let mut in_link = false;
    let (mut depth, mut deepest) = (0_usize, 0);
    for edge in root.traverse() {
        match edge {
            NodeEdge::Start(_) => depth += 1,
            NodeEdge::End(_) => depth = depth.saturating_sub(1),
        }
        deepest = deepest.max(depth);
        match edge {
            NodeEdge::Start(node) => in_link |= tame_node(node, in_link),
            NodeEdge::End(node) if matches!(node.data.borrow().value, NodeValue::Link(_)) => in_link = false,
            NodeEdge::End(_) => {}
        }
    }
    deepest
}

/// Whether the node is the beginning of a link.
fn tame_node<'a>(node: &'a AstNode<'a>, in_link: bool) -> bool {
    let mut data = node.data.borrow_mut();
    match &mut data.value {
        NodeValue::Heading(heading) => {
            heading.level = (heading.level + 2).min(6);
            return false;
        }
        NodeValue::Link(_) | NodeValue::Image(_) if in_link => data.value = NodeValue::Emph,
        NodeValue::Image(image) => data.value = NodeValue::Link(std::mem::take(image)),
        NodeValue::Link(_) => {}
        _ => return false,
    }
    // Without a text there would be nothing to see.
    if node.first_child().is_none() {
        data.value = NodeValue::Text("[image]".into());
        return false;
    }
    !in_link
}

static SANITISER: LazyLock<ammonia::Builder<'static>> = LazyLock::new(|| {
    let mut sanitiser = ammonia::Builder::default();
    let tags: HashSet<&str> = [
        "a",
        "blockquote",
        "br",
        "code",
        "dd",
        "del",
        "div",
        "dl",
        "dt",
        "em",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "li",
        "ol",
        "p",
        "pre",
        "section",
        "strong",
        "sub",
        "sup",
        "table",
        "tbody",
        "td",
        "th",
        "thead",
        "tr",
        "ul",
    ]
    .into();
    sanitiser
        .tags(tags)
        .rm_tag_attributes("a", &["hreflang"])
        .rm_tag_attributes("blockquote", &["cite"])
        .add_tag_attributes("a", &["id", "aria-label"])
        .add_tag_attributes("li", &["id"])
        .add_tag_attribute_values("ol", "type", &["a", "A"])
        .allowed_classes(classes())
        .id_prefix(Some(ID_PREFIX))
        .url_schemes(["http", "https", "mailto"].into())
        // A relative link was meant for a repository's browser; here it would lead astray. Footnotes stay.
        .url_relative(UrlRelative::Custom(Box::new(within_the_page)))
        .link_rel(Some("nofollow noopener noreferrer"));
    sanitiser
});

/// Before every id of a description, so that none is one of the page's own.
const ID_PREFIX: &str = "about-";

fn within_the_page(url: &str) -> Option<Cow<'_, str>> {
    let name = url.strip_prefix('#').filter(|name| name.starts_with("fn-") || name.starts_with("fnref-"))?;
    Some(format!("#{ID_PREFIX}{name}").into())
}

/// Of boxes, in both languages.
fn classes() -> HashMap<&'static str, HashSet<&'static str>> {
    let boxes = [
        "markdown-alert",
        "markdown-alert-note",
        "markdown-alert-tip",
        "markdown-alert-important",
        "markdown-alert-warning",
        "markdown-alert-caution",
    ];
    HashMap::from([
        ("div", boxes.into()),
        ("p", ["markdown-alert-title"].into()),
        ("section", ["footnotes"].into()),
    ])
}

/// Text as it is, in which addresses are links.
fn plain(text: &str) -> String {
    let end = text.floor_char_boundary(LONGEST_TEXT);
    let mut html = String::with_capacity(text.len() + 64);
    html.push_str("<pre class=\"text\">");
    let mut rest = text.get(..end).unwrap_or_default();
    while html.len() < LONGEST_HTML
        && let Some(at) = next_address(rest)
    {
        let (before, from) = rest.split_at(at);
        let (address, after) = from.split_at(address_end(from));
        escape(&mut html, before);
        html.push_str("<a rel=\"nofollow noopener noreferrer\" href=\"");
        escape(&mut html, address);
        html.push_str("\">");
        escape(&mut html, address);
        html.push_str("</a>");
        rest = after;
    }
    escape(&mut html, rest);
    html.push_str("</pre>");
    html
}

/// One search for both schemes: the way to the next one of each would be gone again for every other.
fn next_address(text: &str) -> Option<usize> {
    let begins = |rest: &str| rest.starts_with("http://") || rest.starts_with("https://");
    let mut places = text.match_indices("http").map(|(at, _)| at);
    places.find(|at| text.get(*at..).is_some_and(begins))
}

/// Up to what cannot be part of an address, less the punctuation of the sentence around it.
fn address_end(text: &str) -> usize {
    let stop = |c: char| c.is_whitespace() || c.is_control() || "<>\"'`{}|\\^[]()".contains(c);
    let address = text.split(stop).next().unwrap_or_default();
    address.trim_end_matches(['.', ',', ';', ':', '!', '?', '*', '_']).len().max("http://".len())
}

#[cfg(test)]
mod tests;
