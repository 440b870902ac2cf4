//! A job through all its steps in the real sandbox: small sources made in code, and two from PyPI.

use crate::kit::Server;
use crate::kit::packages::Package;
use crate::kit::sources::Tree;
use crate::kit::workbench::{Done, Workbench, bundled_pip};
use serde_json::json;
use wheelwright::build::job::{Job, JobOutcome};
use wheelwright::config::upstream::default_upstream;
use wheelwright::words::{Class, Evidence, Failure, Step};

impl Done {
    pub(super) fn evidence(&self) -> &Evidence {
        match &self.outcome {
            JobOutcome::Built { evidence, .. } => evidence,
            other => panic!("{other:?}\n{}", self.log),
        }
    }

    pub(super) fn failure(&self) -> &Failure {
        match &self.outcome {
            JobOutcome::Failed(failure) => failure,
            other => panic!("{other:?}\n{}", self.log),
        }
    }

    pub(super) fn needs(&self) -> &[String] {
        match &self.outcome {
            JobOutcome::Needs { requirements } => requirements,
            other => panic!("{other:?}\n{}", self.log),
        }
    }
}

/// The newest Python of this machine that can be had without flags.
pub(super) const NEWEST: &str = "3.13";

/// A stage with pip in it, as the interpreter itself brings it along, and `packages`.
pub async fn index_with(packages: &[Package]) -> Server {
    let server = Server::start().await;
    server.have_index("alice/tools", json!({"type": "stage", "bases": []})).await;
    for name in [NEWEST, "2.7"] {
        let (filename, bytes) = bundled_pip(name).await;
        let version = filename.split('-').nth(1).expect("a version").to_owned();
        server.host_file("alice/tools", "pip", &version, &filename, &bytes).await;
    }
    for package in packages {
        let wheel = package.wheel();
        server.host_file("alice/tools", &package.name, &package.version, &wheel.filename, &wheel.bytes).await;
    }
    server
}

pub(super) fn in_tools(job: &mut Job) {
    job.context = "alice/tools".to_owned();
}

pub(super) async fn build(bench: &Workbench, tree: &Tree, target: &str) -> Done {
    bench.build(&tree.filename(), tree.sdist(), target, in_tools).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_goes_through_all_steps_and_its_wheel_is_handed_in() {
    let bench = Workbench::start(None).await;
    for target in [NEWEST, "2.7"] {
        let done = build(&bench, &Tree::new("demo", "1.0"), target).await;
        let evidence = done.evidence();
        assert_eq!((evidence.strategy.as_str(), evidence.sandbox.as_str()), ("plain", "bubblewrap"));
        assert!(evidence.durations.contains_key("build") && evidence.requirements.is_empty());
        assert_eq!(done.wheels.len(), 1, "{}", done.log);
        assert!(done.wheels.iter().all(|(name, _)| name.starts_with("demo-1.0-py2.py3-none-any")));
        let mut steps = done.steps.clone();
        steps.dedup();
        assert!(steps.starts_with(&[Step::Fetch]) && steps.ends_with(&[Step::Report]), "{steps:?}");
    }
    let left = std::fs::read_dir(bench.data.path().join("jobs")).expect("a folder").count();
    assert_eq!(left, 0, "the folder of a job goes with it");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interpreter_that_the_source_excludes_is_refused_before_anything_is_prepared() {
    let bench = Workbench::start(None).await;
    let tree = Tree::new("demo", "1.0").file(
        "pyproject.toml",
        "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n\
         [project]\nrequires-python = '>=3.8'\n",
    );
    let done = build(&bench, &tree, "2.7").await;
    assert_eq!((done.failure().class, done.failure().step), (Class::RequiresPython, Step::Unpack));
    assert!(done.failure().hint.contains(">=3.8") && !done.steps.contains(&Step::Environment));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_backend_asks_for_is_installed_from_the_context_once() {
    let server = index_with(&[Package::new("tool", "1.0"), Package::new("tool", "2.0")]).await;
    let bench = Workbench::start(Some(server.url(""))).await;
    let tree =
        Tree::new("demo", "1.0").asks_for("['Tool<2', 'none; python_version<\"2\"']").does("import tool");
    for target in [NEWEST, "3.9"] {
        let done = build(&bench, &tree, target).await;
        assert_eq!(done.evidence().requirements.get("tool").map(String::as_str), Some("1.0"));
        assert!(done.log.contains("installing tool<2"), "{}", done.log);
        let again = build(&bench, &tree, target).await;
        assert_eq!(again.evidence().requirements.len(), 1);
        assert!(!again.log.contains("installing"), "remembered: {}", again.log);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_requirement_without_a_wheel_is_needed_first_and_one_without_anything_is_a_failure() {
    let server = index_with(&[]).await;
    let tool = Tree::new("tool", "1.0");
    server.host_file("alice/tools", "tool", "1.0", &tool.filename(), &tool.sdist()).await;
    let bench = Workbench::start(Some(server.url(""))).await;
    let needs = build(&bench, &Tree::new("demo", "1.0").asks_for("['tool>=0.5']"), NEWEST).await;
    assert_eq!(needs.needs(), ["tool>=0.5"]);
    let done = build(&bench, &Tree::new("demo", "1.0").asks_for("['tool>=2']"), NEWEST).await;
    assert_eq!(done.failure().class, Class::BuildRequirement);
    assert!(done.failure().hint.contains("tool>=2"), "{:?}", done.failure());
    let done = build(&bench, &Tree::new("demo", "1.0").asks_for("['tool @ file:///work/src']"), NEWEST).await;
    assert!(done.failure().hint.contains("come from the index"), "{:?}", done.failure());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_whose_class_has_a_remedy_is_tried_again_with_it() {
    let packages = [Package::new("setuptools", "84.0"), Package::new("setuptools", "57.5")];
    let packages = packages.map(|package| {
        let version = package.version.clone();
        package.member("fake_setuptools.py", format!("version = {version:?}\n"))
    });
    let server = index_with(&packages).await;
    let bench = Workbench::start(Some(server.url(""))).await;
    let tree = Tree::new("demo", "1.0").asks_for("['setuptools']").does(
        "import fake_setuptools\n\
         if fake_setuptools.version > '58':\n    \
             sys.exit('error in demo setup command: use_2to3 is invalid.')",
    );
    // On 3.12 and later no such setuptools runs.
    let done = build(&bench, &tree, "3.9").await;
    assert_eq!(done.evidence().strategy, "constraints: setuptools<58");
    assert_eq!(done.evidence().requirements.get("setuptools").map(String::as_str), Some("57.5"));
    assert!(done.log.contains("attempt 2: constraints"), "{}", done.log);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_bytes_than_the_job_names_are_never_unpacked() {
    let bench = Workbench::start(None).await;
    let tree = Tree::new("demo", "1.0");
    let other = |job: &mut Job| job.source_sha256 = "0".repeat(64);
    let done = bench.build(&tree.filename(), tree.sdist(), NEWEST, other).await;
    assert_eq!((done.failure().class, done.failure().step), (Class::BadSource, Step::Fetch));
}

#[tokio::test(flavor = "multi_thread")]
async fn pure_and_compiled_projects_of_pypi_are_built_for_old_and_new_interpreters_twice_the_same() {
    let upstream = default_upstream(|name| std::env::var(name).ok()).expect("PyPI's address");
    let server = Server::start_with(|config| config.upstream = Some(upstream)).await;
    let bench = Workbench::start(Some(server.url(""))).await;
    let set = [
        ("docopt", "docopt-0.6.2.tar.gz"),
        ("markupsafe", "MarkupSafe-1.1.1.tar.gz"),
        ("simplejson", "simplejson-3.17.6.tar.gz"),
    ];
    for (project, filename) in set {
        let page = server.get(&format!("/root/pypi/+simple/{project}/")).await.text().await.expect("a page");
        let link = page.split('"').find(|text| text.contains(&format!("/{filename}"))).expect("its link");
        let path = link.trim_start_matches("../").split('#').next().unwrap_or_default();
        let bytes = server.get(&format!("/{path}")).await.bytes().await.expect("the sdist");
        for target in [NEWEST, "2.7"] {
            let done = bench.build(filename, bytes.clone(), target, twice).await;
            let (name, _) = done.wheels.first().unwrap_or_else(|| panic!("{:?}\n{}", done.outcome, done.log));
            assert_eq!(name.ends_with("-none-any.whl"), project == "docopt", "{name}\n{}", done.log);
            assert_eq!(done.evidence().reproducible, Some(true), "{name}\n{}", done.log);
        }
    }
}

fn twice(job: &mut Job) {
    job.recipe = Some(json!({"build": {"reproducible": true}}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_build_that_differs_is_told_and_none_is_made_unless_asked_for() {
    let bench = Workbench::start(None).await;
    let tree = Tree::new("demo", "1.0").does("members['seed.py'] = 'x = %r' % os.urandom(8)");
    for (asked, expected) in [(true, Some(false)), (false, None)] {
        let change = |job: &mut Job| {
            if asked {
                twice(job);
            }
        };
        let done = bench.build(&tree.filename(), tree.sdist(), NEWEST, change).await;
        assert_eq!(done.evidence().reproducible, expected, "{}", done.log);
        assert_eq!(done.wheels.len(), 1);
    }
}
