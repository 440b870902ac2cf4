//! Stories of real publishers: twine, uv, flit, poetry, hatch, devpi; and installing what they sent.

use crate::kit::Server;
use crate::kit::clients::Client;
use crate::kit::names::{index_name, project_name};
use crate::kit::packages::Package;
use crate::kit::stages::{PASSWORD, stage};
use std::path::Path;
use wheelwright::access::{Action, Scope};

const DEV: &str = "alice/dev";

async fn token(server: &Server) -> String {
    let scope = Scope {
        index: Some(DEV.into()),
        project: None,
        actions: vec![Action::Read, Action::Upload],
        ..Scope::default()
    };
    server.make_token("alice", scope).await
}

/// Wheel and sdist of `package`, in `folder`.
fn pack(folder: &Path, package: &Package) -> [String; 2] {
    [package.wheel(), package.sdist()].map(|dist| dist.save(folder).display().to_string())
}

fn demo() -> Package {
    Package::new("My.Demo", "1.0")
        .requires("other[x] (>=1) ; python_version<'4' and extra == \"fast\"")
        .extra("fast")
        .requires_python(">=3.6, <5")
        .header("Project-URL", "Source, https://example.org/demo")
        .header("Classifier", "Private :: Do Not Upload")
}

async fn published(server: &Server, project: &str) -> Vec<String> {
    let files =
        server.app.db.project_files(&index_name(DEV), &project_name(project)).await.expect("a database");
    files.into_iter().map(|file| file.filename).collect()
}

/// What was published installs with pip and with uv.
async fn installs(server: &Server, project: &str) {
    let index = server.url("/alice/dev/+simple/");
    for (name, program, arguments) in [
        ("pip", "pip", ["install", "--no-deps", "--no-cache-dir"]),
        ("uv", "uv", ["pip", "install", "--no-deps"]),
    ] {
        let client = Client::new(name);
        let site = client.home.path().join("site");
        let site = site.display().to_string();
        let rest = ["--index-url", &index, "--target", &site, project];
        client.run(program, &[&arguments[..], &rest[..]].concat()).await.succeeded();
        let found = std::fs::read_dir(&site).expect("an installed package").flatten();
        let found = found.filter(|entry| entry.path().extension().is_some_and(|e| e == "dist-info"));
        assert_eq!(found.count(), 1, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn twine_uploads_again_and_again_and_prints_why_it_may_not() {
    let server = stage().await;
    let client = Client::new("twine");
    let files = pack(client.home.path(), &demo());
    let url = server.url("/alice/dev/");
    let token = token(&server).await;
    for (user, password) in [("alice", PASSWORD), ("alice", PASSWORD), ("__token__", &token)] {
        let arguments = ["upload", "--non-interactive", "--disable-progress-bar", "--repository-url", &url];
        let rest = ["-u", user, "-p", password, &files[0], &files[1]];
        client.run("twine", &[&arguments[..], &rest[..]].concat()).await.succeeded();
    }
    assert_eq!(published(&server, "my-demo").await.len(), 2);
    installs(&server, "my-demo").await;

    let changed = demo().description("changed").wheel().save(client.home.path()).display().to_string();
    let arguments = ["upload", "--non-interactive", "--repository-url", &url, "-u", "alice", "-p"];
    let run = client.run("twine", &[&arguments[..], &[PASSWORD, &changed]].concat()).await;
    run.failed().says("File already exists ('my_demo-1.0-py2.py3-none-any.whl'");
    let run = client.run("twine", &[&arguments[..], &["wrong", &changed]].concat()).await;
    run.failed().says("401");
}

#[tokio::test(flavor = "multi_thread")]
async fn uv_publishes_checks_what_is_there_and_prints_why_it_may_not() {
    let server = stage().await;
    let client = Client::new("uv");
    let files = pack(client.home.path(), &demo());
    let (url, check) = (server.url("/alice/dev/"), server.url("/alice/dev/+simple/"));
    let token = token(&server).await;
    let publish = ["publish", "--publish-url", &url, "--check-url", &check];
    client.run("uv", &[&publish[..], &["-u", "alice", "-p", PASSWORD, &files[0]]].concat()).await.succeeded();
    let run = client.run("uv", &[&publish[..], &["--token", &token, &files[0], &files[1]]].concat()).await;
    run.succeeded().says("already exists, skipping");
    assert_eq!(published(&server, "my-demo").await.len(), 2);
    installs(&server, "my-demo").await;

    let changed = demo().description("changed").wheel().save(client.home.path()).display().to_string();
    let run = client.run("uv", &["publish", "--publish-url", &url, "--token", &token, &changed]).await;
    run.failed().says("File already exists ('my_demo-1.0-py2.py3-none-any.whl'");
}

#[tokio::test(flavor = "multi_thread")]
async fn hatch_publishes_twice() {
    let server = stage().await;
    let client = Client::new("hatch");
    let files = pack(client.home.path(), &demo());
    let (url, token) = (server.url("/alice/dev/"), token(&server).await);
    for (user, password) in [("alice", PASSWORD), ("__token__", &token)] {
        let arguments = ["publish", "-n", "-r", &url, "-u", user, "-a", password, &files[0], &files[1]];
        client.run("hatch", &arguments).await.succeeded();
        assert_eq!(published(&server, "my-demo").await.len(), 2);
    }
    installs(&server, "my-demo").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn flit_builds_and_publishes() {
    let server = stage().await;
    let token = token(&server).await;
    let client = Client::new("flit")
        .set("FLIT_INDEX_URL", server.url("/alice/dev/"))
        .set("FLIT_USERNAME", "__token__")
        .set("FLIT_PASSWORD", &token);
    let project = "[build-system]\nrequires = [\"flit_core\"]\nbuild-backend = \"flit_core.buildapi\"\n\
        [project]\nname = \"flit-demo\"\nversion = \"1.0\"\ndescription = \"d\"\nrequires-python = \">=3.6\"\n\
        dependencies = [\"other >=1; python_version<'4'\"]\n[project.optional-dependencies]\nfast = [\"quick\"]\n";
    write(client.home.path(), &[("pyproject.toml", project), ("flit_demo.py", "\"\"\"d\"\"\"\n")]);
    client.run("flit", &["publish", "--no-use-vcs"]).await.succeeded();
    let expected = ["flit_demo-1.0-py3-none-any.whl", "flit_demo-1.0.tar.gz"];
    assert_eq!(published(&server, "flit-demo").await, expected);
    installs(&server, "flit-demo").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn poetry_builds_and_publishes() {
    let server = stage().await;
    let client = Client::new("poetry");
    let project = "[build-system]\nrequires = [\"poetry-core\"]\nbuild-backend = \"poetry.core.masonry.api\"\n\
        [project]\nname = \"poetry-demo\"\nversion = \"1.0\"\ndescription = \"d\"\nrequires-python = \">=3.9,<4\"\n\
        dependencies = [\"other (>=1,<2) ; python_version < '3.13'\"]\n\
        [project.optional-dependencies]\nfast = [\"quick>=1\"]\n";
    write(client.home.path(), &[("pyproject.toml", project), ("poetry_demo/__init__.py", "")]);
    let url = server.url("/alice/dev/");
    client.run("poetry", &["config", "repositories.here", &url]).await.succeeded();
    let publish = ["publish", "--build", "-n", "-r", "here", "-u", "alice", "-p", PASSWORD];
    client.run("poetry", &publish).await.succeeded();
    let expected = ["poetry_demo-1.0-py3-none-any.whl", "poetry_demo-1.0.tar.gz"];
    assert_eq!(published(&server, "poetry-demo").await, expected);
    installs(&server, "poetry-demo").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn devpi_logs_in_uploads_lists_and_removes() {
    let server = stage().await;
    let client = Client::new("devpi-client");
    let files = pack(client.home.path(), &demo());
    client.run("devpi", &["use", &server.url("/alice/dev")]).await.succeeded();
    client.run("devpi", &["login", "alice", &format!("--password={PASSWORD}")]).await.succeeded();
    client.run("devpi", &["upload", &files[0], &files[1]]).await.succeeded();
    assert_eq!(published(&server, "my-demo").await.len(), 2);
    installs(&server, "my-demo").await;
    let run = client.run("devpi", &["list", "my-demo"]).await;
    run.succeeded().says("my_demo-1.0.tar.gz");
    client.run("devpi", &["remove", "-y", "my-demo==1.0"]).await.succeeded();
    assert_eq!(published(&server, "my-demo").await, Vec::<String>::new());
}

fn write(folder: &Path, files: &[(&str, &str)]) {
    for (path, text) in files {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a new folder");
        std::fs::write(path, text).expect("a written file");
    }
}
