//! Discovery on the machine that runs the tests, and what the probe's answer becomes.

use super::*;

async fn here() -> Vec<Interpreter> {
    discover(&BuildSettings::default()).await.expect("nothing is configured that could be wrong")
}

#[tokio::test]
async fn each_target_is_found_once_and_is_complete() {
    let found = here().await;
    assert!(!found.is_empty(), "there is no Python on this machine");
    for one in &found {
        assert!(one.executable.is_absolute() && !one.executable.is_symlink(), "{one:?}");
        assert!(one.prefix.is_dir() && one.base_prefix.is_dir(), "{one:?}");
        let (own, platform) = one.target.halves();
        let (major, minor) = one.target.python();
        let python = format!("{}{major}{minor}", one.target.implementation);
        let best = format!("a-1-{python}-{}-{platform}.whl", one.target.abi);
        assert!(one.target.accepts(&best).is_some_and(|rank| rank < 3) && own.starts_with(&python), "{best}");
        assert!(one.target.accepts("a-1-py2.py3-none-any.whl").is_some(), "{best}");
        assert_eq!(one.target.markers.len(), 11);
        let same = found.iter().filter(|other| other.target.name == one.target.name).count();
        assert_eq!(same, 1, "{}", one.target.name);
    }
}

#[tokio::test]
async fn only_configured_targets_are_offered() {
    let all = here().await;
    let asked = all.first().map(|one| one.target.halves().0.to_owned()).expect("one");
    let settings = BuildSettings { targets: vec![asked.clone()], ..BuildSettings::default() };
    let found = discover(&settings).await.expect("it is there");
    assert_eq!(found.iter().map(|one| one.target.halves().0).collect::<Vec<_>>(), [asked]);

    let settings = BuildSettings { targets: vec!["cp399".into()], ..BuildSettings::default() };
    let error = discover(&settings).await.expect_err("there is none").to_string();
    assert!(error.contains("cp399") && error.contains(&all[0].target.name), "{error}");
}

#[tokio::test]
async fn what_is_no_interpreter_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("python3");
    std::fs::write(&path, "#!/bin/sh\necho '{\"implementation\": 1}'\n").expect("writes");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("sets");
    let error = probe(&path, "").await.expect_err("says something else").to_string();
    assert!(error.contains("not as expected"), "{error}");
    let settings =
        BuildSettings { interpreters: vec![path.display().to_string()], ..BuildSettings::default() };
    let error = discover(&settings).await.expect_err("a configured one must work").to_string();
    assert!(error.contains("build.interpreters"), "{error}");

    std::fs::write(&path, "#!/bin/sh\necho oh no >&2; exit 3\n").expect("writes");
    let error = probe(&path, "").await.expect_err("fails").to_string();
    assert!(error.contains("oh no"), "{error}");
}
