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
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn md(text: &str) -> String {
        render(text, Some("text/markdown; charset=UTF-8; variant=GFM"))
    }

    #[test]
    fn markdown_is_rendered_below_the_pages_own_headings() {
        let html = md("# Title\n\nSome *text* with `code`.\n\n| a | b |\n|---|---|\n| 1 | 2 |\n");
        assert!(html.contains("<h3>Title</h3>"), "{html}");
        assert!(html.contains("<em>text</em>") && html.contains("<code>code</code>"), "{html}");
        assert!(html.contains("<td>2</td>"), "{html}");
    }

    #[test]
    fn nothing_in_markdown_runs_or_loads() {
        let html = md(concat!(
            "<script>alert(1)</script>\n\n<img src=x onerror=alert(2)> <b onclick=alert(3)>x</b>\n\n",
            "[a](javascript:alert(4)) [b](data:text/html;base64,xx) <javascript:alert(5)>\n\n",
            "![pixel](https://example.org/track.gif) [c](https://example.org \"\\\"><script>\")\n\n",
            "<iframe src=https://example.org></iframe>\n<style>body{display:none}</style>\n",
        ));
        for bad in
            ["<script", "<img", "onerror", "onclick", "href=\"javascript", "href=\"data", "<iframe", "<style"]
        {
            assert!(!html.contains(bad), "{bad} in {html}");
        }
        assert!(html.contains("href=\"https://example.org/track.gif\""), "{html}");
    }

    #[test]
    fn a_badge_is_a_link_with_the_pictures_text() {
        let html = md(
            "[![build](https://example.org/b.svg)](https://example.org/ci) ![](https://example.org/x.png)",
        );
        assert!(
            html.contains("<a href=\"https://example.org/ci\" rel=\"nofollow noopener noreferrer\">"),
            "{html}"
        );
        assert!(html.contains("build") && !html.contains("b.svg"), "{html}");
        assert_eq!(html.matches("<a ").count(), 1 + html.matches("x.png").count(), "{html}");
    }

    #[test]
    fn relative_links_lose_their_target() {
        let html = md("[docs](docs/index.md) [top](#top) [host](//example.org/x)");
        assert!(!html.contains("href"), "{html}");
    }

    #[test]
    fn other_types_are_text_with_links() {
        let html = render("# <b>x</b> see `it <https://example.org/a?b=1&c=2>`_.", Some("text/plain"));
        assert!(html.starts_with("<pre class=\"text\"># &lt;b&gt;x"), "{html}");
        assert!(html.contains("href=\"https://example.org/a?b=1&amp;c=2\""), "{html}");
        assert_eq!(plain("http://"), plain("http://"));
        assert!(render("# A\n\n[b](https://example.org)\n", None).starts_with("<pre class=\"text\"># A"));
    }

    #[test]
    fn text_of_no_type_is_restructuredtext() {
        let text = "Title\n=====\n\n<b>x</b> see `it <https://example.org/a?b=1&c=2>`_ and `no <javascript:x>`_.\n\n\
            .. image:: https://example.org/x.png\n\n.. note:: Mind.\n";
        for html in [render(text, None), render(text, Some("text/x-rst; charset=UTF-8"))] {
            assert!(html.contains("<h3>Title</h3>") && html.contains("&lt;b&gt;x"), "{html}");
            assert!(html.contains("href=\"https://example.org/a?b=1&amp;c=2\""), "{html}");
            assert!(html.contains("href=\"https://example.org/x.png\"") && !html.contains("<img"), "{html}");
            assert!(!html.contains("javascript") && html.contains(">no</a>"), "{html}");
            assert!(html.contains("<p class=\"markdown-alert-title\">Note</p>"), "{html}");
            assert_harmless(&html);
        }
    }

    #[test]
    fn lists_of_tasks_footnotes_and_alerts_are_shown() {
        let html = md("- [x] done\n- [ ] open\n\nSee[^1].\n\n> [!WARNING]\n> Mind.\n\n[^1]: That.\n");
        assert!(html.contains("☑") && html.contains("☐") && !html.contains("<input"), "{html}");
        assert!(html.contains("markdown-alert markdown-alert-warning"), "{html}");
        assert!(html.contains("href=\"#about-fn-1\"") && html.contains("id=\"about-fn-1\""), "{html}");
        assert_harmless(&html);
    }

    #[test]
    fn deep_nesting_and_length_do_no_harm() {
        for bit in
            [">", "- a\n ", "1. ", "[", "![", "*a_", "**a ", "`", "<a ", "|a\n|-\n", "~~a", "[a](", "&", "\\"]
        {
            assert_harmless(&md(&bit.repeat(100_000 / bit.len())));
        }
        assert!(md(&"# x\n".repeat(100_000)).starts_with("<pre"));
    }

    /// Takes minutes where each address is looked for in the whole rest.
    #[test]
    fn plain_text_is_read_once() {
        for bit in ["http:// ", "http://a ", "https://a ", "http ", "httphttps:/ "] {
            let text = bit.repeat(LONGEST_TEXT / bit.len());
            let html = render(&text, Some("text/plain"));
            assert!(html.len() < LONGEST_HTML + text.len() + 1000, "{bit:?} became {} bytes", html.len());
        }
        assert_eq!(plain("a http https://b.example c").matches("<a ").count(), 1);
    }

    #[test]
    fn markup_that_stands_for_much_is_shown_as_text() {
        let notes = format!("{}\n\n[^1]: That.\n", "[^1] ".repeat(40_000));
        let columns = "|a".repeat(1000);
        let cells = format!("{columns}\n{}\n{}", "|-".repeat(1000), "|b\n".repeat(2000));
        for text in [notes, cells] {
            let html = md(&text);
            assert!(html.starts_with("<pre class=\"text\">"), "{}", &html[..200]);
            assert!(html.len() < 2 * text.len(), "{} became {}", text.len(), html.len());
        }
        let html = render(&"'\n\n".repeat(60_000), Some("text/x-rst"));
        assert!(html.len() <= LONGEST_HTML, "{} bytes", html.len());
    }

    /// Every tag that a browser would see is one of ours, every attribute harmless.
    fn assert_harmless(html: &str) {
        for token in html5gum::Tokenizer::new(html).flatten() {
            let html5gum::Token::StartTag(tag) = token else { continue };
            let name = String::from_utf8_lossy(&tag.name).into_owned();
            assert!(SANITISER.clone_tags().contains(&*name), "<{name}> in {html}");
            for (key, value) in &tag.attributes {
                let value = String::from_utf8_lossy(value);
                match &***key {
                    b"href" => assert!(
                        ["http://", "https://", "mailto:", "#about-fn"]
                            .iter()
                            .any(|scheme| value.starts_with(scheme)),
                        "{value:?} in {html}"
                    ),
                    key => {
                        let harmless = [
                            &b"rel"[..],
                            b"class",
                            b"title",
                            b"align",
                            b"start",
                            b"lang",
                            b"id",
                            b"type",
                            b"colspan",
                            b"aria-label",
                        ];
                        assert!(harmless.contains(&key), "{key:?} in {html}");
                    }
                }
            }
        }
    }

    proptest! {
        #[test]
        fn whatever_the_text_the_result_holds_nothing_active(
            text in "(\\PC|[<>\"'()\\[\\]!`&/:\n]|<script|<img src=|javascript:|http://| onload=|\\.\\. |::| image:: |[*_|+=-]){0,40}",
        ) {
            assert_harmless(&md(&text));
            assert_harmless(&render(&text, None));
        }
    }
}
