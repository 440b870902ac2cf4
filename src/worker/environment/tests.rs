//! What requests come to the same environment, what pip's messages mean, and how long one is kept.

use super::layout::{self, packages_folder};
use super::*;
use crate::build::target::Target;
use crate::packaging::requirement::Requirement;
use crate::tools::scratch::ScratchFolder;
use crate::words::Step;
use crate::worker::bench::Environment;
use crate::worker::interpreters::Interpreter;
use std::collections::BTreeMap;
use std::path::Path;

fn interpreter() -> Interpreter {
    Interpreter {
        target: Target {
            version: "3.12.1".into(),
            implementation: "cp".into(),
            abi: "cp312".into(),
            markers: BTreeMap::from([("python_version".into(), "3.12".into())]),
            ..Target::default()
        },
        cross: Vec::new(),
        executable: "/opt/python/bin/python3.12".into(),
        prefix: "/opt/python".into(),
        base_prefix: "/opt/python".into(),
        site_packages: "/opt/python/lib/python3.12/site-packages".into(),
        include: None,
        shared_library: None,
        guests: Vec::new(),
        launcher: None,
    }
}

fn request<'a>(
    interpreter: &'a Interpreter,
    context: &'a str,
    requirements: &[&str],
) -> EnvironmentRequest<'a> {
    let requirements: Vec<String> = requirements.iter().map(|text| (*text).to_owned()).collect();
    EnvironmentRequest::new(interpreter, context, Step::Environment).with(&requirements).unwrap()
}

/// Where an environment stands on the host.
fn tree(environment: &Environment) -> &Path {
    let mount = environment.mounts.iter().find(|mount| mount.inside == Path::new(layout::INSIDE));
    &mount.expect("its own mount").host
}

/// A finished workshop with one package in it.
fn made(environments: &Environments, packages: &[(&str, &str)], record: &str) -> ScratchFolder {
    let (folder, tree) = environments.workshop().unwrap();
    for (name, version) in packages {
        let info = tree.join(packages_folder(&interpreter())).join(format!("{name}-{version}.dist-info"));
        std::fs::create_dir_all(&info).unwrap();
        std::fs::write(info.join("RECORD"), record).unwrap();
    }
    folder
}

#[test]
fn order_and_spelling_make_no_other_request_but_context_date_and_constraints_do() {
    let python = interpreter();
    let first = request(&python, "a/b", &["wheel", "setuptools >= 40"]);
    let same = request(&python, "a/b", &["Setuptools>=40", "wheel", "wheel", "x; python_version < '3'"]);
    assert_eq!(first.key().unwrap(), same.key().unwrap());
    let mut dated = first.clone();
    dated.at = Some("2020-01-01");
    let mut constrained = first.clone();
    constrained.constraints = vec![Requirement::parse("setuptools<58").unwrap()];
    let elsewhere = request(&python, "a/c", &["wheel", "setuptools>=40"]);
    for other in [dated, constrained, elsewhere] {
        assert_ne!(first.key().unwrap(), other.key().unwrap());
    }
    let twice = request(&python, "a/b", &["a[x]>=1", "b", "a[y]<3", "a"]);
    assert_eq!(EnvironmentRequest::lines(&twice.requirements).unwrap(), ["a[x,y]<3,>=1", "b"]);
    let past_the_index = request(&python, "a/b", &["x @ file:///work/x"]);
    assert!(past_the_index.key().unwrap_err().to_string().contains("come from the index"));
}

#[test]
fn what_is_equal_is_kept_once_and_what_differs_in_a_record_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let environments = Environments::open(folder.path().to_owned(), u64::MAX).unwrap();
    let python = interpreter();
    let keep = |requirement: &str, record: &str| {
        let request = request(&python, "a/b", &[requirement]);
        let made = made(&environments, &[("My_Tool", "1.0")], record);
        environments.keep(&request, &request.key().unwrap(), made, None).unwrap().environment
    };
    let first = keep("my-tool", "x");
    assert_eq!(first.packages, BTreeMap::from([("my-tool".into(), "1.0".into())]));
    assert_eq!(tree(&keep("my-tool>=1", "x")), tree(&first));
    assert_ne!(tree(&keep("my-tool", "y")), tree(&first));
    let leftovers = std::fs::read_dir(folder.path()).unwrap().flatten();
    let leftovers: Vec<_> =
        leftovers.filter(|each| each.file_name().to_string_lossy().starts_with("new-")).collect();
    assert!(leftovers.is_empty(), "{leftovers:?}");
    let again =
        environments.remembered(&request(&python, "a/b", &["my-tool>=1"]).key().unwrap(), &python, A_DAY);
    assert_eq!(again.unwrap().environment, first);
}

#[test]
fn what_was_chosen_before_a_quarantine_is_chosen_anew_and_again_after_its_release() {
    let folder = tempfile::tempdir().unwrap();
    let environments = Environments::open(folder.path().to_owned(), u64::MAX).unwrap();
    let python = interpreter();
    let request = request(&python, "a/b", &["my-tool"]);
    let key = || environments.since_quarantines("a/b", request.key().unwrap());
    let made = made(&environments, &[("my_tool", "1.0")], "x");
    environments.keep(&request, &key(), made, None).unwrap();
    let is_known = || environments.remembered(&key(), &python, A_DAY).is_some();
    assert!(is_known());
    environments.note_quarantines("a/c", "7");
    assert!(is_known(), "another context's");
    environments.note_quarantines("a/b", "7");
    assert!(!is_known());
    environments.note_quarantines("a/b", "");
    assert!(is_known());
}

#[test]
fn the_longest_unused_goes_first_and_never_one_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let environments = Environments::open(folder.path().to_owned(), 0).unwrap();
    let python = interpreter();
    let keep = |requirement: &str| {
        let request = request(&python, "a/b", &[requirement]);
        let made = made(&environments, &[(requirement, "1.0")], requirement);
        environments.keep(&request, &request.key().unwrap(), made, None).unwrap()
    };
    let (used, unused) = (keep("used"), keep("unused").environment);
    environments.evict();
    assert!(tree(&used.environment).is_dir() && !tree(&unused).exists());
    drop(used);
    environments.evict();
    assert!(
        environments.remembered(&request(&python, "a/b", &["used"]).key().unwrap(), &python, A_DAY).is_none()
    );
}

#[test]
fn what_pip_did_not_find_is_read_from_its_message() {
    for (line, found) in [
        ("ERROR: No matching distribution found for hatch==0.0.1", "hatch==0.0.1"),
        (
            "ERROR: No matching distribution found for flit_core<4,>=3.2 (from versions: none)",
            "flit-core<4,>=3.2",
        ),
        (
            "  ERROR: No matching distribution found for a>1; python_version > '3' (from b->-r /x (line 1))",
            "a>1",
        ),
    ] {
        let printed = format!("Collecting\n{line}\nmore");
        assert_eq!(install::no_distribution(&printed).map(|each| each.to_string()).as_deref(), Some(found));
    }
    assert_eq!(install::no_distribution("ERROR: ResolutionImpossible"), None);
}
