//! The list of what strangers can do is whole: no route without a row, no setting that does not exist.

use std::path::Path;
use wheelwright::config::settings;
use wheelwright::web::routes;

fn list() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference/anonymous-requests.md");
    std::fs::read_to_string(path).expect("the list")
}

/// What stands in backticks.
fn words(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

#[test]
fn every_route_has_a_row_and_a_bound() {
    let text = list();
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with('|')).collect();
    let mut missing = Vec::new();
    for route in routes::table().rows {
        for method in route.methods {
            let path = route.path.trim_end_matches('/');
            let asked = format!("{method} {}", if path.is_empty() { "/" } else { path });
            let found = rows.iter().find(|row| words(row).contains(&&*asked));
            match found.map(|row| row.split('|').nth(2).unwrap_or_default().trim()) {
                Some(bound) if !bound.is_empty() => {}
                _ => missing.push(asked),
            }
        }
    }
    missing.sort();
    missing.dedup();
    assert!(missing.is_empty(), "docs/reference/anonymous-requests.md lacks {missing:#?}");
}

#[test]
fn every_row_is_about_something_that_exists() {
    let text = list();
    let known: Vec<String> = routes::table()
        .rows
        .iter()
        .flat_map(|route| route.methods.iter().map(|method| format!("{method} {}", route.path)))
        .collect();
    for word in words(&text) {
        let is_route =
            ["GET /", "POST /", "PUT /", "PATCH /", "DELETE /"].iter().any(|m| word.starts_with(m));
        if is_route {
            let slashed = format!("{word}/");
            assert!(known.iter().any(|route| route == word || *route == slashed), "there is no {word}");
        }
        let sections = ["limits.", "mirror.", "quota.", "gc.", "build.", "proxy."];
        if let Some(setting) = word.split(", ").find(|word| sections.iter().any(|s| word.starts_with(s))) {
            let setting = setting.trim_matches('`');
            assert!(settings::find(setting).is_some(), "there is no setting {setting}");
        }
    }
}

#[test]
fn the_defaults_that_it_tells_are_the_defaults() {
    let text = list();
    let defaults = wheelwright::config::Config::default();
    for setting in settings::SETTINGS {
        // `setting` (value …)
        for after in text.split(&format!("`{}` (", setting.key)).skip(1) {
            let told = after.split([')', ',', ':']).next().unwrap_or_default();
            let value = (setting.get)(&defaults).unwrap_or_default();
            let spelt = [
                value.clone(),
                value.trim_end_matches('h').to_owned() + " h",
                value.trim_end_matches('m').to_owned() + " min",
                value.trim_end_matches('s').to_owned() + " s",
                value.trim_end_matches('d').to_owned() + " days",
            ];
            let day = value == "1d" && told == "a day";
            let rate =
                told.strip_suffix(" a second on average").or(told.strip_suffix(" a second")) == Some(&value);
            assert!(
                day || rate || spelt.iter().any(|spelt| told == spelt),
                "{}: {told}, but {value}",
                setting.key
            );
        }
    }
}
