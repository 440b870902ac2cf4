//! Stories of `wheelwright compile` and `resolve`, and of the same under the name `pip-reqs`.

use crate::kit::Server;
use crate::kit::clients::Client;
use crate::kit::desk::{Desk, Ran};
use crate::kit::packages::Package;
use crate::kit::resolving::{NEW as TARGET, pins, target, wheel};
use crate::kit::stages::stage_with;
use crate::kit::worker;

/// A server with alice's stage, a target that a worker of ours builds for, and uv.
pub async fn start() -> Server {
    let uv = tokio::task::spawn_blocking(|| Client::new("uv").program("uv")).await.expect("uv");
    let server = stage_with(|config| config.proxy.uv = Some(uv.display().to_string())).await;
    let tags = ["cp312-cp312-manylinux_2_36_x86_64", "py3-none-any"];
    let targets = vec![target(TARGET, "3.12.1", &tags, "linux")];
    worker::hire_for(&server, "w", targets).await;
    server
}

/// The arguments of a command that is about this server.
pub fn about<'a>(arguments: &[&'a str], address: &'a str) -> Vec<&'a str> {
    [arguments, &["--server", address, "--index", "alice/dev", "--target", "cp312"]].concat()
}

pub async fn run(desk: &Desk, server: &Server, arguments: &[&str]) -> Ran {
    let address = server.url("/").trim_end_matches('/').to_owned();
    desk.run("wheelwright", &about(arguments, &address)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wanted_is_pinned_with_constraints_and_local_folders() {
    let (server, desk) = (start().await, Desk::new());
    server.publish("alice/dev", &wheel("app", "1.0").requires("lib").wheel()).await;
    for version in ["1.0", "2.0"] {
        server.publish("alice/dev", &wheel("lib", version).wheel()).await;
    }
    server.publish("alice/dev", &wheel("other", "3.0").wheel()).await;
    desk.write("requirements.in", "app  # why not\n-c limits.txt\n-e ./addons/one\n");
    // Nobody needs `absent`: a constraint wants nothing.
    desk.write("limits.txt", "lib<2\nabsent==1\n");
    desk.write(
        "addons/one/pyproject.toml",
        "[project]\nname = 'one'\nversion = '1'\ndependencies = ['other']\n",
    );
    let ran = run(&desk, &server, &["compile", "--json"]).await.succeeded();
    let text = desk.read("requirements.txt");
    let local = format!("-e file://{}", desk.path("addons/one").display());
    assert_eq!(pins(&text), ["app==1.0", "lib==1.0", "other==3.0", &local]);
    assert_eq!(ran.json()["pins"].as_array().map(Vec::len), Some(3), "{}", ran.out);
    // The same for the original's name: its arguments, its files.
    let proxy = server.url("/v1/alice.dev/cp312");
    desk.write("requirements.in", "app\nlib==1.0\n-e ./addons/one\n");
    desk.run_with("pip-reqs", &["compile", "requirements.in", "old.txt"], &[("WHEELSPROXY_URL", &proxy)])
        .await
        .succeeded();
    assert_eq!(pins(&desk.read("old.txt")), pins(&text));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_is_explained_and_nothing_is_written() {
    let (server, desk) = (start().await, Desk::new());
    server.publish("alice/dev", &wheel("app", "1.0").requires("lib<2").wheel()).await;
    server.publish("alice/dev", &wheel("lib", "2.0").wheel()).await;
    desk.write("requirements.in", "app\n");
    desk.write("requirements.txt", "before\n");
    let ran = run(&desk, &server, &["compile"]).await.failed();
    assert!(ran.err.contains("lib<2"), "{}", ran.err);
    assert_eq!(desk.read("requirements.txt"), "before\n");
    let none = desk.run("pip-reqs", &["compile"]).await;
    assert_eq!(none.code, Some(2), "{}", none.err);
    assert!(none.err.contains("WHEELSPROXY_URL"), "{}", none.err);
    let nobody =
        desk.run("wheelwright", &["compile", "-w", "http://127.0.0.1:9/v1/pypi/cp312/"]).await.failed();
    assert!(nobody.err.contains("wheelwright serve"), "{}", nobody.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_exist_yet_is_built_and_locked() {
    let (server, desk) = (start().await, Desk::new());
    let demo = Package::new("demo", "1.0").requires_python(">=3").tag("py3-none-any");
    server.publish("alice/dev", &demo.sdist()).await;
    server.publish("alice/dev", &wheel("lib", "2.0").wheel()).await;
    desk.write("requirements.txt", "lib==2.0\ndemo==1.0\n");
    let building = async {
        let job = worker::job(&server).await;
        worker::built(&server, &job, &demo.wheel()).await;
    };
    let (ran, ()) = tokio::join!(run(&desk, &server, &["resolve", "--json"]), building);
    ran.succeeded();
    let urls = desk.read("requirements.urls");
    let [lib, made] = &*pins(&urls) else { panic!("{urls}") };
    assert!(lib.contains("/lib-2.0-py3-none-any.whl#sha256="), "{urls}");
    assert!(
        made.contains(&format!("/demo-1.0-1ww-{}.whl#sha256=", "cp312-cp312-manylinux_2_36_x86_64")),
        "{urls}"
    );
    // Again, as a lock file: nothing is built.
    let again =
        run(&desk, &server, &["resolve", "requirements.txt", "pylock.toml", "--json"]).await.succeeded();
    assert_eq!(again.json()["builds"].as_array().map(Vec::len), Some(0), "{}", again.out);
    let lock = desk.read("pylock.toml");
    let sha256 = made.split_once("#sha256=").expect("a hash").1;
    assert!(lock.contains(&format!("sha256 = \"{sha256}\"")), "{lock}");
    assert!(lock.contains("python_version == '3.12'") && lock.contains("name = \"lib\""), "{lock}");
    // The original's name, on the original's files.
    let proxy = server.url("/v1/alice.dev/cp312/");
    desk.run("pip-reqs", &["-w", &proxy, "resolve", "requirements.txt", "old.urls"]).await.succeeded();
    assert_eq!(desk.read("old.urls"), urls);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_told_with_the_end_of_its_log() {
    let (server, desk) = (start().await, Desk::new());
    let demo = Package::new("demo", "1.0");
    server.publish("alice/dev", &demo.sdist()).await;
    desk.write("requirements.txt", "demo==1.0\n");
    let failing = async {
        let job = worker::job(&server).await;
        let log = b"first\ngcc: the moon is not in reach\n";
        server.app.queue.append_log("root", job.build, job.fence, 0, log).await.expect("a log");
        worker::failed(&server, &job).await;
        job.build
    };
    let (ran, id) = tokio::join!(run(&desk, &server, &["resolve"]), failing);
    let ran = ran.failed();
    assert!(ran.err.contains("the moon is not in reach"), "{}", ran.err);
    assert!(ran.err.contains("compiler") && ran.err.contains("mend it"), "{}", ran.err);
    assert!(ran.err.contains(&format!("/+builds/{id}")), "{}", ran.err);
    assert!(!desk.path("requirements.urls").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_json_with_class_hint_and_build() {
    let (server, desk) = (start().await, Desk::new());
    server.publish("alice/dev", &Package::new("demo", "1.0").sdist()).await;
    desk.write("requirements.txt", "demo==1.0\n");
    let failing = async {
        let job = worker::job(&server).await;
        worker::failed(&server, &job).await;
        job.build
    };
    let (ran, id) = tokio::join!(run(&desk, &server, &["resolve", "--json"]), failing);
    // The second time nothing runs: what is known is told alike. So it is where only that version will do.
    desk.write("requirements.in", "demo>=1\n");
    let again = run(&desk, &server, &["resolve", "--json"]).await;
    let compiled = run(&desk, &server, &["compile", "requirements.in", "new.txt", "--json"]).await;
    desk.environment(false).await;
    let install = ["install", "-r", "requirements.txt", "--with", "pip", "--json"];
    let installed = run(&desk, &server, &install).await;
    for ran in [ran, again, compiled, installed] {
        let told = ran.failed().json();
        assert_eq!(told["ok"], false, "{told}");
        let [build] = &**told["builds"].as_array().expect("builds") else { panic!("{told}") };
        assert_eq!(
            (&build["id"], &build["class"], &build["hint"]),
            (&id.into(), &"compiler".into(), &"mend it".into())
        );
        assert_eq!((&build["project"], &build["version"]), (&"demo".into(), &"1.0".into()));
        assert!(told["message"].as_str().expect("a message").contains(&format!("/+builds/{id}")), "{told}");
    }
    assert!(!desk.path("requirements.urls").exists());
}
