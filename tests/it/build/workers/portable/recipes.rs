//! What the portable worker makes of requirements and recipes.

use super::super::{ask, built, host};
use super::{failed, log};
use crate::kit::Server;
use crate::kit::hired::Hired;
use crate::kit::packages::Package;
use crate::kit::script::Auth;
use crate::kit::sources::Tree;
use crate::kit::stages::{stage, stage_with};
use serde_json::json;

/// A build that needs the project `helper`, and writes its version into the wheel's module.
pub(super) const HELPED: &str = "from importlib import metadata
members['helped.py'] = 'by = %r' % metadata.version('helper')";

pub(super) async fn recipe(server: &Server, project: &str, text: &str) {
    let text = json!({"text": format!("name = \"{project}\"\n{text}")});
    let (status, said) = server.ask("PUT", &format!("/+recipes/{project}"), &Auth::root(), Some(text)).await;
    assert_eq!(status, 200, "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recipe_constrains_and_adds_requirements_runs_commands_and_tests() {
    let server = stage().await;
    for version in ["1.0", "2.0"] {
        server.host("alice/dev", "helper", version, &Package::new("helper", version).wheel().bytes).await;
    }
    host(
        &server,
        "helped",
        &Tree::new("helped", "1.0")
            .does(HELPED)
            .file("tests/check.py", "import helped; assert helped.by == '1.0'\n"),
    )
    .await;
    recipe(
        &server,
        "helped",
        "[build]\nrequires = [\"helper\"]\nconstraints = [\"helper<2\"]\nbefore = [\"echo $SAID > before.txt\"]\n\
         env = { SAID = \"by the recipe\" }\n\
         [test]\nsources = [\"tests\"]\ncommand = \"python tests/check.py && echo tested $OF\"\nenv = { OF = \"it\" }\n",
    )
    .await;
    let _worker = Hired::portable(&server, &server.worker_token().await, "portable", &[]).await;
    let id = ask(&server, "helped", "cp312").await;
    let build = built(&server, id).await;
    let evidence = &build["evidence"];
    assert_eq!(evidence["requirements"], json!({"helper": "1.0"}), "{evidence:#}");
    assert_eq!(evidence["strategy"], "recipe");
    let tested = "tested by recipe: python tests/check.py && echo tested $OF";
    assert!(evidence["checked"].as_array().expect("a list").contains(&json!(tested)), "{evidence:#}");
    let log = log(&server, id).await;
    assert!(log.contains("\ntested it\n"), "{log}");

    // The same with a test that fails.
    recipe(&server, "helped", "[test]\ncommand = \"exit 3\"\n[build]\nrequires = [\"helper\"]\n").await;
    let id = ask(&server, "helped", "cp312").await;
    assert_eq!(failed(&server, id).await["class"], "test");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_requirement_that_exists_only_as_source_is_built_first() {
    let server = stage().await;
    host(&server, "helper", &Tree::new("helper", "1.5")).await;
    host(&server, "helped", &Tree::new("helped", "1.0").asks_for("['helper>=1']").does(HELPED)).await;
    let _worker = Hired::portable(&server, &server.worker_token().await, "portable", &[]).await;
    let id = ask(&server, "helped", "cp39").await;
    let build = built(&server, id).await;
    assert_eq!(build["evidence"]["requirements"], json!({"helper": "1.5"}), "{build:#}");
    // What is nowhere is said so.
    host(&server, "alone", &Tree::new("alone", "1.0").asks_for("['not-anywhere']")).await;
    let id = ask(&server, "alone", "cp39").await;
    let why = failed(&server, id).await;
    assert_eq!(why["class"], "build-requirement", "{why}");
    assert!(why["hint"].as_str().expect("a hint").contains("not-anywhere"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn system_packages_are_commands_that_the_administrator_allowed() {
    let server = stage().await;
    let folder = tempfile::tempdir().expect("a folder");
    let (proof, settings) = (folder.path().join("proof"), folder.path().join("worker.ini"));
    let text = format!(
        "[system]\nallowed-thing = echo installed > {}\n[environment]\nSHOWN = by the settings\n",
        proof.display()
    );
    std::fs::write(&settings, text).expect("a file");
    for project in ["wants", "wishes"] {
        host(&server, project, &Tree::new(project, "1.0").does("print('shown', os.environ['SHOWN'])")).await;
    }
    recipe(&server, "wants", "[system]\nany = [\"allowed-thing\"]\n").await;
    recipe(&server, "wishes", "[system]\nany = [\"other-thing\"]\n").await;
    let more = ["--settings", settings.to_str().expect("text")];
    let _worker = Hired::portable(&server, &server.worker_token().await, "portable", &more).await;
    let id = ask(&server, "wants", "cp312").await;
    let build = built(&server, id).await;
    assert_eq!(std::fs::read_to_string(&proof).expect("what the command wrote"), "installed\n");
    let done = json!("system package allowed-thing by the command of the administrator");
    assert!(build["evidence"]["checked"].as_array().expect("a list").contains(&done), "{build:#}");
    assert!(log(&server, id).await.contains("shown by the settings"));

    let id = ask(&server, "wishes", "cp312").await;
    let why = failed(&server, id).await;
    assert_eq!(why["class"], "worker", "{why}");
    assert!(why["hint"].as_str().expect("a hint").contains("other-thing = COMMAND"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_reaches_a_limit_fails_by_its_name() {
    let server = stage_with(|config| config.build.log = 64 << 10).await;
    recipe(&server, "sleeps", "[build]\ntimeout = \"3s\"\n").await;
    recipe(&server, "eats", "[build]\nmemory = \"300 MiB\"\n").await;
    let _worker = Hired::portable(&server, &server.worker_token().await, "portable", &[]).await;
    for (project, build, class) in [
        ("sleeps", "import time; time.sleep(1000)", "timeout"),
        ("eats", "members['x'] = str(len(bytearray(1 << 30)))", "memory"),
        ("shouts", "while True: print('noise')", "log-size"),
    ] {
        host(&server, project, &Tree::new(project, "1.0").does(build)).await;
        let id = ask(&server, project, "cp312").await;
        let why = failed(&server, id).await;
        assert_eq!(why["class"], class, "{why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_alone_is_told_without_a_wheel() {
    let server = stage().await;
    let hook = "

def prepare_metadata_for_build_wheel(folder, config_settings=None):
    os.mkdir(os.path.join(folder, 'x.dist-info'))
    with open(os.path.join(folder, 'x.dist-info', 'METADATA'), 'w') as file:
        file.write('Metadata-Version: 2.1\\nName: told\\nVersion: 1.0\\nSummary: not built\\n')
    return 'x.dist-info'
";
    let backend = format!("import os{hook}");
    host(&server, "told", &Tree::new("told", "1.0").file("backend.py", &backend)).await;
    let _worker = Hired::portable(&server, &server.worker_token().await, "portable", &[]).await;
    let order =
        json!({"requirement": "told", "from": "alice/dev", "targets": ["cp312"], "purpose": "metadata"});
    let (status, body) = server.ask("POST", "/+builds", &Auth::root(), Some(order)).await;
    assert_eq!(status, 200, "{body}");
    let build = built(&server, body["result"][0]["id"].as_i64().expect("a number")).await;
    assert_eq!((&build["purpose"], &build["wheel"]), (&json!("metadata"), &json!(null)), "{build:#}");
}
