//! Links between the documents lead to files and headings that exist.

use super::DOCUMENTS;
use super::extract::text_of;
use std::path::Path;

/// The lines of a document outside its blocks of code.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut is_code = false;
    text.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    })
}

/// The targets of `[text](target)`; a link may go on in the next line.
fn links(text: &str) -> Vec<String> {
    let prose: Vec<&str> = prose(text).collect();
    let joined = prose.join("\n");
    let after = joined.split("](").skip(1).filter_map(|after| after.split(')').next());
    after.map(str::to_owned).collect()
}

/// The anchor that a heading gets.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}

fn anchors(text: &str) -> Vec<String> {
    let headings = prose(text).filter(|line| line.starts_with('#'));
    headings.map(|line| anchor(line.trim_start_matches('#'))).collect()
}

#[test]
fn every_link_leads_to_a_file_and_every_anchor_to_a_heading() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let more = ["CHANGELOG.md", "ARCHITECTURE.md"];
    let documents = DOCUMENTS.iter().copied().filter(|name| name.ends_with(".md")).chain(more);
    let mut wrong = Vec::new();
    for document in documents {
        let text = text_of(document);
        let folder = root.join(document).parent().expect("a folder").to_owned();
        for link in links(&text) {
            if link.contains("://") {
                continue;
            }
            let (path, heading) = link.split_once('#').unwrap_or((&link, ""));
            let target = if path.is_empty() { root.join(document) } else { folder.join(path) };
            let Ok(found) = std::fs::read_to_string(&target) else {
                wrong.push(format!("{document}: there is no file {link}"));
                continue;
            };
            if !heading.is_empty() && !anchors(&found).iter().any(|anchor| anchor == heading) {
                wrong.push(format!("{document}: there is no heading {link}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_page_of_the_book_is_in_its_table_of_contents() {
    let contents = links(&text_of("docs/README.md"));
    let pages =
        DOCUMENTS.iter().filter_map(|name| name.strip_prefix("docs/")).filter(|name| *name != "README.md");
    let missing: Vec<&str> = pages.filter(|page| !contents.iter().any(|link| link == page)).collect();
    assert!(missing.is_empty(), "docs/README.md does not list {missing:?}");
}

#[test]
fn links_and_anchors_are_found() {
    let text = "# One `two`: three's\n[a](b.md#c) and [d\ne](f)\n```\n[x](y)\n```\n";
    assert_eq!(links(text), ["b.md#c", "f"]);
    assert_eq!(anchors(text), ["one-two-threes"]);
}
