//! Tables of the reference against the code that they describe, and messages of the guide against the source.

use super::extract::text_of;
use crate::kit::Server;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use wheelwright::config::{Config, settings};
use wheelwright::words::{Class, WebhookEvent};

/// The first column of all tables of a section, without its backticks.
fn first_column(document: &str, section: &str) -> BTreeSet<String> {
    let text = text_of(document);
    let below = text.lines().skip_while(|line| *line != section).skip(1);
    let inside = below.take_while(|line| !line.starts_with('#'));
    inside.filter_map(|line| line.strip_prefix("| `")?.split('`').next()).map(str::to_owned).collect()
}

#[test]
fn the_reference_has_every_setting_with_its_default_and_meaning() {
    let defaults = Config::default();
    let mut expected = String::from("| setting | default | meaning |\n|---|---|---|\n");
    for setting in settings::SETTINGS {
        let value = (setting.get)(&defaults).filter(|value| !value.is_empty());
        let value = value.map(|value| format!("`{value}`")).unwrap_or_default();
        writeln!(expected, "| `{}` | {value} | {} |", setting.key, setting.about).expect("text");
    }
    let told = text_of("docs/reference/settings.md");
    assert!(told.contains(&expected), "write this into docs/reference/settings.md:\n{expected}");
}

#[test]
fn the_reference_has_every_class_of_failure() {
    let told = first_column("docs/reference/builds.md", "## Failure classes");
    for name in &told {
        assert!(Class::parse(name).is_some(), "there is no class {name}");
    }
    assert_eq!(told.len(), Class::ALL.len(), "docs/reference/builds.md lacks a class");
}

#[test]
fn the_guide_to_webhooks_has_every_event() {
    let told = first_column("docs/how-to/webhooks.md", "## Add a webhook");
    let known: BTreeSet<String> = WebhookEvent::choices().map(|event| event.to_string()).collect();
    assert_eq!(told, known);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reference_has_every_metric() {
    let primary = Server::start().await;
    // A replica has all of them.
    let (server, _wire) = crate::replica::replica_of(&primary).await;
    let text = server.get("/metrics").await.text().await.expect("metrics");
    let heads = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    let served: BTreeSet<String> = heads.map(str::to_owned).collect();
    assert_eq!(first_column("docs/reference/metrics.md", "# Metrics"), served);
}

/// All source texts, with broken literals joined.
fn sources(folder: &Path, text: &mut String) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let source = std::fs::read_to_string(&path).expect("a source");
            let mut pieces = source.split("\\\n");
            text.push_str(pieces.next().unwrap_or_default());
            pieces.for_each(|piece| text.push_str(piece.trim_start()));
        }
    }
}

#[test]
fn the_guide_quotes_messages_that_the_program_has() {
    let mut source = String::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut source);
    let text = text_of("docs/how-to/troubleshoot.md");
    let mut missing = Vec::new();
    for message in text.lines().filter_map(|line| line.strip_prefix("### `")?.split('`').next()) {
        let parts = message.split('…').map(str::trim).filter(|part| part.len() > 3);
        missing.extend(parts.filter(|part| !source.contains(part)).map(str::to_owned));
    }
    assert!(missing.is_empty(), "docs/how-to/troubleshoot.md quotes what no source has: {missing:#?}");
}
