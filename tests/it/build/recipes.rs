//! Stories of recipes: given through the API, found in a folder, checked on the command line.

use crate::kit::Server;
use crate::kit::script::Auth;
use serde_json::{Value, json};
use std::process::Command;

const DEMO: &str = "name = \"demo\"\nversions = \">=1\"\n\n[build]\nexpect = \"platform\"\n";

fn named<'a>(list: &'a Value, name: &str) -> Option<&'a Value> {
    list["result"].as_array()?.iter().find(|recipe| recipe["name"] == name)
}

#[tokio::test]
async fn a_recipe_is_given_shown_replaced_and_taken_back() {
    let server = Server::start().await;
    let put = |text: String| {
        let request =
            server.http.put(server.url("/+recipes/demo")).header("content-type", "application/toml");
        Auth::root().on(request.body(text)).send()
    };
    assert_eq!(put(DEMO.into()).await.expect("an answer").status(), 200);
    let (_, list) = server.ask("GET", "/+recipes", &Auth::root(), None).await;
    let shown = named(&list, "demo").expect("the recipe");
    assert_eq!((&shown["from"], &shown["versions"]), (&json!("api"), &json!(">=1")));
    assert!(shown.get("text").is_none());
    assert_eq!(named(&list, "mysqlclient").expect("a shipped one")["from"], "shipped");

    let changed = json!({"text": "name = \"demo\"\n"});
    let (status, _) = server.ask("PUT", "/+recipes/demo", &Auth::root(), Some(changed)).await;
    assert_eq!(status, 200);
    let (_, one) = server.ask("GET", "/+recipes/demo", &Auth::root(), None).await;
    assert_eq!(one["result"]["text"], "name = \"demo\"\n");

    assert_eq!(server.ask("DELETE", "/+recipes/demo", &Auth::root(), None).await.0, 200);
    assert_eq!(server.ask("GET", "/+recipes/demo", &Auth::root(), None).await.0, 404);
    assert_eq!(server.ask("DELETE", "/+recipes/mysqlclient", &Auth::root(), None).await.0, 404);
}

#[tokio::test]
async fn a_recipe_with_a_mistake_is_refused_and_not_stored() {
    let server = Server::start().await;
    let wrong = json!({"text": "name = \"demo\"\n\n[build]\nconstraint = [\"setuptools<81\"]\n"});
    let (status, body) = server.ask("PUT", "/+recipes/demo", &Auth::root(), Some(wrong)).await;
    let message = "demo.toml:4: unknown key build.constraint, did you mean build.constraints?";
    assert_eq!((status, &body["message"]), (400, &json!(message)));
    for name in ["a%20b", ".hidden", "a%2Fb"] {
        let sent = json!({"text": DEMO});
        let (status, _) = server.ask("PUT", &format!("/+recipes/{name}"), &Auth::root(), Some(sent)).await;
        assert!(matches!(status, 400 | 404 | 405), "{name}: {status}");
    }
    let (_, list) = server.ask("GET", "/+recipes", &Auth::root(), None).await;
    assert!(named(&list, "demo").is_none());
}

#[tokio::test]
async fn a_changed_file_of_the_folder_counts_at_once() {
    let server = Server::start().await;
    let folder = server.app.config.data.join("recipes");
    std::fs::create_dir(&folder).expect("a folder");
    let project = wheelwright::names::ProjectName::new("demo").expect("a name");
    let recipe = async || {
        let target = wheelwright::build::target::Target::default();
        let version = wheelwright::packaging::version::parse("1.0");
        server.app.recipes.recipe_for(&project, version.as_ref(), &target).await
    };
    assert!(recipe().await.expect("none").is_none());
    std::fs::write(folder.join("demo.toml"), DEMO).expect("is written");
    assert!(recipe().await.expect("one").is_some());
    std::fs::write(folder.join("demo.toml"), format!("{DEMO}oops = 1\n")).expect("is written");
    let error = recipe().await.expect_err("it is wrong").to_string();
    assert!(error.contains("demo.toml:6: unknown key build.oops"), "{error}");
    std::fs::remove_file(folder.join("demo.toml")).expect("is removed");
    assert!(recipe().await.expect("none").is_none());
}

#[test]
fn the_command_line_checks_files_and_lists_what_there_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wheelwright"));
        command.current_dir(folder.path()).env_clear().args(arguments).output().expect("it runs")
    };
    std::fs::write(folder.path().join("good.toml"), DEMO).expect("is written");
    std::fs::write(folder.path().join("bad.toml"), "name = \"bad\"\n\n[tests]\n").expect("is written");
    let good = run(&["recipe", "check", "good.toml"]);
    assert!(good.status.success());
    assert_eq!(good.stdout, b"1 recipe is valid\n");
    let bad = run(&["recipe", "check", "good.toml", "bad.toml"]);
    assert_eq!(bad.status.code(), Some(1));
    let told = String::from_utf8(bad.stderr).expect("text");
    assert_eq!(told, "error: bad.toml:3: unknown key tests, did you mean test?\n");
    let list = String::from_utf8(run(&["recipe", "list"]).stdout).expect("text");
    assert!(list.lines().any(|line| line.starts_with("mysqlclient ") && line.contains("shipped")), "{list}");
    assert!(!folder.path().join("wheelwright-data").exists(), "looking makes nothing");
}
