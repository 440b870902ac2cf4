//! Texts within tags.

/// Without backslashes, and what they escape as it is.
pub fn unescaped(text: &str) -> String {
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

pub fn tagged(out: &mut String, tag: &str, text: &str) {
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
pub fn interpreted(out: &mut String, role: Option<&str>, text: &str) {
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

/// Appends `text` with HTML's five characters escaped; control characters, which no HTML may hold, become the
/// replacement character.
pub fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\r' => {}
            c if c.is_control() && c != '\n' && c != '\t' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
}
