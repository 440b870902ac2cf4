//! What the exported recipe says is what was found, for each release and target.

use super::*;
use crate::build::recipe::{RecipeEntry, Recipes};
use crate::build::target::Target;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn recipe(json: &str) -> Recipe {
    serde_json::from_str(json).unwrap()
}

fn found(version: &str, target: &str, json: &str, build: i64) -> Finding {
    Finding { version: version.to_owned(), target: target.to_owned(), found: recipe(json), build }
}

fn exported(findings: &[Finding]) -> String {
    export(&ProjectName::new("demo").unwrap(), findings, None).unwrap()
}

fn target(name: &str) -> Target {
    let read = TargetName::read(name);
    let markers = [
        ("python_version", read.python.as_str()),
        ("implementation_name", read.implementation),
        ("sys_platform", read.system),
    ];
    Target {
        name: name.to_owned(),
        distribution: "debian 12".to_owned(),
        markers: markers
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect::<BTreeMap<_, _>>(),
        ..Target::default()
    }
}

/// What the recipe of this text is for a release and a target.
fn applied(text: &str, version: &str, on: &str) -> Recipe {
    let entry = RecipeEntry::sent("demo", text.to_owned()).unwrap_or_else(|error| panic!("{error}: {text}"));
    let (file, version) = (entry.file.unwrap(), version::parse(version).unwrap());
    assert!(file.is_for(&ProjectName::new("demo").unwrap(), Some(&version)), "{version}: {text}");
    Recipes::default().recipe_by(&file, Some(&version), &target(on)).unwrap()
}

const CP312: &str = "cp312-manylinux_2_36_x86_64";
const CP313: &str = "cp313-manylinux_2_36_x86_64";

#[test]
fn what_a_source_lacks_is_one_recipe_for_all_targets_and_the_versions_between() {
    let packages = r#"{"packages": ["libfoo-dev"], "build": {"requires": ["numpy"], "env": {"CPATH": "/usr/include/foo"}}}"#;
    let all = [
        found("1.10", CP312, packages, 9),
        found("1.2", CP313, packages, 7),
        found("1.2", CP312, packages, 8),
    ];
    assert_eq!(
        exported(&all),
        "# Found by builds 7, 8, 9\nname = \"demo\"\nversions = \">=1.2,<=1.10\"\n\n[system]\ndebian = [\"libfoo-dev\"]\n\n\
         [build]\nenv = { CPATH = \"/usr/include/foo\" }\nrequires = [\"numpy\"]\n"
    );
}

#[test]
fn what_an_interpreter_asks_for_is_said_of_it_alone() {
    let old = r#"{"build": {"constraints": ["setuptools<58"], "script": true}}"#;
    let all = [
        found("1.0", CP312, old, 3),
        found("1.0", CP313, "{\"packages\": [\"x\"]}", 4),
        found("2.0", CP312, old, 5),
    ];
    assert_eq!(
        exported(&all),
        "name = \"demo\"\nversions = \">=1.0,<=2.0\"\n\n\
         # Found by build 4\n[[override]]\nwhen = [\"==1.0\", \"python_version == '3.13'\"]\nsystem.debian = [\"x\"]\n\n\
         # Found by builds 3, 5\n[[override]]\nwhen = \"python_version == '3.12'\"\n\
         build.constraints = [\"setuptools<58\"]\nbuild.script = true\n"
    );
    let pypy = [found("1.0", CP312, old, 3), found("1.0", "pp310-win_amd64", "{\"packages\": [\"x\"]}", 4)];
    assert!(exported(&pypy).contains("'3.10' and implementation_name == 'pypy' and sys_platform == 'win32'"));
}

#[test]
fn what_a_worker_says_is_written_as_text_and_as_nothing_else() {
    let odd = r#"{"packages": ["a"], "build": {"before": ["id"], "env": {"A": "a\"]\n[build]\nbefore = [\"id", "B": "'''\u0007\u007f"}}}"#;
    let text = exported(&[found("1.0", CP312, odd, 1)]);
    assert!(!text.contains("\nbefore") && !text.contains("\n[build]\nbefore"), "{text}");
    let applied = applied(&text, "1.0", CP312);
    assert_eq!(applied.build.before, Vec::<String>::new());
    assert_eq!((&applied.packages, &applied.build.env), (&recipe(odd).packages, &recipe(odd).build.env));
    // What is no name of a package is written, too, and refused where the recipe is read.
    let odd_name = r#"{"packages": ["a\"]\nname = [\"b"]}"#;
    let no_name = exported(&[found("1.0", CP312, odd_name, 1)]);
    assert!(!no_name.contains("\nname = ["), "{no_name}");
    assert_eq!(export(&ProjectName::new("demo").unwrap(), &[], None), None);
    let no_version = found("from-2004", CP312, odd, 1);
    assert_eq!(export(&ProjectName::new("demo").unwrap(), &[no_version], None), None);
}

proptest! {
    #[test]
    fn for_each_release_and_target_it_says_what_was_found(
        cells in proptest::collection::btree_map((0..5_usize, 0..3_usize), 0..4_usize, 1..12)
    ) {
        let kinds = [
            r#"{"packages": ["a"]}"#,
            r#"{"packages": ["b"], "build": {"requires": ["numpy"]}}"#,
            r#"{"build": {"constraints": ["setuptools<58"]}}"#,
            r#"{"packages": ["a"], "build": {"as_of": "2019-05-01", "without": ["x"]}}"#,
        ];
        let targets = [CP312, CP313, "pp310-manylinux_2_36_x86_64"];
        let findings: Vec<Finding> = cells
            .iter()
            .enumerate()
            .map(|(at, ((version, on), kind))| found(&format!("1.{version}"), targets[*on], kinds[*kind], at as i64))
            .collect();
        let text = exported(&findings);
        for each in &findings {
            prop_assert_eq!(&applied(&text, &each.version, &each.target), &each.found, "{} {}: {}", each.version, each.target, text);
        }
    }
}
