//! The options of an index in devpi's words of every age, as ours.

use super::dump::{DumpVersion, DumpedIndex, Object, texts};
use crate::directory::options::{self, Options};
use crate::error::Result;
use crate::names::IndexName;
use serde_json::Value;

/// devpi 7's words for what `mirror_whitelist` says, and for whose word counts.
const RULES: &str = "project_inheritance_rules";
const TRUST: &str = "trust_inheritance_rules_from";
const ALLOW: &str = "allow all";
const BLOCK: &str = "block type:remote if local_exists";

/// What an index's options mean here, and what of them means nothing.
#[derive(Debug)]
pub struct Translated {
    pub options: Options,
    pub notes: Vec<String>,
}

/// The type of an index as the export has it: what is missing in old ones is a stage.
pub fn kind_of<'a>(name: &IndexName, config: &'a Object) -> &'a str {
    match config.get("type").and_then(Value::as_str) {
        Some("local") => "stage",
        Some("remote") => "mirror",
        Some(kind) => kind,
        None if *name == IndexName::root_pypi() => "mirror",
        None => "stage",
    }
}

/// # Errors
/// `Bad` if this is no stage and no mirror.
pub fn translated(name: &IndexName, dumped: &DumpedIndex, version: DumpVersion) -> Result<Translated> {
    let kind = kind_of(name, &dumped.config);
    let mut given = one("type", kind.into());
    // Nothing but the type can be wrong with this.
    options::create(name.user(), &given)?;
    let mut notes = Vec::new();
    for (key, value) in renamed(kind, dumped, version, &mut notes) {
        // One by one, so that an option which means nothing here does not take the others along.
        let mut alone = one("type", kind.into());
        alone.insert(key.clone(), value.clone());
        match options::create(name.user(), &alone) {
            Ok(_) => drop(given.insert(key, value)),
            Err(why) => notes.push(format!("its option {key} was left out: {why}")),
        }
    }
    let mut options = options::create(name.user(), &given)?;
    // Who imports runs the server.
    options::note_operator(None, &mut options, true);
    Ok(Translated { options, notes })
}

fn one(key: &str, value: Value) -> Options {
    Options::from_iter([(key.to_owned(), value)])
}

/// The options of an export in our words, without those that say nothing.
fn renamed(kind: &str, dumped: &DumpedIndex, version: DumpVersion, notes: &mut Vec<String>) -> Object {
    let mut config = dumped.config.clone();
    config.remove("type");
    // Old exports have empty options of a plugin, and bases of mirrors.
    config.retain(|_, value| !value.is_null() && *value != "");
    if let Some(whitelist) = config.remove("pypi_whitelist") {
        config.entry("mirror_whitelist").or_insert(whitelist);
    }
    if kind == "mirror" {
        config.remove("bases");
        return config;
    }
    let rules = texts(config.remove(RULES).as_ref());
    let trust = config.remove(TRUST);
    if version < DumpVersion::Three {
        // What was made before this option existed takes the whitelists of all its bases.
        config.entry("mirror_whitelist_inheritance").or_insert("union".into());
        return config;
    }
    match trust.as_ref().and_then(Value::as_str) {
        Some("type:not remote") => drop(config.insert("mirror_whitelist_inheritance".into(), "union".into())),
        None => {}
        Some(other) => notes.push(format!("its option {TRUST} was left out: '{other}' has no counterpart")),
    }
    let mut allowed = Vec::new();
    match rules.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [ALLOW] => allowed.push("*".to_owned()),
        [] | [BLOCK] => {}
        _ => notes.push(format!(
            "its option {RULES} was left out, and names of its own are taken from no mirror: {} has no \
             counterpart",
            rules.join(", ")
        )),
    }
    for (project, known) in &dumped.projects {
        match known.rules.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            [ALLOW] => allowed.push(project.to_string()),
            [] | [BLOCK] => {}
            _ => notes.push(format!(
                "the inheritance_rules of {project} were left out: {} has no counterpart",
                known.rules.join(", ")
            )),
        }
    }
    if !allowed.is_empty() {
        config.insert("mirror_whitelist".into(), allowed.into());
    }
    config
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(name: &str, index: Value, version: DumpVersion) -> Translated {
        let name = IndexName::parse(name).unwrap();
        translated(&name, &DumpedIndex::read(index), version).unwrap()
    }

    #[test]
    fn an_index_of_devpi_two_is_a_stage_with_a_union_of_whitelists() {
        let config = json!({
            "bases": ["root/pypi"], "pypi_whitelist": ["Hello"], "acl_upload": ["user1"],
            "uploadtrigger_jenkins": null, "volatile": true,
        });
        let found = of("user1/dev", json!({"indexconfig": config}), DumpVersion::Two);
        assert_eq!(found.options["type"], "stage");
        assert_eq!(found.options["mirror_whitelist"], json!(["hello"]));
        assert_eq!(found.options["mirror_whitelist_inheritance"], "union");
        assert!(found.notes.is_empty(), "{:?}", found.notes);
    }

    #[test]
    fn the_first_mirror_of_old_exports_has_no_type_and_needs_none() {
        let found =
            of("root/pypi", json!({"indexconfig": {"bases": [], "volatile": false}}), DumpVersion::One);
        assert_eq!((&found.options["type"], &found.options["volatile"]), (&json!("mirror"), &json!(false)));
        assert!(found.options.get("bases").is_none() && found.notes.is_empty());
    }

    #[test]
    fn the_words_of_devpi_seven_mean_the_same_as_those_of_six() {
        let mirror =
            json!({"type": "remote", "remote_url": "http://up.test/simple/", "remote_refresh_delay": 0});
        let found = of("ann/up", json!({"indexconfig": mirror}), DumpVersion::Three);
        assert_eq!(found.options["mirror_url"], "http://up.test/simple/");
        assert_eq!(found.options["mirror_cache_expiry"], 0);
        let stage = json!({
            "indexconfig": {
                "type": "local", "bases": ["ann/up"], "project_inheritance_rules": [BLOCK],
                "trust_inheritance_rules_from": "type:not remote",
            },
            "projects": {"Hello": {"config": {"inheritance_rules": ["allow all"]}, "versions": {}}, "other": {}},
        });
        let found = of("ann/dev", stage, DumpVersion::Three);
        assert_eq!(found.options["mirror_whitelist"], json!(["hello"]));
        assert_eq!(found.options["mirror_whitelist_inheritance"], "union");
        let all = json!({"indexconfig": {"type": "local", "project_inheritance_rules": ["allow all"]}});
        assert_eq!(of("ann/dev", all, DumpVersion::Three).options["mirror_whitelist"], json!(["*"]));
        let odd =
            json!({"indexconfig": {"type": "local", "project_inheritance_rules": ["block type:local"]}});
        let found = of("ann/dev", odd, DumpVersion::Three);
        assert_eq!((&found.options["mirror_whitelist"], found.notes.len()), (&json!([]), 1));
    }

    #[test]
    fn an_option_that_means_nothing_here_takes_no_other_along() {
        let config =
            json!({"type": "stage", "acl_upload": ["ann"], "some_plugin": "x", "volatile": "perhaps"});
        let found = of("bob/dev", json!({"indexconfig": config}), DumpVersion::Two);
        assert_eq!(found.options["acl_upload"], json!(["ann"]));
        assert_eq!(found.options["volatile"], true);
        assert_eq!(found.notes.len(), 2, "{:?}", found.notes);
        let name = IndexName::parse("bob/dev").unwrap();
        let odd = DumpedIndex::read(json!({"indexconfig": {"type": "constrained"}}));
        let why = translated(&name, &odd, DumpVersion::Two).unwrap_err().to_string();
        assert_eq!(why, "unknown index type 'constrained'");
    }
}
