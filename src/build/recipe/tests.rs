//! Recipes: read strictly, laid on top of each other, hashed by what they mean for one target.

use super::*;
use crate::build::target::Target;
use crate::db::recipes::StoredRecipe;
use crate::names::ProjectName;
use crate::packaging::version::{self, Version};

fn target(python: &str) -> Target {
    let markers = [("python_version", python), ("sys_platform", "linux"), ("implementation_name", "cpython")];
    Target {
        name: format!("cp{}-manylinux_2_36_x86_64", python.replace('.', "")),
        implementation: "cp".into(),
        version: format!("{python}.1"),
        abi: format!("cp{}", python.replace('.', "")),
        tags: Vec::new(),
        markers: markers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        distribution: "debian 12".into(),
        built_on: None,
    }
}

fn stored(name: &str, text: &str) -> StoredRecipe {
    StoredRecipe {
        name: name.into(),
        text: text.into(),
        sha256: String::new(),
        changed_by: "root".into(),
        changed_at: 0,
    }
}

fn recipes(files: &[(&str, &str)]) -> Recipes {
    let rows: Vec<StoredRecipe> = files.iter().map(|(name, text)| stored(name, text)).collect();
    Recipes::load(None, &rows).unwrap()
}

fn project(name: &str) -> ProjectName {
    ProjectName::new(name).unwrap()
}

fn version(text: &str) -> Option<Version> {
    version::parse(text)
}

const EXAMPLE: &str = r#"
name = "Demo_Pkg"
versions = ">=1.4,<3"

[system]
debian = ["libdemo-dev", "pkg-config"]
"debian 11" = ["libdemo1-dev"]

[build]
constraints = ["setuptools<81"]
env = { DEMO_CFLAGS = "", KEEP = "1" }
config_settings = { "--global-option" = ["a", "b"], x = "y" }
before = ["sh autogen.sh"]
patches = ['''
--- a/x
+++ b/x
@@ -1 +1 @@
-a
+b
''']
expect = "platform"
timeout = "10m"
memory = "2 GiB"

[repair]
exclude = ["libcuda.so.1"]

[test]
requires = ["pytest"]
import = ["demo.core"]
command = "pytest tests"
env = { CONFIG = "{db.dir}/x.cnf" }

[[test.service]]
name = "db"
packages = { debian = ["db-server"] }
setup = ["db-init {dir}"]
start = "db --foreground {dir}"
ready = "db-ping {dir}"

[[override]]
when = "python_version == '2.7'"
build.constraints = ["setuptools<45"]
build.env = { DEMO_CFLAGS = "-O1" }

[[override]]
when = [">=2", "python_version >= '3'"]
test.command = "pytest tests -k new"
"#;

#[test]
fn a_recipe_is_put_together_for_one_version_and_target() {
    let all = recipes(&[("demo", EXAMPLE)]);
    let of = |v: &str, python: &str| {
        all.recipe_for(&project("demo.pkg"), version(v).as_ref(), &target(python)).unwrap()
    };
    let plain = of("1.5", "3.12").unwrap();
    assert_eq!(plain.packages, ["libdemo-dev", "pkg-config"]);
    assert_eq!(plain.build.constraints, ["setuptools<81"]);
    assert_eq!((plain.build.timeout, plain.build.memory), (Some(600), Some(2 << 30)));
    assert_eq!(plain.build.expect, Some(Expect::Platform));
    assert_eq!(plain.build.patches[0].name, "in demo.toml");
    assert_eq!(plain.build.config_settings["x"], ConfigSetting::Once("y".into()));
    assert_eq!(plain.test.command.as_deref(), Some("pytest tests"));
    assert_eq!(plain.test.services[0].packages, ["db-server"]);
    let old = of("1.5", "2.7").unwrap();
    assert_eq!(old.build.constraints, ["setuptools<45"]);
    assert_eq!(old.build.env["DEMO_CFLAGS"], "-O1");
    assert_eq!(old.build.env["KEEP"], "1", "tables are joined");
    assert_eq!(of("2.1", "3.12").unwrap().test.command.as_deref(), Some("pytest tests -k new"));
    assert_eq!(of("2.1", "2.7").unwrap().test.command.as_deref(), Some("pytest tests"));
    assert_eq!(of("3.0", "3.12"), None);
    assert_eq!(all.recipe_for(&project("demo-pkg"), None, &target("3.12")).unwrap(), None);
    assert_eq!(all.recipe_for(&project("other"), version("2").as_ref(), &target("3.12")).unwrap(), None);
}

#[test]
fn packages_are_those_of_the_targets_distribution() {
    let all = recipes(&[("demo", EXAMPLE)]);
    let packages = |distribution: &str| {
        let target = Target { distribution: distribution.into(), ..target("3.12") };
        all.recipe_for(&project("demo-pkg"), version("2").as_ref(), &target).unwrap().unwrap().packages
    };
    assert_eq!(packages("debian 11"), ["libdemo1-dev"]);
    assert_eq!(packages("debian 13"), ["libdemo-dev", "pkg-config"]);
    assert_eq!(packages("ubuntu 24.04"), ["libdemo-dev", "pkg-config"]);
    assert!(packages("fedora 41").is_empty());
}

#[test]
fn what_changes_for_others_does_not_change_the_hash() {
    let hash = |text: &str, python: &str| {
        let all = recipes(&[("demo", text)]);
        let recipe = all.recipe_for(&project("demo-pkg"), version("1.5").as_ref(), &target(python)).unwrap();
        recipe.unwrap().sha256().unwrap()
    };
    let changed = EXAMPLE.replace("setuptools<45", "setuptools<40");
    assert_eq!(hash(EXAMPLE, "3.12"), hash(&changed, "3.12"));
    assert_ne!(hash(EXAMPLE, "2.7"), hash(&changed, "2.7"));
    let other_distribution = EXAMPLE.replace("libdemo1-dev", "libdemo2-dev");
    assert_eq!(hash(EXAMPLE, "2.7"), hash(&other_distribution, "2.7"));
    let spaced = EXAMPLE.replace("setuptools<81", "setuptools < 81");
    assert_eq!(hash(EXAMPLE, "3.12"), hash(&spaced, "3.12"), "the spelling does not count");
}

#[test]
fn defaults_lie_below_every_project() {
    let defaults = "build.env = { A = \"1\", B = \"2\" }\nbuild.timeout = \"1h\"\n";
    let own = "name = \"demo\"\nbuild.env = { B = \"3\" }\n";
    let all = recipes(&[("_defaults", defaults), ("demo", own)]);
    let env = |name: &str| {
        let recipe = all.recipe_for(&project(name), version("1").as_ref(), &target("3.12")).unwrap().unwrap();
        (recipe.build.env.values().cloned().collect::<Vec<_>>().join(","), recipe.build.timeout)
    };
    assert_eq!(env("demo"), ("1,3".into(), Some(3600)));
    assert_eq!(env("another"), ("1,2".into(), Some(3600)));
    let named = RecipeFile::parse("_defaults.toml", "_defaults", own, &|_| Err(String::new()));
    assert!(named.unwrap_err().to_string().contains("the keys name and versions"));
}

#[test]
fn what_is_wrong_is_refused_with_its_line_and_what_was_probably_meant() {
    let head = "name = \"demo\"\n\n";
    for (text, message) in [
        ("[build]\nconstraint = []", "4: unknown key build.constraint, did you mean build.constraints?"),
        ("constraints = []", "3: unknown key constraints, did you mean build.constraints?"),
        ("[sytem]\ndebian = []", "3: unknown key sytem, did you mean system?"),
        ("zzz = 1", "3: unknown key zzz"),
        ("verison = '>1'", "3: unknown key verison, did you mean versions?"),
        ("build = 3", "3: build must be a table"),
        ("build.timeout = 'soon'", "3: build.timeout must be a time like \"10m\", not \"soon\""),
        ("build.memory = 2.5", "3: build.memory must be a size like \"2 GiB\""),
        ("build.expect = 'any'", "3: build.expect must be \"platform\" or \"pure\", not \"any\""),
        (
            "build.constraints = [\n'setuptools<81',\n'set up']",
            "5: build.constraints must contain requirements: ",
        ),
        ("build.env = { 'A B' = '1' }", "3: build.env.A B is not a valid name of an environment variable"),
        ("build.env = { A = 1 }", "3: build.env.A must be a text"),
        ("build.before = 'make'", "3: build.before must be a list of texts"),
        ("build.patches = ['../x']", "3: build.patches must contain names of files beside the recipe"),
        ("build.patches = ['x.patch']", "3: build.patches names x.patch: "),
        ("versions = 'new'", "3: versions must be version specifiers like \">=1.4,<3\", not \"new\": "),
        ("system.debian = ['-o', 'x']", "3: system.debian must contain names of packages, not \"-o\""),
        ("system.debian = ['../../x']", "3: system.debian must contain names of packages, not \"../../x\""),
        ("test.import = ['a b']", "3: test.import must contain names of modules, not \"a b\""),
        ("test.sources = ['/etc']", "3: test.sources must contain paths inside the source, not \"/etc\""),
        ("[[test.service]]\nname = 'x'", "3: a service needs the key start"),
        (
            "[[test.service]]\nname = 'x/y'\nstart = 'a'",
            "3: test.service.name: \"x/y\" must be a unique name",
        ),
        ("[[test.service]]\nredy = 'x'", "4: unknown key test.service.redy, did you mean ready?"),
        ("[[override]]\nbuild.expect = 'pure'", "3: an override needs the key when"),
        ("[[override]]\nwhen = 'python == 2'", "4: when: "),
        ("[[override]]\nwhen = '>= x'", "4: when: "),
        ("[[override]]\nwhen = '>2'\nname = 'x'", "5: unknown key name"),
        (
            "[[override]]\nwhen = '>2'\nbuild.constrains = []",
            "5: unknown key build.constrains, did you mean build.constraints?",
        ),
        ("[build]\n[build]", "4: "),
        ("x = [", "3: "),
    ] {
        let parsed =
            RecipeFile::parse("demo.toml", "demo", &format!("{head}{text}\n"), &|_| Err("not here".into()));
        let error = parsed.expect_err(text).to_string();
        assert!(error.starts_with(&format!("demo.toml:{message}")), "{text:?}: {error}");
        assert!(!error.contains('\n'), "{error}");
    }
    let nameless = RecipeFile::parse("demo.toml", "demo", "build.expect = 'pure'", &|_| Err(String::new()));
    assert!(nameless.unwrap_err().to_string().contains("the key name is missing"));
}

#[test]
fn a_recipe_that_cannot_be_read_stops_its_own_project_only() {
    let all = recipes(&[
        ("demo", "name = \"demo\"\nbuid = 1\n"),
        ("other", "name = \"other\"\nbuild.expect = 'pure'"),
    ]);
    let get = |name: &str| all.recipe_for(&project(name), version("1").as_ref(), &target("3.12"));
    let error = get("demo").unwrap_err().to_string();
    assert_eq!(error, "cannot read the recipe for demo: demo.toml:2: unknown key buid, did you mean build?");
    assert!(get("other").unwrap().is_some());
    assert!(get("third").unwrap().is_none());
}

#[test]
fn a_folder_hides_what_is_shipped_and_the_api_hides_both() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("x.patch"), "--- a\n+++ b\n").unwrap();
    let text = "name = 'mysqlclient'\nbuild.patches = ['x.patch']\n";
    std::fs::write(folder.path().join("mysqlclient.toml"), text).unwrap();
    std::fs::write(folder.path().join("notes.txt"), "no recipe").unwrap();
    let get = |rows: &[StoredRecipe]| {
        let all = Recipes::load(Some(folder.path()), rows).unwrap();
        let recipe = all.recipe_for(&project("mysqlclient"), version("2").as_ref(), &target("3.12")).unwrap();
        (all.get("mysqlclient").unwrap().origin, recipe)
    };
    let (origin, recipe) = get(&[]);
    assert_eq!(origin, RecipeOrigin::Folder);
    let patches = recipe.unwrap().build.patches;
    assert_eq!(patches, [Patch { name: "x.patch".into(), text: "--- a\n+++ b\n".into() }]);
    let (origin, recipe) = get(&[stored("mysqlclient", "name = 'mysqlclient'")]);
    assert_eq!((origin, recipe), (RecipeOrigin::Api, None), "an empty recipe is the plain way");
}

#[test]
fn the_shipped_recipes_are_those_of_the_folder_and_each_can_be_read() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    files.sort();
    let all = Recipes::load(None, &[]).unwrap();
    let entries: Vec<&RecipeEntry> = all.entries().collect();
    assert_eq!(entries.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>(), files);
    for entry in entries {
        assert_eq!(entry.file.as_ref().err(), None, "{}", entry.name);
    }
}

#[test]
fn a_worker_reads_what_the_server_wrote_and_refuses_what_it_does_not_know() {
    let all = recipes(&[("demo", EXAMPLE)]);
    let recipe =
        all.recipe_for(&project("demo-pkg"), version("2").as_ref(), &target("3.12")).unwrap().unwrap();
    let mut json = recipe.to_json().unwrap();
    assert_eq!(Recipe::from_json(&json).unwrap(), recipe);
    assert_eq!(
        Recipe::from_json(&serde_json::from_str(&recipe.canonical().unwrap()).unwrap()).unwrap(),
        recipe
    );
    json["build"]["later"] = true.into();
    assert!(Recipe::from_json(&json).unwrap_err().to_string().contains("later"));
}

#[test]
fn every_key_has_a_place_in_what_a_worker_gets() {
    // `EXAMPLE` and this have every key once.
    let rest = "name = 'demo'\nbuild.requires = ['a']\nbuild.without = ['c']\nbuild.script = true\n\
                build.as_of = '2019-05-01'\nbuild.regenerate = 'Cython<3'\nbuild.adjust_c_api = true\nbuild.reproducible = true\ntest.packages = ['b']\ntest.sources = ['tests']\n\
                test.before = ['true']\n[[test.service]]\nname = 'x'\nstart = 'y'\npatience = '5s'\n";
    let both = format!("{EXAMPLE}{rest}");
    for key in keys::KEYS.iter().chain(keys::HEAD).chain(keys::SERVICE) {
        let name = key.path.rsplit('.').next().unwrap();
        assert!(both.contains(name), "{}", key.path);
    }
    for text in [EXAMPLE, rest] {
        let entry = RecipeEntry::stored("demo", text.into());
        let layer = &entry.file.as_ref().unwrap().layer;
        let json = layer.put_together(&target("3.12")).unwrap().to_json().unwrap();
        for key in layer.0.keys() {
            let pointer = format!("/{}", key.replace("system", "packages").replace('.', "/"));
            assert!(json.pointer(&pointer).is_some(), "{key}");
        }
    }
}

#[test]
fn the_documents_show_a_recipe_that_can_be_read_and_every_key() {
    let how_to = include_str!("../../../docs/how-to/write-a-recipe.md");
    let (_, section) = how_to.split_once("## Write the file").unwrap();
    let example = section.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let entry = RecipeEntry::stored("libdemo", example.to_owned());
    assert_eq!(entry.file.as_ref().err(), None);
    let all = recipes(&[("libdemo", example)]);
    let recipe =
        all.recipe_for(&project("libdemo"), version("1.2").as_ref(), &target("2.7")).unwrap().unwrap();
    assert_eq!((recipe.packages.len(), recipe.build.constraints), (2, vec!["setuptools<45".to_owned()]));
    assert_eq!(recipe.test.services[0].packages, ["postgresql"]);
    let reference = include_str!("../../../docs/reference/recipes.md");
    assert!(
        reference.contains(&keys::reference()),
        "write this into docs/reference/recipes.md:\n{}",
        keys::reference()
    );
}
