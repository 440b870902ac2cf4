//! The main job on real input: PyPI through us, cold, from the cache, and without the network.

use crate::kit::Server;
use crate::kit::clients::Client;
use std::path::Path;
use wheelwright::config::upstream::default_upstream;

/// Pure wheels, compiled ones, small and large, with their dependencies.
const SET: [&str; 7] = ["flask", "requests", "numpy", "pandas", "boto3", "django", "scikit-learn"];

/// Installs the set into a new folder through `/root/pypi/+simple/` and nothing else.
async fn installs(client: &Client, program: &[&str], server: &Server, round: &str) {
    let site = client.home.path().join(round);
    let (index, target) = (server.url("/root/pypi/+simple/"), site.display().to_string());
    let (name, before) = program.split_first().expect("a program");
    let mut arguments = before.to_vec();
    // Compiling thousands of modules three times over tells nothing about us.
    arguments.extend(["install", "--no-compile", "--index-url", &index, "--target", &target]);
    arguments.extend(SET);
    client.run(name, &arguments).await.succeeded();
    for module in ["flask", "requests", "numpy", "pandas", "boto3", "django", "sklearn"] {
        assert!(
            site.join(module).join("__init__.py").exists(),
            "{module} is not there after the {round} round"
        );
    }
    std::fs::remove_dir_all(&site).expect("a removed folder");
}

async fn six_of_six(client: Client, program: &[&str]) {
    // Found as the program finds it: what pip on this machine would use.
    let upstream = default_upstream(|name| std::env::var(name).ok()).expect("PyPI's address");
    let online = Server::start_with(|config| config.upstream = Some(upstream)).await;
    installs(&client, program, &online, "cold").await;
    installs(&client, program, &online, "warm").await;
    let data = online.data.path().to_owned();
    let offline = Server::start_with(|config| {
        config.data = data;
        config.offline = true;
    })
    .await;
    installs(&client, program, &offline, "offline").await;
    assert_is_offline(&offline, online.data.path()).await;
}

/// What was never asked for is refused, and not with "does not exist".
async fn assert_is_offline(offline: &Server, data: &Path) {
    assert!(data.join("wheelwright.db").exists(), "both servers work on the same data");
    assert_eq!(offline.get("/root/pypi/+simple/django-never-asked-for/").await.status(), 504);
}

#[tokio::test(flavor = "multi_thread")]
async fn pip_installs_seven_packages_cold_warm_and_offline() {
    six_of_six(Client::new("pip"), &["pip", "--no-cache-dir"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn uv_installs_seven_packages_cold_warm_and_offline() {
    six_of_six(Client::new("uv"), &["uv", "--no-cache", "pip"]).await;
}
