//! Texts and the HTML that becomes of them; no text takes long, and no word is lost.

use super::is_more_like_markdown;
use proptest::prelude::*;

/// What a text becomes; nothing if that is too long.
fn html(text: &str, level: usize) -> String {
    super::html(text, level).unwrap_or_default()
}

fn at(text: &str) -> String {
    html(text, 3).replace('\n', "")
}

#[test]
fn titles_are_headings_by_the_order_of_their_styles() {
    let text = "====\nDemo\n====\n\nUsage\n-----\n\nMore\n~~~~\n\nEnd\n---\n";
    assert_eq!(at(text), "<h3>Demo</h3><h4>Usage</h4><h5>More</h5><h4>End</h4>");
    assert_eq!(at("A line\n\n----\n\nAnother"), "<p>A line</p><hr><p>Another</p>");
}

#[test]
fn markup_within_a_line_is_shown() {
    assert_eq!(
        at("*a* **b** ``c*d`` :pep:`8` :func:`~x.y`"),
        "<p><em>a</em> <strong>b</strong> <code>c*d</code> PEP 8 <code>x.y</code></p>"
    );
    assert_eq!(at("2*3*4 and snake_case_ and \\*no\\*"), "<p>2*3*4 and snake_case_ and *no*</p>");
    assert_eq!(at("an \"*\" or (*) and a*"), "<p>an &quot;*&quot; or (*) and a*</p>");
    assert_eq!(at("<script>&"), "<p>&lt;script&gt;&amp;</p>");
}

#[test]
fn names_lead_where_their_targets_say() {
    let text = "See `the docs`_, Home_, `here <https://a.example/x>`_, `it`__ and https://b.example/y.\n\n\
        .. _the docs: https://docs.example/\n.. _Home: https://home.example/a\n   b\n__ https://c.example/\n";
    let shown = at(text);
    for link in [
        "<a href=\"https://docs.example/\">the docs</a>",
        "<a href=\"https://home.example/ab\">Home</a>",
        "<a href=\"https://a.example/x\">here</a>",
        "<a href=\"https://c.example/\">it</a>",
        "<a href=\"https://b.example/y\">https://b.example/y</a>.",
    ] {
        assert!(shown.contains(link), "{link} in {shown}");
    }
    let chained = at("a_\n\n.. _a:\n.. _b: https://x.example/\n");
    assert_eq!(chained, "<p><a href=\"https://x.example/\">a</a></p>");
    assert_eq!(at("`later`_ `later <https://l.example/>`_").matches("l.example").count(), 2);
}

#[test]
fn badges_are_links_with_their_text() {
    let text = "|build| |v|_\n\n.. |build| image:: https://x.example/b.svg\n   :target: https://x.example/ci\n   :alt: Build\n\
        .. |v| replace:: version 1\n.. _v: https://x.example/v\n\n.. image:: https://x.example/p.png\n";
    assert_eq!(
        at(text),
        "<p><a href=\"https://x.example/ci\">Build</a> <a href=\"https://x.example/v\">version 1</a></p>\
         <p><a href=\"https://x.example/p.png\">[image]</a></p>"
    );
}

#[test]
fn lists_nest_and_go_on() {
    assert_eq!(
        at("* a\n* b\n\n  - c\n  - d\n\n* e"),
        "<ul><li>a</li><li><p>b</p><ul><li>c</li><li>d</li></ul></li><li>e</li></ul>"
    );
    assert_eq!(at("3. x\n4. y\n   z"), "<ol start=\"3\"><li>x</li><li>yz</li></ol>");
    assert_eq!(at("A. Einstein\nwas here"), "<p>A. Einsteinwas here</p>");
    assert_eq!(at("term\n  what it is"), "<dl><dt>term</dt><dd>what it is</dd></dl>");
    assert_eq!(at(":Author: Me\n:Date: now"), "<dl><dt>Author</dt><dd>Me</dd><dt>Date</dt><dd>now</dd></dl>");
    assert_eq!(
        at("-v, --verbose  says more"),
        "<dl><dt><code>-v, --verbose</code></dt><dd>says more</dd></dl>"
    );
    assert_eq!(at("| a\n|  b"), "<p>a<br>\u{a0}b</p>");
}

#[test]
fn code_stands_as_it_was_written() {
    assert_eq!(
        html("So::\n\n  a\n    *b*\n\nc", 3),
        "<p>So:</p>\n<pre><code>a\n  *b*\n</code></pre>\n<p>c</p>\n"
    );
    assert_eq!(
        html(".. code-block:: python\n   :linenos:\n\n   x = 1\n", 3),
        "<pre><code>x = 1\n</code></pre>\n"
    );
    assert_eq!(html(">>> 1\n1\n", 3), "<pre><code>&gt;&gt;&gt; 1\n1\n</code></pre>\n");
    assert_eq!(html("::\n\n> quoted\n> more\n", 3), "<pre><code>&gt; quoted\n&gt; more\n</code></pre>\n");
}

#[test]
fn tables_are_tables() {
    let grid = "+-----+-----+\n| a   | b   |\n+=====+=====+\n| 1   | 2   |\n|     | 3   |\n+-----+-----+\n| both      |\n+-----+-----+\n";
    assert_eq!(
        at(grid),
        "<table><thead><tr><th>a</th><th>b</th></tr></thead>\
         <tbody><tr><td>1</td><td>23</td></tr><tr><td colspan=\"2\">both</td></tr></tbody></table>"
    );
    let simple = "=====  =====\nA      B\n=====  =====\n1      two\n       lines\n3      four and more\n=====  =====\n";
    assert_eq!(
        at(simple),
        "<table><thead><tr><th>A</th><th>B</th></tr></thead>\
         <tbody><tr><td>1</td><td>twolines</td></tr><tr><td>3</td><td>four and more</td></tr></tbody></table>"
    );
    let odd = "+---+---+\n| a | b |\n|   +---+\n|   | c |\n+---+---+\n";
    assert!(at(odd).starts_with("<pre><code>+---+"), "{}", at(odd));
}

#[test]
fn boxes_are_titled_and_what_is_not_known_is_shown() {
    let note = at(".. note:: Mind *this*.\n\n   And that.");
    assert_eq!(
        note,
        "<div class=\"markdown-alert markdown-alert-note\"><p class=\"markdown-alert-title\">Note</p>\
         <p>Mind <em>this</em>.</p><p>And that.</p></div>"
    );
    assert_eq!(
        at(".. weird:: thing\n   :o: 1\n\n   text"),
        "<pre><code>.. weird:: thing   :o: 1   text</code></pre>"
    );
    assert_eq!(at("a\n\n.. a comment\n   goes on\n\nb"), "<p>a</p><p>b</p>");
    assert_eq!(
        at("See [1]_.\n\n.. [1] A note"),
        "<p>See <sup>[1]</sup>.</p><dl><dt>[1]</dt><dd>A note</dd></dl>"
    );
}

#[test]
fn markdown_without_a_type_is_seen() {
    assert!(is_more_like_markdown("# Title\n\nText [a](https://a.example)\n\n```\ncode\n```\n"));
    assert!(!is_more_like_markdown("Title\n=====\n\nText::\n\n  # a comment\n"));
    assert!(!is_more_like_markdown("plain"));
}

/// What a text of many such bits costs grows with its length alone.
#[test]
fn no_text_takes_long_or_nests_deeply() {
    let bits = [
        "> ",
        "- ",
        "* ",
        "`",
        "*",
        "**a ",
        "`a <",
        "|a| ",
        "|a ",
        "_",
        "a_ ",
        "[",
        "[a]_ ",
        ":a:",
        ":a",
        ".. ",
        ".. _a: b\n",
        ".. |a| replace:: |a| |a|\n",
        "http://",
        "http://a)",
        "a::\n b\n",
        "= =\n",
        "= =\n x\n",
        "+-+\n",
        "| |\n",
        "1. ",
        "\\",
        "a\n b\n  c\n",
        ".. note::\n ",
        "- a\n\n  ",
        ">`_",
        "``a",
        ":a: b\n",
        "-a  b\n",
        "==\n",
        "\n\n",
        "+--",
        "|",
    ];
    for bit in bits {
        let text = bit.repeat(200_000 / bit.len());
        let shown = html(&text, 3);
        assert!(shown.len() < 60 * text.len(), "{bit:?} became {} bytes", shown.len());
        let mut stairs = String::new();
        for depth in 0..400 {
            stairs.push_str(&" ".repeat(depth));
            stairs.push_str(bit.trim_end());
            stairs.push_str("\n\n");
        }
        let shown = html(&stairs, 3);
        let deep = shown.matches("<blockquote>").count().max(shown.matches("<li>").count());
        assert!(deep < 200_000, "{bit:?}");
    }
    let nested = "* ".repeat(5000);
    assert!(html(&nested, 3).matches("<ul>").count() <= 20);
}

/// A long address, and texts that name it often.
#[test]
fn what_names_stand_for_is_told_only_so_often() {
    for length in [900, 20_000] {
        let target = format!(".. _a: http://x.example/{}\n", "y".repeat(length));
        for bit in [
            "`x <a_>`_ ",
            "`x <`a`_>`_ ",
            "a_ ",
            "`a`_ ",
            "|s| ",
            "|s|_ ",
            "|i| ",
            ".. image:: z\n   :target: a_\n\n",
            ".. image:: z\n   :target: `a`_\n\n",
            "`x`__ ",
        ] {
            let heads = ".. |s| replace:: a_\n.. |i| image:: z\n   :target: a_\n.. _s: a_\n";
            let anonymous = if bit.contains("__") { "__ a_\n".repeat(2000) } else { String::new() };
            let text = format!("{target}{heads}{anonymous}\n{}", bit.repeat(2000));
            let shown = html(&text, 3);
            assert!(!shown.is_empty() && shown.len() < 400_000, "{bit:?} became {} bytes", shown.len());
        }
    }
    // Neither are long texts that stand for a name.
    let text = format!(".. |a| replace:: {}\n\n{}", "y".repeat(100_000), "|a| ".repeat(20_000));
    assert!(html(&text, 3).len() < 600_000);
}

#[test]
fn an_address_that_is_too_long_is_none_and_the_next_name_has_its_own() {
    let long = "y".repeat(3000);
    let text = format!(
        "a_ b_ `c`__ `d`__\n\n.. _a: http://x/{long}\n.. _b: http://b/\n__ http://x/{long}\n__ http://d/\n"
    );
    let shown = at(&text);
    assert!(
        shown.starts_with("<p>a_ <a href=\"http://b/\">b</a> c <a href=\"http://d/\">d</a></p>"),
        "{shown}"
    );
}

#[test]
fn a_text_that_becomes_very_long_is_not_rendered() {
    assert!(super::html(&"a'".repeat(200_000), 3).is_some());
    for bit in ["a'", "'\n\n", "- '''''\n", "| '''\n", "= =\n' '\n= =\n\n", ".. image:: '''\n"] {
        assert!(super::html(&bit.repeat(2_500_000 / bit.len()), 3).is_none(), "{bit:?}");
    }
}

#[test]
fn rows_of_many_columns_are_as_long_as_what_is_written_in_them() {
    let rule = "= ".repeat(60);
    let text = format!("{rule}\n{}{rule}\n", "x\n".repeat(2900));
    let shown = html(&text, 3);
    assert!(shown.contains("<td>x</td>\n<td colspan=\"59\"></td>"), "{}", &shown[..200]);
    assert!(shown.len() < 50 * text.len(), "{} became {}", text.len(), shown.len());
    assert_eq!(
        at("=  =  =\na\nb     c\n=  =  =\n"),
        "<table><tbody><tr><td>a</td><td colspan=\"2\"></td></tr><tr><td>b</td><td></td><td>c</td></tr></tbody></table>"
    );
}

/// Each of these takes minutes where the work grows with the square of the length.
#[test]
fn lines_are_looked_at_once_however_many_tables_seem_to_begin() {
    let shown = html(&"= =\nx\n\n".repeat(40_000), 3);
    assert_eq!(shown.matches("<p>").count(), 40_000);
    let spans = "- ".repeat(50_000);
    let text = format!("= =\né é\n{}\n{spans}\n= =\n", "é ".repeat(50_000));
    assert!(html(&text, 3).starts_with("<pre><code>"));
    // A beginning without an end hides no table behind it.
    let table = "=  =\n1  2\n=  =\n\n";
    let shown = html(&format!("= =\n{}{table}{table}", "x\n\n".repeat(4000)), 3);
    assert_eq!((shown.matches("<table>").count(), shown.matches("<p>x").count()), (2, 3999));
}

proptest! {
    #[test]
    fn no_word_is_lost(
        parts in proptest::collection::vec(
            "WORD[A-Z]{3}|[ \n\t]|\n\n|\n  |[*`_|:=+-]|::\n\n|- |1\\. |``|\\*\\*|<|>|`_|\\[|\\]|é|\\PC",
            0..60,
        ),
    ) {
        // Comments and targets are silent, and what a backslash escapes is no letter here.
        let text: String = parts.concat().replace("..", "").replace('\\', "").replace("__", "");
        let shown = html(&text, 3);
        for word in parts.iter().filter(|part| part.starts_with("WORD")) {
            prop_assert!(shown.contains(word.as_str()), "{word} of {text:?} is not in {shown:?}");
        }
    }

    #[test]
    fn tags_are_closed_and_text_is_escaped(text in "(\\PC|[\n *`_|:=+.<>&\"-]|\\.\\. |::| image:: |javascript:){0,80}") {
        let shown = html(&text, 3);
        let tags = ["p", "ul", "ol", "li", "dl", "dt", "dd", "table", "tr", "td", "th", "pre", "code", "a", "em", "strong",
            "blockquote", "div", "sup"];
        for tag in tags {
            let open = shown.matches(&format!("<{tag}>")).count() + shown.matches(&format!("<{tag} ")).count();
            prop_assert_eq!(open, shown.matches(&format!("</{tag}>")).count(), "{}", tag);
        }
        prop_assert!(!shown.contains("<script"));
    }
}
