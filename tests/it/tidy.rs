//! The house rules that a look at the text can check.

mod circles;
mod text;
mod unique;
mod words;

use std::fs;
use std::path::{Path, PathBuf};

/// Modules in their order: each may use itself, its neighbours on the same line, and what stands before.
const LAYERS: &[&[&str]] = &[
    &["error", "counters", "tools", "names", "words", "config"],
    &["packaging"],
    &["db", "git", "store", "upstream", "uv"],
    &["directory"],
    &["access"],
    &["hooks"],
    &["index"],
    &["build"],
    &["replica"],
    &["transfer"],
    &["app"],
    &["client"],
    &["shadow"],
    &["worker"],
    &["web", "cli"],
];

fn sources(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a readable folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    assert!(found.len() > 3, "no sources below {folder}");
    found
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).expect("a readable file")
}

/// The layer of `src/index/view.rs` is that of `index`.
fn layer_of(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// Names of the modules that a source line uses, among those that have a layer.
fn used(line: &str) -> Vec<&str> {
    let mut modules = Vec::new();
    for part in line.split("crate::").skip(1) {
        let part = part.strip_prefix('{').unwrap_or(part);
        let end = part.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(part.len());
        modules.push(&part[..end]);
    }
    modules
}

#[test]
fn no_module_uses_one_that_comes_after_it() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut upward = Vec::new();
    for path in sources("src") {
        let relative = path.strip_prefix(&src).expect("below src");
        let module = relative.iter().next().and_then(|p| p.to_str()).unwrap_or_default();
        let Some(own) = layer_of(module.trim_end_matches(".rs")) else { continue };
        for line in read(&path).lines().take_while(|line| !line.contains("#[cfg(test)]")) {
            for other in used(line) {
                if layer_of(other).is_some_and(|layer| layer > own) {
                    upward.push(format!("{} uses {other}: {}", relative.display(), line.trim()));
                }
            }
        }
    }
    assert!(upward.is_empty(), "{upward:#?}");
}

#[test]
fn every_module_has_a_layer() {
    for line in read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).lines() {
        if let Some(module) = line.strip_prefix("pub mod ").and_then(|l| l.strip_suffix(';')) {
            assert!(layer_of(module).is_some(), "{module} has no layer in tests/it/tidy.rs");
        }
    }
}

#[test]
fn every_file_begins_with_the_sentence_that_introduces_it() {
    for folder in ["src", "tests"] {
        for path in sources(folder) {
            assert!(read(&path).starts_with("//! "), "{} does not say what lives there", path.display());
        }
    }
}

#[test]
fn only_db_speaks_sql_and_packaging_does_no_io() {
    for path in sources("src") {
        let text = read(&path);
        let text = text.split("#[cfg(test)]").next().unwrap_or_default();
        let place = path.to_string_lossy();
        if !place.contains("/src/db/") && !place.ends_with("src/error.rs") {
            assert!(!text.contains("sqlx::"), "{place} speaks to the database past db/");
        }
        if place.contains("/src/packaging/") {
            for io in ["tokio::", "reqwest::", "std::net", "File::open"] {
                assert!(!text.contains(io), "{place} does I/O: {io}");
            }
        }
    }
}

/// What has one place, and how its text begins elsewhere.
const ONCE: [(&str, &str); 2] = [("02x}", "src/tools/hex.rs"), ("fn glob(", "src/tools/glob.rs")];

#[test]
fn what_tools_has_is_written_nowhere_else() {
    for path in sources("src") {
        let text = read(&path);
        for (sign, home) in ONCE {
            // The shards of a store are numbered so.
            let elsewhere = !path.ends_with(home) && !path.ends_with("src/store/folder.rs");
            assert!(!(elsewhere && text.contains(sign)), "{} has its own {sign}: use {home}", path.display());
        }
    }
}

/// Without its script a form is sent by the browser itself: by the default method all that was typed, passwords too, would
/// stand in an address.
#[test]
fn every_form_of_a_page_says_how_it_is_sent() {
    let (mut folders, mut forms) = (vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("templates")], 0);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a readable folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).expect("text");
            for form in text.split("<form").skip(1) {
                forms += 1;
                let tag = form.split('>').next().unwrap_or_default();
                assert!(
                    tag.contains(" method=\"post\"") || tag.contains(" method=\"get\""),
                    "{path:?}: {tag}"
                );
                let sends_json = tag.contains("data-call");
                assert!(!sends_json || tag.contains(" method=\"post\""), "{path:?}: {tag}");
            }
        }
    }
    assert!(forms > 30, "{forms} forms");
}
