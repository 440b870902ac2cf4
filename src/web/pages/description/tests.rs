//! What descriptions become: nothing that acts, and nothing that is long or takes long.

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
    let html =
        md("[![build](https://example.org/b.svg)](https://example.org/ci) ![](https://example.org/x.png)");
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
