//! Stories of `wheelwright recipe draft` and `try`: a failed build, and the recipe that mends it.

use crate::cli::build::Machine;
use crate::kit::Server;
use crate::kit::hired::Hired;
use crate::kit::script::Auth;
use crate::kit::sources::Tree;
use crate::kit::stages::stage;
use crate::kit::upstream::Upstream;
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;
use wheelwright::access::Scope;

/// Builds only where a variable is set, and says what is missing in the words of a compiler.
const NEEDS: &str = "if os.environ.get('DEMO_FFI') != 'yes':
    raise RuntimeError('x.c:1:10: fatal error: ffi.h: No such file or directory')";
const RECIPE: &str = "name = \"demo\"\n\n[build]\nenv = { DEMO_FFI = \"yes\" }\n";

pub(super) async fn run(
    folder: &Path,
    arguments: Vec<String>,
    variables: Vec<(&'static str, String)>,
) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wheelwright"));
    command.current_dir(folder).env_clear().args(arguments).envs(variables);
    for name in ["PATH", "HOME"] {
        command.envs(std::env::var_os(name).map(|value| (name, value)));
    }
    tokio::task::spawn_blocking(move || command.output().expect("it runs")).await.expect("it ends")
}

pub(super) fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

async fn ended(server: &Server, id: i64) -> Value {
    for _ in 0..120 {
        let build = server.build(id).await;
        if build["state"] == "built" || build["state"] == "failed" {
            return build;
        }
        // Ends as soon as it has changed.
        let _ = server.app.queue.wait(id, Duration::from_secs(1)).await;
    }
    panic!("build {id} does not end: {:#}", server.build(id).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_build_has_its_recipe_drafted_tried_and_put_in_force() {
    let server = stage().await;
    server.build_nothing_ahead("dev").await;
    let tree = Tree::new("demo", "1.0").does(NEEDS);
    server.host_file("alice/dev", "demo", "1.0", &tree.filename(), &tree.sdist()).await;
    let _worker = Hired::start(&server, &server.worker_token().await, "one").await;
    let order = json!({"requirement": "demo", "from": "alice/dev", "targets": ["cp313"]});
    let (_, asked) = server.ask("POST", "/+builds", &Auth::root(), Some(order)).await;
    let id = asked["result"][0]["id"].as_i64().expect("a number");
    let failed = ended(&server, id).await;
    assert_eq!(failed["failure"]["class"], "missing-header", "{failed:#}");
    let page = server.send("GET", &format!("/+builds/{id}"), &Auth::root(), None).await;
    let draft = failed["recipe_draft"].as_str().expect("a draft");
    assert!(draft.contains("[system]\ndebian = [\"libffi-dev\"]"), "{draft}");
    drop(page);

    let folder = tempfile::tempdir().expect("a folder");
    let token = server.make_token("root", Scope::default()).await;
    let number = id.to_string();
    let call = async |arguments: &[&str]| {
        let mut all: Vec<String> =
            ["recipe"].iter().chain(arguments).map(|text| (*text).to_owned()).collect();
        all.extend(["--server".to_owned(), server.url("")]);
        run(folder.path(), all, vec![("WHEELWRIGHT_TOKEN", token.clone())]).await
    };
    let printed = call(&["draft", &number]).await;
    assert_eq!(String::from_utf8_lossy(&printed.stdout).trim_end(), draft.trim_end(), "{}", told(&printed));

    let file = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("a file");
    file("other.toml", "name = \"other\"\n");
    let other = call(&["try", "other.toml", &number]).await;
    assert!(
        !other.status.success() && told(&other).contains("which the recipe is not for"),
        "{}",
        told(&other)
    );
    file("bad.toml", &RECIPE.replace("yes", "no"));
    let bad = call(&["try", "bad.toml", &number]).await;
    assert!(
        bad.status.code() == Some(1) && told(&bad).contains("failed at build: missing-header"),
        "{}",
        told(&bad)
    );
    file("good.toml", RECIPE);
    let good = call(&["try", "good.toml", &number, "-w", "house"]).await;
    assert!(good.status.success() && told(&good).contains("the recipe works"), "{}", told(&good));
    assert!(folder.path().join("house/demo-1.0-py2.py3-none-any.whl").is_file());

    // Nothing of that is anybody else's.
    let listed = async || server.get("/alice/dev/+simple/demo/").await.text().await.expect("a page");
    assert!(!listed().await.contains(".whl"), "{}", listed().await);
    assert_eq!(server.build(id).await["state"], "failed");
    assert!(server.app.recipes.recipes().await.expect("recipes").get("good").is_err());
    let (status, _) = server
        .ask(
            "POST",
            &format!("/+builds/{id}/try"),
            &Auth::basic("alice", "alice-secret"),
            Some(json!({"text": RECIPE})),
        )
        .await;
    assert_eq!(status, 403, "recipes are for those who run the server");

    let stored = call(&["try", "good.toml", &number, "--store"]).await;
    assert!(stored.status.success() && told(&stored).contains("runs again"), "{}", told(&stored));
    assert_eq!(ended(&server, id).await["state"], "built");
    assert!(listed().await.contains(".whl"), "{}", listed().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_of_this_machine_is_tried_without_a_server() {
    let machine = Machine::new();
    let upstream = Upstream::start().await;
    let tree = Tree::new("demo", "1.0").does(NEEDS);
    upstream.add(&tree.filename(), tree.sdist());
    let failed = machine.build(&upstream.simple(), &["demo", "--target", "cp313-linux"]).await;
    let build = failed.json()["items"][0]["build"].as_i64().unwrap_or_else(|| panic!("{}", failed.said()));
    std::fs::write(machine.path("good.toml"), RECIPE).expect("a file");
    let arguments =
        ["recipe", "try", "good.toml", &build.to_string(), "-w", "house"].map(str::to_owned).to_vec();
    let cache = machine.path("cache").display().to_string();
    let tried = run(&machine.path("."), arguments, vec![("XDG_CACHE_HOME", cache)]).await;
    assert!(tried.status.success() && told(&tried).contains("the recipe works"), "{}", told(&tried));
    assert_eq!(machine.house(), ["demo-1.0-py2.py3-none-any.whl"]);
}
