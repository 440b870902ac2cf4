//! Metadata as labelled items: texts, and links where a click can do no harm.

use super::words::{brief, safe_url};
use crate::packaging::metadata::Metadata;

/// A label with one or more items.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fact {
    pub label: String,
    pub items: Vec<FactItem>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FactItem {
    pub text: String,
    /// Only ever from [`safe_url`].
    pub href: Option<String>,
    /// To be copied: shown in a fixed width, selected by one click.
    pub exact: bool,
}

impl FactItem {
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    pub fn exact(text: impl Into<String>) -> Self {
        Self { text: text.into(), exact: true, ..Self::default() }
    }

    /// A link if `url` is harmless, else both as text.
    pub fn link(text: &str, url: &str) -> Self {
        match safe_url(url) {
            Some(href) => Self { text: text.to_owned(), href: Some(href), exact: false },
            None if text == url => Self::text(text),
            None => Self::text(format!("{text}: {url}")),
        }
    }
}

/// Facts, in order; those without an item are left out.
#[derive(Default)]
pub struct FactList(pub Vec<Fact>);

impl FactList {
    pub fn add(&mut self, label: &str, items: impl IntoIterator<Item = FactItem>) -> &mut Self {
        let items: Vec<FactItem> = items.into_iter().collect();
        if !items.is_empty() {
            self.0.push(Fact { label: label.to_owned(), items });
        }
        self
    }

    pub fn text(&mut self, label: &str, text: Option<&str>) -> &mut Self {
        self.add(label, text.filter(|text| !text.is_empty()).map(FactItem::text))
    }

    pub fn exact(&mut self, label: &str, text: Option<&str>) -> &mut Self {
        self.add(label, text.filter(|text| !text.is_empty()).map(FactItem::exact))
    }
}

/// What stands beside a project's description.
pub fn side(metadata: &Metadata) -> Vec<Fact> {
    let mut facts = FactList::default();
    facts.add("Links", links(metadata));
    facts.text("Requires Python", metadata.requires_python.as_deref());
    facts.text("Licence", licence(metadata).as_deref());
    facts.add("Author", people(metadata.author.as_deref(), metadata.author_email.as_deref()));
    facts.add("Maintainer", people(metadata.maintainer.as_deref(), metadata.maintainer_email.as_deref()));
    facts.text(
        "Keywords",
        metadata.keywords.as_deref().map(|text| text.replace(',', ", ").replace(",  ", ", ")).as_deref(),
    );
    facts.text("Extras", Some(metadata.provides_extra.join(", ").as_str()));
    facts.add("Classifiers", metadata.classifiers.iter().map(FactItem::text));
    facts.0
}

/// Labelled URLs, and the two old fields where no label repeats them.
fn links(metadata: &Metadata) -> Vec<FactItem> {
    let mut items: Vec<FactItem> = Vec::new();
    for (label, url) in metadata.labelled_urls() {
        items.push(FactItem::link(if label.is_empty() { url } else { label }, url));
    }
    let old = [("Home page", &metadata.home_page), ("Download", &metadata.download_url)];
    for (label, url) in old.into_iter().filter_map(|(label, url)| Some((label, url.as_deref()?))) {
        let item = FactItem::link(label, url);
        if item.href.is_none() || !items.iter().any(|known| known.href == item.href) {
            items.push(item);
        }
    }
    items
}

/// The expression; else the old field, cut (many put the whole text there); else the classifiers.
fn licence(metadata: &Metadata) -> Option<String> {
    if let Some(expression) = &metadata.license_expression {
        return Some(expression.clone());
    }
    if let Some(text) = &metadata.license {
        return Some(brief(text, 80));
    }
    let names = metadata.classifiers.iter().filter_map(|c| c.strip_prefix("License :: "));
    let names: Vec<&str> = names.map(|name| name.strip_prefix("OSI Approved :: ").unwrap_or(name)).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

/// Names and addresses as they were written; an address alone can be written to.
fn people(name: Option<&str>, email: Option<&str>) -> Vec<FactItem> {
    let mut items: Vec<FactItem> = name.map(FactItem::text).into_iter().collect();
    for address in email.unwrap_or_default().split(',').map(str::trim).filter(|address| !address.is_empty()) {
        let plain =
            address.contains('@') && !address.contains(|c: char| c.is_whitespace() || "<>\"?&:".contains(c));
        items.push(match plain {
            true => FactItem::link(address, &format!("mailto:{address}")),
            false => FactItem::text(address),
        });
    }
    items
}

/// Every field of core metadata but the description, as a file's page lists them.
pub fn all(metadata: &Metadata) -> Vec<Fact> {
    let value = serde_json::to_value(metadata).unwrap_or_default();
    let mut facts = FactList::default();
    let Some(fields) = value.as_object() else { return facts.0 };
    for (field, value) in fields.iter().filter(|(field, _)| *field != "description") {
        let label = field_name(field);
        let text = |value: &serde_json::Value| match value.as_str() {
            Some(text) => FactItem { href: safe_url(text), ..FactItem::text(text) },
            None => FactItem::text(value.to_string()),
        };
        match value.as_array() {
            Some(values) => facts.add(&label, values.iter().map(text)),
            None if value.is_null() || value == "" => continue,
            None => facts.add(&label, [text(value)]),
        };
    }
    facts.0
}

/// `requires_dist` is `Requires-Dist`.
fn field_name(field: &str) -> String {
    let field = match field {
        "classifiers" => "classifier",
        "platforms" => "platform",
        "supported_platforms" => "supported_platform",
        "license_files" => "license_file",
        "project_urls" => "project_url",
        "import_names" => "import_name",
        "import_namespaces" => "import_namespace",
        "home_page" => "home-page",
        "download_url" => "download-URL",
        field => field,
    };
    let words = field.split(['_', '-']).map(|word| match word {
        "url" => "URL".to_owned(),
        word => word.chars().take(1).flat_map(char::to_uppercase).chain(word.chars().skip(1)).collect(),
    });
    words.collect::<Vec<String>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_links_only_where_they_are_harmless() {
        let metadata = Metadata {
            project_urls: vec!["Docs, https://example.org/d".into(), "Evil, javascript:alert(1)".into()],
            home_page: Some("https://example.org/d".into()),
            ..Metadata::default()
        };
        let links = links(&metadata);
        assert_eq!(links.len(), 2);
        assert_eq!(
            links[0],
            FactItem { text: "Docs".into(), href: Some("https://example.org/d".into()), exact: false }
        );
        assert_eq!(links[1], FactItem::text("Evil: javascript:alert(1)"));
    }

    #[test]
    fn a_licence_is_found_wherever_it_was_written() {
        let of = |change: fn(&mut Metadata)| {
            let mut metadata = Metadata::default();
            change(&mut metadata);
            licence(&metadata)
        };
        assert_eq!(of(|m| m.license_expression = Some("MIT".into())).as_deref(), Some("MIT"));
        assert_eq!(of(|m| m.license = Some("MIT License\n\nlong".into())).as_deref(), Some("MIT License…"));
        let classified = of(|m| m.classifiers = vec!["License :: OSI Approved :: MIT License".into()]);
        assert_eq!(classified.as_deref(), Some("MIT License"));
        assert_eq!(of(|_| ()), None);
    }

    #[test]
    fn fields_are_named_as_in_the_file() {
        for (field, name) in [
            ("requires_dist", "Requires-Dist"),
            ("project_urls", "Project-URL"),
            ("download_url", "Download-URL"),
        ] {
            assert_eq!(field_name(field), name);
        }
    }
}
